import { InvalidArgumentError, StreamExistsError, WrongExpectedVersionError } from '../errors.ts'
import { SCHEMA_VERSION } from '../events/define-events.ts'
import type { Codecs } from '../store/codecs.ts'
import type { Aggregate, CommandContext, Decision, FoldedEvent } from '../store/contract-aggregates.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { EventShape, JsonObject, NewEvent } from '../store/event.ts'
import { type PreparedEvent, prepareEvents } from '../store/prepared-event.ts'
import { describe } from '../store/text.ts'
import { type CommandRequest, contextOf } from './command.ts'
import { decidedEvent } from './decided-event.ts'
import { Fold, type Folded, hasEvents } from './fold.ts'

/** What a command came to, on a state: an error, or events and the state with them. */
export type Outcome<E extends EventShape, S> =
  | { readonly error: unknown }
  | {
      readonly prepared: readonly PreparedEvent[]
      readonly events: readonly FoldedEvent<E>[]
      readonly folded: Folded<S>
    }

/** When a command is decided, and how what it decides is written. */
export interface Circumstances {
  readonly nowMs: number
  readonly codecs: Codecs
}

/** Commands as they are called. */
type AnyCommands = Readonly<
  Record<string | symbol, (state: unknown, input: unknown, context: CommandContext) => unknown>
>

/**
 * Decides a command on a state: at once, unless the command or a schema is asynchronous. Whatever goes wrong is the outcome; nothing is thrown.
 * Events that `evolve` cannot take are refused before they are written.
 */
export function decide<E extends EventShape, S>(
  aggregate: Aggregate<E, S, unknown>,
  request: CommandRequest,
  folded: Folded<S>,
  { nowMs, codecs }: Circumstances,
): Outcome<E, S> | Promise<Outcome<E, S>> {
  try {
    refuseOthers(request, folded)
    const command = (aggregate.commands as AnyCommands)[request.command]!
    const context = contextOf(request, { version: folded.version, exists: hasEvents(folded) }, nowMs)
    const decision = command(folded.state, request.input, context) as Decision<E> | Promise<Decision<E>>
    const checked = isPromise(decision)
      ? decision.then((made) => checkedEvents(aggregate.events, made))
      : checkedEvents(aggregate.events, decision)
    const outcome = (events: readonly NewEvent<E>[]): Outcome<E, S> =>
      outcomeOf(aggregate, request, folded, { nowMs, codecs }, events)
    return isPromise(checked)
      ? checked.then(outcome).catch((error: unknown): Outcome<E, S> => ({ error }))
      : outcome(checked)
  } catch (error) {
    return { error }
  }
}

function refuseOthers<S>({ streamId, expectedVersion, isCreation }: CommandRequest, folded: Folded<S>): void {
  const exists = hasEvents(folded)
  const { version } = folded
  if (isCreation && exists) throw new StreamExistsError(streamId, version)
  const isMet =
    expectedVersion === undefined ||
    (expectedVersion === 'no-stream' && !exists) ||
    (expectedVersion === 'stream-exists' && exists) ||
    expectedVersion === version
  if (isMet) return
  const state = exists ? 'live' : version > 0 ? 'deleted' : 'none'
  throw new WrongExpectedVersionError([
    { kind: 'stream', streamId, expected: expectedVersion, actual: version, state },
  ])
}

function checkedEvents<E extends EventShape>(
  events: EventTypes<E>,
  decision: Decision<E>,
): readonly NewEvent<E>[] | Promise<readonly NewEvent<E>[]> {
  if (decision === undefined) return []
  const list = (Array.isArray(decision) ? decision : [decision]) as readonly NewEvent<E>[]
  const checked = list.map((event) => {
    if (typeof event !== 'object' || event === null) {
      throw new InvalidArgumentError(`A command must return events, not ${describe(event)}`)
    }
    return events.checked(event)
  })
  return checked.some(isPromise) ? Promise.all(checked) : (checked as readonly NewEvent<E>[])
}

function outcomeOf<E extends EventShape, S>(
  aggregate: Aggregate<E, S, unknown>,
  { streamId, metadata }: CommandRequest,
  folded: Folded<S>,
  { nowMs, codecs }: Circumstances,
  events: readonly NewEvent<E>[],
): Outcome<E, S> {
  if (events.length === 0) return { prepared: [], events: [], folded }
  const time = new Date(nowMs)
  const prepared = prepareEvents(
    events.map((event) => completed(event, time, metadata)),
    codecs,
  )
  const fold = new Fold(aggregate, folded)
  const decided = prepared.map((event) => {
    const made = decidedEvent<E>(event, streamId, fold.version + 1, codecs)
    fold.take(made, event.timeMs!)
    return made
  })
  return { prepared, events: decided, folded: fold.result() }
}

/** An event with the time at which it was decided, and the metadata of its command, unless it says otherwise. */
function completed<E extends EventShape>(event: NewEvent<E>, time: Date, metadata: JsonObject): NewEvent<E> {
  const own = event.metadata
  const isJoined = own === undefined || (typeof own === 'object' && own !== null && !isBytesOrList(own))
  // That is said of the event's own data; a command that passes on what another event said must not say it.
  const { [SCHEMA_VERSION]: _, ...passedOn } = metadata
  const joined = { ...passedOn, ...(own as JsonObject | undefined) }
  const hasMetadata = isJoined && (own !== undefined || Object.keys(passedOn).length > 0)
  return { ...event, time: event.time ?? time, ...(hasMetadata && { metadata: joined }) }
}

function isBytesOrList(value: object): boolean {
  return value instanceof Uint8Array || Array.isArray(value)
}

/** Whether something must be awaited. */
export function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> & PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
