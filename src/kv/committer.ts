import {
  CommitUnknownError,
  ConflictError,
  InvalidArgumentError,
  StorageError,
  TransactionTooOldError,
} from '../errors.ts'
import {
  COMMIT_GROUP_ROWS_MAX,
  COMMIT_GROUP_TRANSACTIONS_MAX,
  COMMIT_RECORDS_KEPT_MAX,
  LOCK_POLL_MS,
  LOCK_WAIT_MS_MAX,
  TRANSACTION_AGE_MS_MAX,
  WRITE_SET_RETENTION_MS,
} from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { COMMIT_RECORDS_BEGIN, commitRecordKey, encodeCommitRecord } from './commit-record.ts'
import { CommitTurns } from './commit-turns.ts'
import type { Commit, TransactOptions } from './contract.ts'
import type { Engine, EngineWriter } from './engine.ts'
import type { CommitState, RecentCommits } from './recent-commits.ts'
import type { SnapshotPool } from './snapshot-pool.ts'
import { firstPositionAt, STAMP_BYTES, Stamper } from './stamp.ts'
import type { OptimisticTransaction } from './transaction.ts'
import { WriteSet } from './write-set.ts'

/** One transaction on its way to be durable. */
interface PendingCommit {
  readonly tx: OptimisticTransaction
  resolve(): void
  reject(error: unknown): void
}

interface Accepted {
  readonly pending: PendingCommit
  readonly base: bigint
}

/** What one run under the write lock came to. */
interface Group {
  readonly state: CommitState
  readonly writeSet: WriteSet
  readonly accepted: readonly Accepted[]
  readonly refused: readonly { readonly pending: PendingCommit; readonly error: Error }[]
}

/** Chooses the distance between the last position and the next; more than 0 leaves a gap. For tests. */
export type PositionGap = () => number

/**
 * Makes transactions durable, many at a time. The only place that knows how: see "The life of a commit group" in
 * `docs/transactions.md`.
 */
export class Committer {
  readonly #engine: Engine
  readonly #recent: RecentCommits
  readonly #pool: SnapshotPool
  readonly #runtime: Runtime
  readonly #gap: PositionGap
  readonly #turns = new CommitTurns()
  #queue: PendingCommit[] = []
  #scheduled = false
  #busySince: number | undefined
  #idleCallbacks: (() => void)[] = []
  /** How many of the next transactions are committed alone, because one of them has failed their group. */
  #alone = 0
  #seenRecords: { readonly number: number; readonly at: number }[] = []

  constructor(engine: Engine, recent: RecentCommits, pool: SnapshotPool, runtime: Runtime, gap: PositionGap) {
    this.#engine = engine
    this.#recent = recent
    this.#pool = pool
    this.#runtime = runtime
    this.#gap = gap
  }

