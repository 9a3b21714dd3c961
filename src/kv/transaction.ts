import { ClosedError, InvalidArgumentError, TransactionTooOldError } from '../errors.ts'
import { TRANSACTION_AGE_MS_MAX } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { byteString } from './byte-string.ts'
import type {
  Commit,
  RangeOptions,
  RangeRead,
  ReadConflictOptions,
  Reader,
  Transaction,
  TransactionLimits,
  Watch,
  WatchOptions,
} from './contract.ts'
import { checkKey, checkRange, checkStampOffset, checkValue } from './keys.ts'
import { type BatchSource, rangeRead } from './range-read.ts'
import { ReadConflicts } from './read-conflicts.ts'
import type { RecentCommits } from './recent-commits.ts'
import type { KeyRange, Row } from './rows.ts'
import type { PinnedSnapshot, SnapshotPool } from './snapshot-pool.ts'
import { stampOf } from './stamp.ts'
import type { Watches } from './watches.ts'
import { WriteBuffer } from './write-buffer.ts'

/** What a transaction needs of the store that it runs in. */
export interface TransactionHost {
  readonly pool: SnapshotPool
  readonly recent: RecentCommits
  readonly watches: Watches
  readonly runtime: Runtime
  readonly limits: TransactionLimits
}

/** One run of a transaction's body: snapshot, write buffer and read conflicts. See `docs/transactions.md`. */
export class OptimisticTransaction implements Transaction {
  readonly snapshot: Reader
  readonly writes: WriteBuffer
  readonly reads: ReadConflicts = new ReadConflicts()
  readonly commitCallbacks: ((commit: Commit) => void)[] = []
  /** The newest group known when it began: what must not be forgotten while it runs. */
  readonly floor: number
  /** The version from which its reads must be validated. */
  validateAfter: number
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
    this.writes = new WriteBuffer(host.limits)
    this.floor = host.recent.version
    this.validateAfter = Number.POSITIVE_INFINITY
    this.snapshot = {
      get: (key) => this.#get(key, false),
      getRange: (range, options) => this.#getRange(range, options, false),
    }
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#get(key, true)
  }

  getRange(range: KeyRange, options?: RangeOptions): RangeRead {
    return this.#getRange(range, options, true)
  }

  async readHorizon(): Promise<Uint8Array> {
    return stampOf(this.#pin().state.lastPosition)
  }

  async readVersion(): Promise<number> {
    return this.#pin().state.number
  }

  watch(key: Uint8Array, options?: WatchOptions): Watch {
    checkKey(key)
    const watch = this.#host.watches.add(byteString(key), this.#pin().state.number, options?.signal)
    this.#watches.push(watch)
    return watch
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#assertUsable()
    checkKey(key)
    checkValue(value)
    this.writes.set(key, value)
  }

  clear(key: Uint8Array): void {
    this.#assertUsable()
    checkKey(key)
    this.writes.set(key, undefined)
  }

  clearRange(range: KeyRange): void {
    this.#assertUsable()
    checkRange(range)
    this.writes.clearRange(byteString(range.begin), byteString(range.end))
  }

  setStampedKey(key: Uint8Array, offset: number, value: Uint8Array): void {
    this.#assertUsable()
    checkStampOffset(key, offset)
    if (offset === 0) throw new InvalidArgumentError('A stamped key needs at least one byte before its stamp')
    checkKey(key)
    checkValue(value)
    this.writes.setStampedKey(key, offset, value)
  }

  setStampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    this.#assertUsable()
    checkKey(key)
    checkStampOffset(value, offset)
    checkValue(value)
    this.writes.set(key, value, offset)
  }

  addReadConflictKey(key: Uint8Array, options?: ReadConflictOptions): void {
    checkKey(key)
    this.#relyOn(options)
    this.reads.addKey(byteString(key))
  }

  addReadConflictRange(range: KeyRange, options?: ReadConflictOptions): void {
    checkRange(range)
    this.#relyOn(options)
    this.reads.addRange(byteString(range.begin), byteString(range.end))
  }

  afterCommit(callback: (commit: Commit) => void): void {
    this.#assertUsable()
    this.commitCallbacks.push(callback)
  }

  /** Refuses a transaction that took too long. @throws TransactionTooOldError, ClosedError */
  assertYoung(): void {
    this.#assertUsable()
  }

  /** Ends reading and writing, and lets the snapshot go: what is left is to commit, which needs none. */
  letGo(): void {
    this.#open = false
    if (this.#pinned !== undefined) this.#host.pool.release(this.#pinned)
    this.#pinned = undefined
  }

  /** Whether it has outlived its time, so that nothing needs to be kept for it. */
  get isTooOld(): boolean {
    return this.#ageMs() > TRANSACTION_AGE_MS_MAX
  }

  /** Ends the run: nothing can be read or written through it any more. */
  end(succeeded: boolean): void {
    this.letGo()
    if (!succeeded) for (const watch of this.#watches) watch.cancel()
  }

  #get(key: Uint8Array, conflicts: boolean): Promise<Uint8Array | undefined> {
    try {
      return Promise.resolve(this.#read(key, conflicts))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #read(key: Uint8Array, conflicts: boolean): Uint8Array | undefined {
    checkKey(key)
    const view = this.#pin().view
    const id = byteString(key)
    const own = this.writes.isEmpty ? undefined : this.writes.lookup(id)
    if (own === 'cleared') return undefined
    if (own !== undefined) {
      if (own.hole !== undefined)
        throw new InvalidArgumentError('A stamped value is not known before the commit')
      return own.value
    }
    if (conflicts) this.reads.addKey(id)
    return view.get(key)
  }

  #getRange(range: KeyRange, options: RangeOptions | undefined, conflicts: boolean): RangeRead {
    checkRange(range)
    const { writes, reads } = this
    const source: BatchSource = {
      fetch: (begin, end, limit, reverse): Row[] => this.#pin().view.range(begin, end, limit, reverse),
      overlay: (rows, begin, end) => (writes.touches(begin, end) ? writes.overlay(rows, begin, end) : rows),
      noteRead: (begin, end) => {
        if (!conflicts) return
        if (writes.touches(begin, end))
          writes.foreignParts(begin, end, (from, to) => reads.addRange(from, to))
        else reads.addRange(begin, end)
      },
    }
    return rangeRead(source, range, options)
  }

  /** The snapshot, taken at the first need. */
  #pin(): PinnedSnapshot {
    this.#assertUsable()
    if (this.#pinned === undefined) {
      this.#pinned = this.#host.pool.acquire()
      this.validateAfter = Math.min(this.validateAfter, this.#pinned.state.number)
    }
    return this.#pinned
  }

  #relyOn(options: ReadConflictOptions | undefined): void {
    this.#assertUsable()
    const since = options?.since ?? this.#pin().state.number
    if (since < this.floor)
      throw new InvalidArgumentError('A conflict cannot reach back to before its transaction began')
    this.validateAfter = Math.min(this.validateAfter, since)
  }

  #assertUsable(): void {
    if (!this.#open) throw new ClosedError('transaction')
    if (this.#host.pool.isClosed) throw new ClosedError('key-value store')
    const ageMs = this.#ageMs()
    const evicted = this.#pinned?.evicted === true
    if (ageMs <= TRANSACTION_AGE_MS_MAX && !evicted) return
    this.crowdedOut = evicted && ageMs <= TRANSACTION_AGE_MS_MAX
    throw new TransactionTooOldError(ageMs, TRANSACTION_AGE_MS_MAX)
  }

  #ageMs(): number {
    return Math.round(this.#host.runtime.monotonic() - this.#startedAt)
  }
}
