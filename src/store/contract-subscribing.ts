import type { Listing } from './contract-listing.ts'
import type { SourceName } from './contract-query.ts'
import type { RecordedEvent } from './event.ts'

/**
 * Why a subscription ended: it was closed; its signal was aborted; its group was deleted; its handler, callback or filter threw (not for
 * groups, where that is a nack); it lost its lease; the store was closed; or the store failed, or its stream was tombstoned.
 */
export type SubscriptionEndReason =
  | 'closed'
  | 'aborted'
  | 'deleted'
  | 'handler-failed'
  | 'lease-lost'
  | 'store-closed'
  | 'failed'

/** How a subscription ended. */
export interface SubscriptionEnd {
  readonly reason: SubscriptionEndReason
  /** What was thrown, if anything was. */
  readonly error?: unknown
}

/**
 * Events that arrive. With a handler it runs by itself; without one, iterate it, once. A loop over it ends when the subscription is closed
 * and throws when it ends for any other reason. Leaving the loop closes the subscription.
 */
export interface Subscription<T> extends AsyncIterable<T>, AsyncDisposable {
  /** Resolves when it has ended and its handler has returned; never rejects. */
  readonly ended: Promise<SubscriptionEnd>
  /** Ends it, and waits for the handler in flight. Idempotent. Not from within the handler: await it elsewhere, or use `signal`. */
  close(): Promise<void>
}

/** What a handler is told besides the event. */
export interface HandlerContext {
  /** Aborted when the subscription ends. */
  readonly signal: AbortSignal
}

/**
 * Is called with one event after the other; the next one waits until what it returned has settled. Events are shared among subscribers:
 * do not change their data.
 */
export type EventHandler<R> = (event: R, context: HandlerContext) => unknown

/** Is called with several events at a time. */
export type BatchHandler<R> = (events: readonly R[], context: HandlerContext) => unknown

/** Options that all subscriptions have. */
export interface SubscribeOptions {
  /** Ends the subscription; a loop over it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Called once, when it has ended. A failed handler of a subscription without it is reported as a warning, if nobody asks for `ended`. */
  readonly onEnd?: ((end: SubscriptionEnd) => void) | undefined
}

// ── Filters ──────────────────────────────────────────────────────────────────────────────────────────────

/** Which events of the source are wanted: those for which everything that is given holds. As data, so that a group can keep it. */
export interface StoredFilter {
  /** The type is one of these. */
  readonly types?: readonly string[] | undefined
  /** The type matches: a regular expression, or the text of one. The flags `g` and `y` mean nothing here. */
  readonly typePattern?: RegExp | string | undefined
  /** The stream id begins with one of these. */
  readonly streamPrefixes?: readonly string[] | undefined
  /** The stream id matches. */
  readonly streamPattern?: RegExp | string | undefined
  /** The event has all of these. */
  readonly tags?: readonly string[] | undefined
}

/** The same with a predicate. */
export interface EventFilter<R> extends StoredFilter {
  /** Whether the event is wanted. If it throws, the subscription ends with `handler-failed`. */
  readonly where?: ((event: R) => boolean) | undefined
}

/** How events of the source are seen. */
export interface SightOptions {
  /** As for reading. @default true */
  readonly resolveLinks?: boolean | undefined
  /** Whether to include events of system streams. Only for `all`. @default false */
  readonly system?: boolean | undefined
  /** Whether a stream must exist. A tombstoned one is always refused. @default true */
  readonly mustExist?: boolean | undefined
}

// ── Volatile ─────────────────────────────────────────────────────────────────────────────────────────────

/** From now on, at most once. */
export interface VolatileOptions<R> extends SubscribeOptions, SightOptions {
  readonly type: 'volatile'
  /** Each event goes to one of those with this name, in any process. Not with a `filter`; the first member's `resolveLinks` and `system` hold. */
  readonly group?: string | undefined
  readonly filter?: EventFilter<R> | undefined
  /** Events that wait for the consumer, 1 to 100,000 (in a group at most 2,000 do); when there are more, the oldest go. @default 1000 */
  readonly bufferSize?: number | undefined
  /** Called with the number of events that have just been left out. */
  readonly onLagged?: ((count: number) => void) | undefined
}

/** Events from now on. */
export interface VolatileSubscription<R> extends Subscription<R> {
  /** How many events were left out so far, because the consumer was too slow. */
  readonly lagged: number
}

