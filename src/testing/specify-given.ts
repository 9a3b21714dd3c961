import { isPromise } from '../aggregate/decide.ts'
import { decidedEvent } from '../aggregate/decided-event.ts'
import { Fold, type Folded } from '../aggregate/fold.ts'
import { SCHEMA_VERSION } from '../events/define-events.ts'
import type { Codecs } from '../store/codecs.ts'
import type { Aggregate } from '../store/contract-aggregates.ts'
import type { EventTypes, UpToDateEvent } from '../store/contract-event-types.ts'
import type { EventShape, JsonObject, NewEvent, TransactionEvent } from '../store/event.ts'
import { prepareEvents } from '../store/prepared-event.ts'
import { Complaint, lineOf } from './specify-failure.ts'
import { freezePlain } from './specify-state.ts'
import type { Watch } from './specify-watch.ts'

/** Where and when everything happens. */
export interface Scene {
  readonly category: string
  readonly id: string
  readonly streamId: string
  readonly nowMs: number
  readonly codecs: Codecs
}

/** What is there, or will be. */
export type Later<T> = T | Promise<T>

/** Folds events that have happened, as if they were read from a store. @throws Complaint, and what `evolve` and upcasters throw */
export function foldGiven<E extends EventShape, S>(
  { aggregate }: Watch<E, S>,
  scene: Scene,
  given: unknown,
): Later<Folded<S>> {
  const events = (Array.isArray(given) ? given : [given]) as readonly NewEvent<E>[]
  let folded: Later<Folded<S>> = {
    state: aggregate.initialState(),
    version: 0,
    base: 0,
    isWhole: true,
    latestMs: Number.NEGATIVE_INFINITY,
    snapshot: 0,
    loadMs: 0,
    seenAt: 0,
  }
  for (const [index, event] of events.entries()) {
    folded = andThen(folded, (from) =>
      andThen(readBack(aggregate.events, scene, event, { index, version: from.version + 1 }), (made) =>
        andThen(aggregate.events.upToDate(made), (parts) => withParts(aggregate, from, made, parts)),
      ),
    )
  }
  return folded
}

/** A state with what an event is today, which may be several events or none. */
function withParts<E extends EventShape, S>(
  aggregate: Aggregate<E, S, unknown>,
  from: Folded<S>,
  { version, time }: TransactionEvent,
  parts: readonly UpToDateEvent<E>[],
): Folded<S> {
  const fold = new Fold(aggregate, from)
  for (const part of parts) fold.take(part, time!.getTime())
  return { ...fold.result(), version }
}

/** Goes on with a value when it is there, which may be at once. */
export function andThen<T, R>(value: Later<T>, next: (value: T) => Later<R>): Later<R> {
  return isPromise(value) ? value.then(next) : next(value)
}

/** An event as it would be read if it had been written. @throws Complaint if it could not have been */
function readBack<E extends EventShape>(
  events: EventTypes<E>,
  { streamId, nowMs, codecs }: Scene,
  event: NewEvent<E>,
  { index, version }: { readonly index: number; readonly version: number },
): Later<TransactionEvent> {
  const refuse = (error: unknown): never => {
    if (error instanceof Complaint) throw error
    const message = `given[${index}] could not have been written: ${lineOf(error)}${hintFor(events, event)}`
    throw new Complaint({ message, operator: 'given', cause: error })
  }
  const read = (written: NewEvent): TransactionEvent => {
    const [prepared] = prepareEvents({ ...written, time: written.time ?? new Date(nowMs) }, codecs)
    const made = decidedEvent<EventShape>(prepared!, streamId, version, codecs)
    // It is shared by all who read it: upcasters and `evolve` must not change it either.
    freezePlain([made.data, made.metadata])
    return made as unknown as TransactionEvent
  }
  try {
    const written = asWritten(events, event)
    return isPromise(written) ? written.then(read).catch(refuse) : read(written)
  } catch (error) {
    return refuse(error)
  }
}

/** What to do about an event that could not have been written, if it may be an old one. */
export function hintFor<E extends EventShape>(
  { types }: EventTypes<E>,
  event: { readonly type: string },
): string {
  const isToday = types === undefined || types.includes(event?.type)
  return isToday ? '' : `. If it is an old one, say so by \`metadata: { ${SCHEMA_VERSION}: 1 }\``
}

/** What is in the store of an event: one that says of which version it is, is there as it is. @throws what `checked` throws */
export function asWritten<E extends EventShape>(events: EventTypes<E>, event: NewEvent<E>): Later<NewEvent> {
  const version = (event.metadata as JsonObject | null | undefined)?.[SCHEMA_VERSION]
  if (events.types === undefined || version === undefined) return events.checked(event)
  if (version !== 1) return event
  // Version 1 is not noted.
  const { [SCHEMA_VERSION]: _one, ...metadata } = event.metadata as JsonObject
  const { metadata: _noted, ...rest } = event as NewEvent
  return Object.keys(metadata).length === 0 ? rest : { ...rest, metadata }
}
