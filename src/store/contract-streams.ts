import type {
  AppendOptions,
  AppendResult,
  EventPlace,
  ExpectedVersion,
  LinkOptions,
} from './contract-appending.ts'
import type { ReadableSource, StreamReadOptions } from './contract-reading.ts'
import type { GroupSource, SubscribableSource } from './contract-subscribing.ts'
import type { EventShape, JsonObject, JsonValue, NewEvent, RecordedEvent } from './event.ts'

/** How a stream is: never created nor written, readable, deleted (but it may come back), or gone for ever. */
export type StreamState = 'none' | 'live' | 'deleted' | 'tombstoned'

/** Which events of a stream remain readable. Either bound suffices to hide an event. */
export interface Retention {
  /** Only the newest so many. */
  readonly maxCount?: number
  /** Only those recorded within so many milliseconds. */
  readonly maxAgeMs?: number
}

/** A change of a stream's retention: `null` lifts a bound; bounds that are not named stay as they are. */
export type RetentionPatch = { readonly [Name in keyof Retention]?: Retention[Name] | null }

/** What is known of a stream. */
export interface StreamInfo extends Retention {
  readonly streamId: string
  readonly state: Exclude<StreamState, 'none' | 'tombstoned'>
  /** Version of the last event, hidden ones included; 0 if there is none. */
  readonly version: number
  /** Version of the first event that can be read; `version + 1` if there is none. */
  readonly firstVersion: number
  /** When the stream was created: by `createStream`, its first metadata, or its first event. */
  readonly createdAt: Date
  /** When its last event or metadata was recorded. */
  readonly modifiedAt: Date
  /** Events before this version were hidden by `truncateBefore`, or by a change of the retention. */
  readonly truncateBefore?: number
  /** The user's map. */
  readonly metadata: JsonObject
}

/** Options of `createStream`. */
export interface CreateStreamOptions extends Retention {
  /** The user's map: JSON values by name. */
  readonly metadata?: JsonObject
}

/** A change of a stream's metadata: `null` removes a key; keys that are not named stay as they are. */
export type MetadataPatch = { readonly [key: string]: JsonValue }

/** Options of `delete` and `tombstone`. */
export interface DeleteOptions {
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion
}

/** Which snapshots are meant, and how many are kept. */
export interface SnapshotOptions {
  /** Version of the state's form; snapshots of another one are ignored. A whole number from 0 on. @default 1 */
  readonly schemaVersion?: number
  /** How many of the newest are kept when one is saved. @default 2 */
  readonly keep?: number
}

/** A state that was saved. */
export interface Snapshot<S = JsonValue | Uint8Array> {
  /** The stream's version up to which all events are in the state. */
  readonly version: number
  readonly state: S
  readonly savedAt: Date
}

/** A snapshot without its state. */
export type SnapshotEntry = Omit<Snapshot, 'state'>

/** The snapshots of one stream that have a name and a schema version in common. */
export interface Snapshots<S = JsonValue | Uint8Array> {
  /**
   * Saves the state that the stream's events up to `version` come to; JSON, or bytes. Replaces one at the same version.
   * @throws StreamNotFoundError, StreamTombstonedError, InvalidArgumentError above the stream's last version, LimitExceededError,
   * UnserializableError
   */
  save(version: number, state: S): Promise<void>
  /**
   * The newest snapshot at or before `version`, never above it, that can be built upon: no event is hidden between it and the first one
   * that can be read. @default the newest of all
   * @throws CorruptionError if its checksum does not hold
   */
  closest(version?: number): Promise<Snapshot<S> | undefined>
  /** All that are kept, the newest first, usable or not. */
  list(): Promise<readonly SnapshotEntry[]>
  /** Deletes the snapshot at this version, or all. */
  delete(version?: number): Promise<void>
}

/**
 * One stream. Making this object touches nothing: the stream need not exist. `R` is what reading yields, `Position` what is
 * known of an append.
 */
