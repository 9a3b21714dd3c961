import { CorruptionError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import type { Keyspace } from './keyspace.ts'
import { decodeNumber } from './small-values.ts'

/** A row of a stream's index: where one of its events is. */
export interface StreamRow {
  readonly version: number
  readonly stamp: Uint8Array
}

/** The number of a stream, or `undefined` if it was never created or written. */
export async function numberOf(tx: Reader, keys: Keyspace, streamId: string): Promise<number | undefined> {
  const row = await tx.get(keys.nameKey(streamId))
  return row === undefined ? undefined : decodeNumber(row, 'The number of a stream')
}

/** The last row of a stream, or `undefined` if it has no events. */
export async function headOf(tx: Reader, keys: Keyspace, number: number): Promise<StreamRow | undefined> {
  const [row] = await tx
    .getRange(keys.streamRange(number, 1, Number.MAX_SAFE_INTEGER), { limit: 1, reverse: true })
    .toArray()
  return row === undefined
    ? undefined
    : { version: keys.placeOfStreamKey(row.key).version, stamp: checkedStamp(row.value) }
}

/** Checks the stamp in a row. @throws CorruptionError */
export function checkedStamp(value: Uint8Array): Uint8Array {
  if (value.length !== STAMP_BYTES)
    throw new CorruptionError('The position of an event is damaged', { value })
  return value
}
