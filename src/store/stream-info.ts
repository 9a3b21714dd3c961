import { StreamNotFoundError, StreamTombstonedError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { positionOf, timeOfPosition } from '../kv/stamp.ts'
import type { MetadataPatch, StreamInfo, StreamState } from './contract-streams.ts'
import type { JsonObject } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import { LIVE, type Life, stateOf } from './life.ts'
import { readLife } from './life-rows.ts'
import { SYSTEM_PREFIX } from './prepared-event.ts'
import type { View } from './reading.ts'
import { decodeSealedJson } from './small-values.ts'
import { checkedStamp, headOf, numberOf } from './stream-rows.ts'
import { firstReadable } from './visibility.ts'

/** How a stream is. */
export async function readState({ tx, keys }: View, streamId: string): Promise<StreamState> {
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) return 'none'
  const life = await readLife(tx, keys, number)
  const head = life === LIVE ? undefined : await headOf(tx, keys, number)
  return stateOf(true, head?.version ?? 0, life)
}

/** What is known of a stream. @throws StreamNotFoundError, StreamTombstonedError */
export async function readInfo(view: View, streamId: string): Promise<StreamInfo> {
  const { tx, keys } = view
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) throw new StreamNotFoundError(streamId)
  const life = await readLife(tx, keys, number)
  if (life.tombstoned) throw new StreamTombstonedError(streamId)
  const version = (await headOf(tx, keys, number))?.version ?? 0
  const { truncateBefore, maxCount, maxAgeMs } = life
  const isDeleted = stateOf(true, version, life) === 'deleted'
  return {
    streamId,
    state: isDeleted ? 'deleted' : 'live',
    version,
    firstVersion: await firstReadable(view, number, life, version),
    ...(await readTimes(view, streamId, number, life)),
    ...(truncateBefore !== undefined && { truncateBefore }),
    ...(maxCount !== undefined && { maxCount }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    metadata: await readMap(tx, keys, number),
  }
}

/** When a stream was created, and when it changed last. */
export async function readTimes(
  { tx, keys, now }: View,
  streamId: string,
  number: number,
  { createdMs = Number.POSITIVE_INFINITY }: Life,
): Promise<Pick<StreamInfo, 'createdAt' | 'modifiedAt'>> {
  const systemNumber = await numberOf(tx, keys, `${SYSTEM_PREFIX}${streamId}`)
  const ends = [...(await endStamps(tx, keys, number)), ...(await endStamps(tx, keys, systemNumber))]
  // An event of this very transaction has no stamp yet: it is being recorded now.
  const times = ends.map((stamp) => timeOfPosition(positionOf(stamp)) || now)
  return {
    createdAt: new Date(Math.min(createdMs, ...times)),
    modifiedAt: new Date(Math.max(...times)),
  }
}

/** The user's map of a stream; empty if there is none. */
export async function readMetadata(tx: Reader, keys: Keyspace, streamId: string): Promise<JsonObject> {
  const number = await numberOf(tx, keys, streamId)
  return number === undefined ? {} : readMap(tx, keys, number)
}

/** Decodes the row of a map. @throws CorruptionError */
export function decodeMap(keys: Keyspace, key: Uint8Array, row: Uint8Array): JsonObject {
  const what = (): string => `The metadata of stream number ${keys.numberOfMetaKey(key)}`
  return decodeSealedJson(keys.relative(key), row, what) as JsonObject
}

/** What a patch makes of a map. */
export function patchedMap(map: JsonObject, patch: MetadataPatch): JsonObject {
  return Object.fromEntries(Object.entries({ ...map, ...patch }).filter(([, value]) => value !== null))
}

/** The stamps of the first and the last event of a stream. */
async function endStamps(tx: Reader, keys: Keyspace, number: number | undefined): Promise<Uint8Array[]> {
  if (number === undefined) return []
  const range = keys.streamRange(number, 1, Number.MAX_SAFE_INTEGER)
  const ends = await Promise.all(
    [false, true].map((reverse) => tx.getRange(range, { limit: 1, reverse }).toArray()),
  )
  return ends.flat().map(({ value }) => checkedStamp(value))
}

async function readMap(tx: Reader, keys: Keyspace, number: number): Promise<JsonObject> {
  const key = keys.metaKey(number)
  const row = await tx.get(key)
  return row === undefined ? {} : decodeMap(keys, key, row)
}
