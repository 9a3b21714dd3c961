import type { ExpectedVersion } from './contract-appending.ts'
import type { EventTypes } from './contract-event-types.ts'
import type { PositionWaitable } from './contract-projections.ts'
import type { SubscribableStream } from './contract-streams.ts'
import type { StoreTransaction } from './contract-transactions.ts'
import type { EventShape, JsonObject, JsonValue, NewEvent, RecordedEvent } from './event.ts'

// ── Definitions ──────────────────────────────────────────────────────────────────────────────────────────

/** An event as `evolve` sees it: what is the same whether it was just decided or read years later. */
export type FoldedEvent<E extends EventShape = EventShape> = E & {
  readonly streamId: string
  readonly version: number
  /** When it happened: what its command said, else when it was decided. */
  readonly time: Date
  readonly tags: readonly string[]
  /** Whatever it is, where the event's own type does not say. */
  readonly metadata?: unknown
}

/** What a command decided: an event, several, or none. */
export type Decision<E extends EventShape> = NewEvent<E> | readonly NewEvent<E>[] | undefined

/** What a command knows besides the state and its input. */
export interface CommandContext {
  /** Id of the aggregate; the stream's is `streamId`. */
  readonly id: string
  readonly streamId: string
  /** Version of the state. */
  readonly version: number
  /** Whether the aggregate has events. */
  readonly exists: boolean
  /** When it is decided: the `time` of its events, unless they say otherwise. Use it instead of the clock. */
  readonly now: Date
  /** What goes into the metadata of its events. */
  readonly metadata: JsonObject
  readonly signal: AbortSignal | undefined
}

/**
 * Decides what happens. Must leave the state as it is and have no effects, as it **may run again** if the aggregate has changed meanwhile. It
 * refuses by throwing. The input is for the caller to annotate.
 */
export type Command<E extends EventShape, S> = (
  state: S,
  input: never,
  context: CommandContext,
) => Decision<E> | Promise<Decision<E>>

/** Commands by their names. */
export type Commands<E extends EventShape, S> = { readonly [name: string]: Command<E, S> }

/** Makes the state after an event from the one before it. Must be pure. */
export type Evolve<E extends EventShape, S> = (state: S, event: FoldedEvent<E>) => S

/** How the state evolves, by the type of the event. */
export type EvolveCases<E extends EventShape, S> = {
  readonly [Type in E['type']]: Evolve<Extract<E, { readonly type: Type }>, S>
}

/** What `defineAggregate` takes. */
export interface AggregateDefinition<E extends EventShape, S, C, Exhaustive extends boolean>
  extends AggregateSettings<S> {
  readonly initialState: () => S
  /** By type, or one function for all. Types without a case leave the state as it is. */
  readonly evolve:
    | (Exhaustive extends true ? EvolveCases<E, NoInfer<S>> : Partial<EvolveCases<E, NoInfer<S>>>)
    | Evolve<E, NoInfer<S>>
  readonly commands: C
  /** Whether every type must have a case: to compile, and in what is read, where another type is an `UnknownEventError`. @default false */
  readonly exhaustive?: Exhaustive
}

/** What can be said of any aggregate. */
export interface AggregateSettings<S> {
  /** What precedes the separator in the ids of its streams: aggregate `1` of the category `cart` is the stream `cart-1`. */
  readonly category: string
  /** When to save the state. @default never */
  readonly snapshots?: SnapshotPolicy<S> | undefined
  /** What to do if the first events are hidden and no snapshot stands in for them. @default 'refuse': HistoryMissingError */
  readonly hidden?: 'refuse' | 'skip' | undefined
  /** States that a store keeps in memory, 0 to 1,000,000: those used last. @default 10,000 */
  readonly cacheMax?: number | undefined
}

/** When to save the state of an aggregate, and how. Any of `every`, `loadMs` and `when` suffices. */
export interface SnapshotPolicy<S> {
  /** Name of the snapshots. Two kinds of aggregates on the same streams need two. @default 'state' */
  readonly name?: string
  /** After so many events since the last snapshot. */
  readonly every?: number
  /** After a command for which loading took longer than so many milliseconds. */
  readonly loadMs?: number
  /** Decides as it likes. */
  readonly when?: (state: S, progress: SnapshotProgress) => boolean
  /** Version of the state's form. Raise it whenever `evolve` or the state changes: snapshots of another are ignored. @default 1 */
  readonly schemaVersion?: number
  /** How many are kept. @default 2 */
  readonly keep?: number
  /** Makes JSON or bytes of a state that is neither. */
  readonly encode?: (state: S) => JsonValue | Uint8Array
  /** The reverse of `encode`. */
  readonly decode?: (encoded: never) => S
  /** Called with what went wrong with a snapshot, which changes no result. @default the runtime's `warn` */
  readonly onProblem?: (error: unknown, place: { readonly streamId: string }) => void
}

