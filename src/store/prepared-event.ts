import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import {
  APPEND_EVENTS_MAX,
  EVENT_TYPE_BYTES_MAX,
  STREAM_ID_BYTES_MAX,
  TAG_BYTES_MAX,
  TAGS_MAX,
} from '../limits.ts'
import { uuid } from '../tuple/uuid.ts'
import { type Codecs, ONLY_JSON } from './codecs.ts'
import type { EventShape, NewEvent } from './event.ts'
import { encodeJson } from './json.ts'
import { onlyNames } from './known-names.ts'
import { checkName, compareCodePoints } from './text.ts'

/** How the ids of streams begin that tell of another stream. */
export const SYSTEM_PREFIX = '$$'

/** Data or metadata, ready to be written: JSON text, or bytes. */
export type Payload = string | Uint8Array

/** How long a payload is, as far as it must be known: in bytes, or in UTF-16 units. */
export function lengthOf(payload: Payload | undefined): number {
  return payload === undefined ? 0 : payload.length
}

/** A new event that was checked, with everything of the caller's copied, so that nobody can change it any more. */
export interface PreparedEvent {
  readonly type: string
  /** The 16 bytes of an id that the caller supplied. */
  readonly id: Uint8Array | undefined
  readonly timeMs: number | undefined
  /** Without repeats, in order of their bytes. */
  readonly tags: readonly string[]
  readonly metadata: Payload | undefined
  readonly data: Payload | undefined
  /** Whether the data was written by a codec, whose name is in front of it. */
  readonly isCoded: boolean
  /** What it points to, if it is a link. */
  readonly link?: LinkTarget
}

/** The event that a link points to. */
export interface LinkTarget {
  readonly number: number
  readonly version: number
  readonly streamId: string
}

/** Type of the events that are links. */
export const LINK_TYPE = '$link'

/** Makes a link. @throws InvalidArgumentError for an id that is no UUID */
export function prepareLink(target: LinkTarget, id: string | undefined): PreparedEvent {
  return { ...prepareEvents({ type: LINK_TYPE, ...(id !== undefined && { id }) })[0]!, link: target }
}

/** Checks what is to be appended. @throws InvalidArgumentError, LimitExceededError, UnserializableError */
export function prepareEvents(
  events: NewEvent | readonly NewEvent[],
  codecs: Codecs = ONLY_JSON,
): PreparedEvent[] {
  if (!Array.isArray(events)) return [prepare(events as NewEvent, '', codecs)]
  const list: readonly NewEvent[] = events
  if (list.length > APPEND_EVENTS_MAX) {
    throw new LimitExceededError('An append', APPEND_EVENTS_MAX, list.length, 'events')
  }
  const prepared = list.map((event, index) =>
    prepare(event, list.length === 1 ? '' : `events[${index}].`, codecs),
  )
  if (prepared.length > 1) refuseRepeatedIds(prepared)
  return prepared
}

const checkFields = onlyNames('An event', 'type', 'data', 'metadata', 'id', 'time', 'tags')

function prepare(event: NewEvent<EventShape>, path: string, codecs: Codecs): PreparedEvent {
  checkFields(event)
  checkName(event.type, 'The type of an event', EVENT_TYPE_BYTES_MAX)
  const { data } = event
  const isPlain = data === undefined || data instanceof Uint8Array
  const coded = isPlain ? undefined : codecs.encode(data, `${path}data`)
  return {
    type: event.type,
    id: event.id === undefined ? undefined : idOf(event.id),
    timeMs: event.time === undefined ? undefined : timeOf(event.time),
    tags: event.tags === undefined ? NO_TAGS : tagsOf(event.tags),
    metadata: payloadOf(event.metadata, `${path}metadata`),
    data: coded ?? payloadOf(data, `${path}data`),
    isCoded: coded !== undefined,
  }
}

const NO_TAGS: readonly string[] = []

function payloadOf(value: unknown, path: string): Payload | undefined {
  if (value === undefined) return undefined
  return value instanceof Uint8Array ? new Uint8Array(value) : encodeJson(value, path)
}

function idOf(id: string): Uint8Array {
  if (typeof id !== 'string') throw new InvalidArgumentError('The id of an event must be a UUID', { id })
  return uuid(id).bytes
}

function timeOf(time: Date): number {
  const milliseconds = time instanceof Date ? time.getTime() : Number.NaN
  if (Number.isNaN(milliseconds))
    throw new InvalidArgumentError('The time of an event must be a valid Date', { time })
  return milliseconds
}

function tagsOf(tags: readonly string[]): readonly string[] {
  if (!Array.isArray(tags)) throw new InvalidArgumentError('The tags of an event must be an array', { tags })
  for (const tag of tags) checkName(tag, 'A tag', TAG_BYTES_MAX)
  const distinct = [...new Set(tags)].sort(compareCodePoints)
  if (distinct.length > TAGS_MAX)
    throw new LimitExceededError('The set of tags', TAGS_MAX, distinct.length, 'tags')
  return distinct
}

function refuseRepeatedIds(events: readonly PreparedEvent[]): void {
  const seen = new Set<string>()
  for (const { id } of events) {
    if (id === undefined) continue
    const text = id.join()
    if (seen.has(text)) throw new InvalidArgumentError('Two events of one append have the same id')
    seen.add(text)
  }
}

/**
 * Checks the id of a stream that is to be read. System streams are named after those that they tell of, which may have the
 * longest id that there is. @throws InvalidArgumentError, LimitExceededError
 */
export function checkStreamId(id: unknown): asserts id is string {
  const isSystemId = typeof id === 'string' && id.startsWith(SYSTEM_PREFIX)
  checkName(id, 'A stream id', STREAM_ID_BYTES_MAX + (isSystemId ? SYSTEM_PREFIX.length : 0))
}

/** Checks the id of a stream that is to be written: those that begin with `$` are the system's. */
export function checkWritableStreamId(id: unknown): asserts id is string {
  checkStreamId(id)
  if (isSystemStream(id)) {
    throw new InvalidArgumentError('Stream ids that begin with $ are reserved for the system', {
      streamId: id,
    })
  }
}

/** Whether a stream belongs to the system. */
export function isSystemStream(id: string): boolean {
  return id.charCodeAt(0) === 0x24
}
