import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { OPEN_ATTEMPTS_MAX } from '../limits.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type {
  DueTimer,
  ProjectedEvent,
  Projection,
  ProjectionCases,
  ProjectionContext,
  ProjectionDefinition,
  ProjectionHandler,
} from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import {
  type AttemptOverlap,
  advanced,
  deadlineMsOf,
  type OpenAttempt,
  type OpenAttempts,
  waitsForAbsence,
} from './attempts.ts'
import { defineProjection } from './define-projection.ts'
import { type CorrelationMatch, matchOf, recordMatch } from './matches.ts'
import type { EndedSequence, Sequence, SequenceCondition, SequencePattern } from './sequence.ts'

/** What can be done with a match besides recording it. */
export type MatchContext = Pick<
  ProjectionContext,
  'partition' | 'position' | 'kv' | 'emit' | 'linkTo' | 'stop'
>

/** What `defineCorrelation` takes. */
export interface CorrelationDefinition<E extends EventShape>
  extends Pick<ProjectionDefinition<E, unknown>, 'name' | 'version' | 'source' | 'resolveLinks' | 'clock'> {
  /** What events of one sequence have in common, in 0 to 512 bytes; `undefined` passes the event over. `'stream'`: the id of their stream. */
  readonly by: 'stream' | ((event: ProjectedEvent<E>) => string | undefined)
  /** What is looked for: a sequence with a second step. */
  readonly sequence: Sequence<E> | EndedSequence<E>
  /**
   * Which attempts there are at the same time in a partition. `'every'`: each first event begins one. `'first'`: none begins while one is
   * open. `'last'`: a new one takes the place of the open one. With `'first'` and `'last'` no event is part of two. @default 'every'
   */
  readonly overlap?: AttemptOverlap | undefined
  /** Called for each match when it has been recorded. Like all handlers it **may run again**. */
  readonly onMatch?:
    | ((match: CorrelationMatch<E['type']>, context: MatchContext) => void | Promise<void>)
    | undefined
}

/** How a correlation goes about its events. */
interface Looking<E extends EventShape> {
  readonly pattern: SequencePattern<E>
  readonly overlap: AttemptOverlap
  readonly onMatch: CorrelationDefinition<E>['onMatch']
}

const checkNames = onlyNames(
  'A correlation',
  'name',
  'version',
  'source',
  'resolveLinks',
  'clock',
  'by',
  'sequence',
  'overlap',
  'onMatch',
)

/**
 * Describes a projection that looks for a sequence of events: who has done this, and then that within a time, or not. What is found is in its
 * read model, for `matchesOf`; its states are the attempts that are open.
 *
 * ```ts
 * const question = defineCorrelation(events, {
 *   name: 'rejected and back',
 *   source: { kind: 'category', category: 'declaration' },
 *   by: 'stream',
 *   sequence: sequence(events).startsWith('Rejected').followedBy('Submitted', { within: hours(24) }),
 * })
 * for await (const { by, durationMs } of matchesOf(await store.runOnce(question))) console.log(by, durationMs)
 * ```
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function defineCorrelation<E extends EventShape>(
  events: EventTypes<E>,
  definition: CorrelationDefinition<E>,
): Projection<E, OpenAttempts<E['type']>>
export function defineCorrelation(
  definition: CorrelationDefinition<EventShape>,
): Projection<EventShape, OpenAttempts>
export function defineCorrelation(
  ...given:
    | readonly [EventTypes<EventShape>, CorrelationDefinition<EventShape>]
    | readonly [CorrelationDefinition<EventShape>]
): Projection<EventShape, OpenAttempts> {
  const [events, definition] = given.length === 1 ? [defineEvents<EventShape>(), given[0]] : given
  checkDefinition(definition)
  const { name, version, source, resolveLinks, clock, by, sequence, overlap = 'every', onMatch } = definition
  const { pattern } = sequence
  const looking = { pattern, overlap, onMatch }
  const projection = defineProjection<EventShape, OpenAttempts>(events, {
    name,
    version,
    source,
    resolveLinks,
    clock,
    partitionBy: by,
    initialState: () => ({ open: [] }),
    ...handlersOf(looking),
  })
  return { ...projection, form: JSON.stringify({ is: projection.form, looksFor: formOf(looking) }) }
}

function checkDefinition(definition: CorrelationDefinition<EventShape>): void {
  checkNames(definition)
  const { by, sequence, overlap, onMatch } = definition
  if (by !== 'stream' && typeof by !== 'function') {
    throw new InvalidArgumentError(
      `"by" must be 'stream' or a function: what events of one sequence have in common, not ${describe(by)}`,
      { by },
    )
  }
  if (overlap !== undefined && !['every', 'first', 'last'].includes(overlap)) {
    throw new InvalidArgumentError(`"overlap" must be 'every', 'first' or 'last', not ${describe(overlap)}`, {
      overlap,
    })
  }
  if (onMatch !== undefined && typeof onMatch !== 'function') {
    throw new InvalidArgumentError(`"onMatch" must be a function, not ${describe(onMatch)}`, { onMatch })
  }
  checkPattern(sequence?.pattern)
}

function checkPattern(pattern: SequencePattern<EventShape> | undefined): void {
  if (!Array.isArray(pattern?.steps)) {
    throw new InvalidArgumentError('"sequence" is made by sequence(events).startsWith(…)')
  }
  const { steps, pending } = pattern as SequencePattern<EventShape>
  if (steps.length < 2) {
    throw new InvalidArgumentError('A sequence needs a second step: followedBy or notFollowedBy')
  }
  if (pending.length > 0) {
    throw new InvalidArgumentError('"without" is between two steps, and must be followed by one')
  }
}

/** Handles only what is asked for, if that is known. */
function handlersOf(
  looking: Looking<EventShape>,
): Pick<ProjectionDefinition<EventShape, OpenAttempts>, 'on' | 'any' | 'timer'> {
  const { steps } = looking.pattern
  const handle: ProjectionHandler<ProjectedEvent, OpenAttempts> = (state, event, context) =>
    handleEvent(looking, state, event, context)
  const handleTimer: ProjectionHandler<DueTimer, OpenAttempts> = (state, timer, context) =>
    endAbsences(looking, state, timer, context)
  const timer = steps.at(-1)!.isAbsence ? { timer: handleTimer } : {}
  const types: string[] = []
  for (const condition of steps.flatMap(({ condition, without }) => [condition, ...without])) {
    if (condition.types === undefined) return { any: handle, ...timer }
    types.push(...condition.types)
  }
  const on: ProjectionCases<EventShape, OpenAttempts> = Object.fromEntries(
    types.map((type) => [type, handle]),
  )
  return { on, ...timer }
}

