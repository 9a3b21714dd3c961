import { HEAD_CACHE_STREAMS_MAX } from '../limits.ts'
import type { Life } from './life.ts'

/** The end of a stream, and what the stream has been through: deleting and the like moves the end's guard. */
export interface Head {
  readonly number: number
  readonly version: number
  readonly life: Life
}

/**
 * Where streams end, as of the last commit that this process knows. Kept by the rules of "Coherent knowledge" in
 * `docs/transactions.md`: updated after own commits, cleared when others commit, and used only with a read conflict.
 */
export class HeadCache {
  readonly #heads = new Map<string, Head>()

  get(streamId: string): Head | undefined {
    return this.#heads.get(streamId)
  }

  set(streamId: string, head: Head): void {
    if (this.#heads.size >= HEAD_CACHE_STREAMS_MAX && !this.#heads.has(streamId)) this.#dropOldest()
    this.#heads.set(streamId, head)
  }

  clear(): void {
    this.#heads.clear()
  }

  #dropOldest(): void {
    for (const streamId of this.#heads.keys()) {
      this.#heads.delete(streamId)
      return
    }
  }
}
