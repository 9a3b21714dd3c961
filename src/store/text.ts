import { InvalidArgumentError, LimitExceededError } from '../errors.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const ASCII_MAX = 96

/** Counts the UTF-8 bytes of a text. */
export function utf8Length(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) > 0x7f) return encoder.encode(text).length
  }
  return text.length
}

/** Encodes a text into `target` from `at` on, which must have room for three bytes a character. Returns the bytes written. */
export function encodeText(text: string, target: Uint8Array, at: number): number {
  const { length } = text
  if (length > ASCII_MAX) return encoder.encodeInto(text, target.subarray(at)).written
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return encoder.encodeInto(text, target.subarray(at)).written
    target[at + index] = code
  }
  return length
}

/** Decodes UTF-8 that was checked before. */
export function decodeText(bytes: Uint8Array, from: number, to: number): string {
  return decoder.decode(bytes.subarray(from, to))
}

/** Checks a name that people give: a non-empty, well-formed text without NUL. @throws InvalidArgumentError, LimitExceededError */
export function checkName(text: unknown, what: string, bytesMax: number): asserts text is string {
  if (typeof text !== 'string') throw new InvalidArgumentError(`${what} must be a string, not ${typeof text}`)
  if (text === '') throw new InvalidArgumentError(`${what} must not be empty`)
  // Nearly all names are plain, and this is asked for each append.
  if (text.length <= bytesMax && isPlainAscii(text)) return
  if (text.includes('\0'))
    throw new InvalidArgumentError(`${what} must not contain the character NUL`, { text })
  if (/\p{Surrogate}/u.test(text)) {
    throw new InvalidArgumentError(`${what} must be well-formed Unicode, without lone surrogates`, { text })
  }
  // No text has more than three bytes a UTF-16 unit, so most need no counting.
  if (text.length * 3 <= bytesMax) return
  const bytes = utf8Length(text)
  if (bytes > bytesMax) throw new LimitExceededError(what, bytesMax, bytes)
}

/** Compares texts by their code points, which is the order of their UTF-8 bytes; that of UTF-16 units differs above U+D7FF. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    // Up to here both are the same, so either both are within a surrogate pair or none is.
    const difference = a.codePointAt(at)! - b.codePointAt(at)!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function isPlainAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0 || code > 0x7f) return false
  }
  return true
}

/** A value as a message shows it, so that the text "3" and the number 3 differ. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'bigint' ? `${value}n` : String(value)
}
