import { CorruptionError } from '../errors.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import { crc32c } from './crc32c.ts'
import type { LinkTarget, Payload, PreparedEvent } from './prepared-event.ts'
import { decodeText, encodeText } from './text.ts'
import type { UuidSource } from './uuid.ts'

/**
 * The bytes of an event in the log, layout 1. `docs/keyspace.md` shows them with vectors.
 *
 *   layout 1 · flags 1 · id 16 · stream number varint · version varint · type · stream id · [time 8] · [tags] · [metadata] · data · crc 4
 *
 * Texts and metadata are preceded by their length as a varint; tags by their number. Data is the rest; in a link the place of the event
 * that it points to: stream number varint · version varint · stream id. The checksum (CRC-32C, big-endian)
 * covers everything before it. The position is the key's, and the recorded time follows from it. Behind the record of a row of the log is its stamp again, so
 * that a row that was moved is noticed.
 */
export const RECORD_LAYOUT = 1
/** First byte of the log row of an event that is stored in chunks. */
export const CHUNKED_LAYOUT = 2

const HAS_TIME = 0x01
const HAS_TAGS = 0x02
const METADATA_SHIFT = 2
const DATA_SHIFT = 4
const KIND_MASK = 0x03
/** The caller supplied the id, so there is a row by which it can be found. */
const HAS_CALLER_ID = 0x40
/** A link to another event, whose place is in place of the data. */
const IS_LINK = 0x80
/** How a payload is to be decoded. */
export const KIND_NONE = 0
/** UTF-8 JSON. */
export const KIND_JSON = 1
/** Bytes as they are. */
export const KIND_BYTES = 2
/** Bytes of a codec, whose name is in front of them: its length 1, the name, and the rest. */
export const KIND_CODED = 3

const CRC_BYTES = 4
const ID_AT = 2
const HEADER_BYTES = 18
const SLAB_BYTES = 512 * 1_024
/** JSON longer than this is encoded on its own, so that not three bytes a character are set aside for it. */
const LONG_TEXT = 16 * 1_024

const encoder = new TextEncoder()

/** Where the parts of a record are. */
export interface RecordParts {
  /** Number of its stream. */
  readonly number: number
  readonly version: number
  readonly isLink: boolean
  readonly hasCallerId: boolean
  readonly idAt: number
  readonly typeAt: number
  readonly typeEnd: number
  readonly streamAt: number
  readonly streamEnd: number
  /** -1 if the caller gave no time. */
  readonly timeAt: number
  /** -1 if there are none. */
  readonly tagsAt: number
  readonly metadataKind: number
  readonly metadataAt: number
  readonly metadataEnd: number
  readonly dataKind: number
  readonly dataAt: number
  readonly dataEnd: number
}

/** A stream by its id and the number that it has inside. */
export interface NumberedStream {
  readonly streamId: string
  readonly number: number
}

/** Writes records one behind the other into large arrays, as many small ones cost more to allocate than to fill. */
export class RecordEncoder {
  #slab: Uint8Array = new Uint8Array(SLAB_BYTES)
  #at = 0

