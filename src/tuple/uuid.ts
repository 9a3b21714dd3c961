import { InvalidArgumentError } from '../errors.ts'

/** Length of a UUID, in bytes. */
export const UUID_BYTES = 16

const TEXT_LENGTH = 36
const HYPHEN = 0x2d
/** Where the two digits of each byte stand in the text form. */
const DIGITS_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
/** The value of a hexadecimal digit by its character code; 0xff for all others. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(digit) ? 0xff : digit
})

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
  const bytes = new Uint8Array(UUID_BYTES)
  let isUuid = text.length === TEXT_LENGTH
  for (const at of [8, 13, 18, 23]) if (text.charCodeAt(at) !== HYPHEN) isUuid = false
  for (let index = 0; index < UUID_BYTES; index += 1) {
    const at = DIGITS_AT[index]!
    const high = DIGITS[text.charCodeAt(at)] ?? 0xff
    const low = DIGITS[text.charCodeAt(at + 1)] ?? 0xff
    if (high === 0xff || low === 0xff) isUuid = false
    bytes[index] = (high << 4) | low
  }
  if (!isUuid) throw new InvalidArgumentError('Not the text form of a UUID', { text })
  return bytes
}

function copy(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== UUID_BYTES) {
    throw new InvalidArgumentError(`A UUID has ${UUID_BYTES} bytes`, { length: bytes.length })
  }
  return new Uint8Array(bytes)
}
