import type { Runtime } from '../runtime.ts'

/** The clock of a runtime, but for jumps back, after which it stands still: what has expired shall not come back. */
export class ForwardClock {
  readonly #runtime: Runtime
  #latest = Number.NEGATIVE_INFINITY

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Milliseconds since 1970-01-01 UTC. */
  now(): number {
    this.#latest = Math.max(this.#latest, this.#runtime.now())
    return this.#latest
  }
}