// ── Catch-up ─────────────────────────────────────────────────────────────────────────────────────────────

/** Everything from a place on, and then what follows. `Place` is a version in a stream, elsewhere a position. */
export interface CatchUpOptions<R, Place> extends SubscribeOptions, SightOptions {
  readonly type: 'catch-up'
  /** Begins behind this place or time: where an earlier subscription's `checkpoint` was. A time means `recordedAt`. */
  readonly after?: Place | Date | undefined
  /** Begins at this place or time, at the first event, or with what is committed from now on. @default 'start' */
  readonly from?: Place | Date | 'start' | 'end' | undefined
  readonly filter?: EventFilter<R> | undefined
  /** Called when everything that was there has been handed over: the first time, and after each `onFellBehind`. */
  readonly onCaughtUp?: (() => void) | undefined
  /** Called when more than a page waits, after it had caught up. */
  readonly onFellBehind?: (() => void) | undefined
}

/** The same, for a handler that takes up to `batchSize` events at a time. */
export interface BatchedCatchUpOptions<R, Place> extends CatchUpOptions<R, Place> {
  /** Most events of one call: those that are there, so seldom as many when live. 1 to 512. */
  readonly batchSize: number
}

/** Events from a place on. */
export interface CatchUpSubscription<R, Place> extends Subscription<R> {
  /**
   * Where to go on later: `after: checkpoint`. Everything up to it was handled, or handed over and followed by a request for more, or
   * was not wanted. `undefined` if that is nothing.
   */
  readonly checkpoint: Place | undefined
  /** Whether all that was there, when it looked last, has been handed over. */
  readonly isCaughtUp: boolean
  /** Yields arrays of events, which costs less for each event. No array is empty. Instead of iterating it. */
  batches(): AsyncIterable<readonly R[]>
}

// ── Persistent ───────────────────────────────────────────────────────────────────────────────────────────

/** How events of a group find their consumers. */
export type GroupStrategy = 'round-robin' | 'dispatch-to-single' | 'pinned' | 'pinned-by-correlation'

/** How long a failed event waits: `initialMs`, doubled with each further retry, at most `maxMs`; of that, a random part from half to all. */
export interface RetryBackoff {
  /** @default 1000 */
  readonly initialMs?: number | undefined
  /** @default 60000 */
  readonly maxMs?: number | undefined
}

/** What can be changed about a group. */
export interface GroupSettings {
  /** How long an event may be in the hands of its handler, and a consumer without a sign of life, in milliseconds. @default 30000 */
  readonly messageTimeoutMs?: number | undefined
  /** How often a failed event is delivered again before it is parked. @default 10 */
  readonly maxRetryCount?: number | undefined
  readonly retryBackoff?: RetryBackoff | undefined
  /** How long finished events may wait to be recorded together, in milliseconds. @default 2000 */
  readonly checkpointAfterMs?: number | undefined
  /** Finished events below which a consumer that is busy does not record them by time. @default 10 */
  readonly checkpointLowerBound?: number | undefined
  /** Finished events that are recorded at once. @default 1000 */
  readonly checkpointUpperBound?: number | undefined
  /** Most events that a consumer has and has not finished, 1 to 2,000. @default 100 */
  readonly bufferSize?: number | undefined
  /** Most consumers at a time; `Infinity` lifts the bound. @default unlimited */
  readonly maxConsumers?: number | undefined
  /** @default 'round-robin' */
  readonly strategy?: GroupStrategy | undefined
  /** Pinned only: whether later events of a key are parked behind a parked one, or go on without it. @default 'sequence' */
  readonly parkMode?: 'sequence' | 'single' | undefined
  /** `{}` lets everything through. @default everything */
  readonly filter?: StoredFilter | undefined
  /** As for reading. @default true */
  readonly resolveLinks?: boolean | undefined
}

/** How a group begins. */
export interface CreateSubscriptionOptions<Place> extends GroupSettings {
  /** `'start'`, `'end'`, behind a place, or from a time on. @default 'start' */
  readonly startFrom?: 'start' | 'end' | Place | Date | undefined
  /** Whether to include events of system streams. Only for `all`. @default false */
  readonly system?: boolean | undefined
  /** Whether a stream must exist. A tombstoned one is always refused. @default true */
  readonly mustExist?: boolean | undefined
}

