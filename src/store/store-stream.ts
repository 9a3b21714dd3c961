import { type PreparedRequest, prepareOne } from './append-options.ts'
import type { AnySubscribable, Broker } from './broker.ts'
import type { AppendOptions, AppendResult, EventPlace, LinkOptions } from './contract-appending.ts'
import type { EventRead, StreamReadOptions } from './contract-reading.ts'
import type {
  DeleteOptions,
  MetadataPatch,
  RetentionPatch,
  SnapshotOptions,
  Snapshots,
  Stream,
  StreamInfo,
} from './contract-streams.ts'
import type { CreateSubscriptionOptions, SubscriptionGroup } from './contract-subscribing.ts'
import type { StoreTransaction } from './contract-transactions.ts'
import type { JsonObject, NewEvent, RecordedEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import { checkVersion } from './read-options.ts'
import type { Reading } from './reading.ts'
import { storeSnapshots } from './snapshots.ts'
import { streamSource } from './sources.ts'
import { readInfo, readMetadata, readState } from './stream-info.ts'
import { linkRequest } from './stream-links.ts'

/** What a stream outside of transactions needs of its store. */
export interface StreamHost {
  readonly host: StoreHost
  readonly reading: Reading
  readonly broker: Broker
  append(request: PreparedRequest, signal: AbortSignal | undefined): Promise<AppendResult>
  transact<T>(body: (tx: StoreTransaction) => Promise<T>): Promise<T>
}

/** A stream outside of transactions: every call is one of its own. Cheap to make, as programs make one for each append. */
export class StoreStream implements Stream {
  readonly id: string
  readonly #store: StreamHost

  constructor(store: StreamHost, id: string) {
    this.#store = store
    this.id = id
  }

  read(options?: StreamReadOptions): EventRead<RecordedEvent> {
    return streamSource(this.#store.reading, this.id).read(options)
  }

  append(events: NewEvent | readonly NewEvent[], options: AppendOptions = {}): Promise<AppendResult> {
    // Not an async function: at the rates of this call, a promise and its turns more are felt.
    try {
      return this.#store.append(
        prepareOne(this.id, events, options, this.#store.host.keys.codecs),
        options.signal,
      )
    } catch (error) {
      return Promise.reject(error)
    }
  }

  subscribe(...how: Parameters<AnySubscribable['subscribe']>): Promise<unknown> {
    return this.#store.broker.subscribe({ kind: 'stream', streamId: this.id }, ...how)
  }

  createSubscription(
    name: string,
    options: CreateSubscriptionOptions<number> = {},
  ): Promise<SubscriptionGroup> {
    return this.#store.broker.create({ kind: 'stream', streamId: this.id }, name, options)
  }

  subscription(name: string): SubscriptionGroup {
    return this.#store.broker.group({ kind: 'stream', streamId: this.id }, name)
  }

  async linkTo(event: EventPlace, options: LinkOptions = {}): Promise<AppendResult> {
    const request = await this.#store.reading.onSnapshot((view) => linkRequest(view, this.id, event, options))
    return this.#store.append(request, options.signal)
  }

  async event(version: number): Promise<RecordedEvent | undefined> {
    checkVersion(version)
    return this.read({ from: version, to: version }).first()
  }

  exists(): Promise<boolean> {
    return this.#store.reading.onSnapshot(async (view) => (await readState(view, this.id)) === 'live')
  }

  info(): Promise<StreamInfo> {
    return this.#store.reading.onSnapshot((view) => readInfo(view, this.id))
  }

  metadata(): Promise<JsonObject> {
    return this.#store.reading.onSnapshot(({ tx, keys }) => readMetadata(tx, keys, this.id))
  }

  setMetadata(patch: MetadataPatch): Promise<JsonObject> {
    return this.#store.transact((tx) => tx.stream(this.id).setMetadata(patch))
  }

  setRetention(patch: RetentionPatch): Promise<void> {
    return this.#store.transact((tx) => tx.stream(this.id).setRetention(patch))
  }

  truncateBefore(version: number): Promise<void> {
    return this.#store.transact((tx) => tx.stream(this.id).truncateBefore(version))
  }

  delete(options?: DeleteOptions): Promise<void> {
    return this.#store.transact((tx) => tx.stream(this.id).delete(options))
  }

  restore(): Promise<void> {
    return this.#store.transact((tx) => tx.stream(this.id).restore())
  }

  tombstone(options?: DeleteOptions): Promise<void> {
    return this.#store.transact((tx) => tx.stream(this.id).tombstone(options))
  }

  snapshots<S>(name: string, options: SnapshotOptions = {}): Snapshots<S> {
    return storeSnapshots<S>(this.#store, this.id, name, options)
  }
}
