import { CorruptionError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodePage, type EventPage } from './read-event.ts'
import type { VersionBounds } from './read-options.ts'
import type { Reading } from './reading.ts'
import { isPlaceOf } from './stored-event.ts'
import { checkedStamp, numberOf } from './stream-rows.ts'

/** Reads a stream page by page, each on a snapshot of its own, so that a long read never pins the database. */
export function streamPages(
  reading: Reading,
  streamId: string,
  bounds: VersionBounds,
  shape: ReadShape,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  const { keys } = reading
  let { first, last } = bounds
  let left = shape.limit
  let number: number | undefined
  let pageEvents = READ_PAGE_EVENTS_FIRST
  return async () => {
    if (left <= 0 || first > last) return undefined
    if (pageEvents !== READ_PAGE_EVENTS_FIRST) await reading.pause()
    signal?.throwIfAborted()
    const wanted = Math.min(left, pageEvents)
    const page = await reading.onSnapshot(async (tx) => {
      number ??= await numberOf(tx, keys, streamId)
      return number === undefined
        ? NO_EVENTS
        : readPage(tx, keys, streamId, number, { first, last }, wanted, shape.backwards)
    })
    const { events } = page
    left = events.length < wanted && !page.isCut ? 0 : left - events.length
    pageEvents = READ_PAGE_EVENTS
    const end = events.at(-1)?.version ?? 0
    if (shape.backwards) last = end - 1
    else first = end + 1
    return events
  }
}

const NO_EVENTS: EventPage = { events: [], isCut: false }

/** Reads what rows of the stream's index point to, and makes sure that it is what they mean. */
async function readPage(
  tx: Reader,
  keys: Keyspace,
  streamId: string,
  number: number,
  { first, last }: VersionBounds,
  limit: number,
  reverse: boolean,
): Promise<EventPage> {
  const index = await tx.getRange(keys.streamRange(number, first, last), { limit, reverse }).toArray()
  const versions = index.map(({ key }) => keys.placeOfStreamKey(key).version)
  const stamps = index.map(({ value }) => checkedStamp(value))
  const rows = await tx.getMany(stamps.map((stamp) => keys.logKey(stamp)))
  const found = stamps.map((stamp, at) => {
    const row = rows[at]
    if (row === undefined) throw misled(streamId, versions[at]!, undefined)
    return { stamp, row }
  })
  const page = await decodePage(tx, keys, found)
  const id = new TextEncoder().encode(streamId)
  for (const [at, event] of page.events.entries()) {
    if (!isPlaceOf(event, id, versions[at]!)) throw misled(streamId, versions[at]!, event)
  }
  return page
}

function misled(streamId: string, version: number, event: RecordedEvent | undefined): CorruptionError {
  return new CorruptionError(
    `Version ${version} of stream ${JSON.stringify(streamId)} is not where its index says`,
    {
      streamId,
      version,
      position: event?.position,
    },
  )
}
