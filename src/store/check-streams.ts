import type { ReadTransaction } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type { CheckRun } from './check-run.ts'
import type { MetadataPatch } from './contract-streams.ts'
import type { JsonObject, RecordedEvent } from './event.ts'
import { changedLife, LIVE, type Life, type LifeChange, sameLife } from './life.ts'
import { decodeLife, readLife } from './life-rows.ts'
import { NumberSet } from './number-set.ts'
import { isSystemStream } from './prepared-event.ts'
import { decodeLogRow, readEvent } from './read-event.ts'
import { decodeNumber } from './small-values.ts'
import { streamNumberOf } from './stored-event.ts'
import { systemStreamOf } from './stream-changes.ts'
import { decodeMap, patchedMap } from './stream-info.ts'
import { checkedStamp, decodeName, headOf, numberOf } from './stream-rows.ts'

/**
 * Streams: no two names have the same number, every number was given out, all metadata and lives belong to a stream and are what the events
 * say that changed them. Rows that belong to a stream are looked at before the names, as a stream may be created meanwhile, but
 * none goes away.
 */
export async function checkNames(run: CheckRun): Promise<void> {
  const described = new NumberSet()
  const { keys } = run
  await run.eachRow(keys.allMetadata(), async (_, { key, value }) => {
    described.add(keys.numberOfMetaKey(key))
    decodeMap(keys, key, value)
  })
  await run.eachRow(keys.lives(), async (tx, { key, value }) => {
    const number = keys.numberOfLifeKey(key)
    described.add(number)
    await checkEnd(run, tx, number, decodeLife(keys, key, value))
  })
  const named = new NumberSet()
  let page: { readonly number: number; readonly streamId: string }[] = []
  const begin = (): void => {
    page = []
  }
  const end = (): void => {
    for (const { number, streamId } of page) {
      if (named.has(number)) {
        run.problem('number-shared', `Stream ${streamId} has the number of another stream`, { streamId })
      }
      named.add(number)
      described.delete(number)
    }
  }
  await run.eachRow(
    keys.nameRange('', undefined),
    async (tx, { key, value }) => {
      const streamId = keys.streamIdOfName(key)
      const number = decodeName(keys, key, value)
      page.push({ number, streamId })
      run.streams += 1
      await checkCounter(run, tx, number, streamId)
      if (!isSystemStream(streamId)) await checkFold(run, tx, number, streamId)
    },
    { begin, end },
  )
  for (const number of run.isEnough ? [] : described) {
    run.problem(
      'metadata-wrong',
      `There is metadata or a life for stream number ${number}, which has no name`,
    )
  }
}

/** A stream that was scavenged or deleted has an end, even if nothing else is left of it. */
async function checkEnd(
  run: CheckRun,
  tx: ReadTransaction,
  number: number,
  { deletedAt = 0, scavengedTo = 0 }: Life,
): Promise<void> {
  const head = (await headOf(tx, run.keys, number))?.version ?? 0
  const least = Math.max(deletedAt, scavengedTo)
  if (head >= least) return
  const message = `Stream number ${number} ends at version ${head}, but was at ${least} already`
  run.problem('row-missing', message, { version: least })
}

/** Metadata and life are what the events come to that changed them. */
async function checkFold(
  run: CheckRun,
  tx: ReadTransaction,
  number: number,
  streamId: string,
): Promise<void> {
  const { keys } = run
  let map: JsonObject | undefined
  let life: Life = LIVE
  const systemStream = systemStreamOf(streamId)
  const systemNumber = await numberOf(tx, keys, systemStream)
  for await (const event of systemNumber === undefined ? [] : eventsOf(run, tx, systemNumber)) {
    // A damaged row may lead to the event of another stream, which says nothing of this one.
    if (event.streamId !== systemStream) continue
    const { metadata, ...change } = event.data as LifeChange & { readonly metadata?: MetadataPatch }
    if (metadata !== undefined) map = patchedMap(map ?? {}, metadata)
    life = changedLife(life, event.type, change)
  }
  const key = keys.metaKey(number)
  const row = await tx.get(key)
  const stored = row && decodeMap(keys, key, row)
  if (JSON.stringify(map) !== JSON.stringify(stored)) {
    run.problem('metadata-wrong', `The metadata of stream ${streamId} is not what its events say`, {
      streamId,
    })
  }
  if (!sameLife(life, await readLife(tx, keys, number))) {
    run.problem('life-wrong', `The life of stream ${streamId} is not what its events say`, { streamId })
  }
}

