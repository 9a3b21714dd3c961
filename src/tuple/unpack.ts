import { InvalidArgumentError } from '../errors.ts'
import { copyBytes } from './bytes.ts'
import { double, float, type Tuple, type TupleElement } from './elements.ts'
import { doubleFromStored, floatFromStored } from './floating-point.ts'
import { NESTING_DEPTH_MAX } from './limits.ts'
import { readBigInteger, readInteger } from './read-integer.ts'
import { readBytes, readString } from './read-text.ts'
import { Reader } from './reader.ts'
import {
  BYTES,
  DOUBLE,
  ESCAPE,
  FALSE,
  FLOAT,
  INTEGER_ZERO,
  NEGATIVE_BIG,
  NESTED,
  NULL,
  POSITIVE_BIG,
  STRING,
  TRUE,
  UUID,
  VERSIONSTAMP,
} from './type-codes.ts'
import { UUID_BYTES, type Uuid } from './uuid.ts'
import { VERSIONSTAMP_BYTES, versionstampAt } from './versionstamp.ts'

/**
 * Decodes a packed tuple.
 *
 * Integers come back as `number` if they are safe integers and as `bigint` otherwise; doubles and floats come back
 * wrapped, as `double(x)` and `float(x)`, so that packing the result gives the same bytes again. The one exception is
 * a NaN written elsewhere, whose bits are not kept. Nothing in the result shares memory with `bytes`.
 *
 * @param prefixLength number of bytes to pass over at the beginning. @default 0
 * @throws CorruptionError if the bytes are not what a tuple packs to: cut short, of an unknown type, not UTF-8,
 *   an integer longer than it needs to be, nested deeper than 64 levels.
 * @throws InvalidArgumentError if the prefix is longer than the bytes, or its length is not an integer.
 */
export function unpack(bytes: Uint8Array, prefixLength = 0): Tuple {
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bytes.length) {
    throw new InvalidArgumentError('The length of the prefix is not one that the bytes can have', {
      prefixLength,
      length: bytes.length,
    })
  }
  const reader = new Reader(bytes, prefixLength)
  const tuple: TupleElement[] = []
  while (reader.at < bytes.length) tuple.push(readElement(reader, 0))
  return tuple
}

function readElement(reader: Reader, depth: number): TupleElement {
  const code = reader.byte()
  if (code >= INTEGER_ZERO - 8 && code <= INTEGER_ZERO + 8) return readInteger(reader, code)
  switch (code) {
    case STRING:
      return readString(reader)
    case BYTES:
      return readBytes(reader)
    case VERSIONSTAMP:
      return versionstampAt(reader.bytes, reader.skip(VERSIONSTAMP_BYTES))
    case UUID:
      return readUuid(reader)
    case NULL:
      return null
    case NESTED:
      return readNested(reader, depth + 1)
    case FALSE:
      return false
    case TRUE:
      return true
    case DOUBLE:
      return double(doubleFromStored(reader.uint32(), reader.uint32()))
    case FLOAT:
      return float(floatFromStored(reader.uint32()))
    case NEGATIVE_BIG:
    case POSITIVE_BIG:
      return readBigInteger(reader, code === NEGATIVE_BIG)
    default:
      throw reader.corruption(`A packed element has the unknown type code ${code}`)
  }
}

function readNested(reader: Reader, depth: number): Tuple {
  if (depth > NESTING_DEPTH_MAX) throw reader.corruption('Packed tuples are nested too deep')
  const tuple: TupleElement[] = []
  while (!atNestedEnd(reader)) {
    tuple.push(readElement(reader, depth))
    if (tuple.at(-1) === null) reader.at++
  }
  reader.at++
  return tuple
}

/** Tells the 0x00 that ends a nested tuple from a null in it, which is 0x00 0xff. */
function atNestedEnd(reader: Reader): boolean {
  const { bytes, at } = reader
  if (at >= bytes.length) throw reader.corruption('A packed nested tuple has no end')
  return bytes[at] === NULL && bytes[at + 1] !== ESCAPE
}

function readUuid(reader: Reader): Uuid {
  const begin = reader.skip(UUID_BYTES)
  return { type: 'uuid', bytes: copyBytes(reader.bytes, begin, reader.at) }
}
