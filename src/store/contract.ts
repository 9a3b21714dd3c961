import type { KeyValueStore, Transaction } from '../kv/contract.ts'
import type { Tuple } from '../tuple/elements.ts'
import type { EventShape, JsonObject, JsonValue, NewEvent, RecordedEvent, TransactionEvent } from './event.ts'

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Where to read, and how. `from` and `to` are inclusive, `after` and `before` exclusive; to go on where an earlier read
 * ended, always use `after`. In a stream the bounds are versions, in `all` positions or times (`recordedAt`).
 */
export interface ReadOptions<Bound> {
  readonly from?: Bound
  readonly after?: Bound
  readonly to?: Bound
  readonly before?: Bound
  /** Most events to read. @default unlimited */
  readonly limit?: number
  /** Backwards begins at the end. @default 'forwards' */
  readonly direction?: 'forwards' | 'backwards'
  /** Ends the read; it throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** Options for reading one stream, in versions. */
export type StreamReadOptions = ReadOptions<number>

/** Options for reading everything, in positions or times. */
export interface AllReadOptions extends ReadOptions<bigint | Date> {
  /** Whether to include events of system streams, whose ids begin with `$`. @default false */
  readonly system?: boolean
}

/**
 * A read that has not begun: nothing happens until it is iterated, and it can be iterated again. Sees at least
 * what was committed when the iteration began, each event once, in order. It holds no resources between two events.
 */
export interface EventRead<R> extends AsyncIterable<R> {
  /** Reads everything into one array. */
  toArray(): Promise<R[]>
  /** The first event of the read, or `undefined`. */
  first(): Promise<R | undefined>
  /** The last event of the read, or `undefined`. Does not read what is before it, unless there is a `limit`. */
  last(): Promise<R | undefined>
  /** Yields arrays of events, which costs less for each event. No array is empty. */
  batches(): AsyncIterable<readonly R[]>
}

/** Anything that can be read in order. */
export interface EventSource<R, Options> {
  /** @throws InvalidArgumentError for bounds that make no sense; while reading: CorruptionError, ClosedError */
  read(options?: Options): EventRead<R>
}

// ── Appending ────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What a stream must look like for an append to happen:
 * a version (0 for a stream without events), or `'any'`, `'no-stream'` (never created or written), `'stream-exists'`.
 */
export type ExpectedVersion = number | 'any' | 'no-stream' | 'stream-exists'

/** Options of an append to one stream. */
export interface AppendOptions {
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion
  /** Gives up waiting. An append whose commit is under way happens all the same. */
  readonly signal?: AbortSignal
}

/** What became of an append. */
export interface AppendResult<Position = bigint> {
  readonly streamId: string
  /** Version of the first appended event; `lastVersion + 1` if there were none. */
  readonly firstVersion: number
  /** Version of the stream's last event afterwards; use it as the next `expectedVersion`. */
  readonly lastVersion: number
  /** Position of the last appended event; `undefined` if there were none. */
  readonly position: Position | undefined
  /** Whether these events were there already (recognised by their ids), so that nothing was written. */
  readonly idempotent: boolean
}

/** One stream's part of an append to several. */
export interface StreamAppend {
  readonly streamId: string
  readonly events: NewEvent | readonly NewEvent[]
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion
}

/** A condition on a stream that the append does not write. */
export interface StreamCondition {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
}

/** Options of an append to several streams. */
export interface MultiAppendOptions {
  /** Conditions on further streams. */
  readonly conditions?: readonly StreamCondition[]
  readonly signal?: AbortSignal
}

// ── Streams ──────────────────────────────────────────────────────────────────────────────────────────────

/** What is known of a stream. */
export interface StreamInfo {
  readonly streamId: string
  /** Version of the last event; 0 if there is none. */
  readonly version: number
  /** When the stream was created: by `createStream`, its first metadata, or its first event. */
  readonly createdAt: Date
  /** When its last event or metadata was recorded. */
  readonly modifiedAt: Date
  /** The user's map. */
  readonly metadata: JsonObject
}

/** Options of `createStream`. */
export interface CreateStreamOptions {
  /** The user's map: JSON values by name. */
  readonly metadata?: JsonObject
}

/** A change of a stream's metadata: `null` removes a key; keys that are not named stay as they are. */
export type MetadataPatch = { readonly [key: string]: JsonValue }

/**
 * One stream. Making this object touches nothing: the stream need not exist. `R` is what reading yields, `Position` what is
 * known of an append.
 */
export interface Stream<E extends EventShape = EventShape, R = RecordedEvent<E>, Position = bigint>
  extends EventSource<R, StreamReadOptions> {
  readonly id: string
  /**
   * Appends events to the end of the stream, all or none. An empty list writes nothing, but its condition is checked.
   *
   * @throws WrongExpectedVersionError, IdempotencyConflictError, UnserializableError, LimitExceededError,
   * InvalidArgumentError, StorageError, ClosedError
   */
  append(
    events: NewEvent<E> | readonly NewEvent<E>[],
    options?: AppendOptions,
  ): Promise<AppendResult<Position>>
  /** The event with this version, or `undefined`. */
  event(version: number): Promise<R | undefined>
  /** Whether the stream was ever created or written. */
  exists(): Promise<boolean>
  /** @throws StreamNotFoundError */
  info(): Promise<StreamInfo>
  /** The user's map; empty for a stream that does not exist. */
  metadata(): Promise<JsonObject>
  /** Changes the user's map, and creates the stream if need be. Recorded as an event of the stream `$$<id>`. Returns the new map. */
  setMetadata(patch: MetadataPatch): Promise<JsonObject>
}

/** Which streams to enumerate. */
export interface StreamsOptions {
  /** Only ids that begin with this. @default '' */
  readonly prefix?: string
  /** Only ids after this one, in the order of their UTF-8 bytes. */
  readonly after?: string
  readonly limit?: number
  /** Whether to include system streams, whose ids begin with `$`. @default false */
  readonly system?: boolean
  readonly signal?: AbortSignal
}

/** An entry of the enumeration of streams. */
export interface StreamEntry {
  readonly streamId: string
  /** Version of the last event; 0 if there is none. */
  readonly version: number
}

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

/** A consistent view of the whole store, for at most 5 seconds. */
export interface StoreReadTransaction {
  readonly all: EventSource<RecordedEvent, AllReadOptions>
  stream<E extends EventShape = EventShape>(id: string): ReadonlyStream<E, RecordedEvent<E>>
  readonly kv: KeyValueReader
}

/** The reading half of a stream. */
export type ReadonlyStream<E extends EventShape, R> = Omit<Stream<E, R>, 'append' | 'setMetadata'>

/**
 * Several streams and the caller's own keys in one transaction, all or nothing. Reads see one snapshot and the transaction's
 * own writes; its own events come last in every source, without a position.
 */
export interface StoreTransaction {
  readonly all: EventSource<TransactionEvent, AllReadOptions>
  stream<E extends EventShape = EventShape>(id: string): Stream<E, TransactionEvent<E>, undefined>
  /** Creates a stream. @throws StreamExistsError if it was created or written before */
  createStream<E extends EventShape = EventShape>(
    id: string,
    options?: CreateStreamOptions,
  ): Promise<Stream<E, TransactionEvent<E>, undefined>>
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

// ── The store ────────────────────────────────────────────────────────────────────────────────────────────

/** What is known of a whole store. */
export interface StoreInfo {
  /** Name of the engine below. */
  readonly engine: string
  /** Number of the stored format. */
  readonly format: number
  /** Streams of the application, those that were created but are empty included. */
  readonly streams: number
  /** Events of the application. */
  readonly events: number
  /** Events of system streams. */
  readonly systemEvents: number
  /** Position of the last event. */
  readonly lastPosition: bigint | undefined
  /** When the first and the last event were recorded. */
  readonly firstRecordedAt: Date | undefined
  readonly lastRecordedAt: Date | undefined
}

/** One thing that is wrong with a store. */
export interface CheckProblem {
  /** Stable, kebab-case name of the kind of damage. */
  readonly kind: string
  /** For people: what is wrong, and where. */
  readonly message: string
  readonly streamId?: string
  readonly version?: number
  readonly position?: bigint
}

/** What a check found. */
export interface CheckReport {
  readonly problems: readonly CheckProblem[]
  /** What was looked at. */
  readonly events: number
  readonly streams: number
  readonly rows: number
}

/** Options of `check`. */
export interface CheckOptions {
  readonly signal?: AbortSignal
  /** Called now and then with the number of rows that were looked at so far. */
  readonly onProgress?: (rows: number) => void
  /** Problems after which it stops looking. @default 1000 */
  readonly problemsMax?: number
}

/** An event store. Make one with `openEventStore`. */
export interface EventStore extends AsyncDisposable {
  /** The key-value store below. */
  readonly kv: KeyValueStore
  /** Everything, in the global order. */
  readonly all: EventSource<RecordedEvent, AllReadOptions>
  /** One stream, whether it exists or not. @throws InvalidArgumentError, LimitExceededError for an id that cannot be one */
  stream<E extends EventShape = EventShape>(id: string): Stream<E>
  /** Creates a stream. @throws StreamExistsError if it was created or written before */
  createStream<E extends EventShape = EventShape>(
    id: string,
    options?: CreateStreamOptions,
  ): Promise<Stream<E>>
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
  /** Waits for appends under way, then releases everything. Idempotent. */
  close(): Promise<void>
}

/** Options of `openEventStore`. */
export interface EventStoreOptions {
  /** Largest encoded event, in bytes. @default 16 MiB */
  readonly eventBytesMax?: number
}
