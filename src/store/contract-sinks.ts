import type { EventTypes } from './contract-event-types.ts'
import type {
  CopyStatus,
  DeletedStream,
  PositionWaitable,
  ProjectedEvent,
  ProjectionFault,
  ProjectOptions,
  SkipOptions,
} from './contract-projections.ts'
import type { SourceName } from './contract-query.ts'
import type { EventShape } from './event.ts'

/**
 * A database of the user's that holds a read model, and how far it is. `docs/sinks.md` says what each promise is used for; `sinkConformance` of
 * `eventdb/testing` holds a sink to them. A sink may be used by several projections at a time.
 */
export interface ProjectionSink<Tx> {
  /** The checkpoint that was committed last under this id; `undefined` before the first. */
  checkpoint(id: string): Promise<string | undefined>
  /**
   * In one transaction of that database: if the checkpoint of `id` is `expected`, calls `write`, and makes what that resolves with the
   * checkpoint; else changes nothing, and does not call it. Resolves with whether that is committed. If `write` rejects, nothing is changed, and
   * it rejects with the same, or with something else if the transaction was lost. Until `write` has settled, nobody else does anything in the transaction.
   */
  commit(id: string, expected: string | undefined, write: (tx: Tx) => Promise<string>): Promise<boolean>
}

/** What a handler is told besides the event. */
export interface SinkContext {
  /** Where in the log the event was found. */
  readonly position: bigint
}

/**
 * Writes what follows from an event. Must have no effects but through the transaction, as it **may run again**. What it returns is of no
 * interest, but it is waited for.
 */
export type SinkHandler<Tx, Input> = (tx: Tx, input: Input, context: SinkContext) => unknown

/** Handlers by the type of the event. Types without a case are passed over. */
export type SinkCases<E extends EventShape, Tx> = {
  readonly [Type in E['type']]?: SinkHandler<Tx, ProjectedEvent<Extract<E, { readonly type: Type }>>>
}

/** What `defineSinkProjection` takes. */
export interface SinkProjectionDefinition<E extends EventShape, Tx> {
  /** What its checkpoint is called, with the version: 1 to 256 bytes. */
  readonly name: string
  /** Raise it whenever the same events shall come to something else: it begins anew, in tables of its own. @default 1 */
  readonly version?: number | undefined
  readonly source: SourceName
  /** Whether links stand for the events that they point to. @default true, but for `all` false */
  readonly resolveLinks?: boolean | undefined
  readonly on?: SinkCases<E, Tx> | undefined
  /** Handles events that have no case in `on`. */
  readonly any?: SinkHandler<Tx, ProjectedEvent<E>> | undefined
  /** Called when a stream of the source was deleted. For `all`, `category` and `stream`. */
  readonly deleted?: SinkHandler<Tx, DeletedStream> | undefined
}

/** A kind of read model elsewhere. Made by `defineSinkProjection`; use it with `store.projectInto`. */
export interface SinkProjection<E extends EventShape, Tx> {
  readonly name: string
  readonly version: number
  readonly source: SourceName
  readonly resolveLinks: boolean
  readonly events: EventTypes<E>
  /** What can be told of the definition: two with different forms are different projections. */
  readonly form: string
  readonly definition: SinkProjectionDefinition<E, Tx>
}

/** How to run a projection into a sink. */
export type ProjectIntoOptions = Omit<ProjectOptions, 'cacheMax'>

/**
 * Whether it moves on, as far as this process knows: another one moves it, and this one stands by; it stands at a fault; the database or the
 * store cannot be read or written; it handles what is behind; or it has handled everything.
 */
export type SinkProjectionState = 'standing-by' | 'faulted' | 'failing' | 'catching-up' | 'live'

/** How a projection into a sink is, as far as this process knows. What was handled and skipped was so by whichever process. */
export interface SinkProjectionStatus
  extends Pick<
    CopyStatus,
    'version' | 'position' | 'streamVersion' | 'lag' | 'isLagExact' | 'handled' | 'skipped' | 'fault'
  > {
  readonly name: string
  readonly source: SourceName
  readonly state: SinkProjectionState
  /** Why the database or the store could not be read or written, if that is how it is. */
  readonly problem: unknown
}

/**
 * Why it does not run here any more: it was closed; its signal was aborted; the store was closed; or what the sink holds, or does, was refused:
 * the `error` says why.
 */
export type SinkProjectionEndReason = 'closed' | 'aborted' | 'store-closed' | 'refused'

/** How running a projection into a sink ended. */
export interface SinkProjectionEnd {
  readonly reason: SinkProjectionEndReason
  readonly error?: unknown
}

/** A projection into a sink that runs here, or stands by. */
export interface RunningSinkProjection extends PositionWaitable, AsyncDisposable {
  readonly name: string
  readonly version: number
  /** Resolves when it runs here no more; never rejects. */
  readonly ended: Promise<SinkProjectionEnd>
  /** How it is. Counts what is behind, so it takes a moment. */
  status(options?: { readonly signal?: AbortSignal }): Promise<SinkProjectionStatus>
  /** Moves past the event that it stopped at, in this process. @throws ProjectionNotFaultedError, ClosedError, what the database throws */
  skip(options?: Pick<SkipOptions, 'position'>): Promise<ProjectionFault>
  /** Stops running it here. Waits for the transaction under way. Idempotent. */
  close(): Promise<void>
}
