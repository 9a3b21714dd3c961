import type { KeyValueStore, Transaction } from '../kv/contract.ts'
import type { Tuple } from '../tuple/elements.ts'
import type {
  BackupOptions,
  CheckOptions,
  CheckReport,
  ReindexOptions,
  ScavengeOptions,
  ScavengeReport,
  StoreInfo,
} from './contract-admin.ts'
import type { AppendResult, MultiAppendOptions, StreamAppend } from './contract-appending.ts'
import type { Query } from './contract-query.ts'
import type {
  AllReadOptions,
  EventSource,
  IndexName,
  ReadableSource,
  TransactionSource,
} from './contract-reading.ts'
import type {
  CreateStreamOptions,
  ReadonlyStream,
  Stream,
  StreamEntry,
  StreamsOptions,
  SubscribableStream,
} from './contract-streams.ts'
import type { SubscriptionEntry } from './contract-subscribing.ts'
import type { EventShape, JsonValue, RecordedEvent, TransactionEvent } from './event.ts'

// ── Transactions ─────────────────────────────────────────────────────────────────────────────────────────

/** The caller's own keys: tuples in, JSON values or bytes out, in the order of the tuples. */
export interface KeyValueReader {
  /** The value of a key, or `undefined`. */
  get(key: Tuple): Promise<JsonValue | Uint8Array | undefined>
  /** Reads all keys that begin with `prefix`, without the prefix itself. */
  getRange(prefix: Tuple, options?: KeyValueRangeOptions): AsyncIterable<KeyValueRow>
}

/** One of the caller's own keys with its value. */
export interface KeyValueRow {
  readonly key: Tuple
  readonly value: JsonValue | Uint8Array
}

/** How to read a range of own keys. */
export interface KeyValueRangeOptions {
  readonly limit?: number
  readonly reverse?: boolean
}

/** The caller's own keys, to be read and written. */
export interface KeyValueWriter extends KeyValueReader {
  /** Sets a key at the commit. @throws UnserializableError, LimitExceededError */
  set(key: Tuple, value: JsonValue | Uint8Array): void
  /** Removes a key at the commit. */
  clear(key: Tuple): void
  /** Removes all keys that begin with `prefix`, the prefix itself included. */
  clearRange(prefix: Tuple): void
}

/** Events through indexes. `E` is for the caller to say what they hold. */
export interface IndexedSources {
  /** The events of all streams of a category: what precedes the first `-` of the id. @throws while reading: IndexMissingError */
  category<E extends EventShape = EventShape>(category: string): EventSource<RecordedEvent<E>>
  /** The events of a type, in all streams. @throws while reading: IndexMissingError */
  eventType<E extends EventShape = EventShape>(type: E['type']): EventSource<RecordedEvent<E>>
  /** The events that match a query. @throws InvalidArgumentError; while reading: IndexMissingError if an item can use no index of the store */
  query<E extends EventShape = EventShape>(query: Query): EventSource<RecordedEvent<E>>
}

/** The same within a transaction that only reads. */
export interface ReadableSources {
  category<E extends EventShape = EventShape>(category: string): ReadableSource<RecordedEvent<E>>
  eventType<E extends EventShape = EventShape>(type: E['type']): ReadableSource<RecordedEvent<E>>
  query<E extends EventShape = EventShape>(query: Query): ReadableSource<RecordedEvent<E>>
}

/** The same within a transaction that writes, whose own events come last. */
export interface TransactionSources {
  category<E extends EventShape = EventShape>(category: string): TransactionSource<TransactionEvent<E>>
  eventType<E extends EventShape = EventShape>(type: E['type']): TransactionSource<TransactionEvent<E>>
  /** The transaction conflicts with exactly the later appends that match the query. */
  query<E extends EventShape = EventShape>(query: Query): TransactionSource<TransactionEvent<E>>
}

/** A consistent view of the whole store, for at most 5 seconds. */
export interface StoreReadTransaction extends ReadableSources {
  readonly all: ReadableSource<RecordedEvent, AllReadOptions>
  stream<E extends EventShape = EventShape>(id: string): ReadonlyStream<E, RecordedEvent<E>>
  readonly kv: KeyValueReader
}

/**
 * Several streams and the caller's own keys in one transaction, all or nothing. Reads see one snapshot and the transaction's
 * own writes; its own events come last in every source, without a position.
 */
export interface StoreTransaction extends TransactionSources {
  readonly all: TransactionSource<TransactionEvent, AllReadOptions>
  stream<E extends EventShape = EventShape>(id: string): Stream<E, TransactionEvent<E>, undefined>
  /** Creates a stream. @throws StreamExistsError if it was created or written before; StreamTombstonedError */
  createStream<E extends EventShape = EventShape>(
    id: string,
    options?: CreateStreamOptions,
  ): Promise<Stream<E, TransactionEvent<E>, undefined>>
  /** Appends to several streams, as `EventStore.append` does. */
  append(
    appends: readonly StreamAppend[],
    options?: Omit<MultiAppendOptions, 'signal'>,
  ): Promise<readonly AppendResult<undefined>[]>
  readonly kv: KeyValueWriter
  /** Calls back when the transaction is durable, with the position of its last event. Not called if it fails or is repeated. */
  afterCommit(callback: (commit: StoreCommit) => void): void
}