/** Takes part in a group. */
export interface PersistentOptions extends SubscribeOptions {
  readonly type: 'persistent'
  readonly group: string
  /** How many events the handler may have at a time, 1 to 1,000. Events of one key never are at the same time. @default 1 */
  readonly concurrency?: number | undefined
  /** In place of the group's. */
  readonly bufferSize?: number | undefined
  /** Called when the handler has thrown, before the event is retried. What it returns is done instead. */
  readonly onError?:
    | ((error: unknown, delivery: Delivery<RecordedEvent>) => NackAction | undefined)
    | undefined
}

/**
 * What to do with an event that was not handled: deliver it again, set it aside, count it as done, or deliver it again and stop the whole
 * group until somebody resumes it.
 */
export type NackAction = 'retry' | 'park' | 'skip' | 'stop'

/** An event that was handed over, and is waiting to be acknowledged. */
export interface Delivery<R> {
  readonly event: R
  /** 1 for the first, 2 for the first retry, … */
  readonly attempt: number
  /** Aborted when the event is no longer this consumer's: its time is over, its lease was lost, or the subscription ends. */
  readonly signal: AbortSignal
  /**
   * Says that the event is done. Resolves when that is durable: `true`, or `false` if the event was not this consumer's any more, so that
   * it may come again.
   */
  ack(): Promise<boolean>
  /** Says that it is not done, and why. Resolves as `ack` does. */
  nack(action: NackAction, reason?: string): Promise<boolean>
}

/**
 * Is called with one event. If it returns, the event is acknowledged; if it throws, that is `nack('retry')`. It may use `delivery` to say
 * otherwise.
 */
export type DeliveryHandler<R> = (event: R, delivery: Delivery<R>) => unknown

/** One consumer of a group. */
export interface PersistentSubscription<R> extends Subscription<Delivery<R>> {
  /** Number of this consumer in its group. */
  readonly consumer: number
}

/** Whether a group delivers. `stopped` is what a handler has done with `nack('stop')`. */
export type GroupState = 'running' | 'paused' | 'stopped'

/** One consumer of a group, as others see it. */
export interface ConsumerInfo {
  readonly consumer: number
  /** Events that it has and has not finished. */
  readonly inFlight: number
  /** Events that it has finished lately, per second. */
  readonly finishedPerSecond: number
}

/** What is known of a group. */
export interface SubscriptionInfo<Place = bigint | number> {
  readonly name: string
  readonly source: SourceName
  readonly settings: ResolvedGroupSettings
  readonly state: GroupState
  /** Why it is stopped. */
  readonly stopped?: { readonly reason: string; readonly place: Place; readonly at: Date } | undefined
  /** Everything up to here is finished or parked; it may lie between two events. `undefined` at the very beginning. */
  readonly checkpoint: Place | undefined
  /** Everything up to here was given out. */
  readonly position: Place | undefined
  /** The last event of the source. */
  readonly head: Place | undefined
  /** Events that are wanted and not finished, parked ones not counted. */
  readonly lag: number
  /** Whether `lag` is all; counting ends after 100,000 events. */
  readonly isLagExact: boolean
  readonly inFlight: number
  /** Events that wait to be delivered: again, or because a consumer has given them back before it handed them over. */
  readonly retrying: number
  /** Events that wait for the consumer of their key, or behind an event of the same key. */
  readonly held: number
  readonly parked: number
  readonly consumers: readonly ConsumerInfo[]
  readonly finishedPerSecond: number
}

/** A group's settings with their defaults. */
export interface ResolvedGroupSettings {
  readonly messageTimeoutMs: number
  readonly maxRetryCount: number
  readonly retryBackoff: { readonly initialMs: number; readonly maxMs: number }
  readonly checkpointAfterMs: number
  readonly checkpointLowerBound: number
  readonly checkpointUpperBound: number
  readonly bufferSize: number
  /** `null`: as many as there are. */
  readonly maxConsumers: number | null
  readonly strategy: GroupStrategy
  readonly parkMode: 'sequence' | 'single'
  /** Regular expressions as text, with their flags. */
  readonly filter: ResolvedFilter | null
  readonly resolveLinks: boolean
  readonly system: boolean
}

