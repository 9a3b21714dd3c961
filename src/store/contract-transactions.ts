import type { Tuple } from '../tuple/elements.ts'
import type { AppendResult, MultiAppendOptions, StreamAppend } from './contract-appending.ts'
import type { Listing } from './contract-listing.ts'
import type { Query } from './contract-query.ts'
import type { AllReadOptions, ReadableSource, TransactionSource } from './contract-reading.ts'
import type { CreateStreamOptions, ReadonlyStream, Stream } from './contract-streams.ts'
import type { EventShape, JsonValue, RecordedEvent, TransactionEvent } from './event.ts'

/** The caller's own keys: tuples in, JSON values or bytes out, in the order of the tuples. */
export interface KeyValueReader {
  /** The value of a key, or `undefined`. */
  get(key: Tuple): Promise<JsonValue | Uint8Array | undefined>
  /** Reads all keys that begin with `prefix`, without the prefix itself. */
  getRange(prefix: Tuple, options?: KeyValueRangeOptions): Listing<KeyValueRow>
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

/** Events through indexes, within a transaction that only reads. */
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
