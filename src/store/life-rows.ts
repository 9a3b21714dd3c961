import type { Reader } from '../kv/contract.ts'
import type { Keyspace } from './keyspace.ts'
import { LIVE, type Life } from './life.ts'
import { decodeSealedJson, encodeSealedJson } from './small-values.ts'

/** The life of a stream. @throws CorruptionError */
export async function readLife(tx: Reader, keys: Keyspace, number: number): Promise<Life> {
  const key = keys.lifeKey(number)
  const row = await tx.get(key)
  return row === undefined ? LIVE : decodeLife(keys, key, row)
}

/** Decodes the row of a life. @throws CorruptionError */
export function decodeLife(keys: Keyspace, key: Uint8Array, row: Uint8Array): Life {
  const what = (): string => `The life of stream number ${keys.numberOfLifeKey(key)}`
  return decodeSealedJson(keys.relative(key), row, what) as Life
}

/** Encodes the row of a life. */
export function encodeLife(keys: Keyspace, key: Uint8Array, life: Life): Uint8Array {
  return encodeSealedJson(keys.relative(key), life)
}
