import { ProjectionFaultedError } from '../errors.ts'
import {
  FAULT_STACK_CHARACTERS_MAX,
  PROJECTION_RETRY_MS_MAX,
  PROJECTION_RETRY_MS_MIN,
  REASON_CHARACTERS_MAX,
} from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { ProjectionFault } from '../store/contract-projections.ts'
import type { RecordedEvent } from '../store/event.ts'
import { positionFoundAt } from '../store/stored-event.ts'
import type { Failure } from './handling.ts'
import type { ControlRow, FaultRow } from './projection-rows.ts'

/** Makes the row of a fault: a new one, or the one that is there, once more. */
export function faultOf(
  failure: Omit<Failure, 'step'>,
  known: FaultRow | undefined,
  nowMs: number,
  placeOf: (event: RecordedEvent) => AnyPlace,
): FaultRow {
  const { event, timer, partition, error } = failure
  const fault: Omit<FaultRow, 'attempts' | 'sinceMs' | 'retryAtMs'> = {
    event: event && {
      place: placeOf(event),
      position: positionFoundAt(event),
      streamId: event.streamId,
      version: event.version,
      type: event.type,
    },
    timer: timer && { name: timer.name, dueMs: timer.dueMs },
    partition,
    error: errorOf(error),
  }
  const isKnown =
    known !== undefined &&
    known.event?.place === fault.event?.place &&
    known.timer?.name === fault.timer?.name &&
    known.partition === fault.partition
  const attempts = isKnown ? known.attempts + 1 : 1
  return {
    ...fault,
    attempts,
    sinceMs: isKnown ? known.sinceMs : nowMs,
    retryAtMs: nowMs + retryDelayMs(attempts),
  }
}

/** The same copy; what it stopped at is to be tried again at once, as it may have been mended. */
export function triedAtOnce(control: ControlRow): ControlRow {
  const { fault, revision } = control
  if (fault === undefined) return control
  return { ...control, fault: { ...fault, retryAtMs: 0 }, revision: revision + 1 }
}

/** Whether somebody wants it to be tried again at once: then nobody knows whether it still is one. */
export function isAskedFor(fault: FaultRow | undefined): boolean {
  return fault?.retryAtMs === 0
}

/** How long to wait after so many attempts: 1 s, 2 s, 4 s, up to a minute. */
export function retryDelayMs(attempts: number): number {
  return Math.min(PROJECTION_RETRY_MS_MAX, PROJECTION_RETRY_MS_MIN * 2 ** Math.min(attempts - 1, 16))
}

/** Anything can be thrown, also what has no text. */
function errorOf(error: unknown): FaultRow['error'] {
  try {
    return textsOf(error)
  } catch {
    return { name: 'Error', message: 'Something was thrown that has no text' }
  }
}

function textsOf(error: unknown): FaultRow['error'] {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error).slice(0, REASON_CHARACTERS_MAX) }
  }
  const { name, message, stack } = error
  return {
    name: String(name).slice(0, REASON_CHARACTERS_MAX),
    message: String(message).slice(0, REASON_CHARACTERS_MAX),
    ...(typeof stack === 'string' && { stack: stack.slice(0, FAULT_STACK_CHARACTERS_MAX) }),
  }
}

/** A fault as people see it. */
export function seenFault({
  event,
  timer,
  partition,
  error,
  attempts,
  sinceMs,
  retryAtMs,
}: FaultRow): ProjectionFault {
  return {
    ...(event && {
      event: {
        position: event.position,
        streamId: event.streamId,
        version: event.version,
        type: event.type,
      },
    }),
    ...(timer && { timer: { name: timer.name, due: new Date(timer.dueMs) } }),
    ...(partition !== undefined && { partition }),
    error,
    attempts,
    since: new Date(sinceMs),
    retryAt: new Date(Math.max(retryAtMs, sinceMs)),
  }
}

/** What is said of a fault where nobody has asked to be told. */
export function warningOf(
  { name, version }: { readonly name: string; readonly version: number },
  fault: ProjectionFault,
): string {
  const { message } = new ProjectionFaultedError(name, version, fault)
  return `${message} (it is tried again and again, until it succeeds or is skipped)`
}
