import type { Listing } from './contract-listing.ts'
import type { GroupSource, SubscribableSource } from './contract-subscribing.ts'
import type { RecordedEvent, TransactionEvent } from './event.ts'

/**
 * Where to read, and how. `from` and `to` are inclusive, `after` and `before` exclusive; to go on where an earlier read
 * ended, always use `after`. In a stream the bounds are versions, elsewhere positions or times (`recordedAt`).
 */
export interface ReadOptions<Bound> {
  readonly from?: Bound | undefined
  readonly after?: Bound | undefined
  readonly to?: Bound | undefined
  readonly before?: Bound | undefined
  /** Most events to read. @default unlimited */
  readonly limit?: number | undefined
  /** Backwards begins at the end. @default 'forwards' */
  readonly direction?: 'forwards' | 'backwards' | undefined
  /**
   * Whether a link yields the event that it points to, with `link` saying where it was found; one whose event is hidden or
   * scavenged yields nothing. Otherwise the links themselves come out, as events of the type `$link`. @default true
   */
  readonly resolveLinks?: boolean | undefined
  /** Ends the read; it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** Options for reading one stream, in versions. */
export type StreamReadOptions = ReadOptions<number>

/** Options for reading in the global order, in positions or times. */
export type PositionReadOptions = ReadOptions<bigint | Date>

/** Options for reading everything. */
export interface AllReadOptions extends PositionReadOptions {
  /** Whether to include events of system streams, whose ids begin with `$`. @default false */
  readonly system?: boolean | undefined
}

/**
 * A read that has not begun: nothing happens until it is iterated, and it can be iterated again. Sees at least
 * what was committed when the iteration began, each event once, in order. It holds no resources between two events.
 */
export interface EventRead<R> extends Listing<R> {
  /** The first event of the read, or `undefined`. */
  first(): Promise<R | undefined>
  /** The last event of the read, or `undefined`. Does not read what is before it, unless there is a `limit`. */
  last(): Promise<R | undefined>
  /** Yields arrays of events, which costs less for each event. No array is empty. */
  batches(): AsyncIterable<readonly R[]>
}

/** Anything that can be read in order. */
export interface ReadableSource<R = RecordedEvent, Options = PositionReadOptions> {
  /** @throws InvalidArgumentError for bounds that make no sense; while reading: CorruptionError, ClosedError */
  read(options?: Options): EventRead<R>
}

/** Anything that can be read in order and subscribed to. `Place` is what tells where an event is in it. */
export interface EventSource<R = RecordedEvent, Options = PositionReadOptions, Place = bigint>
  extends ReadableSource<R, Options>,
    SubscribableSource<R, Place> {}

/** Anything that can be read in order within a transaction, which can also create groups that subscribe to it. */
export interface TransactionSource<R = TransactionEvent, Options = PositionReadOptions, Place = bigint>
  extends ReadableSource<R, Options>,
    GroupSource<Place, void> {}

/** An index that a store can have: by what precedes the first `-` of the stream id, by event type, and by each tag. */
export type IndexName = 'category' | 'type' | 'tag'
