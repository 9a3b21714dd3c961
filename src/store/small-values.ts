import { CorruptionError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import type { Tuple } from '../tuple/elements.ts'
import { pack } from '../tuple/pack.ts'
import { unpack } from '../tuple/unpack.ts'
import { crc32c } from './crc32c.ts'

/** Numbers in values are tuples of one integer, like those in keys. */
export function encodeNumber(value: number): Uint8Array {
  return pack([value])
}

/** @throws CorruptionError */
export function decodeNumber(bytes: Uint8Array, what: string): number {
  const [value, ...more] = unpack(bytes)
  if (typeof value !== 'number' || more.length > 0) throw new CorruptionError(`${what} is damaged`, { bytes })
  return value
}

/** Encodes where an event is in its stream, for the rows of indexes. */
export function encodePlace(number: number, version: number): Uint8Array {
  return pack([number, version])
}

/** @throws CorruptionError, which names the position of the row */
export function decodePlace(
  bytes: Uint8Array,
  stamp: Uint8Array,
): { readonly number: number; readonly version: number } {
  const place = elementsOf(bytes)
  const [number, version] = place
  if (place.length !== 2 || typeof number !== 'number' || typeof version !== 'number') {
    const position = positionOf(stamp)
    throw new CorruptionError(`The row of an index is damaged (position ${position})`, { bytes, position })
  }
  return { number, version }
}

function elementsOf(bytes: Uint8Array): Tuple {
  try {
    return unpack(bytes)
  } catch (error) {
    if (error instanceof CorruptionError) return []
    throw error
  }
}

const CRC_BYTES = 4

/** Puts a CRC-32C of key and body in front of the body, for rows that nothing else vouches for. `key` is without the store's prefix. */
export function sealed(key: Uint8Array, body: Uint8Array): Uint8Array {
  const value = new Uint8Array(CRC_BYTES + body.length)
  value.set(body, CRC_BYTES)
  new DataView(value.buffer).setUint32(0, checksum(key, body))
  return value
}

/** What is damaged, for people; a function if it takes work to say it. */
export type What = string | (() => string)

/** The body of a sealed value. @throws CorruptionError if key or value are not what was sealed */
export function unsealed(key: Uint8Array, value: Uint8Array, what: What): Uint8Array {
  const body = value.subarray(CRC_BYTES)
  const isWhole =
    value.length >= CRC_BYTES &&
    new DataView(value.buffer, value.byteOffset, value.length).getUint32(0) === checksum(key, body)
  if (!isWhole) throw new CorruptionError(`${textOf(what)} is damaged`, { key })
  return body
}

function checksum(key: Uint8Array, body: Uint8Array): number {
  const both = new Uint8Array(key.length + body.length)
  both.set(key)
  both.set(body, key.length)
  return crc32c(both)
}

/** Encodes JSON under a checksum. */
export function encodeSealedJson(key: Uint8Array, value: unknown): Uint8Array {
  return sealed(key, new TextEncoder().encode(JSON.stringify(value)))
}

/** Decodes JSON under a checksum. @throws CorruptionError */
export function decodeSealedJson(key: Uint8Array, value: Uint8Array, what: What): unknown {
  return decodeJson(unsealed(key, value, what), what)
}

/** Decodes a value that is JSON. @throws CorruptionError */
export function decodeJson(bytes: Uint8Array, what: What): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new CorruptionError(`${textOf(what)} is damaged`, { bytes })
  }
}

function textOf(what: What): string {
  return typeof what === 'string' ? what : what()
}
