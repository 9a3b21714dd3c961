import { CorruptionError, StreamTombstonedError } from '../errors.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent } from './event.ts'
import { LIVE } from './life.ts'
import { readLife } from './life-rows.ts'
import { resolveLinks } from './links.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodePage } from './read-event.ts'
import type { VersionBounds } from './read-options.ts'
import type { Reading, View } from './reading.ts'
import { isPlaceOf } from './stored-event.ts'
import { checkedStamp, headOf, numberOf, versionIn } from './stream-rows.ts'
import { firstReadable } from './visibility.ts'

/** What of a stream is wanted. */
export interface StreamShape extends ReadShape {
  /** The last version that may be read now: a transaction's own events are not read from rows. */
  lastStored(): number
}

/** Reads a stream page by page, each on a snapshot of its own, so that a long read never pins the database. */
export function streamPages(
  reading: Reading,
  streamId: string,
  bounds: VersionBounds,
  shape: StreamShape,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  const { keys } = reading
  let { first, last } = bounds
  let left = shape.limit
  let number: number | undefined
  let pageEvents = READ_PAGE_EVENTS_FIRST
  // After a page from which nothing came out, one that is as small as what is wanted would be too small.
  let isSparse = false
  return async () => {
    if (left <= 0 || first > last) return undefined
    if (pageEvents !== READ_PAGE_EVENTS_FIRST) await reading.pause()
    signal?.throwIfAborted()
    const wanted = isSparse ? pageEvents : Math.min(left, pageEvents)
    const page = await reading.onSnapshot(async (view) => {
      number ??= await numberOf(view.tx, keys, streamId)
      return number === undefined
        ? NOTHING
        : readStreamPage(view, { streamId, number }, { first, last }, wanted, shape)
    })
    pageEvents = READ_PAGE_EVENTS
    isSparse = page.events.length === 0
    const events = page.events.slice(0, left)
    if (page.isEnd) left = 0
    else if (shape.backwards) last = page.through! - 1
    else first = page.through! + 1
    left -= events.length
    return events
  }
}

/** Events, the version that was looked at last, if any, and whether the stream ends there. */
export interface StreamPage {
  readonly events: readonly RecordedEvent[]
  readonly through: number | undefined
  readonly isEnd: boolean
}

const NOTHING: StreamPage = { events: [], through: undefined, isEnd: true }

/** Reads what rows of the stream's index point to, and makes sure that it is what they mean. */
export async function readStreamPage(
  view: View,
  { streamId, number }: { readonly streamId: string; readonly number: number },
  bounds: VersionBounds,
  limit: number,
  shape: StreamShape,
): Promise<StreamPage> {
  const first = await firstWithin(view, streamId, number, bounds)
  return readPageFrom(view, { streamId, number }, { first, last: bounds.last }, limit, shape)
}

/** The same for those who know from where on the stream can be read. */
export async function readPageFrom(
  view: View,
  { streamId, number }: { readonly streamId: string; readonly number: number },
  { first, last: lastWanted }: VersionBounds,
  limit: number,
  shape: StreamShape,
): Promise<StreamPage> {
  const { tx, keys } = view
  // Asked at the last moment: own events may have come while this was waiting.
  const last = Math.min(lastWanted, shape.lastStored())
  if (first > last) return NOTHING
  const range = keys.streamRange(number, first, last)
  const index = await tx.getRange(range, { limit, reverse: shape.backwards }).toArray()
  const versions = index.map(({ key }) => versionIn(keys, number, key))
  refuseGaps(streamId, versions, shape.backwards ? undefined : first)
  if (shape.backwards && index.length < limit) refuseGaps(streamId, versions.slice(-1), first)
  const stamps = index.map(({ value }) => checkedStamp(value))
  const rows = await tx.getMany(stamps.map((stamp) => keys.logKey(stamp)))
  const found = stamps.map((stamp, at) => {
    const row = rows[at]
    if (row === undefined) throw misled(streamId, versions[at]!, undefined)
    return { stamp, row }
  })
  const { events, isCut } = await decodePage(tx, keys, found)
  const id = new TextEncoder().encode(streamId)
  for (const [at, event] of events.entries()) {
    if (!isPlaceOf(event, id, versions[at]!)) throw misled(streamId, versions[at]!, event)
  }
  return {
    events: shape.resolveLinks ? await resolveLinks(view, events) : events,
    through: versions[events.length - 1],
    isEnd: !isCut && index.length < limit,
  }
}

/** The first version within bounds that can be read. @throws StreamTombstonedError */
async function firstWithin(
  view: View,
  streamId: string,
  number: number,
  { first }: VersionBounds,
): Promise<number> {
  const { tx, keys } = view
  const life = await readLife(tx, keys, number)
  if (life === LIVE) return first
  if (life.tombstoned) throw new StreamTombstonedError(streamId)
  const head = (await headOf(tx, keys, number))?.version ?? 0
  return Math.max(first, await firstReadable(view, number, life, head))
}

/** Versions have no gaps, so a row that is not there was lost. */
function refuseGaps(streamId: string, versions: readonly number[], first: number | undefined): void {
  for (const [at, version] of versions.entries()) {
    const before = at === 0 ? first : versions[at - 1]!
    const distance = before === undefined ? 1 : Math.abs(version - before)
    const expected = at === 0 && first !== undefined ? 0 : 1
    if (distance === expected) continue
    throw new CorruptionError(`Stream ${JSON.stringify(streamId)} lacks versions near ${version}`, {
      streamId,
      version,
    })
  }
}

function misled(streamId: string, version: number, event: RecordedEvent | undefined): CorruptionError {
  return new CorruptionError(
    `Version ${version} of stream ${JSON.stringify(streamId)} is not where its index says`,
    { streamId, version, position: event?.position },
  )
}
