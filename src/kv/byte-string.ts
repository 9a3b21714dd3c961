/**
 * Keys inside the engine are *byte strings*: one character, U+0000 to U+00FF, a byte. They compare like the bytes, fast,
 * and can be keys of a `Map`, which a `Uint8Array` cannot.
 */
export type ByteString = string

const CHUNK = 4_096

/** Turns bytes into a byte string. */
export function byteString(bytes: Uint8Array): ByteString {
  if (bytes.length <= CHUNK) return String.fromCharCode.apply(null, bytes as unknown as number[])
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) text += byteString(bytes.subarray(at, at + CHUNK))
  return text
}

/** Turns a byte string back into bytes. */
export function bytesOf(text: ByteString): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at)
  return bytes
}

/** The first byte string after `text` in byte order: the exclusive end of a range that ends with it. */
export function after(text: ByteString): ByteString {
  return `${text}\0`
}
