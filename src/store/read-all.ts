import { positionOf, stampOf } from '../kv/stamp.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent } from './event.ts'
import { resolveLinks } from './links.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodePage } from './read-event.ts'
import type { PositionBounds } from './read-options.ts'
import type { Reading, View } from './reading.ts'
import { readableIndexes, readSettings } from './settings.ts'
import { isSystemEvent, stampOfEvent, streamNumberOf } from './stored-event.ts'
import { Visibility } from './visibility.ts'

/** What of the log is wanted. */
export interface LogShape extends ReadShape {
  /** Whether events of system streams are. */
  readonly system: boolean
}

/** Reads the log page by page, each on a snapshot of its own. */
export function logPages(
  reading: Reading,
  bounds: PositionBounds,
  shape: LogShape,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  let { first, last } = bounds
  let left = shape.limit
  let pageEvents = READ_PAGE_EVENTS_FIRST
  // After a page from which nothing came out, one that is as small as what is wanted would be too small.
  let isSparse = false
  return async () => {
    if (left <= 0 || first > last) return undefined
    if (pageEvents !== READ_PAGE_EVENTS_FIRST) await reading.pause()
    signal?.throwIfAborted()
    const wanted = isSparse ? pageEvents : Math.min(left, pageEvents)
    const page = await reading.onSnapshot((view) => readLogPage(view, { first, last }, wanted, shape))
    pageEvents = READ_PAGE_EVENTS
    isSparse = page.events.length === 0
    const events = page.events.slice(0, left)
    if (page.end === undefined) first = last + 1n
    else if (shape.backwards) last = page.end - 1n
    else first = page.end + 1n
    left -= events.length
    return events
  }
}

/** Events, and the position that was looked at last, unless the log ends there. */
export interface LogPage {
  readonly events: readonly RecordedEvent[]
  readonly end: bigint | undefined
}

/** Reads up to `limit` rows of the log on one snapshot. */
export async function readLogPage(
  view: View,
  { first, last }: PositionBounds,
  limit: number,
  shape: LogShape,
): Promise<LogPage> {
  const { tx, keys } = view
  const range = keys.logRange(stampOf(first), stampOf(last))
  const later = shape.system ? undefined : await laterAppends(view)
  const reader = later === undefined ? tx : view.quiet
  const rows = await reader.getRange(range, { limit, reverse: shape.backwards }).toArray()
  const found = rows.map(({ key, value }) => ({ stamp: keys.stampOfLogKey(key), row: value }))
  const { events, isCut } = await decodePage(tx, keys, found)
  const end = isCut || rows.length === limit ? events.at(-1)?.position : undefined
  if (later !== undefined && (shape.backwards || end === undefined)) await later.noteUpTo(last)
  const wanted = shape.system ? events : events.filter((event) => !isSystemEvent(event))
  const visible = await visibleOf(view, wanted)
  return { events: shape.resolveLinks ? await resolveLinks(view, visible) : visible, end }
}

/** What a transaction depends on that has read the log to its end, or from there. */
interface LaterAppends {
  /** Makes the transaction conflict with them, if any can have a position up to `last`. */
  noteUpTo(last: bigint): Promise<void>
}

/**
 * Later appends of the application, which each have a row in the index by category, and in that by type; system events have none. If the store
 * has neither index, there is nothing by which to tell them: then whatever is added to the log conflicts, as it is read.
 */
async function laterAppends({ own, tx, keys }: View): Promise<LaterAppends | undefined> {
  if (own === undefined) return undefined
  const index = readableIndexes(await readSettings(tx, keys)).find((name) => name !== 'tag')
  if (index === undefined) return undefined
  return {
    noteUpTo: async (last) => {
      if (last > positionOf(await own.readHorizon())) own.addReadConflictRange(keys.indexRows(index))
    },
  }
}

async function visibleOf(view: View, events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
  const visibility = new Visibility(view)
  await visibility.meet(events.map(streamNumberOf))
  return events.filter(
    (event) => !visibility.hides(streamNumberOf(event), event.version, stampOfEvent(event)),
  )
}
