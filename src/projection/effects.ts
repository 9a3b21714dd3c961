import { InvalidArgumentError } from '../errors.ts'
import type { SessionAppend } from '../store/appended.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { Codecs } from '../store/codecs.ts'
import type { EventPlace } from '../store/contract-appending.ts'
import type { JsonObject, NewEvent, RecordedEvent } from '../store/event.ts'
import {
  checkWritableStreamId,
  type LinkTarget,
  lengthOf,
  type PreparedEvent,
  prepareEvents,
  prepareLink,
} from '../store/prepared-event.ts'
import { streamNumberOf } from '../store/stored-event.ts'
import type { TimerPlace } from './copy-keys.ts'
import type { Mark } from './projection-rows.ts'

/** What caused something to be emitted: an event, or a timer. */
export interface Cause {
  /** Which of the events and timers of its batch, from 0 on. */
  readonly step: number
  readonly place: AnyPlace
  readonly position: bigint
  readonly timer: (TimerPlace & { readonly scheduledAt: bigint }) | undefined
  readonly causationId: string | undefined
  readonly correlationId: string | undefined
}

/** An event as the cause of what its handlers do. Most do nothing that needs to know its id, so it is not decoded before. */
export class EventCause implements Cause {
  readonly step: number
  readonly place: AnyPlace
  readonly position: bigint
  readonly timer = undefined
  readonly #event: RecordedEvent

  constructor(step: number, place: AnyPlace, position: bigint, event: RecordedEvent) {
    this.step = step
    this.place = place
    this.position = position
    this.#event = event
  }

  get causationId(): string {
    return this.#event.id
  }

  get correlationId(): string {
    return correlationFrom(this.#event)
  }
}

/** Something that is to be appended. */
export interface Effect {
  readonly cause: Cause
  readonly streamId: string
  /** Events, ready to be appended; or the event that a link is to point to, to be looked for. */
  readonly what: readonly PreparedEvent[] | EventPlace
}

/** Whether what was caused was emitted before, by another copy of the same name. */
export function isQuiet(mark: Mark | undefined, { place, position, timer }: Cause): boolean {
  if (mark === undefined) return false
  if (timer !== undefined) {
    return (
      timer.scheduledAt <= mark.position && mark.watermarkMs !== undefined && timer.dueMs <= mark.watermarkMs
    )
  }
  return mark.place === undefined ? position <= mark.position : place <= mark.place
}

/** Makes the effect that appends events. @throws InvalidArgumentError, LimitExceededError, UnserializableError */
export function emitted(
  cause: Cause,
  streamId: string,
  events: NewEvent | readonly NewEvent[],
  codecs: Codecs,
): Effect {
  checkWritableStreamId(streamId)
  const list: readonly NewEvent[] = Array.isArray(events) ? events : [events as NewEvent]
  return {
    cause,
    streamId,
    what: prepareEvents(
      list.map((event) => caused(event, cause)),
      codecs,
    ),
  }
}

/** About how much an effect writes. */
export function roughSizeOfEffect({ streamId, what }: Effect): number {
  if (!Array.isArray(what)) return streamId.length
  return (what as readonly PreparedEvent[]).reduce(
    (size, { type, data, metadata, link }) =>
      size + type.length + lengthOf(data) + lengthOf(metadata) + (link?.streamId.length ?? 0),
    streamId.length,
  )
}

/** An event that says what caused it, unless it does so itself. */
function caused(event: NewEvent, { causationId, correlationId }: Cause): NewEvent {
  const metadata: unknown = event?.metadata
  const isMap =
    metadata === undefined ||
    (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) && isPlain(metadata))
  if (!isMap || causationId === undefined) return event
  return {
    ...event,
    metadata: {
      ...(correlationId !== undefined && { $correlationId: correlationId }),
      $causationId: causationId,
      ...(metadata as JsonObject | undefined),
    },
  }
}

function isPlain(metadata: object): boolean {
  return !(metadata instanceof Uint8Array)
}

/** Makes the effect that links an event. @throws InvalidArgumentError, LimitExceededError */
export function linked(
  cause: Cause,
  streamId: string,
  event: EventPlace,
  handled: RecordedEvent | undefined,
): Effect {
  checkWritableStreamId(streamId)
  if (typeof event !== 'object' || event === null) {
    throw new InvalidArgumentError('A link points to an event, or to its streamId and version', { event })
  }
  const isHandled =
    handled !== undefined && event.version === handled.version && event.streamId === handled.streamId
  if (!isHandled) return { cause, streamId, what: { streamId: event.streamId, version: event.version } }
  // It was there when it was read, so it need not be looked for.
  const target: LinkTarget = {
    number: streamNumberOf(handled),
    version: handled.version,
    streamId: handled.streamId,
  }
  return { cause, streamId, what: [prepareLink(target, undefined)] }
}

/** The correlation that goes on from an event: what it says, or else its id. */
export function correlationFrom(event: Pick<RecordedEvent, 'id' | 'metadata'>): string {
  const { $correlationId: known } = (event.metadata ?? {}) as JsonObject
  return typeof known === 'string' ? known : event.id
}

/** An append with nothing to be fulfilled. */
export function appendOf(streamId: string, events: readonly PreparedEvent[]): SessionAppend {
  return { streamId, events, expectedVersion: 'any' }
}
