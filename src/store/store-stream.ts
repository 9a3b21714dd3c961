import type {
  AppendOptions,
  AppendResult,
  EventRead,
  MetadataPatch,
  StoreTransaction,
  Stream,
  StreamAppend,
  StreamInfo,
  StreamReadOptions,
} from './contract.ts'
import type { JsonObject, NewEvent, RecordedEvent } from './event.ts'
import { checkAppendOptions } from './expected-version.ts'
import type { StoreHost } from './host.ts'
import type { Reading } from './reading.ts'
import { streamSource } from './sources.ts'
import { readInfo, readMetadata } from './stream-metadata.ts'
import { numberOf } from './stream-rows.ts'

/** What a stream outside of transactions needs of its store. */
export interface StreamHost {
  readonly host: StoreHost
  readonly reading: Reading
  append(append: StreamAppend, signal: AbortSignal | undefined): Promise<AppendResult>
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
      checkAppendOptions(options)
      const { expectedVersion = 'any', signal } = options
      return this.#store.append({ streamId: this.id, events, expectedVersion }, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async event(version: number): Promise<RecordedEvent | undefined> {
    return this.read({ from: version, to: version }).first()
  }

  exists(): Promise<boolean> {
    return this.#store.reading.onSnapshot(
      async (tx) => (await numberOf(tx, this.#store.host.keys, this.id)) !== undefined,
    )
  }

  info(): Promise<StreamInfo> {
    return this.#store.reading.onSnapshot((tx) => readInfo(tx, this.#store.host, this.id))
  }

  metadata(): Promise<JsonObject> {
    return this.#store.reading.onSnapshot((tx) => readMetadata(tx, this.#store.host.keys, this.id))
  }

  setMetadata(patch: MetadataPatch): Promise<JsonObject> {
    return this.#store.transact((tx) => tx.stream(this.id).setMetadata(patch))
  }
}
