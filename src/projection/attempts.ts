import type { ProjectedEvent } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import type { SequencePattern, SequenceStep } from './sequence.ts'

/** An event that an attempt has found. */
export interface FoundEvent<Type extends string = string> {
  readonly streamId: string
  readonly version: number
  readonly type: Type
  /** When it happened, but not later than it was recorded, in milliseconds since 1970. */
  readonly timeMs: number
}

/** A sequence that has begun, as far as it was found: an event for each step. */
export interface OpenAttempt<Type extends string = string> {
  readonly events: readonly FoundEvent<Type>[]
}

/** The state of a partition: what has begun there and is not over. */
export interface OpenAttempts<Type extends string = string> {
  readonly open: readonly OpenAttempt<Type>[]
}

/** Which attempts there are at the same time: each first event begins one, only if none is open, or in place of the open one. */
export type AttemptOverlap = 'every' | 'first' | 'last'

/** What an event makes of the attempts of its partition. */
export interface AdvancedAttempts<Type extends string> {
  readonly open: readonly OpenAttempt<Type>[]
  readonly found: readonly OpenAttempt<Type>[]
}

/** When an event happened, as timers see it: not later than it was recorded. */
export function timeMsIn<E extends EventShape>({ time, recordedAt }: ProjectedEvent<E>): number {
  return Math.min(time.getTime(), recordedAt.getTime())
}

/** The last moment at which the next step of an attempt can come; `undefined` if there is none. */
export function deadlineMsOf<E extends EventShape>(
  pattern: SequencePattern<E>,
  { events }: OpenAttempt,
): number | undefined {
  const { withinMs, isAbsence } = pattern.steps[events.length]!
  const ofStep = events.at(-1)!.timeMs + (withinMs ?? Number.POSITIVE_INFINITY)
  const wholeMs = isAbsence ? undefined : pattern.withinMs
  const deadline = Math.min(ofStep, events[0]!.timeMs + (wholeMs ?? Number.POSITIVE_INFINITY))
  return deadline === Number.POSITIVE_INFINITY ? undefined : deadline
}

/** Whether an attempt waits for an event not to come. */
export function waitsForAbsence<E extends EventShape>(
  { steps }: SequencePattern<E>,
  { events }: OpenAttempt,
): boolean {
  return steps[events.length]!.isAbsence
}

/** Lets the attempts of a partition see an event: each goes one step on at most, and the event may begin another one. */
export function advanced<E extends EventShape>(
  pattern: SequencePattern<E>,
  overlap: AttemptOverlap,
  attempts: readonly OpenAttempt<E['type']>[],
  event: ProjectedEvent<E>,
): AdvancedAttempts<E['type']> {
  const timeMs = timeMsIn(event)
  const open: OpenAttempt<E['type']>[] = []
  const found: OpenAttempt<E['type']>[] = []
  let isPart = false
  for (const attempt of attempts) {
    const after = afterEvent(pattern, attempt, event, timeMs)
    if (after === undefined) continue
    isPart ||= after !== attempt
    if (after.events.length === pattern.steps.length) found.push(after)
    else open.push(after)
  }
  if (!pattern.steps[0]!.condition.holds(event)) return { open, found }
  const begun = { events: [foundEvent(event, timeMs)] }
  if (overlap === 'every') return { open: [...open, begun], found }
  // No event is part of two attempts.
  if (isPart || (overlap === 'first' && open.length > 0)) return { open, found }
  return { open: [begun], found }
}

/** What an event makes of an attempt: itself if it does not matter, one with it, or `undefined` if it is over. */
function afterEvent<E extends EventShape>(
  pattern: SequencePattern<E>,
  attempt: OpenAttempt<E['type']>,
  event: ProjectedEvent<E>,
  timeMs: number,
): OpenAttempt<E['type']> | undefined {
  const { events } = attempt
  // What happened before, and was recorded later, does not follow.
  if (timeMs < events.at(-1)!.timeMs) return attempt
  const deadline = deadlineMsOf(pattern, attempt)
  if (deadline !== undefined && timeMs > deadline) return undefined
  const step = pattern.steps[events.length]!
  if (step.condition.holds(event)) {
    return step.isAbsence ? undefined : { events: [...events, foundEvent(event, timeMs)] }
  }
  return isForbidden(step, event) ? undefined : attempt
}

function isForbidden<E extends EventShape>({ without }: SequenceStep<E>, event: ProjectedEvent<E>): boolean {
  return without.some(({ holds }) => holds(event))
}

function foundEvent<E extends EventShape>(
  { streamId, version, type }: ProjectedEvent<E>,
  timeMs: number,
): FoundEvent<E['type']> {
  return { streamId, version, type, timeMs }
}
