import type { KeyValueStore } from '../kv/contract.ts'
import { STREAM_NUMBER_BLOCK_MAX, STREAM_NUMBER_BLOCK_MIN } from '../limits.ts'
import { decodeNumber, encodeNumber } from './small-values.ts'

/**
 * Gives streams their numbers. A process takes a block of numbers from the store in a small transaction of its own and hands them
 * out by itself, so that creating streams conflicts with nobody, numbers ascend with the age of streams, roughly, and a
 * number is known at once. Numbers that are not used are lost, which costs nothing: blocks grow only with the need.
 */
export class StreamNumbers {
  readonly #kv: KeyValueStore
  readonly #counterKey: Uint8Array
  #next = 0
  #end = 0
  #block = STREAM_NUMBER_BLOCK_MIN
  #leasing: Promise<void> | undefined

  constructor(kv: KeyValueStore, counterKey: Uint8Array) {
    this.#kv = kv
    this.#counterKey = counterKey
  }

  /** Takes a number that no stream had before. */
  async take(): Promise<number> {
    while (this.#next === this.#end) {
      this.#leasing ??= this.#lease().finally(() => {
        this.#leasing = undefined
      })
      await this.#leasing
    }
    const number = this.#next
    this.#next += 1
    return number
  }

  async #lease(): Promise<void> {
    const block = this.#block
    const first = await this.#kv.transact(async (tx) => {
      const stored = await tx.get(this.#counterKey)
      const next = stored === undefined ? 1 : decodeNumber(stored, 'The counter of stream numbers')
      tx.set(this.#counterKey, encodeNumber(next + block))
      return next
    })
    this.#next = first
    this.#end = first + block
    this.#block = Math.min(block * 2, STREAM_NUMBER_BLOCK_MAX)
  }
}
