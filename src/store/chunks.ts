import { CorruptionError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES } from '../kv/stamp.ts'
import { crc32c } from './crc32c.ts'
import type { Keyspace } from './keyspace.ts'
import { CHUNKED_LAYOUT } from './record.ts'

/**
 * Events over 64 KiB are stored in chunks, because engines bound the size of a value. The log row then only says so: layout 2, the length
 * of the record in 4 bytes, and a CRC-32C of these five bytes; the record itself is in the chunks, one behind the other.
 */
const ROW_BYTES = 9

/** Makes the log row of an event that is stored in chunks, with room for its stamp behind it. */
export function encodeChunkedRow(length: number): Uint8Array {
  const row = new Uint8Array(ROW_BYTES + STAMP_BYTES)
  row[0] = CHUNKED_LAYOUT
  const view = new DataView(row.buffer)
  view.setUint32(1, length)
  view.setUint32(5, crc32c(row, 0, 5))
  return row
}

/** Whether a log row says that its event is stored in chunks. */
export function isChunkedRow(row: Uint8Array): boolean {
  return row[0] === CHUNKED_LAYOUT
}

/** Reads the length of the record from the log row at a stamp. @throws CorruptionError */
export function chunkedLength(stamp: Uint8Array, row: Uint8Array): number {
  const view = new DataView(row.buffer, row.byteOffset, row.length)
  if (row.length !== ROW_BYTES || view.getUint32(5) !== crc32c(row, 0, 5)) {
    throw damaged('The log row of a chunked event is damaged', stamp)
  }
  return view.getUint32(1)
}

/** Puts the record of a chunked event together. @throws CorruptionError */
export async function readChunks(
  tx: Reader,
  keys: Keyspace,
  stamp: Uint8Array,
  row: Uint8Array,
): Promise<Uint8Array> {
  const record = new Uint8Array(chunkedLength(stamp, row))
  let at = 0
  for await (const { value } of tx.getRange(keys.chunkRange(stamp))) {
    if (at + value.length > record.length)
      throw damaged('The chunks of an event are longer than they should be', stamp)
    record.set(value, at)
    at += value.length
  }
  if (at !== record.length) throw damaged('Chunks of an event are missing', stamp)
  return record
}

function damaged(what: string, stamp: Uint8Array): CorruptionError {
  const position = positionOf(stamp)
  return new CorruptionError(`${what} (position ${position})`, { position })
}
