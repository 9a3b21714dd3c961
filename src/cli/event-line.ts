import { CodecMissingError, type EventLink, type JsonValue, type NewEvent, type RecordedEvent } from 'eventdb'
import { parseInstant } from './instant.ts'
import { fromPlainJson, toPlainJson } from './json-bytes.ts'
import { didYouMean } from './suggest.ts'

/** An event as one line of NDJSON says it. */
export interface EventLine {
  readonly streamId: string
  readonly event: NewEvent
  /** The version that the event had in the store that it was exported from; helps to recognise it there. */
  readonly version?: number
}

type Fields = Readonly<Record<string, JsonValue>>

const WRITTEN_BY_THE_STORE = ['recordedAt', 'position', 'version', 'link']
const KNOWN_FIELDS = ['stream', 'type', 'data', 'metadata', 'id', 'time', 'tags', ...WRITTEN_BY_THE_STORE]
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Tells whether text is a UUID, in groups of 8-4-4-4-12 hexadecimal digits. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

/** Writes a stored event as one line of NDJSON, without the newline. {@link parseEventLine} reads such lines. */
export function formatEventLine(event: RecordedEvent): string {
  return JSON.stringify({
    stream: event.streamId,
    type: event.type,
    data: dataOf(event),
    metadata: toPlainJson(event.metadata),
    id: event.id,
    time: event.time,
    recordedAt: event.recordedAt,
    position: String(event.position),
    version: event.version,
    tags: event.tags.length === 0 ? undefined : event.tags,
    link: event.link === undefined ? undefined : linkFields(event.link),
  })
}

/** Data of a codec that this program does not have is shown as it was written. */
function dataOf(event: RecordedEvent): JsonValue | undefined {
  try {
    return toPlainJson(event.data)
  } catch (error) {
    if (!(error instanceof CodecMissingError)) throw error
    return event.toJSON().data
  }
}

function isCoded(data: JsonValue | undefined): boolean {
  if (typeof data !== 'object' || data === null) return false
  return Object.keys(data).toSorted().join() === '$base64,$codec'
}

function linkFields({ streamId, id, position, version }: EventLink): object {
  return { stream: streamId, id, position: String(position), version }
}

/** Writes stored events as NDJSON, each line ending in a newline. */
export function formatEventLines(events: readonly RecordedEvent[]): string {
  return events.map((event) => `${formatEventLine(event)}\n`).join('')
}

/**
 * Reads one line of NDJSON. What only the store can say (`recordedAt`, `position`, `version`, `link`) makes no difference to the
 * event; limits of sizes and names are the store's to check.
 *
 * @throws RangeError with what is wrong with the line
 */
export function parseEventLine(text: string): EventLine {
  const fields = objectOf(text)
  for (const name of Object.keys(fields)) {
    if (!KNOWN_FIELDS.includes(name)) throw unknownField(name)
  }
  const line = { streamId: textField(fields, 'stream'), event: newEventOf(fields) }
  const { version } = fields
  return Number.isSafeInteger(version) && Number(version) > 0 ? { ...line, version: Number(version) } : line
}

function newEventOf(fields: Fields): NewEvent {
  const { data, metadata, id, time, tags } = fields
  if (isCoded(data))
    throw new RangeError('"data" was written with a codec; only the program that has it can append it')
  return {
    type: textField(fields, 'type'),
    ...(data === undefined ? {} : { data: fromPlainJson(data) }),
    ...(metadata === undefined ? {} : { metadata: fromPlainJson(metadata) }),
    ...(id === undefined ? {} : { id: uuidOf(id) }),
    ...(time === undefined ? {} : { time: timeOf(time) }),
    ...(tags === undefined ? {} : { tags: tagsOf(tags) }),
  }
}

function objectOf(text: string): Fields {
  const value = parseJson(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new RangeError(`an event is a JSON object, not ${kindOf(value)}`)
}

function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RangeError(`bad JSON: ${(error as SyntaxError).message}`)
  }
}

function unknownField(name: string): RangeError {
  return new RangeError(`unknown field ${JSON.stringify(name)}${didYouMean(name, KNOWN_FIELDS)}`)
}

function textField(fields: Fields, name: string): string {
  const value = fields[name]
  if (value === undefined) throw new RangeError(`"${name}" is missing`)
  if (typeof value !== 'string') throw new RangeError(`"${name}" must be a string, not ${kindOf(value)}`)
  if (value === '') throw new RangeError(`"${name}" is empty`)
  return value
}

function uuidOf(value: JsonValue): string {
  if (typeof value === 'string' && isUuid(value)) return value
  throw new RangeError(`"id" must be a UUID, not ${JSON.stringify(value)}`)
}

function timeOf(value: JsonValue): Date {
  if (typeof value !== 'string') throw new RangeError(`"time" must be a string, not ${kindOf(value)}`)
  try {
    return parseInstant(value)
  } catch (error) {
    throw new RangeError(`"time": ${(error as RangeError).message}`)
  }
}

function tagsOf(value: JsonValue): readonly string[] {
  if (!Array.isArray(value)) throw new RangeError(`"tags" must be an array, not ${kindOf(value)}`)
  const odd = value.find((tag) => typeof tag !== 'string')
  if (odd !== undefined) throw new RangeError(`"tags" must hold strings, not ${kindOf(odd)}`)
  return value
}

function kindOf(value: JsonValue): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
