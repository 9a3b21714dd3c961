import {
  InvalidArgumentError,
  LimitExceededError,
  StreamExistsError,
  StreamNotFoundError,
  StreamNotRestorableError,
  StreamTombstonedError,
  WrongExpectedVersionError,
} from '../errors.ts'
import { STREAM_METADATA_BYTES_MAX } from '../limits.ts'
import { plainRequest } from './appended.ts'
import type {
  CreateStreamOptions,
  DeleteOptions,
  MetadataPatch,
  Retention,
  RetentionPatch,
} from './contract-streams.ts'
import type { JsonObject } from './event.ts'
import { checkExpectedVersion, violationOf } from './expected-version.ts'
import type { StoreHost } from './host.ts'
import { encodeJson } from './json.ts'
import { onlyNames } from './known-names.ts'
import {
  CREATED,
  changedLife,
  DELETED,
  hiddenTo,
  type Life,
  type LifeChange,
  lasting,
  METADATA_CHANGED,
  RESTORED,
  RETENTION_CHANGED,
  sameLife,
  TOMBSTONED,
  TRUNCATED,
} from './life.ts'
import { prepareEvents, SYSTEM_PREFIX } from './prepared-event.ts'
import { viewWithin } from './reading.ts'
import type { StoreSession } from './session.ts'
import type { SessionStream } from './session-streams.ts'
import { encodeSealedJson } from './small-values.ts'
import { patchedMap, readMetadata } from './stream-info.ts'
import { firstReadable } from './visibility.ts'

/** What happens to a stream, as the event of its system stream says. */
interface StreamChange {
  readonly type: string
  readonly data: LifeChange & { readonly metadata?: MetadataPatch }
}

/** A session, and the store that it belongs to. */
export interface Changing {
  readonly host: StoreHost
  readonly session: StoreSession
}

/** The stream in which the changes of a stream are recorded. */
export function systemStreamOf(streamId: string): string {
  return `${SYSTEM_PREFIX}${streamId}`
}

/** Creates a stream that has no events yet. @throws StreamExistsError, StreamTombstonedError, InvalidArgumentError */
export async function createStream(
  changing: Changing,
  streamId: string,
  options: CreateStreamOptions,
): Promise<void> {
  checkCreateOptions(options)
  const { metadata: given = {}, ...retention } = options
  const metadata = plainMap(given)
  checkRetention(retention)
  await change(changing, streamId, async ({ exists, version }) => {
    if (exists) throw new StreamExistsError(streamId, version)
    return { type: CREATED, data: { metadata, ...retention } }
  })
}

/** Changes the user's map of a stream, and creates the stream if need be. Returns the new map. */
export async function setMetadata(
  changing: Changing,
  streamId: string,
  patch: MetadataPatch,
): Promise<JsonObject> {
  const plain = plainMap(patch)
  await change(changing, streamId, async () => ({ type: METADATA_CHANGED, data: { metadata: plain } }))
  return readMetadata(changing.session.tx, changing.host.keys, streamId)
}

/** Changes how long events stay readable. What is hidden by the old rules stays hidden. */
export async function setRetention(
  changing: Changing,
  streamId: string,
  patch: RetentionPatch,
): Promise<void> {
  checkRetentionPatch(patch)
  checkRetention(patch)
  await change(changing, streamId, async ({ number, version, life }) => {
    if (number === undefined) return { type: RETENTION_CHANGED, data: patch }
    const kept = lasting(life, version)
    const first = await firstLasting(changing, number, life, version)
    const isHidingMore = first - 1 > hiddenTo(kept)
    return { type: RETENTION_CHANGED, data: { ...patch, ...(isHidingMore && { truncateBefore: first }) } }
  })
}

/** Hides all events before a version. */
export async function truncateBefore(changing: Changing, streamId: string, before: number): Promise<void> {
  await change(changing, streamId, async ({ exists, number, version, life }) => {
    if (!exists) throw new StreamNotFoundError(streamId)
    if (!Number.isSafeInteger(before) || before < 1 || before > version + 1) {
      throw new InvalidArgumentError(
        `A stream can be truncated before a version from 1 to ${version + 1}, which is behind its last, not ${before}`,
        { streamId, before, version },
      )
    }
    const isHidden = before <= (await firstLasting(changing, number!, life, version))
    return isHidden ? undefined : { type: TRUNCATED, data: { truncateBefore: before } }
  })
}

/** The first version that can be read, or could be if a deletion were taken back. */
function firstLasting(
  { session, host }: Changing,
  number: number,
  life: Life,
  version: number,
): Promise<number> {
  return firstReadable(viewWithin(session, host), number, lasting(life, version), version)
}

/** Hides a whole stream until it is written to or restored. */
export async function deleteStream(
  changing: Changing,
  streamId: string,
  options: DeleteOptions,
): Promise<void> {
  const expected = expectedOf(options)
  await change(changing, streamId, async (stream) => {
    if (!stream.exists) throw new StreamNotFoundError(streamId)
    const { state, version } = stream
    if (state === 'deleted' && expected === 'any') return undefined
    refuseUnexpected(expected, stream)
    return state === 'deleted' ? undefined : { type: DELETED, data: { version } }
  })
}