/** A filter as a group keeps it. */
export interface ResolvedFilter {
  readonly types?: readonly string[]
  readonly typePattern?: { readonly source: string; readonly flags: string }
  readonly streamPrefixes?: readonly string[]
  readonly streamPattern?: { readonly source: string; readonly flags: string }
  readonly tags?: readonly string[]
}

/** An event that was set aside. */
export interface ParkedEvent<R = RecordedEvent, Place = bigint | number> {
  readonly place: Place
  /** The event; `undefined` if it is hidden by now. */
  readonly event: R | undefined
  /** Why; of an event that stands behind another, that it does. */
  readonly reason: string
  readonly parkedAt: Date
  /** How often it was delivered. */
  readonly attempts: number
  /** Pinned only: its key. */
  readonly key: string | undefined
  /** Whether it did not fail itself, but an earlier event of its key is parked. */
  readonly isBehind: boolean
}

/** Which parked events are meant. */
export type ParkedSelection<Place> = 'all' | { readonly place: Place } | { readonly key: string }

/** What to do with many parked events. */
export interface ParkedOptions {
  readonly signal?: AbortSignal | undefined
  /** Called now and then with the number that was dealt with. */
  readonly onProgress?: ((count: number) => void) | undefined
}

/** A group: its administration. Every call: @throws SubscriptionNotFoundError */
export interface SubscriptionGroup<R = RecordedEvent, Place = bigint | number> {
  readonly name: string
  readonly source: SourceName
  info(options?: { readonly signal?: AbortSignal | undefined }): Promise<SubscriptionInfo<Place>>
  /** Stops delivery in all processes; what is in a handler may finish. Does nothing if it is paused or stopped. */
  pause(): Promise<void>
  /** Goes on after `pause` or a `nack('stop')`. */
  resume(): Promise<void>
  /** Goes on behind another place, as `startFrom` says. What was handed over before cannot be acknowledged any more. Parked events stay. */
  reset(options: { readonly to: 'start' | 'end' | Place | Date }): Promise<void>
  /** Changes what is named. Another `strategy` is refused while anything is unfinished or parked. */
  update(settings: GroupSettings): Promise<void>
  /** Removes the group and all that it knows. Its consumers end. */
  delete(): Promise<void>
  /** Lists what is parked, in the order of the source. */
  parked(options?: { readonly signal?: AbortSignal | undefined }): Listing<ParkedEvent<R, Place>>
  /**
   * Delivers parked events again, with no retries behind them. Returns how many.
   * @throws InvalidArgumentError for one event that stands behind a parked one of its key
   */
  replay(which: ParkedSelection<Place>, options?: ParkedOptions): Promise<number>
  /** Counts parked events as done, and forgets them. Returns how many. */
  skip(which: ParkedSelection<Place>, options?: ParkedOptions): Promise<number>
}

/** A group in the list of all. */
export interface SubscriptionEntry {
  readonly name: string
  readonly source: SourceName
  readonly state: GroupState
}

/** A source whose groups can be created. */
export interface GroupSource<Place, Created> {
  /**
   * Creates a group: a persistent subscription, which keeps what was delivered and finished.
   * @throws SubscriptionExistsError, InvalidArgumentError, StreamNotFoundError, StreamTombstonedError, IndexMissingError
   */
  createSubscription(name: string, options?: CreateSubscriptionOptions<Place>): Promise<Created>
}

/** A source that can be subscribed to. */
export interface SubscribableSource<R, Place> extends GroupSource<Place, SubscriptionGroup<R, Place>> {
  /**
   * Subscribes; what has to be established is when the promise resolves.
   * @throws InvalidArgumentError, StreamNotFoundError, StreamTombstonedError, IndexMissingError, SubscriptionNotFoundError,
   * MaxConsumersError
   */
  subscribe(options: VolatileOptions<R>, handler?: EventHandler<R>): Promise<VolatileSubscription<R>>
  subscribe(
    options: BatchedCatchUpOptions<R, Place>,
    handler: BatchHandler<R>,
  ): Promise<CatchUpSubscription<R, Place>>
  subscribe(
    options: CatchUpOptions<R, Place>,
    handler?: EventHandler<R>,
  ): Promise<CatchUpSubscription<R, Place>>
  subscribe(options: PersistentOptions, handler?: DeliveryHandler<R>): Promise<PersistentSubscription<R>>
  /** A group of this source, to be administered, whether it exists or not. */
  subscription(name: string): SubscriptionGroup<R, Place>
}
