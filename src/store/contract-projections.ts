import type { EventPlace } from './contract-appending.ts'
import type { EventTypes } from './contract-event-types.ts'
import type { Listing } from './contract-listing.ts'
import type { SourceName } from './contract-query.ts'
import type { KeyValueReader, KeyValueWriter } from './contract-transactions.ts'
import type { EventShape, JsonValue, NewEvent, RecordedEvent } from './event.ts'

// ── Definitions ──────────────────────────────────────────────────────────────────────────────────────────

/** An event as a projection sees it: as what it is today. */
export type ProjectedEvent<E extends EventShape = EventShape> = E &
  Pick<
    RecordedEvent,
    'id' | 'streamId' | 'version' | 'position' | 'time' | 'recordedAt' | 'tags' | 'metadata' | 'link'
  >

/** A stream that was deleted, as `deleted` sees it. */
export interface DeletedStream {
  readonly streamId: string
  /** Where it ended. */
  readonly version: number
  /** Whether it is gone for ever. */
  readonly isTombstone: boolean
  readonly position: bigint
  readonly time: Date
}

/** A timer that is due. */
export interface DueTimer {
  readonly name: string
  /** When it was to run. */
  readonly due: Date
}

/** What a handler can do besides making the next state. All of it happens in the transaction of the batch, or not at all. */
export interface ProjectionContext {
  /** The partition whose state it is. */
  readonly partition: string
  /** Where in the log it is: of the event that is handled, or that made the timer due. */
  readonly position: bigint
  /** The projection's own ordered read model, shared by its partitions. */
  readonly kv: KeyValueWriter
  /**
   * Appends one event or several to a stream. They get the `$correlationId` and `$causationId` of what is being handled, unless they have their
   * own. Once for each event that is handled and name of a projection, whatever is repeated, reset or built anew.
   */
  emit(streamId: string, events: NewEvent | readonly NewEvent[]): void
  /** Appends a link to an event that was read. Once, like `emit`. */
  linkTo(streamId: string, event: EventPlace): void
  /** Sets the timer of this name in this partition, in place of an earlier one: `timer` is called when it is due. */
  schedule(name: string, at: Date): void
  /** Removes a timer, if there is one. */
  cancel(name: string): void
  /** Removes the partition: its state is the initial one again. Its timers stay. */
  forget(): void
  /** Ends a `runOnce` behind this event. @throws InvalidArgumentError in a projection that runs on */
  stop(): void
}

/**
 * Makes the next state of a partition, or changes the one that it gets and returns nothing. Must have no other effects but through the context,
 * and ask neither the clock nor chance, as it **may run again**.
 */
export type ProjectionHandler<Input, S> = (
  state: S,
  input: Input,
  context: ProjectionContext,
) => S | undefined | Promise<S | undefined>

/** Handlers by the type of the event. Types without a case are passed over. */
export type ProjectionCases<E extends EventShape, S> = {
  readonly [Type in E['type']]?: ProjectionHandler<ProjectedEvent<Extract<E, { readonly type: Type }>>, S>
}

/** What `defineProjection` takes. */
export interface ProjectionDefinition<E extends EventShape, S> {
  /** What it is called in the store: 1 to 256 bytes. */
  readonly name: string
  /** Raise it whenever the same events shall come to something else: a whole number from 1 on. @default 1 */
  readonly version?: number | undefined
  readonly source: SourceName
  /** Whether links stand for the events that they point to. @default true, but for `all` false */
  readonly resolveLinks?: boolean | undefined
  /** Which partition an event belongs to, in 0 to 512 bytes without NUL; `undefined` passes it over. `'stream'`: the id of its stream. @default one, `''` */
  readonly partitionBy?: 'stream' | ((event: ProjectedEvent<E>) => string | undefined) | undefined
  /** The state of a partition without events. */
  readonly initialState: (partition: string) => S
  readonly on?: ProjectionCases<E, NoInfer<S>> | undefined
  /** Handles events that have no case in `on`. */
  readonly any?: ProjectionHandler<ProjectedEvent<E>, NoInfer<S>> | undefined
  /** Called when a stream of the source was deleted. For `all`, `category` and `stream`; without partitions, or by `'stream'`. */
  readonly deleted?: ProjectionHandler<DeletedStream, NoInfer<S>> | undefined
  /** Called when a timer is due. */
  readonly timer?: ProjectionHandler<DueTimer, NoInfer<S>> | undefined
  /** What makes timers due: the times of events, or the clock as well. @default 'events' */
  readonly clock?: 'events' | 'wall' | undefined
  /** Makes JSON or bytes of a state that is neither. */
  readonly encode?: ((state: NoInfer<S>) => JsonValue | Uint8Array) | undefined
  /** The reverse of `encode`. */
  readonly decode?: ((encoded: never) => NoInfer<S>) | undefined
  /**
   * Makes a state of what an older version has stored (JSON, or bytes), to answer with while that one serves. @default none: reads fail
   * with ProjectionBuildingError until this version serves
   */
  readonly fromOlder?: ((encoded: never, version: number) => NoInfer<S>) | undefined
}

