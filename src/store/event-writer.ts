import { LimitExceededError } from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import { CHUNK_BYTES } from '../limits.ts'
import { encodeChunkedRow } from './chunks.ts'
import type { IndexName } from './contract-reading.ts'
import type { PendingEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import type { StampedKey } from './keyspace.ts'
import { isSystemStream, type PreparedEvent } from './prepared-event.ts'
import { categoryOf, type Settings, writtenIndexes } from './settings.ts'
import { encodeNumber, encodePlace } from './small-values.ts'
import { pendingEvent } from './stored-event.ts'

/** A stream that is being written. */
export interface WrittenStream {
  readonly id: string
  readonly number: number
}

/** An event that its transaction has not committed yet. */
export interface OwnEvent {
  readonly bytes: Uint8Array
  readonly type: string
  readonly tags: readonly string[]
  readonly streamId: string
  readonly number: number
  readonly version: number
  /** By which the commit tells its position. */
  readonly userVersion: number
}

/** Every row that an event consists of. */
export class EventWriter {
  readonly #host: StoreHost
  readonly #tx: Transaction
  readonly #keepsEvents: boolean
  readonly #own: OwnEvent[] = []
  #nextUserVersion = 0

  /** Own events are kept, to be read again, if `keepsEvents` or for inline projections; those with an id of the caller's in any case. */
  constructor(host: StoreHost, tx: Transaction, keepsEvents: boolean) {
    this.#host = host
    this.#tx = tx
    this.#keepsEvents = keepsEvents
  }

  /** The user version of the next event. */
  get nextUserVersion(): number {
    return this.#nextUserVersion
  }

  /** The events that were written and kept, in order. */
  get own(): readonly OwnEvent[] {
    return this.#own
  }

  /** The events that were written and kept, as readers see them; only those from an index on. */
  pendingEvents(isWanted: (event: OwnEvent) => boolean, from = 0): PendingEvent[] {
    const own = from === 0 ? this.#own : this.#own.slice(from)
    return own.filter(isWanted).map(({ bytes }) => pendingEvent(bytes, this.#host.keys.codecs))
  }

  /** Encodes an event with the version that it will have. @throws LimitExceededError */
  encode(stream: WrittenStream, version: number, event: PreparedEvent): Uint8Array {
    const { records, uuids, eventBytesMax } = this.#host
    const bytes = records.encode(event, { streamId: stream.id, number: stream.number }, version, uuids)
    const length = bytes.length - STAMP_BYTES
    if (length > eventBytesMax) throw new LimitExceededError('An event', eventBytesMax, length)
    return bytes
  }

  /** Writes the rows of an event. */
  write(
    stream: WrittenStream,
    version: number,
    event: PreparedEvent,
    bytes: Uint8Array,
    settings: Settings,
  ): void {
    const { keys } = this.#host
    const userVersion = this.#nextUserVersion
    this.#nextUserVersion += 1
    const key = keys.newLogKey(userVersion)
    const length = bytes.length - STAMP_BYTES
    const record = bytes.subarray(0, length)
    if (length > CHUNK_BYTES) this.#writeChunks(key, userVersion, record)
    else this.#tx.setStampedKey(key.bytes, key.offset, bytes, { valueStampAt: length })
    this.#tx.setStampedValue(keys.streamKey(stream.number, version), stampHole(userVersion), 0)
    if (event.id !== undefined) this.#tx.set(keys.eventIdKey(stream.number, event.id), encodeNumber(version))
    if (!isSystemStream(stream.id)) this.#writeIndexes(stream, version, event, userVersion, settings)
    if (this.#keepsEvents || event.id !== undefined || settings.inline.length > 0) {
      const { type, tags } = event
      this.#own.push({
        // Whoever handles it may keep it for longer than the encoder keeps its memory.
        bytes: settings.inline.length > 0 ? record.slice() : record,
        type,
        tags,
        streamId: stream.id,
        number: stream.number,
        version,
        userVersion,
      })
    }
  }

  #writeChunks(key: StampedKey, userVersion: number, bytes: Uint8Array): void {
    const row = encodeChunkedRow(bytes.length)
    this.#tx.setStampedKey(key.bytes, key.offset, row, { valueStampAt: row.length - STAMP_BYTES })
    for (let index = 0; index * CHUNK_BYTES < bytes.length; index += 1) {
      const chunk = this.#host.keys.newChunkKey(userVersion, index)
      const piece = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      this.#tx.setStampedKey(chunk.bytes, chunk.offset, piece)
    }
  }

  #writeIndexes(
    { id, number }: WrittenStream,
    version: number,
    { type, tags }: PreparedEvent,
    userVersion: number,
    settings: Settings,
  ): void {
    let place: Uint8Array | undefined
    for (const { index, text } of indexedTexts({ streamId: id, type, tags }, settings)) {
      place ??= encodePlace(number, version)
      const key = this.#host.keys.newIndexKey(index, text, userVersion)
      this.#tx.setStampedKey(key.bytes, key.offset, place, LISTED)
    }
  }
}

/** Transactions that read a query are told of the very rows, so that they conflict only with what matches. */
const LISTED = { listed: true }

/** What an index has a row for. */
interface Indexed {
  readonly streamId: string
  readonly type: string
  readonly tags: readonly string[]
}

/** Under what an event stands in an index. */
export interface IndexedText {
  readonly index: IndexName
  readonly text: string
}

/** Under what an event of the application stands in the indexes of a store. */
export function indexedTexts(
  { streamId, type, tags }: Indexed,
  settings: Settings,
  indexes: readonly IndexName[] = writtenIndexes(settings),
): readonly IndexedText[] {
  const texts: IndexedText[] = []
  for (const index of indexes) {
    if (index === 'category') texts.push({ index, text: categoryOf(streamId, settings) })
    else if (index === 'type') texts.push({ index, text: type })
    else for (const tag of tags) texts.push({ index, text: tag })
  }
  return texts
}

function stampHole(userVersion: number): Uint8Array {
  const hole = new Uint8Array(STAMP_BYTES)
  hole[STAMP_BYTES - 2] = userVersion >>> 8
  hole[STAMP_BYTES - 1] = userVersion
  return hole
}
