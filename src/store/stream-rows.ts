import { CorruptionError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import type { Keyspace } from './keyspace.ts'
import { decodeNumber, encodeNumber, sealed, unsealed } from './small-values.ts'

/** A row of a stream's index: where one of its events is. */
export interface StreamRow {
  readonly version: number
  readonly stamp: Uint8Array
}

/** The number of a stream, or `undefined` if it was never created or written. */
export async function numberOf(tx: Reader, keys: Keyspace, streamId: string): Promise<number | undefined> {
  const key = keys.nameKey(streamId)
  const row = await tx.get(key)
  return row === undefined ? undefined : decodeName(keys, key, row)
}

/** Encodes the row of a name. A wrong number would make a stream look empty, so it has a checksum. */
export function encodeName(keys: Keyspace, key: Uint8Array, number: number): Uint8Array {
  return sealed(keys.relative(key), encodeNumber(number))
}

/** Decodes the row of a name. @throws CorruptionError */
export function decodeName(keys: Keyspace, key: Uint8Array, row: Uint8Array): number {
  const what = (): string => `The number of stream ${JSON.stringify(keys.streamIdOfName(key))}`
  return decodeNumber(unsealed(keys.relative(key), row, what), 'The number of a stream')
}

/** The last row of a stream, or `undefined` if it has no events. */
export async function headOf(tx: Reader, keys: Keyspace, number: number): Promise<StreamRow | undefined> {
  const [row] = await tx
    .getRange(keys.streamRange(number, 1, Number.MAX_SAFE_INTEGER), { limit: 1, reverse: true })
    .toArray()
  return row === undefined
    ? undefined
    : { version: versionIn(keys, number, row.key), stamp: checkedStamp(row.value) }
}

/** The version in a key of the stream with this number. @throws CorruptionError, which names the stream */
export function versionIn(keys: Keyspace, number: number, key: Uint8Array): number {
  try {
    return keys.placeOfStreamKey(key).version
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    throw new CorruptionError(`A key of stream number ${number} is damaged: ${error.message}`, { key })
  }
}

/** Checks the stamp in a row. @throws CorruptionError */
export function checkedStamp(value: Uint8Array): Uint8Array {
  if (value.length !== STAMP_BYTES)
    throw new CorruptionError('The position of an event is damaged', { value })
  return value
}
