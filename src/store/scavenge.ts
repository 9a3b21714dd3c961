import { CorruptionError } from '../errors.ts'
import type { ReadTransaction, Transaction } from '../kv/contract.ts'
import { CHUNK_BYTES, READ_PAGE_EVENTS, SCAVENGE_BYTES, SCAVENGE_EVENTS } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { ScavengeOptions, ScavengeReport } from './contract-admin.ts'
import type { RecordedEvent } from './event.ts'
import { rowsOf } from './event-rows.ts'
import type { StoreHost } from './host.ts'
import { sweepKeys } from './key-sweep.ts'
import { onlyNames } from './known-names.ts'
import { type Life, lasting, lifeBase } from './life.ts'
import { encodeLife, readLife } from './life-rows.ts'
import { onSnapshot } from './on-snapshot.ts'
import { readEvent } from './read-event.ts'
import { type View, viewOf } from './reading.ts'
import { readSettings, type Settings } from './settings.ts'
import { recordBytesOf, stampOfEvent } from './stored-event.ts'
import { readTimes } from './stream-info.ts'
import { checkedStamp, headOf, type StreamRow } from './stream-rows.ts'
import { firstReadable } from './visibility.ts'

type Tally = { -readonly [Name in keyof ScavengeReport]: ScavengeReport[Name] }

const checkOptions = onlyNames('The options of a scavenge', 'signal', 'onProgress')

/**
 * Reclaims what is hidden for good, stream by stream, in small transactions. "Scavenging" in `docs/streams.md` says why each of them leaves
 * a store that is whole. @throws CorruptionError
 */
export async function scavengeStore(host: StoreHost, options: ScavengeOptions = {}): Promise<ScavengeReport> {
  checkOptions(options)
  const { signal, onProgress } = options
  const tally: Tally = { streams: 0, events: 0, bytes: 0, others: 0 }
  const step = async (work: () => Promise<boolean>): Promise<void> => {
    for (let more = true; more; ) {
      signal?.throwIfAborted()
      more = await work()
      onProgress?.({ ...tally })
      await turn(host.runtime)
    }
  }
  for (let after = 0; ; ) {
    const numbers = await numbersWithLives(host, after)
    let left: readonly number[] = numbers
    await step(async () => {
      left = left.slice(await scavengeSome(host, left, tally))
      return left.length > 0
    })
    if (numbers.length < READ_PAGE_EVENTS) break
    after = numbers.at(-1)!
  }
  await step(async () => {
    const swept = await sweepKeys(host)
    tally.others += swept
    return swept > 0
  })
  return tally
}

/** The streams that may hide something, a page of them. */
function numbersWithLives({ kv, keys }: StoreHost, after: number): Promise<number[]> {
  return onSnapshot(kv, async (tx) => {
    const range = { begin: keys.lifeKey(after + 1), end: keys.lives().end }
    const rows = await tx.getRange(range, { limit: READ_PAGE_EVENTS }).toArray()
    return rows.map(({ key }) => keys.numberOfLifeKey(key))
  })
}

/** Scavenges streams in one transaction, until that is large enough. Returns how many streams are done. */
async function scavengeSome(host: StoreHost, numbers: readonly number[], tally: Tally): Promise<number> {
  const removed = await host.kv.transact(async (tx) => {
    const settings = await readSettings(tx, host.keys)
    const removal: Removal = { settings, streams: 0, events: 0, bytes: 0, others: 0 }
    for (const number of numbers) {
      const isDone =
        (await removeEvents(host, tx, number, removal)) && (await dropSnapshots(host, tx, number, removal))
      if (isDone) removal.streams += 1
      if (!isDone || isLarge(removal)) break
    }
    return removal
  })
  tally.streams += removed.streams
  tally.events += removed.events
  tally.bytes += removed.bytes
  tally.others += removed.others
  return removed.streams
}

/** What one transaction removes. */
interface Removal extends Tally {
  readonly settings: Settings
}

function isLarge({ events, bytes, others }: Removal): boolean {
  return events + others >= SCAVENGE_EVENTS || bytes >= SCAVENGE_BYTES
}

/**
 * Removes hidden events of a stream, all or as many as there is room for. Returns whether those were all. What an append changes while this
 * runs does not matter: what is hidden stays hidden. So only the life of the stream, and the settings of the store, count as read.
 */
