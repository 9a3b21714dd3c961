import type { Folded } from './fold.ts'

/** The newest states of aggregates, by stream: those used last. */
export class StateCache<S> {
  readonly #max: number
  readonly #states = new Map<string, Folded<S>>()

  constructor(max: number) {
    this.#max = max
  }

  get(streamId: string): Folded<S> | undefined {
    const state = this.#states.get(streamId)
    if (state === undefined) return undefined
    this.#states.delete(streamId)
    this.#states.set(streamId, state)
    return state
  }

  /** Keeps a state of a whole stream, unless a newer one is known: versions only go up, whatever the stream goes through. */
  set(streamId: string, folded: Folded<S>): void {
    if (this.#max === 0) return
    const known = this.#states.get(streamId)
    if (known !== undefined && isNewer(known, folded)) return
    this.#states.delete(streamId)
    this.#states.set(streamId, folded)
    if (this.#states.size <= this.#max) return
    for (const oldest of this.#states.keys()) {
      this.#states.delete(oldest)
      return
    }
  }

  delete(streamId: string): void {
    this.#states.delete(streamId)
  }
}

/** Whether a state is newer than another one. By its version; where that says nothing, by when it was seen. */
function isNewer<S>(one: Folded<S>, other: Folded<S>): boolean {
  return one.version === other.version ? one.seenAt > other.seenAt : one.version > other.version
}
