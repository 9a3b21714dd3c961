import { CorruptionError } from '../errors.ts'
import { pack } from '../tuple/pack.ts'
import { unpack } from '../tuple/unpack.ts'

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

/** Decodes a value that is JSON. @throws CorruptionError */
export function decodeJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new CorruptionError(`${what} is damaged`, { bytes })
  }
}
