import type { CallOf, TransactionExecuteOptions } from '../store/contract-aggregates.ts'
import type { DataCodec } from '../store/contract-codec.ts'
import type { EventShape, JsonObject, JsonValue, NewEvent, NewEventFields } from '../store/event.ts'

/** Options of `specify`. */
export interface SpecifyOptions<Async extends boolean = boolean> {
  /** What the context of commands says is now: the time of events that have no other. @default the beginning of the year 2000, in UTC */
  readonly now?: Date
  /** Id of the aggregate. @default '1' */
  readonly id?: string
  /**
   * Whether everything is asynchronous, so that all methods return promises. Commands whose type says that they are asynchronous do not need
   * it; deciders that are, and asynchronous schemas, do. @default false
   */
  readonly async?: Async
  /** What data is written with, as in `openEventStore`. @default JSON alone */
  readonly codecs?: readonly DataCodec[]
}

/** An event that was written some time ago: of a type that is retired, or of a version that `$schemaVersion` says. */
export interface OldEvent extends NewEventFields {
  readonly type: string
  readonly data?: unknown
  readonly metadata: { readonly [name: string]: JsonValue; readonly $schemaVersion: number }
}

/** What has happened: an event of today, in its newest version, or an old one. */
export type GivenEvent<E extends EventShape> = NewEvent<E> | OldEvent

/** An event that a command should decide on. Metadata, tags, time and id are compared if they are named. */
export type ExpectedEvent<E extends EventShape> = E extends EventShape
  ? Omit<E, 'metadata'> &
      NewEventFields & {
        readonly metadata?: (E extends { readonly metadata: infer M } ? M : never) | JsonObject
      }
  : never

/** A state, or what must hold of it. */
export type ExpectedState<S> = S | ((state: S) => boolean)

/** With what a command should refuse: a class of errors, a text in the message, what must hold of the error, or some of its properties. */
export type ExpectedError =
  | (abstract new (
      ...given: never
    ) => unknown)
  | RegExp
  | ErrorCheck['holds']
  | { readonly [name: string]: unknown }

/** Written as a method, so that a function may ask for an error of a certain class. */
interface ErrorCheck {
  holds(error: Error): boolean
}

/** What a method returns: nothing, or a promise if what it is about is asynchronous. */
export type Told<Async, Returned> = Async extends true
  ? Promise<void>
  : [Returned] extends [never]
    ? undefined
    : Returned extends PromiseLike<unknown>
      ? Promise<void>
      : undefined

/** What the command of this name returns. */
export type ReturnedBy<Command> = Command extends (...given: never) => infer Returned ? Returned : never

/** Examples of how an aggregate behaves. */
export interface Specification<E extends EventShape, S, C, Async extends boolean> {
  /**
   * An aggregate to which this has happened: an event, several, or none. Events of today are checked as if they were appended, and all are
   * brought up to date and folded as if they were read.
   *
   * @throws what `evolve` and upcasters throw; AssertionError if an event could not have been written, or a rule was broken
   */
  given(events: GivenEvent<E> | readonly GivenEvent<E>[]): SpecifiedState<E, S, C, Async>
}

/** An aggregate with a history. */
export interface SpecifiedState<E extends EventShape, S, C, Async extends boolean> {
  /** Decides a command, once. Its options are those that it has within a transaction. @throws InvalidArgumentError for a wrong call */
  when<Name extends keyof C & string>(
    ...call: CallOf<C, Name, TransactionExecuteOptions>
  ): SpecifiedOutcome<E, S, Told<Async, ReturnedBy<C[Name]>>>
  /** What the events have come to. @throws AssertionError */
  thenState(expected: ExpectedState<S>): Told<Async, undefined>
}

/**
 * What a command came to. Not a promise, although it has a method `then`: whoever awaits it is told so.
 *
 * Every method throws an AssertionError if it is otherwise, or if a rule was broken: at once, unless the command is asynchronous.
 */
export interface SpecifiedOutcome<E extends EventShape, S, Result> {
  /** It decided on these events, and no others. */
  then(expected: ExpectedEvent<E> | readonly ExpectedEvent<E>[]): Result
  /** It decided on events with which the state is this. */
  thenState(expected: ExpectedState<S>): Result
  /** It was refused, by the command or by what checks its events, with this error. */
  thenThrows(expected: ExpectedError): Result
  /** It had nothing to do. */
  thenNothing(): Result
}