  /** Makes room by giving up everything that was encoded: nobody must need it any more. */
  reuse(): void {
    if (this.#slab.length > SLAB_BYTES) this.#slab = new Uint8Array(SLAB_BYTES)
    this.#at = 0
  }

  /** Encodes an event, with room for its stamp behind the record; it gets an id from `ids` if it has none. */
  encode(
    event: PreparedEvent,
    { streamId, number }: NumberedStream,
    version: number,
    ids: UuidSource,
  ): Uint8Array {
    const metadata = shortened(event.metadata)
    const data = shortened(event.data)
    this.#reserve(sizeMax(event, streamId, metadata, data))
    const start = this.#at
    const slab = this.#slab
    slab[start] = RECORD_LAYOUT
    slab[start + 1] = flagsOf(event)
    if (event.id === undefined) ids.write(slab, start + ID_AT)
    else slab.set(event.id, start + ID_AT)
    this.#at = start + HEADER_BYTES
    this.#varint(number)
    this.#varint(version)
    this.#text(event.type)
    this.#text(streamId)
    if (event.timeMs !== undefined) this.#float64(event.timeMs)
    if (event.tags.length > 0) this.#tags(event.tags)
    if (metadata !== undefined) this.#metadata(metadata)
    if (data !== undefined) this.#payload(data)
    if (event.link !== undefined) this.#link(event.link)
    this.#uint32(crc32c(slab, start, this.#at))
    this.#at += STAMP_BYTES
    return slab.subarray(start, this.#at)
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return
    this.#slab = new Uint8Array(Math.max(SLAB_BYTES, bytes))
    this.#at = 0
  }

  #varint(value: number): void {
    let left = value
    for (; left > 0x7f; left = Math.floor(left / 0x80)) this.#slab[this.#at++] = (left % 0x80) | 0x80
    this.#slab[this.#at++] = left
  }

  /** Writes a text after its length. The length's own length is guessed; a wrong guess moves the text. */
  #text(text: string): void {
    const guess = text.length > 0x7f ? 2 : 1
    const written = encodeText(text, this.#slab, this.#at + guess)
    const needed = written > 0x3fff ? 3 : written > 0x7f ? 2 : 1
    if (needed !== guess)
      this.#slab.copyWithin(this.#at + needed, this.#at + guess, this.#at + guess + written)
    this.#varint(written)
    this.#at += written
  }

  #tags(tags: readonly string[]): void {
    this.#varint(tags.length)
    for (const tag of tags) this.#text(tag)
  }

  #metadata(payload: Payload): void {
    if (typeof payload === 'string') return this.#text(payload)
    this.#varint(payload.length)
    this.#payload(payload)
  }

  #payload(payload: Payload): void {
    if (typeof payload === 'string') this.#at += encodeText(payload, this.#slab, this.#at)
    else {
      this.#slab.set(payload, this.#at)
      this.#at += payload.length
    }
  }

  #link({ number, version, streamId }: LinkTarget): void {
    this.#varint(number)
    this.#varint(version)
    this.#at += encodeText(streamId, this.#slab, this.#at)
  }

  #float64(value: number): void {
    new DataView(this.#slab.buffer).setFloat64(this.#at, value)
    this.#at += 8
  }

  #uint32(value: number): void {
    this.#slab[this.#at++] = value >>> 24
    this.#slab[this.#at++] = value >>> 16
    this.#slab[this.#at++] = value >>> 8
    this.#slab[this.#at++] = value
  }
}

/** Checks a record and finds its parts. @throws CorruptionError */
export function parseRecord(bytes: Uint8Array): RecordParts {
  const end = bytes.length - CRC_BYTES
  if (end < HEADER_BYTES || bytes[0] !== RECORD_LAYOUT) {
    throw new CorruptionError('A stored event has an unknown layout')
  }
  const stored = (bytes[end]! << 24) | (bytes[end + 1]! << 16) | (bytes[end + 2]! << 8) | bytes[end + 3]!
  if (crc32c(bytes, 0, end) !== stored >>> 0)
    throw new CorruptionError('The checksum of a stored event does not hold')
  return findParts(bytes, end)
}