/** An event as an inline projection sees it: as what it is today, without a place in the log, which it has not got yet. */
export type AppendedEvent<E extends EventShape = EventShape> = E &
  Pick<RecordedEvent, 'id' | 'streamId' | 'version' | 'time' | 'tags' | 'metadata'>

/** What a handler of an inline projection can do besides making the next state. All of it happens in the transaction of the append, or not at all. */
export type InlineContext = Pick<ProjectionContext, 'partition' | 'kv' | 'emit' | 'linkTo' | 'forget'>

/** Like `ProjectionHandler`, in the transaction of the append, which it refuses by throwing. */
export type InlineHandler<Input, S> = (
  state: S,
  input: Input,
  context: InlineContext,
) => S | undefined | Promise<S | undefined>

/** Handlers of an inline projection by the type of the event. Types without a case are passed over. */
export type InlineCases<E extends EventShape, S> = {
  readonly [Type in E['type']]?: InlineHandler<AppendedEvent<Extract<E, { readonly type: Type }>>, S>
}

/** What `defineInlineProjection` takes: like that of other projections, but for timers and links. */
export interface InlineProjectionDefinition<E extends EventShape, S>
  extends Pick<
    ProjectionDefinition<E, S>,
    'name' | 'version' | 'source' | 'initialState' | 'encode' | 'decode' | 'fromOlder'
  > {
  /** Which partition an event belongs to, in 0 to 512 bytes without NUL; `undefined` passes it over. `'stream'`: the id of its stream. @default one, `''` */
  readonly partitionBy?: 'stream' | ((event: AppendedEvent<E>) => string | undefined) | undefined
  readonly on?: InlineCases<E, NoInfer<S>> | undefined
  /** Handles events that have no case in `on`. */
  readonly any?: InlineHandler<AppendedEvent<E>, NoInfer<S>> | undefined
  /** Called when a stream of the source is deleted. For `all`, `category` and `stream`; without partitions, or by `'stream'`. */
  readonly deleted?: InlineHandler<Omit<DeletedStream, 'position'>, NoInfer<S>> | undefined
}

/** A kind of projections. Made by `defineProjection` or `defineInlineProjection`; use it with `store.project` and `store.projection`. */
export interface Projection<E extends EventShape, S> {
  readonly name: string
  readonly version: number
  /** Whether it is part of the transactions that append. */
  readonly isInline: boolean
  readonly source: SourceName
  readonly resolveLinks: boolean
  readonly events: EventTypes<E>
  /** What can be told of the definition: two with different forms are different projections. */
  readonly form: string
  readonly definition: ProjectionDefinition<E, S>
}

// ── Using projections ────────────────────────────────────────────────────────────────────────────────────

/** A partition of a projection, as it is. */
export interface PartitionState<S> {
  readonly partition: string
  readonly state: S
  /** Whether anything was handled for it; if not, the state is the initial one. */
  readonly exists: boolean
}

/** A partition, and which copy of the projection has answered. */
export interface LoadedPartition<S> extends PartitionState<S> {
  /** Version of the projection that has answered: an older one while a new one is being built. */
  readonly version: number
  /** Everything up to here is in it; `undefined` if nothing was handled yet. */
  readonly position: bigint | undefined
}

/** What can be read of a projection. */
export interface ProjectionReader<S> {
  /** The state of a partition; the initial one if nothing was handled for it. @throws ProjectionNotFoundError */
  state(partition?: string): Promise<S>
  /** The same, with what is known about it. @throws ProjectionNotFoundError */
  load(partition?: string): Promise<LoadedPartition<S>>
  /** All partitions in the order of their UTF-8 bytes. @throws ProjectionNotFoundError, ProjectionSwitchedError */
  partitions(options?: PartitionsOptions): Listing<PartitionState<S>>
  /** The read model. */
  readonly kv: KeyValueReader
}

