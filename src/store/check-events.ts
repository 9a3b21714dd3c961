import { byteString } from '../kv/byte-string.ts'
import type { ReadTransaction } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import { CHUNK_BYTES } from '../limits.ts'
import type { CheckRun } from './check-run.ts'
import { chunkedLength, isChunkedRow } from './chunks.ts'
import type { IndexName } from './contract-reading.ts'
import type { RecordedEvent } from './event.ts'
import { indexedTexts } from './event-writer.ts'
import { readLife } from './life-rows.ts'
import { isSystemStream } from './prepared-event.ts'
import { readEvent, recordOf } from './read-event.ts'
import { INDEX_NAMES, readableIndexes, readSettings, type Settings } from './settings.ts'
import { decodeNumber, decodePlace } from './small-values.ts'
import { callerIdOf, linkTargetOf, streamNumberOf } from './stored-event.ts'
import { checkedStamp, headOf, numberOf } from './stream-rows.ts'
import { formatUuid } from './uuid.ts'

/** Every event can be read, and everything that leads to events leads to it. */
export async function checkLog(run: CheckRun): Promise<void> {
  const { keys } = run
  let settings: Settings | undefined
  const forget = (): void => {
    settings = undefined
  }
  await run.eachRow(
    keys.log(),
    async (tx, { key, value }) => {
      settings ??= await readSettings(tx, keys)
      const stamp = keys.stampOfLogKey(key)
      run.events += 1
      const event = await readEvent(tx, keys, stamp)
      if (event === undefined) return
      await checkStreamOf(run, tx, event, stamp)
      await checkIndexRowsOf(run, tx, event, stamp, settings)
      if (linkTargetOf(event) !== undefined) await checkLink(run, tx, event)
      if (isChunkedRow(value) && chunkedLength(stamp, recordOf(value)) <= CHUNK_BYTES) {
        run.problem('chunks-wrong', 'A small event is stored in chunks', placeOf(event))
      }
    },
    { begin: forget },
  )
}

async function checkStreamOf(
  run: CheckRun,
  tx: ReadTransaction,
  event: RecordedEvent,
  stamp: Uint8Array,
): Promise<void> {
  const { keys } = run
  const { streamId, version } = event
  const number = streamNumberOf(event)
  const named = await numberOf(tx, keys, streamId)
  const row = await tx.get(keys.streamKey(number, version))
  if (named !== number || row === undefined || byteString(row) !== byteString(stamp)) {
    const message = `Version ${version} of stream ${streamId} is in the log, but its stream does not lead to it`
    run.problem('row-missing', message, placeOf(event))
  }
  if (version <= ((await readLife(tx, keys, number)).scavengedTo ?? 0)) {
    const message = `Version ${version} of stream ${streamId} is in the log, but was scavenged`
    run.problem('event-scavenged', message, placeOf(event))
  }
  const id = callerIdOf(event)
  if (id === undefined) return
  const idRow = await tx.get(keys.eventIdKey(number, id))
  if (idRow !== undefined && decodeNumber(idRow, 'The version of an event id') === version) return
  const message = `The id of version ${version} of stream ${streamId} does not lead to it`
  run.problem('event-id-missing', message, placeOf(event))
}

async function checkIndexRowsOf(
  run: CheckRun,
  tx: ReadTransaction,
  event: RecordedEvent,
  stamp: Uint8Array,
  settings: Settings,
): Promise<void> {
  if (isSystemStream(event.streamId)) return
  const texts = indexedTexts(event, settings, readableIndexes(settings))
  const rows = await tx.getMany(texts.map(({ index, text }) => run.keys.indexKey(index, text, stamp)))
  for (const [at, { index, text }] of texts.entries()) {
    if (rows[at] !== undefined) continue
    const message = `The index by ${index} lacks the row by which ${JSON.stringify(text)} leads to version ${event.version} of stream ${event.streamId}`
    run.problem('index-row-missing', message, placeOf(event))
  }
}

async function checkLink(run: CheckRun, tx: ReadTransaction, event: RecordedEvent): Promise<void> {
  const { keys } = run
  const target = linkTargetOf(event)!
  const number = await numberOf(tx, keys, target.streamId)
  const head = number === undefined ? undefined : await headOf(tx, keys, number)
  if (number === target.number && (head?.version ?? 0) >= target.version) return
  const message = `Version ${event.version} of stream ${event.streamId} links to version ${target.version} of ${target.streamId}, which never was`
  run.problem('link-wrong', message, placeOf(event))
}

/** Every row of an index leads to an event that says the same, and there are none of indexes that the store does not have. */
export async function checkIndexes(run: CheckRun): Promise<void> {
  for (const index of INDEX_NAMES) await checkIndex(run, index)
}

async function checkIndex(run: CheckRun, index: IndexName): Promise<void> {
  const { keys } = run
  let settings: Settings | undefined
  const forget = (): void => {
    settings = undefined
  }
  await run.eachRow(
    keys.indexRows(index),
    async (tx, { key, value }) => {
      settings ??= await readSettings(tx, keys)
      const state = settings.indexes[index]
      if (state === 'dropping') return
      const { text, stamp } = keys.placeOfIndexKey(key)
      const place = decodePlace(value, stamp)
      const event = await readEvent(tx, keys, stamp)
      const isRight =
        state !== undefined &&
        event !== undefined &&
        !isSystemStream(event.streamId) &&
        streamNumberOf(event) === place.number &&
        event.version === place.version &&
        indexedTexts(event, settings, [index]).some((indexed) => indexed.text === text)
      if (isRight) return
      const message = `The index by ${index} has a row about ${JSON.stringify(text)} that does not lead to what it says`
      run.problem('index-row-wrong', message, { position: positionOf(stamp) })
    },
    { begin: forget },
  )
}

/** Every chunk belongs to an event. */
export async function checkChunks(run: CheckRun): Promise<void> {
  const { keys } = run
  await run.eachRow(keys.chunks(), async (tx, { key }) => {
    const stamp = checkedStamp(keys.stampOfChunkKey(key))
    const row = await tx.get(keys.logKey(stamp))
    const index = keys.indexOfChunkKey(key)
    if (row !== undefined && isChunkedRow(row) && index * CHUNK_BYTES < chunkedLength(stamp, recordOf(row)))
      return
    run.problem('chunk-orphaned', 'A chunk belongs to no event', { position: positionOf(stamp) })
  })
}

/** Every event id leads to the event that has it. */
export async function checkEventIds(run: CheckRun): Promise<void> {
  const { keys } = run
  await run.eachRow(keys.eventIds(), async (tx, { key, value }) => {
    const { number, id } = keys.placeOfEventIdKey(key)
    const version = decodeNumber(value, 'The version of an event id')
    const stamp = await tx.get(keys.streamKey(number, version))
    const event = stamp === undefined ? undefined : await readEvent(tx, keys, stamp)
    const text = formatUuid(id, 0)
    const found = event && callerIdOf(event)
    if (found !== undefined && formatUuid(found, 0) === text) return
    const message = `Event id ${text} leads to version ${version}, which has another id`
    run.problem('event-id-wrong', message, { version })
  })
}

function placeOf({ streamId, version, position }: RecordedEvent): {
  readonly streamId: string
  readonly version: number
  readonly position: bigint
} {
  return { streamId, version, position }
}
