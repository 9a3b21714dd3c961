import type { Scratch } from './scratch.ts'
import { DOUBLE, FLOAT } from './type-codes.ts'

// IEEE 754 numbers are stored big endian with the sign bit inverted, and every other bit as well if they are
// negative: unsigned bytes then order as the numbers do, -0 before 0 and NaN after infinity. Engines may choose the
// bits of a NaN, so they are set here: equal tuples must have equal bytes.

const SIGN = 0x8000_0000
const DOUBLE_NAN_HIGH = 0x7ff8_0000
const FLOAT_NAN = 0x7fc0_0000
const view = new DataView(new ArrayBuffer(8))

/** Writes a number as a double. Every NaN becomes the same one, positive and quiet. */
export function writeDouble(scratch: Scratch, value: number): void {
  view.setFloat64(0, value)
  const nan = Number.isNaN(value)
  const high = nan ? DOUBLE_NAN_HIGH : view.getUint32(0)
  const low = nan ? 0 : view.getUint32(4)
  const negative = (high & SIGN) !== 0
  scratch.reserve(9)
  scratch.byte(DOUBLE)
  scratch.uint32(negative ? ~high : high ^ SIGN)
  scratch.uint32(negative ? ~low : low)
}

/** Writes a number as the nearest float. Every NaN becomes the same one, positive and quiet. */
export function writeFloat(scratch: Scratch, value: number): void {
  view.setFloat32(0, value)
  const bits = Number.isNaN(value) ? FLOAT_NAN : view.getUint32(0)
  scratch.reserve(5)
  scratch.byte(FLOAT)
  scratch.uint32((bits & SIGN) !== 0 ? ~bits : bits ^ SIGN)
}

/** Decodes a double from the two halves of its stored form. */
export function doubleFromStored(high: number, low: number): number {
  const positive = (high & SIGN) !== 0
  view.setUint32(0, positive ? high ^ SIGN : ~high)
  view.setUint32(4, positive ? low : ~low)
  return view.getFloat64(0)
}

/** Decodes a float from its stored form. */
export function floatFromStored(stored: number): number {
  view.setUint32(0, (stored & SIGN) !== 0 ? stored ^ SIGN : ~stored)
  return view.getFloat32(0)
}
