import type { Watch } from '../kv/contract.ts'
import type { Reading } from '../store/reading.ts'

/** Hears the bell of a group: somebody, in whatever process, has done something that others should look at. */
export class GroupBell {
  readonly #reading: Reading
  readonly #key: Uint8Array
  readonly #onRing: () => void
  #watch: Watch | undefined

  constructor(reading: Reading, key: Uint8Array, onRing: () => void) {
    this.#reading = reading
    this.#key = key
    this.#onRing = onRing
  }

  /** Listens from now on, if it does not already. What is read afterwards shows everything that it does not ring for. */
  async listen(): Promise<void> {
    if (this.#watch !== undefined) return
    const watch = await this.#reading.onSnapshot(async ({ tx }) => tx.watch(this.#key))
    this.#watch = watch
    const ring = (): void => {
      this.#watch = undefined
      this.#onRing()
    }
    watch.fired.then(ring, ring)
  }

  stop(): void {
    this.#watch?.cancel()
  }
}
