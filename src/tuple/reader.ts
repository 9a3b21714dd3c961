import { CorruptionError } from '../errors.ts'

/** A place in packed bytes that moves forward, never past the end. */
export class Reader {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /**
   * Moves past this many bytes and returns where they begin.
   *
   * @throws CorruptionError if there are fewer.
   */
  skip(size: number): number {
    const begin = this.at
    if (begin + size > this.bytes.length) throw this.corruption('A packed tuple ends within an element')
    this.at = begin + size
    return begin
  }

  /**
   * Reads one byte.
   *
   * @throws CorruptionError at the end.
   */
  byte(): number {
    return this.bytes[this.skip(1)]!
  }

  /**
   * Reads 32 bits, big endian.
   *
   * @throws CorruptionError if there are fewer.
   */
  uint32(): number {
    const at = this.skip(4)
    const { bytes } = this
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  /** Makes the error for bytes that no tuple packs to, naming the place. */
  corruption(message: string): CorruptionError {
    return new CorruptionError(message, { at: this.at })
  }
}
