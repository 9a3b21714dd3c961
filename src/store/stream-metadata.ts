import {
  InvalidArgumentError,
  LimitExceededError,
  StreamExistsError,
  StreamNotFoundError,
} from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { positionOf, timeOfPosition } from '../kv/stamp.ts'
import { STREAM_METADATA_BYTES_MAX } from '../limits.ts'
import type { MetadataPatch, StreamInfo } from './contract.ts'
import type { JsonObject } from './event.ts'
import type { StoreHost } from './host.ts'
import { encodeJson } from './json.ts'
import type { Keyspace } from './keyspace.ts'
import { type PreparedEvent, prepareEvents, SYSTEM_PREFIX } from './prepared-event.ts'
import type { StoreSession } from './session.ts'
import { decodeJson } from './small-values.ts'
import { checkedStamp, headOf, numberOf } from './stream-rows.ts'

/** Types of the events in a stream's system stream, by which its metadata came to be what it is. */
const CREATED = '$stream-created'
const METADATA_CHANGED = '$metadata-changed'

/** The stream in which the changes of a stream's metadata are recorded. */
export function systemStreamOf(streamId: string): string {
  return `${SYSTEM_PREFIX}${streamId}`
}

/** Creates a stream that has no events yet. @throws StreamExistsError */
export async function createStream(
  host: StoreHost,
  session: StoreSession,
  streamId: string,
  metadata: JsonObject,
): Promise<void> {
  checkMap(metadata)
  await inTurn(session, async () => {
    const { exists, version } = await session.stream(streamId)
    if (exists) throw new StreamExistsError(streamId, version)
    await changeMetadata(host, session, streamId, CREATED, metadata)
  })
}

/** Changes the user's map of a stream, and creates the stream if need be. Returns the new map. */
export async function setMetadata(
  host: StoreHost,
  session: StoreSession,
  streamId: string,
  patch: MetadataPatch,
): Promise<JsonObject> {
  checkMap(patch)
  return inTurn(session, () => changeMetadata(host, session, streamId, METADATA_CHANGED, patch))
}

/** The user's map of a stream; empty if there is none. */
export async function readMetadata(tx: Reader, keys: Keyspace, streamId: string): Promise<JsonObject> {
  const number = await numberOf(tx, keys, streamId)
  return number === undefined ? {} : readMap(tx, keys, number)
}

/** What is known of a stream. @throws StreamNotFoundError */
export async function readInfo(
  tx: Reader,
  { keys, runtime }: StoreHost,
  streamId: string,
): Promise<StreamInfo> {
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) throw new StreamNotFoundError(streamId)
  const systemNumber = await numberOf(tx, keys, systemStreamOf(streamId))
  const head = await headOf(tx, keys, number)
  const ends = [...(await endStamps(tx, keys, number)), ...(await endStamps(tx, keys, systemNumber))]
  // An event of this very transaction has no stamp yet: it is being recorded now.
  const times = ends.map((stamp) => timeOfPosition(positionOf(stamp)) || runtime.now())
  return {
    streamId,
    version: head?.version ?? 0,
    createdAt: new Date(Math.min(...times)),
    modifiedAt: new Date(Math.max(...times)),
    metadata: await readMap(tx, keys, number),
  }
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

/** A change reads before it writes, so those that a body makes side by side take turns. */
function inTurn<T>(session: StoreSession, change: () => Promise<T>): Promise<T> {
  const turn = (lastTurns.get(session) ?? Promise.resolve()).then(change)
  lastTurns.set(
    session,
    turn.catch(() => {}),
  )
  return turn
}

const lastTurns = new WeakMap<StoreSession, Promise<unknown>>()

async function changeMetadata(
  host: StoreHost,
  session: StoreSession,
  streamId: string,
  type: string,
  patch: MetadataPatch,
): Promise<JsonObject> {
  const map = applyPatch(await readMetadata(session.tx, host.keys, streamId), patch)
  const encoded = new TextEncoder().encode(encodeJson(map, 'metadata'))
  if (encoded.length > STREAM_METADATA_BYTES_MAX) {
    throw new LimitExceededError('The metadata of a stream', STREAM_METADATA_BYTES_MAX, encoded.length)
  }
  const events: PreparedEvent[] = prepareEvents({ type, data: patch })
  // The event may be refused for its size, so it goes first: whoever catches that must not be left with half a change.
  await session.append([{ streamId: systemStreamOf(streamId), events, expectedVersion: 'any' }], [])
  const { number } = await session.create(streamId)
  session.tx.set(host.keys.metaKey(number), encoded)
  return map
}

async function readMap(tx: Reader, keys: Keyspace, number: number): Promise<JsonObject> {
  const row = await tx.get(keys.metaKey(number))
  return row === undefined ? {} : (decodeJson(row, 'The metadata of a stream') as JsonObject)
}

/** What changes of metadata come to, one after the other. */
export function foldMetadata(patches: readonly MetadataPatch[]): JsonObject {
  return patches.reduce<JsonObject>(applyPatch, {})
}

function applyPatch(map: JsonObject, patch: MetadataPatch): JsonObject {
  return Object.fromEntries(Object.entries({ ...map, ...patch }).filter(([, value]) => value !== null))
}

function checkMap(map: unknown): void {
  if (typeof map === 'object' && map !== null && !Array.isArray(map) && !(map instanceof Uint8Array)) return
  throw new InvalidArgumentError('The metadata of a stream must be an object of JSON values', {
    metadata: map,
  })
}
