import { CorruptionError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES } from '../kv/stamp.ts'
import { READ_PAGE_BYTES } from '../limits.ts'
import { chunkedLength, isChunkedRow, readChunks } from './chunks.ts'
import type { RecordedEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import { recordedEvent } from './stored-event.ts'

/** Reads the event at a stamp, or `undefined` if the log has none there. @throws CorruptionError */
export async function readEvent(
  tx: Reader,
  keys: Keyspace,
  stamp: Uint8Array,
): Promise<RecordedEvent | undefined> {
  const row = await tx.get(keys.logKey(stamp))
  return row === undefined ? undefined : decodeLogRow(tx, keys, stamp, row)
}

/** Decodes a row of the log, and fetches its chunks if it has any. @throws CorruptionError */
export function decodeLogRow(
  tx: Reader,
  keys: Keyspace,
  stamp: Uint8Array,
  row: Uint8Array,
): RecordedEvent | Promise<RecordedEvent> {
  const record = recordOf(row)
  refuseMoved(row, stamp)
  if (!isChunkedRow(row)) return recordedEvent(record, stamp, keys.codecs)
  return readChunks(tx, keys, stamp, record).then((whole) => recordedEvent(whole, stamp, keys.codecs))
}

/** The record in a row of the log, or what stands for one that is in chunks: what is before the row's own stamp. */
export function recordOf(row: Uint8Array): Uint8Array {
  return row.subarray(0, Math.max(0, row.length - STAMP_BYTES))
}

/** A row is at its place if its key says what its end says. @throws CorruptionError */
function refuseMoved(row: Uint8Array, stamp: Uint8Array): void {
  const at = row.length - STAMP_BYTES
  for (let byte = 0; byte < STAMP_BYTES; byte += 1) {
    if (row[at + byte] === stamp[byte]) continue
    const position = positionOf(stamp)
    throw new CorruptionError(`The row of the log at position ${position} belongs to another position`, {
      position,
    })
  }
}

/** A row of the log that was found. */
export interface FoundRow {
  readonly stamp: Uint8Array
  readonly row: Uint8Array
}

/** Events that were read together. */
export interface EventPage {
  readonly events: readonly RecordedEvent[]
  /** Whether it ends before the rows do, because the events are large. */
  readonly isCut: boolean
}

/** Decodes rows in turn, until their events have become too many bytes to be held at a time. @throws CorruptionError */
export async function decodePage(tx: Reader, keys: Keyspace, rows: readonly FoundRow[]): Promise<EventPage> {
  const events: RecordedEvent[] = []
  let bytes = 0
  for (const { stamp, row } of rows) {
    const decoded = decodeLogRow(tx, keys, stamp, row)
    // Nearly all events are there at once; waiting costs more than decoding.
    events.push(decoded instanceof Promise ? await decoded : decoded)
    bytes += isChunkedRow(row) ? chunkedLength(stamp, recordOf(row)) : row.length
    if (bytes >= READ_PAGE_BYTES) break
  }
  return { events, isCut: events.length < rows.length }
}
