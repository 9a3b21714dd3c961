import type { Directories } from './directories.ts'
import type { KeyRange, Row } from './rows.ts'

/** How to read a range. */
export interface RangeOptions {
  /** Most rows to return. @default unlimited */
  readonly limit?: number
  /** Whether to go from the end towards the beginning. @default false */
  readonly reverse?: boolean
}

/**
 * The rows of a range, read as they are asked for, in batches. Valid only while its transaction runs.
 * What was fetched counts as read (for conflicts); what was not, does not.
 */
export interface RangeRead extends AsyncIterable<Row> {
  /** Reads everything into one array. */
  toArray(): Promise<Row[]>
  /** Yields whole batches, which costs much less per row than single rows. No batch is empty. */
  batches(): AsyncIterable<readonly Row[]>
}

/** Reads that see one snapshot, and the transaction's own writes where there are any. */
export interface Reader {
  /** Returns the value of `key`, or `undefined` if there is none. @throws TransactionTooOldError, ClosedError */
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** Returns the values of several keys, in their order; `undefined` for those that are not there. Cheaper than one by one. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** Reads a range, half-open. @throws TransactionTooOldError, ClosedError */
  getRange(range: KeyRange, options?: RangeOptions): RangeRead
}

/** A transaction that only reads: one consistent snapshot, for at most 5 s. It never conflicts. */
export interface ReadTransaction extends Reader {
  /**
   * The newest stamp of this snapshot: every stamp up to it is visible here or will never exist.
   * Twelve zero bytes if nothing was ever stamped.
   */
  readHorizon(): Promise<Uint8Array>
  /** The newest commit group that this snapshot shows; comparable with `Coherence.version`. */
  readVersion(): Promise<number>
  /**
   * Fires when a commit after this snapshot changes the key, or a key of the range. Outlives the transaction.
   * @throws InvalidArgumentError for an empty range, LimitExceededError beyond `WATCHES_MAX` watches
   */
  watch(target: Uint8Array | KeyRange, options?: WatchOptions): Watch
}

