import { decodeText } from './text.ts'

const SLOTS = 256
/** Longer texts are rarely repeated, and would cost more to compare. */
const LENGTH_MAX = 64

/** Decodes texts that are repeated a lot, such as event types, without making a new string each time. */
export class TextMemo {
  readonly #bytes: (Uint8Array | undefined)[] = new Array(SLOTS)
  readonly #texts: string[] = new Array(SLOTS)

  decode(bytes: Uint8Array, from: number, to: number): string {
    const length = to - from
    if (length > LENGTH_MAX || length === 0) return decodeText(bytes, from, to)
    const slot =
      (length * 31 + bytes[from]! * 7 + bytes[to - 1]! * 13 + bytes[from + (length >> 1)]!) & (SLOTS - 1)
    const known = this.#bytes[slot]
    if (known !== undefined && isAt(known, bytes, from, length)) return this.#texts[slot]!
    const text = decodeText(bytes, from, to)
    this.#bytes[slot] = new Uint8Array(bytes.subarray(from, to))
    this.#texts[slot] = text
    return text
  }
}

function isAt(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[from + at]) return false
  return true
}