/** Makes a deleted stream readable again. */
export async function restoreStream(changing: Changing, streamId: string): Promise<void> {
  await change(changing, streamId, async ({ exists, state, version, life }) => {
    if (!exists) throw new StreamNotFoundError(streamId)
    if (state !== 'deleted') throw new StreamNotRestorableError(streamId, 'not-deleted')
    if (life.lostAt === version) throw new StreamNotRestorableError(streamId, 'scavenged')
    return { type: RESTORED, data: { version } }
  })
}

/** Deletes a stream for ever. */
export async function tombstoneStream(
  changing: Changing,
  streamId: string,
  options: DeleteOptions,
): Promise<void> {
  const expected = expectedOf(options)
  await changing.session.inTurn(async () => {
    const stream = await changing.session.stream(streamId)
    if (!stream.exists) throw new StreamNotFoundError(streamId)
    if (stream.state === 'tombstoned') return
    refuseUnexpected(expected, stream)
    await apply(changing, stream, { type: TOMBSTONED, data: { version: stream.version } })
  })
}

/** A change reads before it writes, so those that a body makes side by side take turns. */
function change(
  changing: Changing,
  streamId: string,
  decide: (stream: SessionStream) => Promise<StreamChange | undefined>,
): Promise<void> {
  return changing.session.inTurn(async () => {
    const stream = await changing.session.stream(streamId)
    if (stream.state === 'tombstoned') throw new StreamTombstonedError(streamId)
    const decided = await decide(stream)
    if (decided !== undefined) await apply(changing, stream, decided)
  })
}

/** Reads all that it needs, then writes without waiting: whenever its transaction commits, it takes the whole change or nothing. */
async function apply(
  { host, session }: Changing,
  stream: SessionStream,
  { type, data }: StreamChange,
): Promise<void> {
  const map = data.metadata && (await newMap(host, session, stream.id, data.metadata))
  const events = prepareEvents({ type, data })
  const streamId = systemStreamOf(stream.id)
  await session.reserveNumber(streamId)
  await session.reserveNumber(stream.id)
  await session.appendWhenReady(plainRequest({ streamId, events, expectedVersion: 'any' }), () => {
    const { number } = session.establish(stream)
    if (map !== undefined) {
      const key = host.keys.metaKey(number)
      session.tx.set(key, encodeSealedJson(host.keys.relative(key), map))
    }
    const life = changedLife(stream.life, type, data)
    if (!sameLife(life, stream.life)) session.changeLife(stream, life)
  })
}

async function newMap(
  { keys }: StoreHost,
  session: StoreSession,
  streamId: string,
  patch: MetadataPatch,
): Promise<JsonObject> {
  const map = patchedMap(await readMetadata(session.tx, keys, streamId), patch)
  const { length } = new TextEncoder().encode(encodeJson(map, 'metadata'))
  if (length > STREAM_METADATA_BYTES_MAX) {
    throw new LimitExceededError('The metadata of a stream', STREAM_METADATA_BYTES_MAX, length)
  }
  return map
}

const checkCreateOptions = onlyNames('The options of createStream', 'metadata', 'maxCount', 'maxAgeMs')
const checkRetentionPatch = onlyNames('The retention of a stream', 'maxCount', 'maxAgeMs')
const checkDeleteOptions = onlyNames('The options of a deletion', 'expectedVersion')

function expectedOf(options: DeleteOptions): NonNullable<DeleteOptions['expectedVersion']> {
  checkDeleteOptions(options)
  const { expectedVersion = 'any' } = options
  checkExpectedVersion(expectedVersion)
  return expectedVersion
}

function refuseUnexpected(
  expected: NonNullable<DeleteOptions['expectedVersion']>,
  stream: SessionStream,
): void {
  const violation = violationOf(expected, stream)
  if (violation !== undefined) throw new WrongExpectedVersionError([violation])
}

function checkRetention(retention: { readonly [Name in keyof Retention]?: Retention[Name] | null }): void {
  for (const name of ['maxCount', 'maxAgeMs'] as const) {
    const bound = retention[name]
    if (bound === undefined || bound === null || (Number.isSafeInteger(bound) && bound >= 1)) continue
    throw new InvalidArgumentError(`${name} must be a whole number from 1 on, not ${String(bound)}`, {
      [name]: bound,
    })
  }
}

/** Checks a map, and copies it as JSON has it: what is `undefined` is left out, dates are text. @throws UnserializableError */
function plainMap(map: unknown): JsonObject {
  const isMap = typeof map === 'object' && map !== null && !Array.isArray(map) && !(map instanceof Uint8Array)
  if (isMap) return JSON.parse(encodeJson(map, 'metadata'))
  throw new InvalidArgumentError('The metadata of a stream must be an object of JSON values', {
    metadata: map,
  })
}
