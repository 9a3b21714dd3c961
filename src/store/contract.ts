import type { KeyValueStore, Transaction } from '../kv/contract.ts'
import type {
  BackupOptions,
  CheckOptions,
  CheckReport,
  ReindexOptions,
  ScavengeOptions,
  ScavengeReport,
  StoreInfo,
} from './contract-admin.ts'
import type { Aggregate, Aggregates, AggregatesOptions } from './contract-aggregates.ts'
import type { AppendResult, MultiAppendOptions, StreamAppend } from './contract-appending.ts'
import type { DataCodec } from './contract-codec.ts'
import type { Listing } from './contract-listing.ts'
import type {
  Answer,
  Projection,
  ProjectionEntry,
  ProjectionHandle,
  ProjectOptions,
  RunningProjection,
  RunOnceOptions,
} from './contract-projections.ts'
import type { Query } from './contract-query.ts'
import type { AllReadOptions, EventSource, IndexName } from './contract-reading.ts'
import type {
  ProjectIntoOptions,
  ProjectionSink,
  RunningSinkProjection,
  SinkProjection,
} from './contract-sinks.ts'
import type {
  CreateStreamOptions,
  StreamEntry,
  StreamsOptions,
  SubscribableStream,
} from './contract-streams.ts'
import type { SubscriptionEntry } from './contract-subscribing.ts'
import type { StoreReadTransaction, StoreTransaction, StoreTransactOptions } from './contract-transactions.ts'
import type { EventShape, RecordedEvent } from './event.ts'

/** Events through indexes. `E` is for the caller to say what they hold. */
export interface IndexedSources {
  /** The events of all streams of a category: what precedes the first `-` of the id. @throws while reading: IndexMissingError */
  category<E extends EventShape = EventShape>(category: string): EventSource<RecordedEvent<E>>
  /** The events of a type, in all streams. @throws while reading: IndexMissingError */
  eventType<E extends EventShape = EventShape>(type: E['type']): EventSource<RecordedEvent<E>>
  /** The events that match a query. @throws InvalidArgumentError; while reading: IndexMissingError if an item can use no index of the store */
  query<E extends EventShape = EventShape>(query: Query): EventSource<RecordedEvent<E>>
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
  /**
   * The aggregates of one kind. Their commands queue and their states are kept by kind, so it does not matter how often this is called.
   * @throws InvalidArgumentError
   */
  aggregate<E extends EventShape, S, C>(
    aggregate: Aggregate<E, S, C>,
    options?: AggregatesOptions,
  ): Aggregates<E, S, C>
  /**
   * Runs a projection here: in one process of those that do so, the others stand by. Resolves when it is known to the store.
   * @throws ProjectionChangedError, ProjectionSupersededError, InvalidArgumentError
   */
  project<E extends EventShape, S>(
    projection: Projection<E, S>,
    options?: ProjectOptions,
  ): Promise<RunningProjection<S>>
  /**
   * Runs a projection into a database of the user's: in one process of those that do so, the others stand by. Resolves when the sink has said how
   * far it is.
   * @throws CheckpointRefusedError, ProjectionChangedError, InvalidArgumentError; what the sink throws
   */
  projectInto<E extends EventShape, Tx>(
    sink: ProjectionSink<Tx>,
    projection: SinkProjection<E, Tx>,
    options?: ProjectIntoOptions,
  ): Promise<RunningSinkProjection>
  /** A projection, to be read and administered: by its definition, or by its name, and then as it is stored. @throws InvalidArgumentError */
  projection<E extends EventShape, S>(projection: Projection<E, S>): ProjectionHandle<S>
  projection(name: string): ProjectionHandle<unknown>
  /** Lists all projections. */
  projections(options?: { readonly signal?: AbortSignal }): Listing<ProjectionEntry>
  /**
   * Runs a projection over what is there, in memory, to answer a question. Nothing of it is kept, and nothing is emitted.
   * @throws what its handlers throw; IndexMissingError, InvalidArgumentError, the signal's reason
   */
  runOnce<E extends EventShape, S>(projection: Projection<E, S>, options?: RunOnceOptions): Promise<Answer<S>>
  /** Lists the groups of all sources. */
  subscriptions(options?: { readonly signal?: AbortSignal }): Listing<SubscriptionEntry>
  /** Enumerates streams in the order of their ids' UTF-8 bytes. */
  streams(options?: StreamsOptions): Listing<StreamEntry>
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
  /** Codecs for the data of events: new data is written with the first, and data of all can be read. @default JSON, which can always be read */
  readonly codecs?: readonly DataCodec[]
}
