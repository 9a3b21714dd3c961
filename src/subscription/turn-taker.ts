import { READ_TURN_MS } from '../limits.ts'
import { type Runtime, turn } from '../runtime.ts'

/** Lets the event loop have its turn now and then, for work that would otherwise go on without waiting for it. */
export class TurnTaker {
  readonly #runtime: Runtime
  #turnedAtMs: number

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#turnedAtMs = runtime.monotonic()
  }

  /** Whether the last turn was some time ago. */
  get isDue(): boolean {
    return this.#runtime.monotonic() - this.#turnedAtMs >= READ_TURN_MS
  }

  /** Waits a turn if the last one was some time ago. */
  async take(): Promise<void> {
    if (!this.isDue) return
    await turn(this.#runtime)
    this.#turnedAtMs = this.#runtime.monotonic()
  }
}
