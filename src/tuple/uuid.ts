import { InvalidArgumentError } from '../errors.ts'

/** Length of a UUID, in bytes. */
export const UUID_BYTES = 16

const TEXT_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** An RFC 4122 UUID as its 16 bytes in network order, the order in which UUIDs sort. Made by {@link uuid}. */
export interface Uuid {
  readonly type: 'uuid'
  readonly bytes: Uint8Array
}

/**
 * Makes a UUID from its text form (hexadecimal in groups of 8-4-4-4-12, either case) or from its 16 bytes, which
 * are copied. The version and variant bits are not looked at.
 *
 * @throws InvalidArgumentError if the text has another form, or there are not 16 bytes.
 */
export function uuid(value: string | Uint8Array): Uuid {
  return { type: 'uuid', bytes: typeof value === 'string' ? parse(value) : copy(value) }
}

/** Writes a UUID in its text form, in lower case. */
export function uuidString(value: Uuid): string {
  const hex = Array.from(value.bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function parse(text: string): Uint8Array {
  if (!TEXT_FORM.test(text)) throw new InvalidArgumentError('Not the text form of a UUID', { text })
  const hex = text.replaceAll('-', '')
  return Uint8Array.from({ length: UUID_BYTES }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

function copy(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== UUID_BYTES) {
    throw new InvalidArgumentError(`A UUID has ${UUID_BYTES} bytes`, { length: bytes.length })
  }
  return new Uint8Array(bytes)
}
