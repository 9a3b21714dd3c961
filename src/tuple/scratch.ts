import { copyBytes } from './bytes.ts'
import { SCRATCH_BYTES_KEPT_MAX, SCRATCH_BYTES_START } from './limits.ts'

/**
 * A growing buffer that keys are written in, reused from one key to the next so that packing allocates nothing but
 * its result. Writers call {@link Scratch.reserve} once for what they write, then {@link Scratch.byte}.
 */
export class Scratch {
  bytes: Uint8Array = new Uint8Array(SCRATCH_BYTES_START)
  length = 0
  /** Number of incomplete versionstamps written. */
  holes = 0
  /** Where the 12 bytes of the incomplete versionstamp written last begin. */
  holeOffset = 0

  /** Forgets what was written; begins again with a copy of the prefix. */
  begin(prefix: Uint8Array | undefined): void {
    this.length = 0
    this.holes = 0
    if (prefix !== undefined) this.append(prefix)
  }

  /** Makes room for this many more bytes. */
  reserve(size: number): void {
    if (this.length + size > this.bytes.length) this.grow(this.length + size)
  }

  /** Writes one byte, the low 8 bits of the value, into reserved room. */
  byte(value: number): void {
    this.bytes[this.length++] = value
  }

  /** Writes the low 32 bits of the value, big endian, into reserved room. */
  uint32(value: number): void {
    this.byte(value >>> 24)
    this.byte(value >>> 16)
    this.byte(value >>> 8)
    this.byte(value)
  }

  /** Writes these bytes as they are. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    for (let i = 0; i < bytes.length; i++) this.byte(bytes[i]!)
  }

  /** Hands out a copy of what was written, the caller's to keep. */
  copy(): Uint8Array {
    const copy = copyBytes(this.bytes, 0, this.length)
    if (this.bytes.length > SCRATCH_BYTES_KEPT_MAX) this.bytes = new Uint8Array(SCRATCH_BYTES_START)
    return copy
  }

  private grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, 2 * this.bytes.length))
    grown.set(this.bytes)
    this.bytes = grown
  }
}