/** The events of a system stream that are there: what is missing is noticed elsewhere. */
async function* eventsOf(
  { keys }: CheckRun,
  tx: ReadTransaction,
  number: number,
): AsyncGenerator<RecordedEvent> {
  for await (const page of tx.getRange(keys.streamRange(number, 1, Number.MAX_SAFE_INTEGER)).batches()) {
    const stamps = page.map(({ value }) => checkedStamp(value))
    const rows = await tx.getMany(stamps.map((stamp) => keys.logKey(stamp)))
    for (const [at, row] of rows.entries()) {
      if (row !== undefined) yield await decodeLogRow(tx, keys, stamps[at]!, row)
    }
  }
}

async function checkCounter(
  run: CheckRun,
  tx: ReadTransaction,
  number: number,
  streamId: string,
): Promise<void> {
  const counter = await tx.get(run.keys.streamNumbers)
  const next = counter === undefined ? 0 : decodeNumber(counter, 'The counter of stream numbers')
  if (number >= next) {
    run.problem('number-not-given', `Stream ${streamId} has a number that was never given out`, { streamId })
  }
}

/** Versions of a stream are dense from where it was scavenged, and each points to an event that says so. */
export async function checkStreamRows(run: CheckRun): Promise<void> {
  const { keys } = run
  let previous = { number: -1, version: 0 }
  let life: { readonly number: number; readonly scavengedTo: number } | undefined
  const forget = (): void => {
    life = undefined
  }
  await run.eachRow(
    keys.streams(),
    async (tx, { key, value }) => {
      const place = keys.placeOfStreamKey(key)
      const { number, version } = place
      if (life?.number !== number) {
        life = { number, scavengedTo: (await readLife(tx, keys, number)).scavengedTo ?? 0 }
      }
      const { scavengedTo } = life
      // The end that was kept when its event was removed leads nowhere. It may have been the end only then.
      const isKeptEnd = version === scavengedTo
      const expected =
        previous.number === number ? Math.max(previous.version, scavengedTo) + 1 : scavengedTo + 1
      previous = { number, version }
      const stamp = checkedStamp(value)
      const position = positionOf(stamp)
      if (!isKeptEnd && version !== expected) {
        const message = `Stream number ${number} goes from version ${expected - 1} to ${version}`
        run.problem('version-gap', message, { position, version })
      }
      if (!isKeptEnd && version > scavengedTo) await checkStreamRow(run, tx, place, stamp)
    },
    { begin: forget },
  )
}

async function checkStreamRow(
  run: CheckRun,
  tx: ReadTransaction,
  { number, version }: { readonly number: number; readonly version: number },
  stamp: Uint8Array,
): Promise<void> {
  const { keys } = run
  const position = positionOf(stamp)
  const event = await readEvent(tx, keys, stamp)
  if (event === undefined) {
    const message = `Version ${version} of stream number ${number} has no event`
    return run.problem('event-missing', message, { position, version })
  }
  const named = await numberOf(tx, keys, event.streamId)
  if (event.version === version && streamNumberOf(event) === number && named === number) return
  const { streamId } = event
  const message = `The row of version ${version} of stream number ${number} leads to version ${event.version} of ${streamId}`
  run.problem('row-wrong', message, { streamId, version: event.version, position })
}