/** What a snapshot policy decides upon. */
export interface SnapshotProgress {
  readonly version: number
  /** Events since the last snapshot that is known. */
  readonly events: number
  /** How long the state took to load, in milliseconds; 0 if it was made here, or saved since. */
  readonly loadMs: number
}

/** A kind of aggregates. Made by `defineAggregate` and its siblings; use it with `store.aggregate`. */
export interface Aggregate<E extends EventShape, S, C> extends AggregateSettings<S> {
  readonly events: EventTypes<E>
  readonly initialState: () => S
  readonly evolve: Evolve<E, S>
  /** Commands by name. */
  readonly commands: C
  /** The types that `evolve` has cases for, if it is made of cases. */
  readonly cases: readonly string[] | undefined
  /** The types of which events may be, if `evolve` must know each of them. */
  readonly mustKnow: ReadonlySet<string> | undefined
  /** How to copy a state, if `evolve` changes it instead of making another one. */
  readonly copy: ((state: S) => S) | undefined
}

/** A decider from elsewhere: Chassaing's functional core, as Emmett, fmodel and others have it. */
export interface Decider<Cmd, E extends EventShape, S> {
  readonly initialState: S | (() => S)
  readonly evolve: (state: S, event: E) => S
  readonly decide: (command: Cmd, state: S) => Decision<E> | Promise<Decision<E>>
}

declare const DECIDED: unique symbol

/** The commands of a decider: whatever it takes, told apart by `decide` itself. */
export interface DeciderCommands<Cmd> {
  /** Only for the compiler. */
  readonly [DECIDED]: Cmd
}

// ── Use ──────────────────────────────────────────────────────────────────────────────────────────────────

/** What a command is called with; `undefined` as well, if it need not be. */
export type InputOf<F> = F extends (state: never, ...rest: infer Rest) => unknown
  ? Rest extends readonly [infer Input, ...unknown[]]
    ? Input
    : Rest extends readonly []
      ? undefined
      : Rest extends readonly [_?: infer Input, ...rest: unknown[]]
        ? Input | undefined
        : undefined
  : never

/** How a command is called: its name, its input, if it has one, and options. A decider's command is its input alone. */
export type CallOf<C, Name extends keyof C, Options> =
  C extends DeciderCommands<infer Cmd>
    ? readonly [command: Cmd, options?: Options]
    : undefined extends InputOf<C[Name]>
      ? readonly [name: Name, input?: InputOf<C[Name]>, options?: Options]
      : readonly [name: Name, input: InputOf<C[Name]>, options?: Options]

/** Which state to load. @default the newest */
export interface LoadOptions {
  /** After the event with this version. */
  readonly version?: number | undefined
  /** As it was at a time: with all events before the first one that happened later. */
  readonly asOf?: Date | undefined
  readonly signal?: AbortSignal | undefined
}

/** The state of an aggregate. */
export interface LoadedAggregate<S> {
  readonly id: string
  readonly streamId: string
  /** Shared with others who ask: do not change it. */
  readonly state: S
  /** Version of the stream's last event up to there; 0 if there is none. */
  readonly version: number
  /** Whether there are events: not before the first one, and not after a deletion. */
  readonly exists: boolean
}

/** What an event can be said to follow from. */
export interface Causation {
  /** `$correlationId` of the events: what belongs together. */
  readonly correlationId?: string | undefined
  /** `$causationId` of the events: what led to them. */
  readonly causationId?: string | undefined
  /** The event that one reacts to: its id is the cause, and its correlation goes on; where it has none, its id begins one. */
  readonly causedBy?: Pick<RecordedEvent, 'id' | 'metadata'> | undefined
}

/** Options of a command within a transaction. */
export interface TransactionExecuteOptions extends Causation {
  /** What the caller has seen. @default whatever it is */
  readonly expectedVersion?: Extract<ExpectedVersion, number | 'no-stream' | 'stream-exists'> | undefined
  /** Goes into the metadata of each event; what the event says itself goes first. */
  readonly metadata?: JsonObject | undefined
}

/** Options of a command. */
export interface ExecuteOptions extends TransactionExecuteOptions {
  /** Stands for this command: with the same key it is decided and written once in 7 days (`idempotencyKeyMs` of `openEventStore`). */
  readonly idempotencyKey?: string | undefined
  /** How often to decide again after a conflict. @default 5 */
  readonly retriesMax?: number | undefined
  /**
   * Projections that shall have handled the events before the command resolves. If that fails, the command is done all the same:
   * NotYetProjectedError.
   */
  readonly waitFor?: readonly PositionWaitable[] | undefined
  /** Gives up waiting. What is under way to the disk happens all the same. */
  readonly signal?: AbortSignal | undefined
}

