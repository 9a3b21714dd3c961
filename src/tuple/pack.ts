import { InvalidArgumentError } from '../errors.ts'
import type { Tuple } from './elements.ts'
import { Scratch } from './scratch.ts'
import { writeTuple } from './write-tuple.ts'

/** A key or value with room for a versionstamp that the store fills in when the transaction commits. */
export interface Stamped {
  /** The packed tuple, with 10 bytes of 0xff where the transaction version goes, then the user version. */
  readonly bytes: Uint8Array
  /** Where the first of the 10 bytes is, counted from the beginning of `bytes`. */
  readonly offset: number
}

// Packing is synchronous and runs no code of its caller, so one buffer serves all.
const scratch = new Scratch()

/**
 * Encodes a tuple so that packed tuples order, byte by byte, as `compareTuples` orders the tuples.
 *
 * The result is a new array, the caller's to keep.
 *
 * @param prefix copied in front of the encoding.
 * @throws InvalidArgumentError if an element has no encoding: an unsafe integer as a plain number, a string with a
 *   surrogate on its own, an integer above 255 bytes, an incomplete versionstamp, nesting deeper than 64 levels.
 * @example
 * ```ts
 * pack(['user', 42]) // 02 75 73 65 72 00 15 2a
 * ```
 */
export function pack(tuple: Tuple, prefix?: Uint8Array): Uint8Array {
  scratch.begin(prefix)
  writeTuple(scratch, tuple)
  if (scratch.holes > 0) {
    throw new InvalidArgumentError('An incomplete versionstamp can only be packed by packStamped')
  }
  return scratch.copy()
}

/**
 * Encodes a tuple with exactly one incomplete versionstamp, at any depth, leaving its place open.
 *
 * @param prefix copied in front of the encoding; the offset counts it.
 * @throws InvalidArgumentError if there is no incomplete versionstamp or more than one, and as `pack` does.
 */
export function packStamped(tuple: Tuple, prefix?: Uint8Array): Stamped {
  scratch.begin(prefix)
  writeTuple(scratch, tuple)
  const { holes, holeOffset } = scratch
  if (holes !== 1) {
    throw new InvalidArgumentError('packStamped needs exactly one incomplete versionstamp', { found: holes })
  }
  return { bytes: scratch.copy(), offset: holeOffset }
}
