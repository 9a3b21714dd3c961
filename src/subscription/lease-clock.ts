import type { Runtime } from '../runtime.ts'

/** When a desk has renewed its leases, by both clocks, and what follows from it. */
export class LeaseClock {
  readonly #runtime: Runtime
  readonly #leaseMs: () => number
  #renewedAtMs: number
  #renewedAtWallMs: number

  constructor(runtime: Runtime, leaseMs: () => number) {
    this.#runtime = runtime
    this.#leaseMs = leaseMs
    this.#renewedAtMs = runtime.monotonic()
    this.#renewedAtWallMs = runtime.now()
  }

  /** A moment, to be given to `renewed` later: a renewal counts from when it was begun. */
  now(): readonly [number, number] {
    return [this.#runtime.monotonic(), this.#runtime.now()]
  }

  renewed([monotonicMs, wallMs]: readonly [number, number]): void {
    this.#renewedAtMs = monotonicMs
    this.#renewedAtWallMs = wallMs
  }

  /** Milliseconds since the leases were renewed. */
  get ageMs(): number {
    return this.#runtime.monotonic() - this.#renewedAtMs
  }

  /** When a third of the lease is over, on the monotonic clock. */
  get nextMs(): number {
    return this.#renewedAtMs + this.#leaseMs() / 3
  }

  /** Whether a third of the lease is over. */
  get isDue(): boolean {
    return this.#runtime.monotonic() >= this.nextMs || !this.isFresh
  }

  /** Whether a third of the lease is left, by both clocks: one of them may have stood still with the machine, the other one jumps. */
  get isFresh(): boolean {
    const mostMs = (this.#leaseMs() * 2) / 3
    if (this.ageMs > mostMs) return false
    const wallMs = this.#runtime.now() - this.#renewedAtWallMs
    return wallMs <= mostMs && wallMs >= -mostMs
  }
}