function handleEvent(
  looking: Looking<EventShape>,
  { open: before }: OpenAttempts,
  event: ProjectedEvent,
  context: ProjectionContext,
): OpenAttempts | Promise<OpenAttempts> {
  const { pattern, overlap } = looking
  const { open, found } = advanced(pattern, overlap, before, event)
  if (open.length > OPEN_ATTEMPTS_MAX) {
    const what = `What is open of a correlation in partition ${describe(context.partition)}`
    throw new LimitExceededError(what, OPEN_ATTEMPTS_MAX, open.length, 'attempts')
  }
  setTimers(pattern, before, open, context)
  return withMatches(looking, { open, found }, context)
}

/** Time is over for those that waited until now for nothing to come. */
function endAbsences(
  looking: Looking<EventShape>,
  { open: before }: OpenAttempts,
  { due }: DueTimer,
  context: ProjectionContext,
): OpenAttempts | Promise<OpenAttempts> {
  const isDue = (attempt: OpenAttempt): boolean => dueMsOf(looking.pattern, attempt) === due.getTime()
  const found = before.filter(isDue)
  const open = before.filter((attempt) => !isDue(attempt))
  return withMatches(looking, { open, found }, context, due.getTime() - 1)
}

/** Timers are named by when they are due, so attempts share them. */
function setTimers(
  pattern: SequencePattern<EventShape>,
  before: readonly OpenAttempt[],
  after: readonly OpenAttempt[],
  context: ProjectionContext,
): void {
  if (!pattern.steps.at(-1)!.isAbsence) return
  const old = duesOf(pattern, before)
  const wanted = duesOf(pattern, after)
  for (const due of old) if (!wanted.has(due)) context.cancel(String(due))
  for (const due of wanted) if (!old.has(due)) context.schedule(String(due), new Date(due))
}

function duesOf(pattern: SequencePattern<EventShape>, attempts: readonly OpenAttempt[]): ReadonlySet<number> {
  return new Set(attempts.flatMap((attempt) => dueMsOf(pattern, attempt) ?? []))
}

/** When it is certain that nothing came: timers run before the events of their moment, and what comes just in time is in time. */
function dueMsOf(pattern: SequencePattern<EventShape>, attempt: OpenAttempt): number | undefined {
  return waitsForAbsence(pattern, attempt) ? deadlineMsOf(pattern, attempt)! + 1 : undefined
}

/** Records what was found; gives what stays open. */
function withMatches(
  { onMatch }: Looking<EventShape>,
  { open, found }: { readonly open: readonly OpenAttempt[]; readonly found: readonly OpenAttempt[] },
  context: ProjectionContext,
  endedMs?: number,
): OpenAttempts | Promise<OpenAttempts> {
  if (open.length === 0) context.forget()
  if (found.length === 0) return { open }
  return (async () => {
    for (const { events } of found) {
      const match = matchOf(context.partition, events, endedMs ?? events.at(-1)!.timeMs)
      await recordMatch(context.kv, match)
      await onMatch?.(match, context)
    }
    return { open }
  })()
}

/** What is looked for, as far as it can be told: what functions say cannot. */
function formOf({ pattern, overlap }: Looking<EventShape>): unknown {
  const types = (condition: SequenceCondition<EventShape>): unknown => condition.types ?? 'function'
  const { steps, withinMs = null } = pattern
  return {
    steps: steps.map((step) => ({
      types: types(step.condition),
      without: step.without.map(types),
      withinMs: step.withinMs ?? null,
      isAbsence: step.isAbsence,
    })),
    withinMs,
    overlap,
  }
}