/** What is known once a transaction is durable. */
export interface StoreCommit {
  /** Position of the transaction's last event; `undefined` if it appended none. */
  readonly position: bigint | undefined
}

/** Options of a transaction. */
export interface StoreTransactOptions {
  readonly signal?: AbortSignal
  /** How often the body may run before `ConflictError` comes out. @default 100 */
  readonly attemptsMax?: number
}

/** An event store. Make one with `openEventStore`. */
export interface EventStore extends IndexedSources, AsyncDisposable {
  /** The key-value store below. */
  readonly kv: KeyValueStore
  /** Everything, in the global order. */
  readonly all: EventSource<RecordedEvent, AllReadOptions>
  /** One stream, whether it exists or not. @throws InvalidArgumentError, LimitExceededError for an id that cannot be one */
  stream<E extends EventShape = EventShape>(id: string): SubscribableStream<E>
  /** Creates a stream. @throws StreamExistsError if it was created or written before; StreamTombstonedError */
  createStream<E extends EventShape = EventShape>(
    id: string,
    options?: CreateStreamOptions,
  ): Promise<SubscribableStream<E>>
  /** Lists the groups of all sources. */
  subscriptions(options?: { readonly signal?: AbortSignal }): AsyncIterable<SubscriptionEntry>
  /** Enumerates streams in the order of their ids' UTF-8 bytes. */
  streams(options?: StreamsOptions): AsyncIterable<StreamEntry>
  /**
   * Appends to several streams, all or nothing, in the order given. The error of a failed append lists every
   * condition that did not hold. Idempotency is judged for each stream: the part of one whose events are there already is not
   * written again, whatever its expected version, while the others are.
   *
   * @throws WrongExpectedVersionError, and what `Stream.append` throws
   */
  append(appends: readonly StreamAppend[], options?: MultiAppendOptions): Promise<readonly AppendResult[]>
  /**
   * Runs `body` in one serialisable transaction over streams and own keys. `body` **may run several times**, if something that
   * it read has changed meanwhile. What it throws cancels the transaction and comes out unchanged.
   */
  transact<T>(body: (tx: StoreTransaction) => Promise<T> | T, options?: StoreTransactOptions): Promise<T>
  /** Runs `body` on one consistent snapshot. */
  readTransact<T>(
    body: (tx: StoreReadTransaction) => Promise<T> | T,
    options?: Pick<StoreTransactOptions, 'signal'>,
  ): Promise<T>
  /** Lays the store over a key-value transaction that the caller runs: `store.kv.transact((tx) => store.within(tx)…)`. */
  within(tx: Transaction): StoreTransaction
  /** Counts streams and events. Takes a moment for each stream. */
  info(options?: { readonly signal?: AbortSignal }): Promise<StoreInfo>
  /** Verifies everything that is stored, while the store stays in use. Reports problems, never repairs or throws for them. */
  check(options?: CheckOptions): Promise<CheckReport>
  /**
   * Reclaims what is hidden for good, while the store stays in use: in small transactions, each of which leaves a store that is whole.
   * Stopped or killed, it goes on from there the next time. A deleted stream can be restored only before.
   */
  scavenge(options?: ScavengeOptions): Promise<ScavengeReport>
  /** Adds and drops indexes while the store stays in use. Stopped or killed, the next call goes on from there. */
  reindex(options?: ReindexOptions): Promise<void>
  /**
   * Copies the whole key-value store into a new folder, as of one moment, while writing goes on. To restore, open the copy.
   * @throws StorageError if there is something at the path, even an empty folder; InvalidArgumentError for an engine that keeps nothing
   * in a folder; ClosedError if the store is closed meanwhile
   */
  backup(folder: string, options?: BackupOptions): Promise<void>
  /** Waits for appends under way, then releases everything. Idempotent. */
  close(): Promise<void>
}

/** Options of `openEventStore`. */
export interface EventStoreOptions {
  /** Largest encoded event, in bytes. @default 16 MiB */
  readonly eventBytesMax?: number
  /**
   * Indexes of a new store; each costs a row an event (by tag, a row a tag). An existing store must have the same, or opening it fails:
   * `reindex` changes them. @default for a new store all, for an existing one those that it has
   */
  readonly indexes?: readonly IndexName[]
  /**
   * What separates the category from the rest of a stream id, for a new store; an existing one must have the same. @default '-'
   */
  readonly categorySeparator?: string
  /** How long idempotency keys are kept, in milliseconds. @default 7 days */
  readonly idempotencyKeyMs?: number
}
