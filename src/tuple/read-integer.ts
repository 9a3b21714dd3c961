import type { Reader } from './reader.ts'
import { INTEGER_ZERO } from './type-codes.ts'

const TWO_TO_32 = 2 ** 32
/** The high 32 bits of the first unsafe integer. */
const UNSAFE_HIGH = 2 ** 21

/**
 * Reads the integer of up to 8 bytes that follows this code: a `number` if it is safe, a `bigint` otherwise.
 *
 * @throws CorruptionError if bytes are missing, or are more than the integer needs.
 */
export function readInteger(reader: Reader, code: number): number | bigint {
  const negative = code < INTEGER_ZERO
  const size = negative ? INTEGER_ZERO - code : code - INTEGER_ZERO
  const begin = reader.skip(size)
  const flip = negative ? 0xff : 0
  if (size > 0) checkShortest(reader, begin, flip)
  const split = Math.max(begin, reader.at - 4)
  const high = readMagnitude(reader.bytes, begin, split, flip)
  const low = readMagnitude(reader.bytes, split, reader.at, flip)
  if (high >= UNSAFE_HIGH) return joinUnsafe(high, low, negative)
  const magnitude = high * TWO_TO_32 + low
  return negative ? -magnitude : magnitude
}

/**
 * Reads the integer of 9 to 255 bytes that follows its code.
 *
 * @throws CorruptionError if bytes are missing, or are more than the integer needs.
 */
export function readBigInteger(reader: Reader, negative: boolean): bigint {
  const flip = negative ? 0xff : 0
  const size = reader.byte() ^ flip
  if (size <= 8) throw reader.corruption('A packed integer has the form of a larger one')
  const begin = reader.skip(size)
  checkShortest(reader, begin, flip)
  let hex = '0x'
  for (let i = begin; i < reader.at; i++) hex += (reader.bytes[i]! ^ flip).toString(16).padStart(2, '0')
  return negative ? -BigInt(hex) : BigInt(hex)
}

/** One value has one encoding, or equal tuples could be different keys. */
function checkShortest(reader: Reader, begin: number, flip: number): void {
  if (reader.bytes[begin] === flip)
    throw reader.corruption('A packed integer begins with a byte it does not need')
}

/** Reads at most four bytes. */
function readMagnitude(bytes: Uint8Array, begin: number, end: number, flip: number): number {
  let magnitude = 0
  for (let i = begin; i < end; i++) magnitude = (magnitude << 8) | (bytes[i]! ^ flip)
  return magnitude >>> 0
}

function joinUnsafe(high: number, low: number, negative: boolean): bigint {
  const magnitude = (BigInt(high) << 32n) | BigInt(low)
  return negative ? -magnitude : magnitude
}
