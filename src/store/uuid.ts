import type { Runtime } from '../runtime.ts'

const UUID_BYTES = 16
const POOL_UUIDS = 128
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Makes version 7 UUIDs (RFC 9562): 48 bits of milliseconds, then random bits, which are drawn from a pool. */
export class UuidSource {
  readonly #runtime: Runtime
  readonly #pool = new Uint8Array(UUID_BYTES * POOL_UUIDS)
  #at: number = this.#pool.length

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Writes a new UUID into 16 bytes of `target`. */
  write(target: Uint8Array, offset: number): void {
    if (this.#at === this.#pool.length) this.#refill()
    const time = this.#runtime.now()
    const high = Math.floor(time / 0x1_0000)
    target[offset] = high >>> 24
    target[offset + 1] = high >>> 16
    target[offset + 2] = high >>> 8
    target[offset + 3] = high
    target[offset + 4] = (time % 0x1_0000) >>> 8
    target[offset + 5] = time % 0x100
    for (let index = 6; index < UUID_BYTES; index += 1) target[offset + index] = this.#pool[this.#at + index]!
    target[offset + 6] = (target[offset + 6]! & 0x0f) | 0x70
    target[offset + 8] = (target[offset + 8]! & 0x3f) | 0x80
    this.#at += UUID_BYTES
  }

  #refill(): void {
    this.#runtime.randomBytes(this.#pool)
    this.#at = 0
  }
}

/** Writes the usual notation of 16 bytes, in lower case. */
export function formatUuid(bytes: Uint8Array, offset: number): string {
  let text = ''
  for (let at = 0; at < UUID_BYTES; at += 1) {
    if (at === 4 || at === 6 || at === 8 || at === 10) text += '-'
    text += HEX[bytes[offset + at]!]
  }
  return text
}
