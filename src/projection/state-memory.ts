import { PROJECTION_CACHE_BYTES } from '../limits.ts'
import type { EncodedState } from './state-rows.ts'

/** A state that is remembered: as it was committed. */
export interface Remembered<S> {
  /** Decoded; `undefined` if it was given to a handler whose work came to nothing. */
  state: { readonly value: S } | undefined
  /** As it is stored; `undefined` if there is none. */
  encoded: EncodedState | undefined
}

/** States of partitions as their leader has committed them: those that were used last. */
export class StateMemory<S> {
  readonly #max: number
  readonly #known = new Map<string, Remembered<S>>()
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  get(partition: string): Remembered<S> | undefined {
    const known = this.#known.get(partition)
    if (known === undefined || this.#known.size < this.#max / 2) return known
    // Last in the order of the map is used last.
    this.#known.delete(partition)
    this.#known.set(partition, known)
    return known
  }

  set(partition: string, remembered: Remembered<S>): void {
    this.#forget(partition)
    this.#known.set(partition, remembered)
    this.#size += sizeOf(remembered)
  }

  /** Forgets those that were not used for longest, until they are few and small enough. */
  trim(): void {
    for (const partition of this.#known.keys()) {
      if (this.#known.size <= this.#max && this.#size <= PROJECTION_CACHE_BYTES) return
      this.#forget(partition)
    }
  }

  clear(): void {
    this.#known.clear()
    this.#size = 0
  }

  #forget(partition: string): void {
    const known = this.#known.get(partition)
    if (known === undefined) return
    this.#size -= sizeOf(known)
    this.#known.delete(partition)
  }
}

function sizeOf({ encoded }: Remembered<unknown>): number {
  return encoded?.length ?? 0
}