/** Which partitions are wanted. */
export interface PartitionsOptions {
  /** Only those that begin with this. */
  readonly prefix?: string
  readonly signal?: AbortSignal
}

/** How to wait for a projection. */
export interface WaitForOptions {
  /** @default 30 seconds */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Whatever can be waited for: a projection. */
export interface PositionWaitable {
  /** Resolves when everything up to a position has been handled. */
  waitFor(position: bigint, options?: WaitForOptions): Promise<void>
}

/** Where to begin anew. */
export interface RestartOptions {
  /**
   * At which position (version, if the source is a stream and there is no `deleted`) or time of recording; events before are as if they had
   * never been. @default the first event
   */
  readonly from?: bigint | number | Date
}

/** What is to be skipped. */
export interface SkipOptions {
  /** Skip only if the fault is at this position. */
  readonly position?: bigint
  /** Whether the copy that is being built is meant. @default the one that serves */
  readonly building?: boolean
}

/** A projection, to be read and administered. */
export interface ProjectionHandle<S> extends ProjectionReader<S>, PositionWaitable {
  readonly name: string
  /** Runs `body` on one snapshot. @throws ProjectionNotFoundError */
  read<T>(body: (reader: ProjectionReader<S>) => Promise<T> | T): Promise<T>
  /**
   * Resolves when everything in the log up to a position has been handled by the copy that answers. Events that are of no interest count as handled.
   * By a definition without `fromOlder`, it resolves only when its version answers.
   * @throws ProjectionTimeoutError, which says how the projection is; ProjectionFaultedError if it stands at an event before that;
   * ProjectionSupersededError if a newer version has taken its place; ProjectionNotFoundError; ClosedError; the signal's reason
   */
  waitFor(position: bigint, options?: WaitForOptions): Promise<void>
  /** How it is. Counts what is behind, so it takes a moment. @throws ProjectionNotFoundError */
  status(options?: { readonly signal?: AbortSignal }): Promise<ProjectionStatus>
  /** Stops it, in all processes, until `resume`. @throws ProjectionNotFoundError */
  pause(): Promise<void>
  /** Lets it go on; what it stopped at is tried again at once. @throws ProjectionNotFoundError */
  resume(): Promise<void>
  /** Moves past the event, or drops the timer, that it stopped at. @throws ProjectionNotFoundError; ProjectionNotFaultedError */
  skip(options?: SkipOptions): Promise<ProjectionFault>
  /** Forgets everything and begins again. Nothing is emitted twice. @throws ProjectionNotFoundError; ProjectionBuildingError */
  reset(options?: RestartOptions): Promise<void>
  /** Makes everything anew, beside what is there, which answers until then. @throws ProjectionNotFoundError; ProjectionBuildingError */
  rebuild(options?: RestartOptions): Promise<void>
  /**
   * Removes it. That it has emitted is remembered, so that one of that name that comes later does not emit for the same events, unless
   * `emittedStreams` says to delete the streams that it has written to, as a whole. @throws ProjectionNotFoundError
   */
  delete(options?: { readonly emittedStreams?: boolean }): Promise<void>
}

/** Why a projection does not run here any more: it was closed; its signal was aborted; it was deleted, or a newer version serves; the store was closed. */
export type ProjectionEndReason = 'closed' | 'aborted' | 'deleted' | 'superseded' | 'store-closed'

/** How running a projection ended. */
export interface ProjectionEnd {
  readonly reason: ProjectionEndReason
  readonly error?: unknown
}

/** A projection that runs here, or stands by. */
export interface RunningProjection<S> extends ProjectionHandle<S>, AsyncDisposable {
  /** Whether this process leads a copy of it. */
  readonly isLeader: boolean
  /** Resolves when it runs here no more; never rejects. */
  readonly ended: Promise<ProjectionEnd>
  /** Stops running it here. Waits for the batch under way, and lets others take over at once. Idempotent. */
  close(): Promise<void>
}

/** How to run a projection. */
export interface ProjectOptions {
  /** Stops running it here. */
  readonly signal?: AbortSignal | undefined
  /** How long others wait for a sign of life before they take over, in milliseconds: 1,000 to 600,000. @default 10 seconds */
  readonly leaseMs?: number | undefined
  /** Most states of partitions that are kept in memory, 0 to 1,000,000. @default 50,000 */
  readonly cacheMax?: number | undefined
  /** Called after each batch. */
  readonly onProgress?: ((progress: ProjectionProgress) => void) | undefined
  /** Called when it stops at an event, each time. @default the runtime's `warn` */
  readonly onFault?: ((fault: ProjectionFault) => void) | undefined
  /** Called when the store cannot be read or written; it is tried again. @default the runtime's `warn` */
  readonly onProblem?: ((error: unknown) => void) | undefined
}

/** How far a projection is. */
export interface ProjectionProgress {
  readonly version: number
  readonly position: bigint
  /** Events that were handled by this copy. */
  readonly handled: number
  /** Whether everything was handled that was there. */
  readonly isCaughtUp: boolean
}

/** What a projection stopped at: an event, a timer, or a source that cannot be read. */
export interface ProjectionFault {
  /** The event that could not be handled, or that made the timer due. */
  readonly event?: {
    readonly position: bigint
    readonly streamId: string
    readonly version: number
    readonly type: string
  }
  readonly timer?: DueTimer
  /** Partition of the event or timer, if it is known. */
  readonly partition?: string
  /** What was thrown. */
  readonly error: { readonly name: string; readonly message: string; readonly stack?: string }
  /** How often it was tried. */
  readonly attempts: number
  readonly since: Date
  /** When it is tried again. */
  readonly retryAt: Date
}

/**
 * Whether a copy moves on: nobody leads it; it is paused; it stands at a fault; it handles what is behind; it has handled everything; or it is
 * part of every append.
 */
export type ProjectionState = 'idle' | 'paused' | 'faulted' | 'catching-up' | 'live' | 'inline'

/** How a copy of a projection is. */
export interface CopyStatus {
  readonly version: number
  readonly state: ProjectionState
  /** Everything up to here was looked at; `undefined` if nothing was. */
  readonly position: bigint | undefined
  /** The version it has come to, if the source is a stream. */
  readonly streamVersion?: number
  /** Events of the source behind that; counted up to a limit. */
  readonly lag: number
  readonly isLagExact: boolean
  /** Events that were handled; by one that is inline, only those before it came into force. */
  readonly handled: number
  /** Events and timers that were skipped by hand. */
  readonly skipped: number
  /** How far its time has come; `undefined` if it has no `timer`. */
  readonly watermark: Date | undefined
  /** Who leads it: a number that each process draws, and how long ago it gave a sign of life, in milliseconds, by the wall clock. */
  readonly leader: { readonly process: string; readonly silentMs: number } | undefined
  readonly fault: ProjectionFault | undefined
}

/** How a projection is. */
export interface ProjectionStatus extends CopyStatus {
  readonly name: string
  readonly source: SourceName
  /** The copy that is being built to take its place. */
  readonly building: CopyStatus | undefined
}

/** A projection in a listing. */
export interface ProjectionEntry {
  readonly name: string
  readonly version: number
  readonly source: SourceName
  readonly state: ListedState
  /** The version that is being built to take its place. */
  readonly building: { readonly version: number; readonly state: ListedState } | undefined
}

/** Like `ProjectionState`, without counting what is behind. */
export type ListedState = Exclude<ProjectionState, 'live' | 'catching-up'> | 'running'

// ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────

/** How to run a projection once over the past. */
export interface RunOnceOptions extends RestartOptions {
  /** The last position (version, if the source is a stream) or time of recording, inclusive. @default the end */
  readonly to?: bigint | number | Date
  /** Runs the timers that are due by then, when all events are handled. @default those that the events have made due */
  readonly clockTo?: Date
  /** Gets what handlers emit and link, which goes nowhere else. @default emitting is refused */
  readonly onEmit?: (emitted: EmittedEvents) => void
  readonly signal?: AbortSignal
  /** Called now and then. */
  readonly onProgress?: (progress: { readonly handled: number; readonly position: bigint }) => void
}

/** What a handler has emitted: events, or a link. */
export type EmittedEvents =
  | { readonly streamId: string; readonly events: readonly NewEvent[] }
  | { readonly streamId: string; readonly link: EventPlace }

/** What a projection came to that was run once. It is in memory, and nothing else is kept. */
export interface Answer<S> extends ProjectionReader<S> {
  /** Events that were handled. */
  readonly handled: number
  /** Up to where it has looked. */
  readonly position: bigint
  /** Whether a handler has stopped it before the end. */
  readonly isStopped: boolean
}