/** How to watch. */
export interface WatchOptions {
  /** Cancels the watch; `fired` then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Waits for the next change of what is watched. */
export interface Watch {
  /**
   * Resolves at the first change, in this process or another. May fire without a change, never misses one.
   * Rejects with `ClosedError` when the store closes. A rejection that nobody awaits is not reported.
   */
  readonly fired: Promise<void>
  /** Forgets the watch; `fired` then never settles. */
  cancel(): void
}

/** Options of a read conflict that is added by hand. */
export interface ReadConflictOptions {
  /** The commit (`Coherence.version`) at which the caller knew what it relies on. @default the snapshot's */
  readonly since?: number
}

/**
 * A transaction that reads and writes: reads see its own writes, writes become visible at the commit, all or none.
 *
 * A stamped key or value is not readable inside its own transaction, as nobody knows it yet.
 */
export interface Transaction extends ReadTransaction {
  /** Reads that do not count as conflicts: the transaction commits even if what they returned has changed. */
  readonly snapshot: Reader
  /**
   * Sets a key, at the commit. The arrays belong to the transaction from now on: do not change them.
   * @throws LimitExceededError, InvalidArgumentError, TransactionTooLargeError
   */
  set(key: Uint8Array, value: Uint8Array): void
  /** Removes a key, at the commit. */
  clear(key: Uint8Array): void
  /** Removes all keys of a range, at the commit. */
  clearRange(range: KeyRange): void
  /**
   * Sets a key that holds the transaction's stamp: the 12 bytes from `offset` are replaced at the commit. The
   * last two of them give the user version (big-endian), by which the stamps of one transaction are ordered.
   */
  setStampedKey(key: Uint8Array, offset: number, value: Uint8Array, options?: StampedKeyOptions): void
  /** Sets a value that holds the transaction's stamp, as in `setStampedKey`. */
  setStampedValue(key: Uint8Array, value: Uint8Array, offset: number): void
  /** Conflicts with commits that change `key`, as if it had been read. */
  addReadConflictKey(key: Uint8Array, options?: ReadConflictOptions): void
  /** Conflicts with commits that change any key of the range, as if it had been read. */
  addReadConflictRange(range: KeyRange, options?: ReadConflictOptions): void
  /**
   * Conflicts with commits that set keys with one and the same stamp below a prefix of **each** of the sets: the intersection over
   * the sets of the union over their prefixes. The keys are those that were set with `setStampedKey` and `listed`, prefix and stamp and
   * nothing behind it. So a row in several indexes can be awaited by all of them together, and rows that are in only some
   * of the indexes do not conflict (precision locking: Jordan, Banerjee and Batman 1981).
   * @throws InvalidArgumentError without sets, or for a set without prefixes
   */
  addReadConflictJoin(sets: readonly (readonly Uint8Array[])[], options?: ReadConflictOptions): void
  /**
   * Calls when the body has returned, before the commit, in the order of the calls: for layers that must have the last word. What it throws
   * cancels the transaction, as if the body had thrown it. It may write, and may add others. @throws InvalidArgumentError when the last of
   * them is done
   */
  beforeCommit(callback: () => Promise<void> | void): void
  /** Calls back once this transaction is durable, before the caller of `transact` hears of it, in the order of commits. */
  afterCommit(callback: (commit: Commit) => void): void
}

/** How a stamped key is made known to other transactions. */
export interface StampedKeyOptions {
  /**
   * Whether the write set lists this very key, so that `addReadConflictJoin` finds it. Otherwise one range stands for all stamped keys of the
   * transaction with the same prefix, which costs less. @default false
   */
  readonly listed?: boolean
  /** Where in the value the same stamp goes, as 12 bytes; by it, a row that was moved to another key can be told. @default nowhere */
  readonly valueStampAt?: number
}

/** What is known once a transaction is durable. */
export interface Commit {
  /** Number of the commit group in the store. */
  readonly version: number
  /** The 12 bytes that a stamp with this user version became. */
  stamp(userVersion?: number): Uint8Array
}

/** Options of `transact` and `readTransact`. */
export interface TransactOptions {
  /** Ends waiting and retrying; the call rejects with the signal's reason. A commit under way is not undone. */
  readonly signal?: AbortSignal
  /** How often the body may run before `ConflictError` comes out. @default 100 */
  readonly attemptsMax?: number
  /**
   * Whether to commit without waiting one turn of the event loop for other transactions to share the flush. For callers
   * that have waited that turn themselves; a loop of such transactions alone would keep input and timers from their turn.
   * @default false
   */
  readonly commitAtOnce?: boolean
}

/** What this process knows of commits. See "Coherent knowledge" in `docs/transactions.md`. */
export interface Coherence {
  /** The newest commit group that this process knows. */
  readonly version: number
  /** Calls back when commits of another process become known, before `version` moves. Returns the way to stop. */
  onForeignCommit(callback: () => void): () => void
}

/** How stamps and time relate: see "Stamps carry time" in `docs/transactions.md`. */
export interface StampClock {
  /** Milliseconds since 1970 at which the stamp was given out; never decreases from stamp to stamp. */
  timeOf(stamp: Uint8Array): number
  /** The smallest stamp that can be given out at or after this time. */
  firstAt(timeMs: number): Uint8Array
}

/** What a driver's store can do; the conformance suite holds it to exactly this. */
export interface Capabilities {
  /** Survives the process: what was acknowledged is there after a restart. */
  readonly durable: boolean
  /** Several processes may open it and write. */
  readonly multiProcess: boolean
}

/** An ordered, transactional key-value store. Its shape is FoundationDB's. */
export interface KeyValueStore extends Directories, AsyncDisposable {
  /** Name of the engine, for people. */
  readonly engine: string
  readonly capabilities: Capabilities
  readonly coherence: Coherence
  readonly stamps: StampClock
  /** Largest batch of rows and bytes that one transaction may write. */
  readonly limits: TransactionLimits
  /**
   * Runs `body` in a transaction and commits it. If something that it read has changed by then, `body` **runs
   * again** on a newer snapshot, so it must not have effects of its own; use `afterCommit` for those.
   * Whatever `body` throws cancels the transaction and comes out unchanged.
   *
   * @throws ConflictError after too many attempts; CommitUnknownError, TransactionTooLargeError, StorageError,
   * ClosedError
   */
  transact<T>(body: (tx: Transaction) => Promise<T> | T, options?: TransactOptions): Promise<T>
  /** Runs `body` on one consistent snapshot. */
  readTransact<T>(body: (tx: ReadTransaction) => Promise<T> | T, options?: TransactOptions): Promise<T>
  /**
   * Copies everything, as of one moment, into a new folder that can be opened like the original, while others go on reading and writing.
   * The folder appears when the copy is complete and durable.
   *
   * @throws StorageError (`exists`) if there is something at the path, and for what the file system refuses; InvalidArgumentError if
   * the engine has no files (`capabilities.durable` is false); ClosedError if the store is closed meanwhile; the signal's reason
   */
  backup(folder: string, options?: KeyValueBackupOptions): Promise<void>
  /** Lets transactions that are committing finish, refuses new ones, and releases everything. Idempotent. */
  close(): Promise<void>
}

/** How to back up. */
export interface KeyValueBackupOptions {
  /** Gives up and removes what was written. */
  readonly signal?: AbortSignal
  /** Called now and then with the bytes written so far and, roughly, to be written. */
  readonly onProgress?: (bytes: number, bytesTotal: number) => void
}

/** Bounds of one transaction. */
export interface TransactionLimits {
  readonly rowsMax: number
  readonly bytesMax: number
}
