import { CorruptionError } from '../errors.ts'
import { positionOf, timeOfStamp } from '../kv/stamp.ts'
import { type Codecs, partsOfCoded } from './codecs.ts'
import type {
  EventLink,
  JsonObject,
  JsonValue,
  PendingEvent,
  RecordedEvent,
  TransactionEvent,
} from './event.ts'
import type { LinkTarget } from './prepared-event.ts'
import {
  KIND_BYTES,
  KIND_CODED,
  KIND_JSON,
  KIND_NONE,
  linkTarget,
  parseRecord,
  type RecordParts,
  tagBounds,
} from './record.ts'
import { decodeText } from './text.ts'
import { TextMemo } from './text-memo.ts'
import { formatUuid } from './uuid.ts'

const types = new TextMemo()

/** Decodes a record of the log. @throws CorruptionError, which names the position */
export function recordedEvent(bytes: Uint8Array, stamp: Uint8Array, codecs: Codecs): RecordedEvent {
  try {
    return new StoredEvent(bytes, parseRecord(bytes), stamp, codecs) as unknown as RecordedEvent
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    const position = positionOf(stamp)
    throw new CorruptionError(`${error.message} (position ${position})`, { ...error.details, position })
  }
}

/** Decodes a record that its transaction has not committed yet. */
export function pendingEvent(bytes: Uint8Array, codecs: Codecs): PendingEvent {
  return new StoredEvent(bytes, parseRecord(bytes), undefined, codecs) as unknown as PendingEvent
}

/** Whether an event belongs to a system stream: told from its bytes, without decoding the stream's id. */
export function isSystemEvent(event: RecordedEvent): boolean {
  return StoredEvent.isSystem(event as unknown as StoredEvent)
}

/** Number of the stream that an event is in. */
export function streamNumberOf(event: TransactionEvent): number {
  return StoredEvent.partsOf(event as unknown as StoredEvent).number
}

/** The stamp under which an event is stored; `undefined` for one that is just being appended. */
export function stampOfEvent(event: TransactionEvent): Uint8Array | undefined {
  return StoredEvent.stampOf(event as unknown as StoredEvent)
}

/** The time of an event in milliseconds since 1970, without making a `Date`; `undefined` if the store does not know it yet. */
export function timeMsOf(event: TransactionEvent): number | undefined {
  return StoredEvent.timeMs(event as unknown as StoredEvent)
}

/** How long the record of an event is, in bytes. */
export function recordBytesOf(event: RecordedEvent): number {
  return StoredEvent.bytesOf(event as unknown as StoredEvent)
}

/** What an event points to, if it is a link. */
export function linkTargetOf(event: TransactionEvent): LinkTarget | undefined {
  return StoredEvent.linkTarget(event as unknown as StoredEvent)
}

/** An event that was found through a link. */
export function foundThrough<Event extends TransactionEvent>(event: Event, link: TransactionEvent): Event {
  return StoredEvent.found(
    event as unknown as StoredEvent,
    link as unknown as StoredEvent,
  ) as unknown as Event
}

/** The same event with nothing decoded yet, for a reader that may change what it gets. */
export function freshCopyOf(event: RecordedEvent): RecordedEvent {
  return StoredEvent.copyOf(event as unknown as StoredEvent) as unknown as RecordedEvent
}

/** The same event as it was when it was appended: it has no position, but its time. Nothing is decoded yet. */
export function appendedCopyOf(event: TransactionEvent): PendingEvent {
  return StoredEvent.appendedCopyOf(event as unknown as StoredEvent) as unknown as PendingEvent
}

/** Where an event was found: its position, or that of the link through which it was found. */
export function positionFoundAt(event: RecordedEvent): bigint {
  return StoredEvent.foundAt(event as unknown as StoredEvent)
}

/** The 16 bytes of an event's id if the caller supplied it. */
export function callerIdOf(event: RecordedEvent): Uint8Array | undefined {
  return StoredEvent.callerId(event as unknown as StoredEvent)
}

