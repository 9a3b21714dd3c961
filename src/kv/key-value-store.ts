import { ClosedError, ConflictError, InvalidArgumentError, TransactionTooOldError } from '../errors.ts'
import {
  RETRY_DELAY_MS_MAX,
  RETRY_DELAY_MS_MIN,
  TRANSACTION_ATTEMPTS_MAX,
  TRANSACTION_BYTES_MAX,
  TRANSACTION_ROWS_MAX,
} from '../limits.ts'
import { type Runtime, sleep, systemRuntime } from '../runtime.ts'
import { Committer, type PositionGap, runCallbacks } from './committer.ts'
import type {
  Capabilities,
  Coherence,
  Commit,
  KeyValueBackupOptions,
  KeyValueStore,
  ReadTransaction,
  StampClock,
  TransactionLimits,
  TransactOptions,
} from './contract.ts'
import type { Directories } from './directories.ts'
import type { Engine } from './engine.ts'
import { ReadOnlyTransaction } from './read-only-transaction.ts'
import { RecentCommits } from './recent-commits.ts'
import { SnapshotPool } from './snapshot-pool.ts'
import { stampClock } from './stamp.ts'
import { OptimisticTransaction } from './transaction.ts'
import type { TransactionHost, TransactionLife } from './transaction-life.ts'
import { Watches } from './watches.ts'

/** A key-value store without its directories, which are a layer above. */
export type TransactionalStore = Omit<KeyValueStore, keyof Directories>

/** Options for every store on the optimistic engine. */
export interface OptimisticOptions {
  /** Time and chance. @default the real ones */
  readonly runtime?: Runtime
  /** Positions to leave out before each stamp; the conformance suite runs with random ones. @default none */
  readonly positionGap?: PositionGap
}

/** A transaction of either kind. */
interface Attempted {
  readonly life: TransactionLife
  /** Does what is to be done when the body has returned; at once if there is nothing. */
  sayLastWords?(): Promise<void> | undefined
}

/** Lays FoundationDB's transactions over an engine. The store owns the engine from now on. */
export function openOptimisticStore(engine: Engine, options: OptimisticOptions = {}): TransactionalStore {
  return new OptimisticStore(engine, options)
}

class OptimisticStore implements TransactionalStore {
  readonly engine: string
  readonly capabilities: Capabilities
  readonly stamps: StampClock = stampClock
  readonly limits: TransactionLimits = { rowsMax: TRANSACTION_ROWS_MAX, bytesMax: TRANSACTION_BYTES_MAX }
  readonly #engine: Engine
  readonly #runtime: Runtime
  readonly #recent: RecentCommits
  readonly #pool: SnapshotPool
  readonly #watches: Watches
  readonly #committer: Committer
  readonly #host: TransactionHost
  /** In the order in which they began, so the first has the lowest floor. */
  readonly #active = new Set<TransactionLife>()
  readonly #backups = new Set<Promise<void>>()
  /** Gives up the backups that are under way when the store is closed. */
  readonly #giveUp = new AbortController()
  #closing: Promise<void> | undefined