export interface Stream<E extends EventShape = EventShape, R = RecordedEvent<E>, Position = bigint>
  extends ReadableSource<R, StreamReadOptions>,
    GroupSource<number, unknown> {
  readonly id: string
  /**
   * Appends events to the end of the stream, all or none. An empty list writes nothing, but its conditions are checked.
   *
   * @throws WrongExpectedVersionError, AppendConditionError, IdempotencyConflictError, UnserializableError, LimitExceededError,
   * InvalidArgumentError, StorageError, ClosedError
   */
  append(
    events: NewEvent<E> | readonly NewEvent<E>[],
    options?: AppendOptions,
  ): Promise<AppendResult<Position>>
  /**
   * Appends a link to an event of this or another stream, which must be readable. A link to a link points to what that points to.
   * @throws EventNotFoundError, and what `append` throws
   */
  linkTo(event: EventPlace, options?: LinkOptions): Promise<AppendResult<Position>>
  /** The event with this version, or `undefined`. @throws StreamTombstonedError */
  event(version: number): Promise<R | undefined>
  /** Whether the stream was created or written, and is neither deleted nor tombstoned. */
  exists(): Promise<boolean>
  /** @throws StreamNotFoundError, StreamTombstonedError */
  info(): Promise<StreamInfo>
  /** The user's map; empty for a stream that does not exist. */
  metadata(): Promise<JsonObject>
  /**
   * Changes the user's map, and creates the stream if need be. Recorded as an event of the stream `$$<id>`. Returns the new map.
   * @throws StreamTombstonedError, LimitExceededError, UnserializableError
   */
  setMetadata(patch: MetadataPatch): Promise<JsonObject>
  /**
   * Changes which events remain readable, and creates the stream if need be. What is hidden already stays hidden.
   * @throws StreamTombstonedError, InvalidArgumentError
   */
  setRetention(patch: RetentionPatch): Promise<void>
  /**
   * Hides all events before a version, at most up to the last one. Does nothing if they are hidden already.
   * @throws StreamNotFoundError, StreamTombstonedError, InvalidArgumentError beyond the version after the last
   */
  truncateBefore(version: number): Promise<void>
  /**
   * Hides the whole stream: here, in `all`, and in every index at once. It can be restored until it is written to again or scavenged.
   * Does nothing if it is deleted already. @throws StreamNotFoundError, StreamTombstonedError, WrongExpectedVersionError
   */
  delete(options?: DeleteOptions): Promise<void>
  /** Makes a deleted stream readable again. @throws StreamNotRestorableError, StreamNotFoundError, StreamTombstonedError */
  restore(): Promise<void>
  /**
   * Deletes the stream for ever: its id can never be written again. Does nothing if it is tombstoned already.
   * @throws StreamNotFoundError, WrongExpectedVersionError
   */
  tombstone(options?: DeleteOptions): Promise<void>
  /** The snapshots with a name, of up to 256 bytes. @throws InvalidArgumentError, LimitExceededError */
  snapshots<S = JsonValue | Uint8Array>(name: string, options?: SnapshotOptions): Snapshots<S>
}

/** A stream outside of transactions, which can be subscribed to. */
export interface SubscribableStream<E extends EventShape = EventShape>
  extends Omit<Stream<E>, keyof GroupSource<number, unknown>>,
    SubscribableSource<RecordedEvent<E>, number> {}

/** Names of the members of a stream that change it. */
type Changing =
  | 'append'
  | 'createSubscription'
  | 'linkTo'
  | 'setMetadata'
  | 'setRetention'
  | 'truncateBefore'
  | 'delete'
  | 'restore'
  | 'tombstone'
  | 'snapshots'

/** The reading half of a stream. */
export interface ReadonlyStream<E extends EventShape, R> extends Omit<Stream<E, R>, Changing> {
  snapshots<S = JsonValue | Uint8Array>(
    name: string,
    options?: SnapshotOptions,
  ): Pick<Snapshots<S>, 'closest' | 'list'>
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
  /** Whether to include deleted and tombstoned streams. @default false */
  readonly deleted?: boolean
  readonly signal?: AbortSignal
}

/** An entry of the enumeration of streams. */
export interface StreamEntry {
  readonly streamId: string
  readonly state: Exclude<StreamState, 'none'>
  /** Version of the last event, hidden ones included; 0 if there is none. */
  readonly version: number
}