/** Whether an event is this version of the stream with this id, in UTF-8: told from its bytes. */
export function isPlaceOf(event: RecordedEvent, streamId: Uint8Array, version: number): boolean {
  return event.version === version && StoredEvent.isIn(event as unknown as StoredEvent, streamId)
}

/** An event over its bytes. Everything but the type is decoded when it is asked for; data and metadata once. */
class StoredEvent {
  readonly #bytes: Uint8Array
  readonly #parts: RecordParts
  readonly #stamp: Uint8Array | undefined
  readonly #foundThrough: StoredEvent | undefined
  readonly #codecs: Codecs
  /** When it happened, if neither its record nor its stamp says so. */
  readonly #timeMs: number | undefined
  #data: unknown
  #metadata: unknown
  #decoded = 0
  readonly type: string
  readonly version: number

  constructor(
    bytes: Uint8Array,
    parts: RecordParts,
    stamp: Uint8Array | undefined,
    codecs: Codecs,
    foundThrough?: StoredEvent,
    timeMs?: number,
  ) {
    this.#codecs = codecs
    this.#timeMs = timeMs
    this.#foundThrough = foundThrough
    this.#bytes = bytes
    this.#parts = parts
    this.#stamp = stamp
    this.type = types.decode(bytes, parts.typeAt, parts.typeEnd)
    this.version = parts.version
  }

