import type { ReadTransaction } from '../kv/contract.ts'
import { timeOfStamp } from '../kv/stamp.ts'
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

/** The time of the store: the clock, but never before the newest event, which a process with a clock that is ahead may have recorded. */
export async function storeNowMs(
  { runtime }: { readonly runtime: Runtime },
  tx: Pick<ReadTransaction, 'readHorizon'>,
): Promise<number> {
  return Math.max(runtime.now(), timeOfStamp(await tx.readHorizon()))
}
