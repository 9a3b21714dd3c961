import { ClosedError, TransactionTooOldError } from '../errors.ts'
import { TRANSACTION_AGE_MS_MAX } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { TransactionLimits, Watch, WatchOptions } from './contract.ts'
import type { RecentCommits } from './recent-commits.ts'
import type { PinnedSnapshot, SnapshotPool } from './snapshot-pool.ts'
import type { Watches, WatchTarget } from './watches.ts'

/** What a transaction needs of the store that it runs in. */
export interface TransactionHost {
  readonly pool: SnapshotPool
  readonly recent: RecentCommits
  readonly watches: Watches
  readonly runtime: Runtime
  readonly limits: TransactionLimits
}

/** What every transaction has, whether it writes or not: an age, a snapshot that is taken at the first need, and an end. */
export class TransactionLife {
  /** The newest group known when it began: what must not be forgotten while it runs. */
  readonly floor: number
  /** Set when it failed because its snapshot was taken away early, which is worth another run. */
  crowdedOut = false
  readonly #host: TransactionHost
  readonly #startedAt: number
  readonly #watches: Watch[] = []
  #pinned: PinnedSnapshot | undefined
  #open = true

  constructor(host: TransactionHost) {
    this.#host = host
    this.#startedAt = host.runtime.monotonic()
    this.floor = host.recent.version
  }

  /** The snapshot. @throws TransactionTooOldError, ClosedError */
  pin(): PinnedSnapshot {
    this.assertUsable()
    this.#pinned ??= this.#host.pool.acquire()
    return this.#pinned
  }

  /** Watches a key for changes after the snapshot. */
  watch(target: WatchTarget, options: WatchOptions | undefined): Watch {
    const watch = this.#host.watches.add(target, this.pin().state.number, options?.signal)
    this.#watches.push(watch)
    return watch
  }

  /** Whether it has outlived its time, so that nothing needs to be kept for it. */
  get isTooOld(): boolean {
    return this.#ageMs() > TRANSACTION_AGE_MS_MAX
  }

  /** @throws TransactionTooOldError, ClosedError */
  assertUsable(): void {
    if (!this.#open) throw new ClosedError('transaction')
    if (this.#host.pool.isClosed) throw new ClosedError('key-value store')
    const ageMs = this.#ageMs()
    const evicted = this.#pinned?.evicted === true
    if (ageMs <= TRANSACTION_AGE_MS_MAX && !evicted) return
    this.crowdedOut = evicted && ageMs <= TRANSACTION_AGE_MS_MAX
    throw new TransactionTooOldError(ageMs, TRANSACTION_AGE_MS_MAX)
  }

  /** Ends reading and writing, and lets the snapshot go: what is left is to commit, which needs none. */
  letGo(): void {
    this.#open = false
    if (this.#pinned !== undefined) this.#host.pool.release(this.#pinned)
    this.#pinned = undefined
  }

  /** Ends the run. */
  end(succeeded: boolean): void {
    this.letGo()
    if (!succeeded) for (const watch of this.#watches) watch.cancel()
  }

  #ageMs(): number {
    return Math.round(this.#host.runtime.monotonic() - this.#startedAt)
  }
}
