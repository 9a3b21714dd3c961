import type { JsonValue } from 'eventdb'

/**
 * Bytes in JSON. `{ "$base64": "…" }` stands for bytes; where an application's own JSON has exactly this form, it is
 * wrapped into `{ "$json": … }`, so that what is exported and imported again is what it was.
 */

/** Turns data or metadata into JSON. */
export function toPlainJson(value: unknown): JsonValue | undefined {
  if (value instanceof Uint8Array) return { $base64: Buffer.from(value).toString('base64') }
  if (soleKey(value) === '$base64' || soleKey(value) === '$json') return { $json: value as JsonValue }
  return value as JsonValue | undefined
}

/** Turns JSON back into data or metadata. @throws RangeError for `$base64` with anything but base64 */
export function fromPlainJson(value: JsonValue): JsonValue | Uint8Array {
  const key = soleKey(value)
  if (key === '$base64') return bytesOf((value as { readonly $base64: JsonValue }).$base64)
  if (key === '$json') return (value as { readonly $json: JsonValue }).$json
  return value
}

function soleKey(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const keys = Object.keys(value)
  return keys.length === 1 ? keys[0] : undefined
}

function bytesOf(text: JsonValue): Uint8Array {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new RangeError('"$base64" holds something else than base64')
  }
  return new Uint8Array(Buffer.from(text, 'base64'))
}
