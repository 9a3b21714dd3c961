import { ClosedError, InvalidArgumentError, LimitExceededError } from '../errors.ts'
import type { KeyValueStore, Transaction } from '../kv/contract.ts'
import { APPEND_EVENTS_MAX, APPEND_STREAMS_MAX, EVENT_BYTES_MAX } from '../limits.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import type { SessionAppend } from './appended.ts'
import { Appender } from './appender.ts'
import { checkStore } from './check.ts'
import type {
  AllReadOptions,
  AppendResult,
  CheckOptions,
  CheckReport,
  CreateStreamOptions,
  EventSource,
  EventStore,
  MultiAppendOptions,
  StoreInfo,
  StoreReadTransaction,
  StoreTransaction,
  StoreTransactOptions,
  Stream,
  StreamAppend,
  StreamEntry,
  StreamsOptions,
} from './contract.ts'
import type { EventShape, RecordedEvent } from './event.ts'
import { checkExpectedVersion } from './expected-version.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { onlyNames } from './known-names.ts'
import { joinPlace, type Place } from './place.ts'
import { checkStreamId, checkWritableStreamId, prepareEvents } from './prepared-event.ts'
import { readingOf } from './reading.ts'
import { RecordEncoder } from './record.ts'
import { allSource } from './sources.ts'
import { readStoreInfo } from './store-info.ts'
import { StoreStream, type StreamHost } from './store-stream.ts'
import { storeReadTransaction, storeTransaction } from './store-transaction.ts'
import { listStreams } from './stream-list.ts'
import { UuidSource } from './uuid.ts'

/** What a store is made of. */
export interface StoreParts {
  readonly kv: KeyValueStore
  readonly keys: Keyspace
  /** Whether closing the store closes the key-value store as well. */
  readonly ownsKv: boolean
  readonly runtime?: Runtime
  readonly eventBytesMax?: number
}

/** Makes the store over a place whose format was claimed. */
export function makeEventStore(parts: StoreParts): EventStore {
  return new LayeredStore(parts)
}

class LayeredStore implements EventStore {
  readonly kv: KeyValueStore
  readonly all: EventSource<RecordedEvent, AllReadOptions>
  readonly #host: StoreHost
  readonly #appender: Appender
  readonly #streamHost: StreamHost
  readonly #ownsKv: boolean
  readonly #place: Place
  #closing: Promise<void> | undefined

  constructor({ kv, keys, ownsKv, runtime = systemRuntime, eventBytesMax = EVENT_BYTES_MAX }: StoreParts) {
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
      eventBytesMax,
    }
    this.#appender = new Appender(this.#host)
    const reading = readingOf(kv, this.#host, () => this.#assertOpen())
    this.#streamHost = {
      host: this.#host,
      reading,
      append: (append, signal) => this.#appendOne(append, signal),
      transact: (body) => this.transact(body),
    }
    this.all = allSource(reading)
  }

  stream<E extends EventShape = EventShape>(id: string): Stream<E> {
    checkStreamId(id)
    return new StoreStream(this.#streamHost, id) as unknown as Stream<E>
  }

  async createStream<E extends EventShape = EventShape>(
    id: string,
    options?: CreateStreamOptions,
  ): Promise<Stream<E>> {
    await this.transact((tx) => tx.createStream(id, options))
    return this.stream<E>(id)
  }

  async *streams(options: StreamsOptions = {}): AsyncGenerator<StreamEntry> {
    this.#assertOpen()
    for await (const { streamId, version } of listStreams(this.#host, options)) yield { streamId, version }
  }

  async append(
    appends: readonly StreamAppend[],
    options: MultiAppendOptions = {},
  ): Promise<readonly AppendResult[]> {
    this.#assertOpen()
    checkMultiAppendOptions(options)
    const { conditions = [], signal } = options
    for (const condition of conditions) {
      checkCondition(condition)
      checkStreamId(condition.streamId)
      checkExpectedVersion(condition.expectedVersion)
    }
    return this.#appender.append({ appends: prepareAppends(appends), conditions, signal })
  }

  #appendOne(append: StreamAppend, signal: AbortSignal | undefined): Promise<AppendResult> {
    this.#assertOpen()
    return this.#appender.appendOne(prepareAppend(append), signal)
  }

  async transact<T>(
    body: (tx: StoreTransaction) => Promise<T> | T,
    options?: StoreTransactOptions,
  ): Promise<T> {
    this.#assertOpen()
    return this.kv.transact((tx) => body(this.within(tx)), options)
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
    return storeTransaction(this.#host, this.#place.sessions, tx)
  }

  async info(options: { readonly signal?: AbortSignal } = {}): Promise<StoreInfo> {
    this.#assertOpen()
    return readStoreInfo(this.#host, options.signal)
  }

  async check(options?: CheckOptions): Promise<CheckReport> {
    this.#assertOpen()
    return checkStore(this.#host, options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.#appender.close()
    this.#place.release()
    if (this.#ownsKv) await this.kv.close()
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError('event store')
  }
}

const checkMultiAppendOptions = onlyNames(
  'The options of an append to several streams',
  'conditions',
  'signal',
)
const checkStreamAppend = onlyNames('An append to several streams', 'streamId', 'events', 'expectedVersion')
const checkCondition = onlyNames('A condition', 'streamId', 'expectedVersion')

/** Checks an append to several streams. @throws InvalidArgumentError, LimitExceededError, UnserializableError */
function prepareAppends(appends: readonly StreamAppend[]): SessionAppend[] {
  if (appends.length > APPEND_STREAMS_MAX) {
    throw new LimitExceededError('An append', APPEND_STREAMS_MAX, appends.length, 'streams')
  }
  const prepared = appends.map((append) => {
    checkStreamAppend(append)
    return prepareAppend(append)
  })
  if (prepared.length > 1) checkTogether(prepared)
  return prepared
}

function prepareAppend({ streamId, events, expectedVersion = 'any' }: StreamAppend): SessionAppend {
  checkWritableStreamId(streamId)
  checkExpectedVersion(expectedVersion)
  return { streamId, events: prepareEvents(events), expectedVersion }
}

function checkTogether(appends: readonly SessionAppend[]): void {
  let events = 0
  const streams = new Set<string>()
  for (const append of appends) {
    events += append.events.length
    if (streams.has(append.streamId)) {
      throw new InvalidArgumentError('An append names a stream twice; put its events into one list', {
        streamId: append.streamId,
      })
    }
    streams.add(append.streamId)
  }
  if (events > APPEND_EVENTS_MAX)
    throw new LimitExceededError('An append', APPEND_EVENTS_MAX, events, 'events')
}
