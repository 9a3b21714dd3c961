import { ClosedError, InvalidArgumentError } from '../errors.ts'
import type { KeyValueStore, Transaction } from '../kv/contract.ts'
import { EVENT_BYTES_MAX, IDEMPOTENCY_KEY_MS } from '../limits.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import type { AggregateHost, MakeAggregates } from './aggregate-scene.ts'
import { prepareMany } from './append-options.ts'
import { Appender } from './appender.ts'
import { type Broker, type MakeBroker, subscribable } from './broker.ts'
import { checkStore } from './check.ts'
import type { EventStore } from './contract.ts'
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
import type { Query, SourceName } from './contract-query.ts'
import type { AllReadOptions, EventSource, ReadableSource } from './contract-reading.ts'
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
import { ForwardClock } from './forward-clock.ts'
import type { StoreHost } from './host.ts'
import { sweepIfDue } from './key-sweep.ts'
import { KeyUse } from './key-use.ts'
import type { Keyspace } from './keyspace.ts'
import { onlyNames } from './known-names.ts'
import { listing } from './listing.ts'
import { joinPlace, type Place } from './place.ts'
import { checkStreamId } from './prepared-event.ts'
import type { MakeProjections, ProjectionHost } from './projection-scene.ts'
import { prepareQuery } from './query.ts'
import { readingOf } from './reading.ts'
import { RecordEncoder } from './record.ts'
import { reindexStore } from './reindex.ts'
import { scavengeStore } from './scavenge.ts'
import { allSource, categorySource, querySource, typeSource } from './sources.ts'
import { readStoreInfo } from './store-info.ts'
import { StoreStream, type StreamHost } from './store-stream.ts'
import { storeReadTransaction, storeTransaction } from './store-transaction.ts'
import { listStreams } from './stream-list.ts'
import { describe } from './text.ts'
import { UuidSource } from './uuid.ts'

/** What a store is made of. */
export interface StoreParts {
  readonly kv: KeyValueStore
  readonly keys: Keyspace
  /** Whether closing the store closes the key-value store as well. */
  readonly ownsKv: boolean
  readonly runtime?: Runtime
  readonly eventBytesMax?: number
  readonly idempotencyKeyMs?: number
  readonly categorySeparator: string
  readonly makeBroker: MakeBroker
  readonly makeAggregates: MakeAggregates
  readonly makeProjections: MakeProjections
}

/** Makes the store over a place whose format was claimed. */
export function makeEventStore(parts: StoreParts): EventStore {
  return new LayeredStore(parts)
}

const checkBackupOptions = onlyNames('The options of a backup', 'signal', 'onProgress')
const checkTransactOptions = onlyNames('The options of a transaction', 'signal', 'attemptsMax')
const checkInfoOptions = onlyNames('The options of info', 'signal')

class LayeredStore implements EventStore {
  readonly kv: KeyValueStore
  readonly all: EventSource<RecordedEvent, AllReadOptions>
  readonly #host: StoreHost
  readonly #appender: Appender
  readonly #streamHost: StreamHost
  readonly #ownsKv: boolean
  readonly #place: Place
  readonly #broker: Broker
  readonly #aggregates: AggregateHost
  readonly #projections: ProjectionHost
  #closing: Promise<void> | undefined
  #isClosed = false

