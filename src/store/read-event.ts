import type { Reader } from '../kv/contract.ts'
import { isChunkedRow, readChunks } from './chunks.ts'
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
  if (!isChunkedRow(row)) return recordedEvent(row, stamp)
  return readChunks(tx, keys, stamp, row).then((record) => recordedEvent(record, stamp))
}