  /** Resolves when the transaction is durable. @throws ConflictError, TransactionTooOldError, StorageError, CommitUnknownError */
  commit(tx: OptimisticTransaction, { signal, commitAtOnce = false }: TransactOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const pending: PendingCommit = { tx, resolve, reject }
      if (signal !== undefined) this.#cancelOnAbort(pending, signal)
      this.#queue.push(pending)
      if (commitAtOnce && !this.#scheduled && this.#gapMs() <= 0) this.#run()
      else this.#schedule()
    })
  }

  /** Resolves when nothing waits to be committed. */
  async idle(): Promise<void> {
    while (this.#queue.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idleCallbacks.push(resolve)
      })
    }
  }

  #cancelOnAbort(pending: PendingCommit, signal: AbortSignal): void {
    const { resolve, reject } = pending
    const onAbort = (): void => {
      this.#queue = this.#queue.filter((queued) => queued !== pending)
      reject(signal.reason)
    }
    const settled = (): void => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    pending.resolve = () => {
      settled()
      resolve()
    }
    pending.reject = (error) => {
      settled()
      reject(error)
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    const gapMs = this.#gapMs()
    if (gapMs > 0) this.#runtime.schedule(gapMs, () => this.#run())
    else this.#runtime.defer(() => this.#run())
  }

  #gapMs(): number {
    return this.#turns.gapMs(this.#runtime.monotonic())
  }

  #run(): void {
    this.#scheduled = false
    const taken = this.#take()
    if (taken.length === 0) {
      this.#busySince = undefined
      return this.#finish()
    }
    let group: Group | undefined
    // The commit makes it old anyway, and an engine can reuse space only while no snapshot is open.
    this.#pool.retire()
    try {
      const outcome = this.#engine.write((writer) => {
        group = this.#build(writer, taken)
        return group.accepted.length > 0
      })
      if (outcome === 'busy') return this.#waitForLock(taken)
    } catch (error) {
      return this.#fail(taken, error)
    }
    this.#busySince = undefined
    this.#settle(group!)
    this.#finish()
  }

  /** Nothing was written, so the members of a group may try alone: only the culprit shall suffer. */
  #fail(taken: PendingCommit[], error: unknown): void {
    this.#busySince = undefined
    if (taken.length > 1 && !(error instanceof CommitUnknownError)) {
      this.#queue = taken.concat(this.#queue)
      this.#alone = taken.length
    } else {
      for (const pending of taken) pending.reject(error)
    }
    this.#finish()
  }

  #finish(): void {
    if (this.#queue.length > 0) return this.#schedule()
    const callbacks = this.#idleCallbacks
    this.#idleCallbacks = []
    for (const callback of callbacks) callback()
  }

  /** Takes the next transactions that fit into one group; a larger one goes alone. */
  #take(): PendingCommit[] {
    const taken: PendingCommit[] = []
    let rows = 0
    let next = 0
    const most = this.#alone > 0 ? 1 : COMMIT_GROUP_TRANSACTIONS_MAX
    this.#alone = Math.max(0, this.#alone - 1)
    for (; next < this.#queue.length && taken.length < most; next += 1) {
      const pending = this.#queue[next]!
      rows += pending.tx.writes.rows
      if (taken.length > 0 && rows > COMMIT_GROUP_ROWS_MAX) break
      taken.push(pending)
    }
    this.#queue = this.#queue.slice(next)
    return taken
  }

  #waitForLock(taken: PendingCommit[]): void {
    const now = this.#runtime.monotonic()
    this.#busySince ??= now
    if (now - this.#busySince > LOCK_WAIT_MS_MAX) {
      this.#busySince = undefined
      const error = new StorageError('Another process has been holding the write lock for too long', 'locked')
      for (const pending of taken) pending.reject(error)
      return this.#finish()
    }
    this.#queue = taken.concat(this.#queue)
    this.#scheduled = true
    this.#runtime.schedule(LOCK_POLL_MS, () => this.#run())
  }

  /** Under the lock: validates each transaction in turn and writes those that pass. */
  #build(writer: EngineWriter, taken: readonly PendingCommit[]): Group {
    const state = this.#recent.catchUp(writer)
    const writeSet = new WriteSet()
    const accepted: Accepted[] = []
    const refused: { pending: PendingCommit; error: Error }[] = []
    let lastPosition = state.lastPosition
    for (const pending of taken) {
      const error = this.#validate(pending.tx, writeSet)
      if (error !== undefined) {
        refused.push({ pending, error })
        continue
      }
      const base = this.#nextPosition(lastPosition)
      pending.tx.writes.apply(writer, base, writeSet)
      if (pending.tx.writes.stamps > 0) lastPosition = base + BigInt(pending.tx.writes.stamps - 1)
      accepted.push({ pending, base })
    }
    const number = state.number + 1
    if (accepted.length > 0) {
      writer.set(commitRecordKey(number), encodeCommitRecord(lastPosition, writeSet))
      this.#clearOldRecords(writer, number)
    }
    return { state: { number, lastPosition }, writeSet, accepted, refused }
  }

  #validate(tx: OptimisticTransaction, groupSoFar: WriteSet): Error | undefined {
    if (tx.reads.isEmpty) return undefined
    if (!this.#recent.covers(tx.validateAfter))
      return new TransactionTooOldError(TRANSACTION_AGE_MS_MAX, TRANSACTION_AGE_MS_MAX)
    const conflicts =
      this.#recent.conflictsWith(tx.reads, tx.validateAfter) || groupSoFar.conflictsWith(tx.reads)
    return conflicts ? new ConflictError() : undefined
  }

  #nextPosition(lastPosition: bigint): bigint {
    const next = lastPosition + 1n + BigInt(this.#gap())
    const now = firstPositionAt(this.#runtime.now())
    return now !== undefined && now > next ? now : next
  }

  /** Clears records that this process has seen for long enough, by its own clock: nobody needs them any more. */
  #clearOldRecords(writer: EngineWriter, number: number): void {
    const now = this.#runtime.monotonic()
    const latest = this.#seenRecords.at(-1)
    if (latest === undefined) clearRecordsBefore(writer, number - COMMIT_RECORDS_KEPT_MAX)
    if (latest === undefined || now - latest.at > 1_000) this.#seenRecords.push({ number, at: now })
    const oldest = this.#seenRecords[0]!
    if (now - oldest.at < WRITE_SET_RETENTION_MS) return
    this.#seenRecords.shift()
    clearRecordsBefore(writer, oldest.number)
  }

  #settle(group: Group): void {
    // Callbacks first: what layers above remember must be up to date before the group counts as known.
    this.#recent.settle(() => {
      for (const { pending, base } of group.accepted)
        runCallbacks(pending.tx, commitOf(group.state.number, base, pending.tx.writes.stamps))
    })
    if (group.accepted.length > 0) {
      this.#recent.record(group.state, group.writeSet)
      this.#turns.committed(this.#recent.foreignGroups, this.#runtime.monotonic())
    }
    for (const { pending } of group.accepted) pending.resolve()
    for (const { pending, error } of group.refused) pending.reject(error)
  }
}

/** Always from the first record on, so that what is left has no holes but those at the beginning. */
function clearRecordsBefore(writer: EngineWriter, number: number): void {
  if (number > 0) writer.clearRange(COMMIT_RECORDS_BEGIN, commitRecordKey(number))
}

/** Runs what waits for a commit. An error there cannot undo the commit, so it surfaces as an unhandled rejection. */
export function runCallbacks(tx: OptimisticTransaction, commit: Commit): void {
  for (const callback of tx.commitCallbacks) {
    try {
      callback(commit)
    } catch (error) {
      void Promise.reject(error)
    }
  }
}

function commitOf(version: number, base: bigint, stamps: number): Commit {
  const stamper = new Stamper(base)
  return {
    version,
    stamp: (userVersion = 0) => {
      // A position beyond those that the transaction took may be given to another one.
      if (!(userVersion < stamps))
        throw new InvalidArgumentError('The transaction wrote no stamp with this user version', {
          userVersion,
        })
      const stamp = new Uint8Array(STAMP_BYTES)
      stamper.write(stamp, 0, userVersion)
      return stamp
    },
  }
}
