import { InvalidArgumentError } from '../errors.ts'
import { INTEGER_BYTES_MAX } from './limits.ts'
import type { Scratch } from './scratch.ts'
import { INTEGER_ZERO, NEGATIVE_BIG, POSITIVE_BIG } from './type-codes.ts'

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)
const TWO_TO_32 = 2 ** 32

// An integer is its code, which counts the bytes of its magnitude up from zero or down from it, then the magnitude,
// big endian, in as few bytes as hold it. The bytes of a negative number are inverted, so that a larger magnitude
// orders first.

/** Writes a safe integer other than -0. */
export function writeSafeInteger(scratch: Scratch, value: number): void {
  scratch.reserve(8)
  if (value < 0) writeMagnitude(scratch, -value, -1)
  else writeMagnitude(scratch, value, 1)
}

/**
 * Writes an integer of any size up to 255 bytes.
 *
 * @throws InvalidArgumentError if it is larger.
 */
export function writeBigInteger(scratch: Scratch, value: bigint): void {
  if (value >= -SAFE_MAX && value <= SAFE_MAX) writeSafeInteger(scratch, Number(value))
  else writeUnsafeInteger(scratch, evenHex(value < 0n ? -value : value), value < 0n)
}

function writeMagnitude(scratch: Scratch, magnitude: number, sign: 1 | -1): void {
  const size = sizeOf(magnitude)
  const flip = sign < 0 ? -1 : 0
  scratch.byte(INTEGER_ZERO + sign * size)
  const low = magnitude ^ flip
  const high = size > 4 ? Math.floor(magnitude / TWO_TO_32) ^ flip : 0
  for (let shift = 8 * (size - 5); shift >= 0; shift -= 8) scratch.byte(high >>> shift)
  for (let shift = 8 * (Math.min(size, 4) - 1); shift >= 0; shift -= 8) scratch.byte(low >>> shift)
}

function sizeOf(magnitude: number): number {
  if (magnitude < TWO_TO_32) return (39 - Math.clz32(magnitude)) >>> 3
  return 4 + ((39 - Math.clz32(magnitude / TWO_TO_32)) >>> 3)
}

function writeUnsafeInteger(scratch: Scratch, hex: string, negative: boolean): void {
  const size = hex.length / 2
  if (size > INTEGER_BYTES_MAX) throw new InvalidArgumentError('An integer has at most 255 bytes', { size })
  scratch.reserve(2 + size)
  writeUnsafeHead(scratch, size, negative)
  const flip = negative ? 0xff : 0
  for (let i = 0; i < hex.length; i += 2) scratch.byte(Number.parseInt(hex.slice(i, i + 2), 16) ^ flip)
}

/** A size beyond 8 bytes has no code of its own; it follows, inverted for negative numbers like all that does. */
function writeUnsafeHead(scratch: Scratch, size: number, negative: boolean): void {
  if (size <= 8) scratch.byte(INTEGER_ZERO + (negative ? -size : size))
  else {
    scratch.byte(negative ? NEGATIVE_BIG : POSITIVE_BIG)
    scratch.byte(negative ? size ^ 0xff : size)
  }
}

function evenHex(magnitude: bigint): string {
  const hex = magnitude.toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}
