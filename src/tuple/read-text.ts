import { copyBytes } from './bytes.ts'
import type { Reader } from './reader.ts'
import { ESCAPE } from './type-codes.ts'

/** Up to this length, assembling an ASCII string here is faster than a call of `TextDecoder`; measured on Node 20. */
const ASCII_LENGTH_MAX = 12

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a byte string into a new array.
 *
 * @throws CorruptionError if its end is missing.
 */
export function readBytes(reader: Reader): Uint8Array {
  const begin = reader.at
  return withoutEscapes(reader.bytes, begin, skipToEnd(reader))
}

/**
 * Reads a string.
 *
 * @throws CorruptionError if its end is missing, or it is not UTF-8.
 */
export function readString(reader: Reader): string {
  const begin = reader.at
  const end = skipToEnd(reader)
  return shortAscii(reader.bytes, begin, end) ?? decode(reader, begin, end)
}

/** Moves past the 0x00 that ends a string and returns where it is. */
function skipToEnd(reader: Reader): number {
  const { bytes } = reader
  for (let i = reader.at; i < bytes.length; i++) {
    if (bytes[i] !== 0) continue
    if (bytes[i + 1] !== ESCAPE) {
      reader.at = i + 1
      return i
    }
    i++
  }
  throw reader.corruption('A packed string has no end')
}

function shortAscii(bytes: Uint8Array, begin: number, end: number): string | undefined {
  if (end - begin > ASCII_LENGTH_MAX) return undefined
  let text = ''
  for (let i = begin; i < end; i++) {
    const byte = bytes[i]!
    if (byte === 0 || byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function decode(reader: Reader, begin: number, end: number): string {
  const part = reader.bytes.subarray(begin, end)
  try {
    return decoder.decode(part.includes(0) ? withoutEscapes(part, 0, part.length) : part)
  } catch {
    throw reader.corruption('A packed string is not UTF-8')
  }
}

function withoutEscapes(bytes: Uint8Array, begin: number, end: number): Uint8Array {
  const copy = copyBytes(bytes, begin, end)
  let length = 0
  for (let i = 0; i < copy.length; i++) {
    copy[length++] = copy[i]!
    if (copy[i] === 0) i++
  }
  return length === copy.length ? copy : copyBytes(copy, 0, length)
}