  static copyOf(event: StoredEvent): StoredEvent {
    return new StoredEvent(event.#bytes, event.#parts, event.#stamp, event.#codecs, event.#foundThrough)
  }

  static appendedCopyOf(event: StoredEvent): StoredEvent {
    const timeMs = StoredEvent.timeMs(event)
    return new StoredEvent(event.#bytes, event.#parts, undefined, event.#codecs, undefined, timeMs)
  }

  static foundAt(event: StoredEvent): bigint {
    return (event.#foundThrough ?? event).position!
  }

  static isSystem(event: StoredEvent): boolean {
    return event.#bytes[event.#parts.streamAt] === 0x24
  }

  static partsOf(event: StoredEvent): RecordParts {
    return event.#parts
  }

  static stampOf(event: StoredEvent): Uint8Array | undefined {
    return event.#stamp
  }

  static timeMs(event: StoredEvent): number | undefined {
    const { timeAt } = event.#parts
    if (timeAt < 0) return event.#stamp === undefined ? event.#timeMs : timeOfStamp(event.#stamp)
    return new DataView(event.#bytes.buffer, event.#bytes.byteOffset + timeAt, 8).getFloat64(0)
  }

  static bytesOf(event: StoredEvent): number {
    return event.#bytes.length
  }

  static linkTarget(event: StoredEvent): LinkTarget | undefined {
    return event.#parts.isLink ? linkTarget(event.#bytes, event.#parts) : undefined
  }

  static found(event: StoredEvent, link: StoredEvent): StoredEvent {
    return new StoredEvent(event.#bytes, event.#parts, event.#stamp, event.#codecs, link)
  }

  static callerId(event: StoredEvent): Uint8Array | undefined {
    const { hasCallerId, idAt } = event.#parts
    return hasCallerId ? event.#bytes.subarray(idAt, idAt + 16) : undefined
  }

  static isIn(event: StoredEvent, streamId: Uint8Array): boolean {
    const { streamAt, streamEnd } = event.#parts
    if (streamEnd - streamAt !== streamId.length) return false
    for (let at = 0; at < streamId.length; at += 1) {
      if (event.#bytes[streamAt + at] !== streamId[at]) return false
    }
    return true
  }

  get link(): EventLink<bigint | undefined> | undefined {
    if (this.#foundThrough === undefined) return undefined
    const { id, streamId, version, position } = this.#foundThrough
    return { id, streamId, version, position }
  }

  get id(): string {
    return formatUuid(this.#bytes, this.#parts.idAt)
  }

  get streamId(): string {
    return decodeText(this.#bytes, this.#parts.streamAt, this.#parts.streamEnd)
  }

  get position(): bigint | undefined {
    return this.#stamp === undefined ? undefined : positionOf(this.#stamp)
  }

  get recordedAt(): Date | undefined {
    return this.#stamp === undefined ? undefined : new Date(timeOfStamp(this.#stamp))
  }

  get time(): Date | undefined {
    const timeMs = StoredEvent.timeMs(this)
    return timeMs === undefined ? undefined : new Date(timeMs)
  }

  get tags(): readonly string[] {
    const { tagsAt } = this.#parts
    if (tagsAt < 0) return []
    return tagBounds(this.#bytes, tagsAt).map(({ from, to }) => decodeText(this.#bytes, from, to))
  }

  get data(): unknown {
    if ((this.#decoded & 1) === 0) {
      const { dataKind, dataAt, dataEnd } = this.#parts
      this.#data = this.#parts.isLink ? this.#place() : this.#payload(dataKind, dataAt, dataEnd)
      this.#decoded |= 1
    }
    return this.#data
  }

  get metadata(): unknown {
    if ((this.#decoded & 2) === 0) {
      const { metadataKind, metadataAt, metadataEnd } = this.#parts
      this.#metadata = this.#payload(metadataKind, metadataAt, metadataEnd)
      this.#decoded |= 2
    }
    return this.#metadata
  }

  toJSON(): JsonObject {
    const { position, tags, link } = this
    return {
      ...(position === undefined ? {} : { position: position.toString() }),
      streamId: this.streamId,
      version: this.version,
      id: this.id,
      type: this.type,
      ...(this.time === undefined ? {} : { time: this.time.toISOString() }),
      ...(this.recordedAt === undefined ? {} : { recordedAt: this.recordedAt.toISOString() }),
      ...(tags.length === 0 ? {} : { tags }),
      ...(link === undefined ? {} : { link: linkJson(link) }),
      ...jsonMember('metadata', this.metadata),
      ...this.#dataJson(),
    }
  }

  /** What `console.log` shows in Node: the event, not its bytes. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { position, streamId, version, id, type, time, recordedAt, tags, metadata, data, link } = this
    const event = { position, streamId, version, id, type, time, recordedAt, tags, metadata, data }
    return link === undefined ? event : { ...event, link }
  }

  /** What a codec has written may be no JSON, so it is shown as it was written. */
  #dataJson(): JsonObject {
    const { dataKind, dataAt, dataEnd } = this.#parts
    if (dataKind !== KIND_CODED) return jsonMember('data', this.data)
    const { name, body } = partsOfCoded(this.#bytes.subarray(dataAt, dataEnd))
    return { data: { $codec: name, $base64: base64(body) } }
  }

  #place(): object {
    const { streamId, version } = linkTarget(this.#bytes, this.#parts)
    return { streamId, version }
  }

  #payload(kind: number, from: number, to: number): unknown {
    switch (kind) {
      case KIND_NONE:
        return undefined
      case KIND_JSON:
        return JSON.parse(decodeText(this.#bytes, from, to))
      case KIND_BYTES:
        return new Uint8Array(this.#bytes.subarray(from, to))
      case KIND_CODED:
        return this.#codecs.decode(this.#bytes.subarray(from, to))
      default:
        throw new CorruptionError('A stored event has an unknown kind of payload', { kind })
    }
  }
}

function linkJson({ position, ...link }: EventLink<bigint | undefined>): JsonObject {
  return { ...link, ...(position === undefined ? {} : { position: position.toString() }) }
}

function jsonMember(name: string, value: unknown): JsonObject {
  if (value === undefined) return {}
  return { [name]: value instanceof Uint8Array ? { $base64: base64(value) } : (value as JsonValue) }
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}
