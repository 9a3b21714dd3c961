import type { Uuid } from './uuid.ts'
import type { Versionstamp } from './versionstamp.ts'

/** A number stored as an IEEE 754 double (64 bits), even when it is an integer. Made by {@link double}. */
export interface Double {
  readonly type: 'double'
  readonly value: number
}

/** A number stored as an IEEE 754 float (32 bits). Made by {@link float}. */
export interface Float {
  readonly type: 'float'
  readonly value: number
}

/**
 * One value within a tuple.
 *
 * A plain `number` is an integer if it is a safe integer, and a double if it has a fraction, is not finite, or is
 * -0. Integers beyond `Number.MAX_SAFE_INTEGER` must be `bigint`; `5` and `5n` are the same element.
 */
export type TupleElement =
  | null
  | Uint8Array
  | string
  | Tuple
  | number
  | bigint
  | Float
  | Double
  | boolean
  | Uuid
  | Versionstamp

/** A sequence of typed values whose packed form orders as the values do, element by element. */
export type Tuple = readonly TupleElement[]

/** Marks a number as a double, so that integers among doubles order with them and come back as doubles. */
export function double(value: number): Double {
  return { type: 'double', value }
}

/** Marks a number as a 32-bit float, rounding it to the nearest one. */
export function float(value: number): Float {
  return { type: 'float', value: Math.fround(value) }
}

/** Tells whether a plain number is stored as an integer; otherwise it is stored as a double. */
export function isIntegerNumber(value: number): boolean {
  return Number.isInteger(value) && !Object.is(value, -0)
}

/** Tells whether an element is a nested tuple. */
export function isTuple(element: TupleElement): element is Tuple {
  return Array.isArray(element)
}
