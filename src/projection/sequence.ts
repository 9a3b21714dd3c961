import { InvalidArgumentError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { WITHIN_MS_MAX } from '../limits.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { ProjectedEvent } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'

/** Which events are meant: those of a type, of several types, or those of which a function says so. It must ask nothing but the event. */
export type EventCondition<E extends EventShape> =
  | E['type']
  | readonly E['type'][]
  | ((event: ProjectedEvent<E>) => boolean)

/** How long after the step before a step may come, in milliseconds. */
export interface WithinOptions {
  /** At most, to the millisecond: 0 to 100 years. @default any time */
  readonly within?: number
}

/** A condition that was looked at. */
export interface SequenceCondition<E extends EventShape> {
  /** The types, if it goes by them. */
  readonly types: readonly string[] | undefined
  readonly holds: (event: ProjectedEvent<E>) => boolean
}

/** A step of a sequence: an event, or that there is none. */
export interface SequenceStep<E extends EventShape> {
  readonly condition: SequenceCondition<E>
  /** What must not come between the step before and this one. */
  readonly without: readonly SequenceCondition<E>[]
  readonly withinMs: number | undefined
  /** Whether it is that such an event does not come. */
  readonly isAbsence: boolean
}

/** What a sequence is made of. */
export interface SequencePattern<E extends EventShape> {
  /** The types that there are, if they were listed. */
  readonly types: readonly string[] | undefined
  readonly steps: readonly SequenceStep<E>[]
  /** What must not come before the next step, of which nothing is known yet. */
  readonly pending: readonly SequenceCondition<E>[]
  readonly withinMs: number | undefined
}

/** A sequence of events that was begun. Each call makes a new one. */
export interface Sequence<E extends EventShape> {
  readonly pattern: SequencePattern<E>
  /** The next event of it. What comes in between is passed over. @throws InvalidArgumentError */
  followedBy(condition: EventCondition<E>, options?: WithinOptions): Sequence<E>
  /** Between the step before and the step after, no such event comes. The event that is the step after may be one. @throws InvalidArgumentError */
  without(condition: EventCondition<E>): Sequence<E>
  /** Ends it: the sequence is found when so much time is over without such an event. @throws InvalidArgumentError */
  notFollowedBy(condition: EventCondition<E>, options: Required<WithinOptions>): EndedSequence<E>
  /** How long it takes at most from its first event to its last, in milliseconds. @throws InvalidArgumentError */
  within(ms: number): Sequence<E>
}

/** A sequence that nothing can follow. */
export interface EndedSequence<E extends EventShape> {
  readonly pattern: SequencePattern<E>
  /** How long it takes at most from its first event to its last, in milliseconds: what does not come is none. @throws InvalidArgumentError */
  within(ms: number): EndedSequence<E>
}

/** A sequence without events. */
export interface SequenceStart<E extends EventShape> {
  /** The first event of it. @throws InvalidArgumentError */
  startsWith(condition: EventCondition<E>): Sequence<E>
}

const checkWithinNames = onlyNames('The options of a step', 'within')

/**
 * Describes a sequence of events, to be looked for by `defineCorrelation`:
 *
 * ```ts
 * const rejectedAndBack = sequence(events)
 *   .startsWith('DeclarationRejected')
 *   .without('DeclarationWithdrawn')
 *   .followedBy('DeclarationSubmitted', { within: hours(24) })
 * ```
 *
 * Without `events` there can be any types. @throws InvalidArgumentError
 */
export function sequence<E extends EventShape = EventShape>(
  events: EventTypes<E> = defineEvents<E>(),
): SequenceStart<E> {
  if (typeof events?.upToDate !== 'function') {
    throw new InvalidArgumentError(`Events are made by defineEvents, not ${describe(events)}`, { events })
  }
  const { types } = events
  return {
    startsWith: (condition) => {
      const first = {
        condition: conditionOf(types, condition),
        without: [],
        withinMs: undefined,
        isAbsence: false,
      }
      return sequenceOf({ types, steps: [first], pending: [], withinMs: undefined })
    },
  }
}

function sequenceOf<E extends EventShape>(pattern: SequencePattern<E>): Sequence<E> {
  const { types, pending } = pattern
  return {
    pattern,
    followedBy: (condition, options) => sequenceOf(withStep(pattern, condition, options, false)),
    without: (condition) => sequenceOf({ ...pattern, pending: [...pending, conditionOf(types, condition)] }),
    notFollowedBy: (condition, options) => {
      if (options?.within === undefined) {
        throw new InvalidArgumentError(
          '"notFollowedBy" needs { within }: only when time is over nothing came',
        )
      }
      return endedSequence(withStep(pattern, condition, options, true))
    },
    within: (ms) => sequenceOf({ ...pattern, withinMs: wholeWithin(pattern, ms) }),
  }
}

function endedSequence<E extends EventShape>(pattern: SequencePattern<E>): EndedSequence<E> {
  return {
    pattern,
    within: (ms) => endedSequence({ ...pattern, withinMs: wholeWithin(pattern, ms) }),
  }
}

function withStep<E extends EventShape>(
  { types, steps, pending, withinMs }: SequencePattern<E>,
  condition: EventCondition<E>,
  options: WithinOptions = {},
  isAbsence: boolean,
): SequencePattern<E> {
  checkWithinNames(options)
  const { within } = options
  if (within !== undefined) checkWithin(within)
  const step: SequenceStep<E> = {
    condition: conditionOf(types, condition),
    without: pending,
    withinMs: within,
    isAbsence,
  }
  return { types, steps: [...steps, step], pending: [], withinMs }
}

function wholeWithin<E extends EventShape>({ withinMs }: SequencePattern<E>, ms: number): number {
  checkWithin(ms)
  if (withinMs === undefined) return ms
  throw new InvalidArgumentError('How long a sequence takes as a whole is said once', { withinMs, ms })
}

function checkWithin(ms: unknown): void {
  if (Number.isSafeInteger(ms) && (ms as number) >= 0 && (ms as number) <= WITHIN_MS_MAX) return
  throw new InvalidArgumentError(
    `"within" is in whole milliseconds, from 0 to ${WITHIN_MS_MAX}, not ${describe(ms)}`,
    { within: ms },
  )
}

/** Looks at a condition. @throws InvalidArgumentError */
function conditionOf<E extends EventShape>(
  known: readonly string[] | undefined,
  condition: EventCondition<E>,
): SequenceCondition<E> {
  if (typeof condition === 'function') return { types: undefined, holds: (event) => answer(condition(event)) }
  const types: readonly unknown[] = Array.isArray(condition) ? [...condition] : [condition]
  if (types.length === 0) throw new InvalidArgumentError('A step needs at least one type of events')
  for (const type of types) {
    if (typeof type !== 'string' || type === '') {
      throw new InvalidArgumentError(
        `A step is a type of events, several, or a function, not ${describe(type)}`,
        { condition },
      )
    }
    if (known === undefined || known.includes(type)) continue
    throw new InvalidArgumentError(
      `There is no event type ${describe(type)}, only ${known.map(describe).join(', ')}`,
      { type },
    )
  }
  const wanted = new Set(types as readonly string[])
  return { types: [...wanted], holds: ({ type }) => wanted.has(type) }
}

/** A promise would be taken for a yes. */
function answer(said: unknown): boolean {
  if (typeof said === 'boolean') return said
  throw new InvalidArgumentError(`The function of a step says true or false, not ${describe(said)}`, { said })
}