async function removeEvents(
  host: StoreHost,
  tx: Transaction,
  number: number,
  removal: Removal,
): Promise<boolean> {
  const { keys } = host
  const life = await readLife(tx, keys, number)
  const view = quietView(host, tx)
  const head = (await headOf(tx.snapshot, keys, number))?.version ?? 0
  const hidden = (await firstReadable(view, number, life, head)) - 1
  await clearFormerHead(host, tx, number, life, head)
  const from = (life.scavengedTo ?? 0) + 1
  const rows = await hiddenRows(
    host,
    tx,
    number,
    from,
    Math.min(hidden, from + SCAVENGE_EVENTS - removal.events - 1),
  )
  const [first] = rows
  if (first === undefined) return true
  // Asked before anything is cleared: both look at rows that are about to go.
  const kept = lasting(life, head)
  const firstKept = await firstReadable(view, number, kept, head)
  const createdMs =
    life.createdMs ?? (await createdMsOf(view, await eventOf(host, tx, number, first), number, life))
  let scavengedTo = from - 1
  for (const row of rows) {
    const event = await eventOf(host, tx, number, row)
    removeEvent(host, tx, event, removal)
    if (row.version !== head) tx.clear(keys.streamKey(number, row.version))
    scavengedTo = row.version
    if (removal.bytes >= SCAVENGE_BYTES) break
  }
  const isLost = kept !== life && scavengedTo >= firstKept
  const scavenged = { ...life, scavengedTo, createdMs, ...(isLost && { lostAt: head }) }
  tx.set(keys.lifeKey(number), encodeLife(keys, keys.lifeKey(number), scavenged))
  return scavengedTo >= hidden
}

function removeEvent({ keys }: StoreHost, tx: Transaction, event: RecordedEvent, removal: Removal): void {
  for (const key of rowsOf(keys, event, removal.settings)) tx.clear(key)
  const bytes = recordBytesOf(event)
  if (bytes > CHUNK_BYTES) tx.clearRange(keys.chunkRange(stampOfEvent(event)!))
  removal.events += 1
  removal.bytes += bytes
}

function quietView(host: StoreHost, tx: Transaction): View {
  const reader: ReadTransaction = {
    ...tx.snapshot,
    readHorizon: () => tx.readHorizon(),
    readVersion: () => tx.readVersion(),
    watch: (target, options) => tx.watch(target, options),
  }
  return viewOf(reader, host)
}

/** The row that was kept, as the end of the stream, when its event was removed: it is not the end any more. */
async function clearFormerHead(
  { keys }: StoreHost,
  tx: Transaction,
  number: number,
  { scavengedTo = 0 }: Life,
  head: number,
): Promise<void> {
  if (scavengedTo === 0 || scavengedTo >= head) return
  const key = keys.streamKey(number, scavengedTo)
  if ((await tx.snapshot.get(key)) !== undefined) tx.clear(key)
}

async function hiddenRows(
  { keys }: StoreHost,
  tx: Transaction,
  number: number,
  first: number,
  last: number,
): Promise<readonly StreamRow[]> {
  if (first > last) return []
  const rows = await tx.snapshot
    .getRange(keys.streamRange(number, first, last), { limit: SCAVENGE_EVENTS })
    .toArray()
  return rows.map(({ key, value }, at) => {
    const { version } = keys.placeOfStreamKey(key)
    if (version !== first + at) {
      throw new CorruptionError(`Stream number ${number} lacks version ${first + at}; run check()`, {
        version,
      })
    }
    return { version, stamp: checkedStamp(value) }
  })
}

async function eventOf(
  { keys }: StoreHost,
  tx: Transaction,
  number: number,
  { version, stamp }: StreamRow,
): Promise<RecordedEvent> {
  const event = await readEvent(tx.snapshot, keys, stamp)
  if (event !== undefined && event.version === version) return event
  throw new CorruptionError(`Version ${version} of stream number ${number} has no event; run check()`, {
    version,
  })
}

async function createdMsOf(
  view: View,
  { streamId }: RecordedEvent,
  number: number,
  life: Life,
): Promise<number> {
  return (await readTimes(view, streamId, number, life)).createdAt.getTime()
}

/** Drops snapshots of a stream that nothing can be built upon any more, each as a whole. Returns whether those were all. */
async function dropSnapshots(
  { keys }: StoreHost,
  tx: Transaction,
  number: number,
  removal: Removal,
): Promise<boolean> {
  const life = await readLife(tx, keys, number)
  const head = (await headOf(tx.snapshot, keys, number))?.version ?? 0
  const { begin, end } = keys.snapshots.ofStream(number)
  for (let from = begin; ; ) {
    const [row] = await tx.snapshot.getRange({ begin: from, end }, { limit: 1 }).toArray()
    if (row === undefined) return true
    if (isLarge(removal)) return false
    const place = keys.snapshots.placeOf(row.key)
    const pieces = keys.snapshots.range(place, place.version, place.version)
    if (isOver(life, head, place.version)) {
      tx.clearRange(pieces)
      removal.others += 1
    }
    from = pieces.end
  }
}

/** Whether events are gone that a snapshot of a version would need, or the life that it is of. */
function isOver(life: Life, head: number, version: number): boolean {
  const { tombstoned = false, scavengedTo = 0, deletedAt, lostAt } = life
  // A deletion that took nothing can still be taken back.
  const base = lifeBase(lostAt === deletedAt ? life : lasting(life, head))
  return tombstoned || version < scavengedTo || (base > 0 && version <= base && scavengedTo >= base)
}