function findParts(bytes: Uint8Array, end: number): RecordParts {
  const flags = bytes[1]!
  const cursor = new Cursor(bytes, HEADER_BYTES, end)
  const number = cursor.varint()
  const version = cursor.varint()
  const typeAt = cursor.skipText()
  const typeEnd = cursor.at
  const streamAt = cursor.skipText()
  const streamEnd = cursor.at
  const timeAt = flags & HAS_TIME ? cursor.skip(8) : -1
  const tagsAt = flags & HAS_TAGS ? cursor.skipTags() : -1
  const metadataKind = (flags >> METADATA_SHIFT) & KIND_MASK
  const metadataAt = metadataKind === KIND_NONE ? cursor.at : cursor.skipText()
  const metadataEnd = cursor.at
  const dataKind = (flags >> DATA_SHIFT) & KIND_MASK
  if (metadataEnd > end) throw new CorruptionError('A stored event is shorter than it says')
  return {
    number,
    version,
    isLink: (flags & IS_LINK) !== 0,
    hasCallerId: (flags & HAS_CALLER_ID) !== 0,
    idAt: ID_AT,
    typeAt,
    typeEnd,
    streamAt,
    streamEnd,
    timeAt,
    tagsAt,
    metadataKind,
    metadataAt,
    metadataEnd,
    dataKind,
    dataAt: metadataEnd,
    dataEnd: end,
  }
}

/** Reads the place that a link points to, at the place of the data. */
export function linkTarget(bytes: Uint8Array, { dataAt, dataEnd }: RecordParts): LinkTarget {
  const cursor = new Cursor(bytes, dataAt, dataEnd)
  const number = cursor.varint()
  const version = cursor.varint()
  return { number, version, streamId: decodeText(bytes, cursor.at, dataEnd) }
}

/** Reads the tags that begin at `at`. */
export function tagBounds(bytes: Uint8Array, at: number): { readonly from: number; readonly to: number }[] {
  const cursor = new Cursor(bytes, at, bytes.length)
  const bounds: { from: number; to: number }[] = []
  for (let left = cursor.varint(); left > 0; left -= 1)
    bounds.push({ from: cursor.skipText(), to: cursor.at })
  return bounds
}

class Cursor {
  readonly #bytes: Uint8Array
  readonly #end: number
  at: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.#end = end
  }

  varint(): number {
    const first = this.#bytes[this.at++]!
    if (first < 0x80) return first
    let value = first & 0x7f
    for (let factor = 0x80; this.at < this.#end; factor *= 0x80) {
      const byte = this.#bytes[this.at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new CorruptionError('A stored event is shorter than it says')
  }

  /** Moves on, and returns where it was. */
  skip(length: number): number {
    const at = this.at
    this.at += length
    return at
  }

  skipText(): number {
    return this.skip(this.varint())
  }

  skipTags(): number {
    const { at } = this
    for (let left = this.varint(); left > 0; left -= 1) this.skipText()
    return at
  }
}

function flagsOf(event: PreparedEvent): number {
  return (
    (event.timeMs === undefined ? 0 : HAS_TIME) |
    (event.id === undefined ? 0 : HAS_CALLER_ID) |
    (event.link === undefined ? 0 : IS_LINK) |
    (event.tags.length === 0 ? 0 : HAS_TAGS) |
    (kindOf(event.metadata) << METADATA_SHIFT) |
    ((event.isCoded ? KIND_CODED : kindOf(event.data)) << DATA_SHIFT)
  )
}

function kindOf(payload: Payload | undefined): number {
  if (payload === undefined) return KIND_NONE
  return typeof payload === 'string' ? KIND_JSON : KIND_BYTES
}

function shortened(payload: Payload | undefined): Payload | undefined {
  return typeof payload === 'string' && payload.length > LONG_TEXT ? encoder.encode(payload) : payload
}

/** An upper bound of a record's size. */
function sizeMax(
  event: PreparedEvent,
  streamId: string,
  metadata: Payload | undefined,
  data: Payload | undefined,
): number {
  let size = 64 + STAMP_BYTES + textMax(event.type) + textMax(streamId)
  if (metadata !== undefined) size += textMax(metadata)
  if (data !== undefined) size += textMax(data)
  if (event.link !== undefined) size += textMax(event.link.streamId)
  for (const tag of event.tags) size += textMax(tag)
  return size
}

function textMax(payload: Payload): number {
  return 5 + (typeof payload === 'string' ? payload.length * 3 : payload.length)
}