  constructor(engine: Engine, { runtime = systemRuntime, positionGap = () => 0 }: OptimisticOptions) {
    this.engine = engine.name
    this.capabilities = engine.capabilities
    this.#engine = engine
    this.#runtime = runtime
    this.#watches = new Watches(
      runtime,
      engine.capabilities.multiProcess ? () => this.#pool.refresh() : undefined,
    )
    this.#recent = new RecentCommits(engine, (writeSet) => this.#watches.notify(writeSet))
    this.#watches.connect(this.#recent)
    this.#pool = new SnapshotPool(engine, this.#recent, runtime)
    this.#committer = new Committer(engine, this.#recent, this.#pool, runtime, positionGap)
    this.#host = {
      pool: this.#pool,
      recent: this.#recent,
      watches: this.#watches,
      runtime,
      limits: this.limits,
    }
  }

  get coherence(): Coherence {
    return this.#recent
  }

  async transact<T>(
    body: (tx: OptimisticTransaction) => Promise<T> | T,
    options: TransactOptions = {},
  ): Promise<T> {
    const { attemptsMax = TRANSACTION_ATTEMPTS_MAX, signal } = options
    if (!(attemptsMax >= 1))
      throw new InvalidArgumentError(`attemptsMax must be at least 1, not ${attemptsMax}`)
    for (let attempt = 1; ; attempt += 1) {
      const tx = new OptimisticTransaction(this.#host)
      const outcome = await this.#attempt(tx, body, (done) => this.#commit(done, options), signal)
      if ('result' in outcome) return outcome.result
      if (!outcome.retry) throw outcome.error
      if (attempt >= attemptsMax)
        throw outcome.error instanceof ConflictError ? new ConflictError(attempt) : outcome.error
      await sleep(this.#runtime, this.#retryDelayMs(attempt), signal)
    }
  }

  async readTransact<T>(
    body: (tx: ReadTransaction) => Promise<T> | T,
    options: TransactOptions = {},
  ): Promise<T> {
    const tx = new ReadOnlyTransaction(this.#host)
    const outcome = await this.#attempt(tx, body, () => {}, options.signal)
    if ('result' in outcome) return outcome.result
    throw outcome.error
  }

  async backup(folder: string, options: KeyValueBackupOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    if (this.#closing !== undefined) throw new ClosedError('key-value store')
    const engine = this.#engine
    if (engine.backup === undefined)
      throw new InvalidArgumentError(`The engine ${engine.name} keeps no files that could be backed up`, {
        engine: engine.name,
      })
    const signals = [this.#giveUp.signal, options.signal].filter((signal) => signal !== undefined)
    const backup = engine.backup(folder, { ...options, signal: AbortSignal.any(signals) })
    this.#backups.add(backup)
    try {
      await backup
    } finally {
      this.#backups.delete(backup)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#giveUp.abort(new ClosedError('key-value store'))
    await this.#committer.idle()
    await Promise.allSettled(this.#backups)
    this.#watches.close()
    this.#pool.close()
    await this.#engine.close()
  }

  /** Runs a body once, and then what makes it last. */
  async #attempt<Tx extends Attempted, T>(
    tx: Tx,
    body: (tx: Tx) => Promise<T> | T,
    commit: (tx: Tx) => Promise<void> | void,
    signal: AbortSignal | undefined,
  ): Promise<{ result: T } | { error: unknown; retry: boolean }> {
    signal?.throwIfAborted()
    if (this.#closing !== undefined) throw new ClosedError('key-value store')
    const { life } = tx
    this.#active.add(life)
    let committing = false
    let succeeded = false
    try {
      const result = await body(tx)
      const saying = tx.sayLastWords?.()
      if (saying !== undefined) await saying
      signal?.throwIfAborted()
      committing = true
      await commit(tx)
      succeeded = true
      return { result }
    } catch (error) {
      return { error, retry: committing ? isWorthAnotherRun(error) : life.crowdedOut }
    } finally {
      life.end(succeeded)
      this.#active.delete(life)
      this.#forgetOldCommits()
    }
  }

  #commit(tx: OptimisticTransaction, options: TransactOptions): Promise<void> | void {
    if (tx.writes.isEmpty) return runCallbacks(tx, nothingWritten(this.#recent.version))
    if (this.#closing !== undefined) throw new ClosedError('key-value store')
    tx.life.assertUsable()
    tx.writes.assertWithinLimits()
    tx.life.letGo()
    return this.#committer.commit(tx, options)
  }

  #forgetOldCommits(): void {
    let needed = this.#recent.version
    for (const life of this.#active) {
      if (life.isTooOld) continue
      needed = life.floor
      break
    }
    this.#recent.forgetUpTo(needed)
  }

  #retryDelayMs(attempt: number): number {
    const most = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN * 2 ** Math.min(attempt - 1, 20))
    return most * this.#runtime.random()
  }
}

function isWorthAnotherRun(error: unknown): boolean {
  return error instanceof ConflictError || error instanceof TransactionTooOldError
}

function nothingWritten(version: number): Commit {
  return {
    version,
    stamp: () => {
      throw new InvalidArgumentError('A transaction that wrote nothing has no stamp')
    },
  }
}