/** What became of a command. */
export interface CommandResult<E extends EventShape, S, Position = bigint> extends LoadedAggregate<S> {
  /** The events that it decided on, as `evolve` saw them; none if there was nothing to do, or if it was done before: then the state is that of now. */
  readonly events: readonly FoldedEvent<E>[]
  /** Position of the last event that it wrote, now or when it was done before; `undefined` if there was none. */
  readonly position: Position | undefined
  /** How often it was decided: once, and again after each conflict; 0 if it was known to have been done before. */
  readonly decisions: number
  /** Whether it was done before: by its key, or by ids of its events that the caller has given. */
  readonly idempotent: boolean
}

/** Aggregates within a transaction, all or nothing with whatever else it does. */
export interface TransactionAggregates<E extends EventShape, S, C> {
  /** @throws what `Aggregates.load` throws */
  load(id: string, options?: Omit<LoadOptions, 'signal'>): Promise<LoadedAggregate<S>>
  /** Decides and appends. There is no other try: that is the transaction's. @throws what `Aggregates.execute` throws */
  execute<Name extends keyof C & string>(
    id: string,
    ...call: CallOf<C, Name, TransactionExecuteOptions>
  ): Promise<CommandResult<E, S, undefined>>
  /** The same for an aggregate without events. @throws StreamExistsError if it has any */
  create<Name extends keyof C & string>(
    id: string,
    ...call: CallOf<C, Name, Omit<TransactionExecuteOptions, 'expectedVersion'>>
  ): Promise<CommandResult<E, S, undefined>>
}

/** The aggregates of one kind. Cheap to make: queues and states belong to the store and the kind. */
export interface Aggregates<E extends EventShape, S, C> {
  readonly category: string
  /**
   * The state of an aggregate: the initial one if it does not exist.
   * @throws StreamTombstonedError, HistoryMissingError, UnknownEventError, ValidationError, EventNotFoundError for a version after the
   * last, ConflictError if the stream is deleted and restored all the time, ClosedError, and what `evolve` throws
   */
  load(id: string, options?: LoadOptions): Promise<LoadedAggregate<S>>
  /**
   * Runs a command: loads, decides, appends, and decides again if somebody else was faster. Resolves when the events are durable.
   *
   * @throws what the command throws, unchanged; what `load` throws; ValidationError; WrongExpectedVersionError if the caller has said what
   * it expects; TooManyConflictsError; IdempotencyConflictError; LimitExceededError; UnserializableError;
   * ConflictError, StorageError and CommitUnknownError from the append; ClosedError
   */
  execute<Name extends keyof C & string>(
    id: string,
    ...call: CallOf<C, Name, ExecuteOptions>
  ): Promise<CommandResult<E, S>>
  /** The same for an aggregate without events. @throws StreamExistsError if it has any */
  create<Name extends keyof C & string>(
    id: string,
    ...call: CallOf<C, Name, Omit<ExecuteOptions, 'expectedVersion'>>
  ): Promise<CommandResult<E, S>>
  /** The same aggregates within a transaction. */
  within(tx: StoreTransaction): TransactionAggregates<E, S, C>
  /** The stream of an aggregate, to read, to subscribe to, and to delete. Its events come from commands. */
  stream(id: string): Omit<SubscribableStream<E>, 'append' | 'linkTo'>
}

/** How aggregates of a kind are used. */
export interface AggregatesOptions {
  /** Runs around every command, the first one outermost. */
  readonly middleware?: readonly CommandMiddleware[] | undefined
  /** Asked for every command: what its events follow from, and metadata for them. What the options of the command say goes first. */
  readonly context?: (() => CommandOrigin) | undefined
}

/** Where a command comes from. */
export interface CommandOrigin extends Causation {
  readonly metadata?: JsonObject | undefined
}

/** A command that is to be run. */
export interface CommandCall {
  readonly category: string
  readonly id: string
  readonly streamId: string
  /** Name of the command; of a decider's, its `type` if it has one. */
  readonly name: string
  readonly input: unknown
  readonly metadata: JsonObject
  readonly signal: AbortSignal | undefined
}

/** What is known of the result of any command. */
export type AnyCommandResult = CommandResult<EventShape, unknown, bigint | undefined>

/**
 * Runs around a command: call `next` to go on, with another input or other metadata if need be; throw to refuse. Called once for each
 * command, however often that is decided.
 */
export type CommandMiddleware = (
  command: CommandCall,
  next: (changes?: Partial<Pick<CommandCall, 'input' | 'metadata'>>) => Promise<AnyCommandResult>,
) => Promise<AnyCommandResult>