  constructor(parts: StoreParts) {
    const { kv, keys, ownsKv, runtime = systemRuntime } = parts
    this.kv = kv
    this.#ownsKv = ownsKv
    this.#place = joinPlace(kv, keys)
    this.#host = {
      kv,
      keys,
      runtime,
      heads: this.#place.heads,
      numbers: this.#place.numbers,
      records: new RecordEncoder(),
      uuids: new UuidSource(runtime),
      settings: this.#place.settings,
      clock: new ForwardClock(runtime),
      keyUse: new KeyUse(),
      inline: this.#place.inline,
      eventBytesMax: parts.eventBytesMax ?? EVENT_BYTES_MAX,
      idempotencyKeyMs: parts.idempotencyKeyMs ?? IDEMPOTENCY_KEY_MS,
    }
    this.#appender = new Appender(this.#host)
    const reading = readingOf(kv, this.#host, () => this.#assertOpen())
    this.#broker = parts.makeBroker({ host: this.#host, reading, assertOpen: () => this.#assertOpen() })
    this.#streamHost = {
      host: this.#host,
      reading,
      broker: this.#broker,
      append: (request, signal) => {
        this.#assertOpen()
        return this.#appender.appendOne(request, signal)
      },
      transact: (body) => this.transact(body),
    }
    this.#aggregates = parts.makeAggregates({
      host: this.#host,
      reading,
      categorySeparator: parts.categorySeparator,
      assertOpen: () => this.#assertOpen(),
      append: (request) => this.#appender.appendPlaced(request),
      transact: (body) => this.transact(body),
      stream: (id) => this.stream(id),
    })
    this.#projections = parts.makeProjections({
      host: this.#host,
      reading,
      broker: this.#broker,
      assertOpen: () => this.#assertOpen(),
      within: (tx) => this.within(tx),
    })
    this.all = { ...allSource(reading), ...subscribable(this.#broker, { kind: 'all' }) }
  }

  stream<E extends EventShape = EventShape>(id: string): SubscribableStream<E> {
    checkStreamId(id)
    return new StoreStream(this.#streamHost, id) as unknown as SubscribableStream<E>
  }

  async createStream<E extends EventShape = EventShape>(
    id: string,
    options?: CreateStreamOptions,
  ): Promise<SubscribableStream<E>> {
    await this.transact((tx) => tx.createStream(id, options))
    return this.stream<E>(id)
  }

  streams(options: StreamsOptions = {}): Listing<StreamEntry> {
    return listing(() => this.#streams(options))
  }

  async *#streams(options: StreamsOptions): AsyncGenerator<StreamEntry> {
    this.#assertOpen()
    for await (const { streamId, state, version } of listStreams(this.#host, options)) {
      yield { streamId, state, version }
    }
  }

  category<E extends EventShape = EventShape>(category: string): EventSource<RecordedEvent<E>> {
    return this.#source(categorySource(this.#streamHost.reading, category), { kind: 'category', category })
  }

  eventType<E extends EventShape = EventShape>(type: E['type']): EventSource<RecordedEvent<E>> {
    return this.#source(typeSource(this.#streamHost.reading, type), { kind: 'type', type })
  }

  query<E extends EventShape = EventShape>(query: Query): EventSource<RecordedEvent<E>> {
    const { query: copy } = prepareQuery(query)
    return this.#source(querySource(this.#streamHost.reading, copy), { kind: 'query', query: copy })
  }

  aggregate<E extends EventShape, S, C>(
    aggregate: Aggregate<E, S, C>,
    options: AggregatesOptions = {},
  ): Aggregates<E, S, C> {
    this.#assertOpen()
    return this.#aggregates.aggregate(aggregate, options)
  }

  async project<E extends EventShape, S>(
    projection: Projection<E, S>,
    options: ProjectOptions = {},
  ): Promise<RunningProjection<S>> {
    this.#assertOpen()
    return this.#projections.project(projection, options)
  }

  async projectInto<E extends EventShape, Tx>(
    sink: ProjectionSink<Tx>,
    projection: SinkProjection<E, Tx>,
    options: ProjectIntoOptions = {},
  ): Promise<RunningSinkProjection> {
    this.#assertOpen()
    return this.#projections.projectInto(sink, projection, options)
  }

  projection<E extends EventShape, S>(projection: Projection<E, S> | string): ProjectionHandle<S> {
    this.#assertOpen()
    return this.#projections.projection(projection)
  }

  projections({ signal }: { readonly signal?: AbortSignal } = {}): Listing<ProjectionEntry> {
    this.#assertOpen()
    return listing(() => this.#projections.list(signal))
  }

  async runOnce<E extends EventShape, S>(
    projection: Projection<E, S>,
    options: RunOnceOptions = {},
  ): Promise<Answer<S>> {
    this.#assertOpen()
    return this.#projections.runOnce(projection, options)
  }

  subscriptions({ signal }: { readonly signal?: AbortSignal } = {}): Listing<SubscriptionEntry> {
    this.#assertOpen()
    return listing(() => this.#broker.list(signal))
  }

  async append(
    appends: readonly StreamAppend[],
    options: MultiAppendOptions = {},
  ): Promise<readonly AppendResult[]> {
    this.#assertOpen()
    return this.#appender.append(prepareMany(appends, options, this.#host.keys.codecs), options.signal)
  }

  async transact<T>(
    body: (tx: StoreTransaction) => Promise<T> | T,
    options: StoreTransactOptions = {},
  ): Promise<T> {
    this.#assertOpen()
    checkTransactOptions(options)
    const result = await this.kv.transact((tx) => body(this.within(tx)), options)
    await sweepIfDue(this.#host)
    return result
  }

  async readTransact<T>(
    body: (tx: StoreReadTransaction) => Promise<T> | T,
    options?: Pick<StoreTransactOptions, 'signal'>,
  ): Promise<T> {
    this.#assertOpen()
    return this.kv.readTransact((tx) => body(storeReadTransaction(this.#host, tx)), options)
  }

  within(tx: Transaction): StoreTransaction {
    this.#assertOpen()
    return storeTransaction(this.#host, this.#broker, this.#place.sessions, tx)
  }

  async info(options: { readonly signal?: AbortSignal } = {}): Promise<StoreInfo> {
    this.#assertOpen()
    checkInfoOptions(options)
    return readStoreInfo(this.#host, options.signal)
  }

  async check(options?: CheckOptions): Promise<CheckReport> {
    this.#assertOpen()
    return checkStore(this.#host, [this.#broker, this.#projections], options)
  }

  async scavenge(options?: ScavengeOptions): Promise<ScavengeReport> {
    this.#assertOpen()
    return scavengeStore(this.#host, options)
  }

  async reindex(options?: ReindexOptions): Promise<void> {
    this.#assertOpen()
    return reindexStore(this.#host, options)
  }

  async backup(folder: string, options: BackupOptions = {}): Promise<void> {
    this.#assertOpen()
    checkBackupOptions(options)
    if (typeof folder !== 'string' || folder === '') {
      throw new InvalidArgumentError(`A backup needs the path of a new folder, not ${describe(folder)}`, {
        folder,
      })
    }
    return this.kv.backup(folder, options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    // Handlers that are still running may append.
    const projecting = this.#projections.close()
    if (projecting !== undefined) await projecting
    const ending = this.#broker.close()
    if (ending !== undefined) await ending
    const settling = this.#aggregates.close()
    if (settling !== undefined) await settling
    this.#isClosed = true
    await this.#appender.close()
    this.#projections.release()
    this.#place.release()
    if (this.#ownsKv) await this.kv.close()
  }

  /** What can be read, and subscribed to under its name. */
  #source<E extends EventShape>(readable: ReadableSource, name: SourceName): EventSource<RecordedEvent<E>> {
    return { ...readable, ...subscribable(this.#broker, name) } as unknown as EventSource<RecordedEvent<E>>
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ClosedError('event store')
  }
}
