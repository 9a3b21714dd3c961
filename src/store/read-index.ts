import { CorruptionError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent, TransactionEvent } from './event.ts'
import { type IndexEntry, openCursor, positionAfter } from './index-cursor.ts'
import type { IndexPlan } from './index-plan.ts'
import { resolveLinks } from './links.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodePage, type FoundRow } from './read-event.ts'
import type { PositionBounds } from './read-options.ts'
import type { Reading, View } from './reading.ts'
import { readSettings, type Settings } from './settings.ts'
import { streamNumberOf } from './stored-event.ts'
import { Visibility } from './visibility.ts'

/** What is to be found through indexes. */
export interface IndexSearch {
  /** How the indexes of the store answer it. @throws IndexMissingError */
  plan(settings: Settings): IndexPlan
  /** Whether an event is one of those that are meant. */
  isMeant(event: TransactionEvent, settings: Settings): boolean
}

/** Reads what an index leads to, page by page, each on a snapshot of its own. */
export function indexPages(
  reading: Reading,
  search: IndexSearch,
  bounds: PositionBounds,
  shape: ReadShape,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  let within = bounds
  let left = shape.limit
  let pageEvents = READ_PAGE_EVENTS_FIRST
  // After a page from which nothing came out, one that is as small as what is wanted would be too small.
  let isSparse = false
  return async () => {
    if (left <= 0 || within.first > within.last) return undefined
    if (pageEvents !== READ_PAGE_EVENTS_FIRST) await reading.pause()
    signal?.throwIfAborted()
    const wanted = isSparse ? pageEvents : Math.min(left, pageEvents)
    const part = { ...shape, limit: left }
    const page = await reading.onSnapshot((view) => readIndexPage(view, search, within, wanted, part))
    pageEvents = READ_PAGE_EVENTS
    isSparse = page.events.length === 0
    const events = page.events.slice(0, left)
    left = page.next === undefined ? 0 : left - events.length
    if (page.next !== undefined)
      within = shape.backwards ? { ...within, last: page.next } : { ...within, first: page.next }
    return events
  }
}

/** Events, and the position from which to read on; none at the end. */
export interface IndexPage {
  readonly events: readonly RecordedEvent[]
  readonly next: bigint | undefined
}

/** Reads about `wanted` events that an index leads to on one snapshot. */
export async function readIndexPage(
  view: View,
  search: IndexSearch,
  bounds: PositionBounds,
  wanted: number,
  shape: ReadShape,
): Promise<IndexPage> {
  const settings = await readSettings(view.tx, view.keys)
  const plan = search.plan(settings)
  const found = await findEntries(view, plan, bounds, wanted, shape.backwards)
  const { events, isCut } = await readEntries(view, found.entries)
  const meant = events.filter((event) => {
    const isMeant = search.isMeant(event, settings)
    if (!isMeant && plan.isExact) throw misled(event.position)
    return isMeant
  })
  const yielded = shape.resolveLinks ? await resolveLinks(view, meant) : meant
  const isSatisfied = yielded.length >= shape.limit
  if (shape.backwards || (found.next === undefined && !isSatisfied)) await noteSearch(view, plan, bounds)
  const end = events.at(-1)
  return {
    events: yielded,
    next: isCut && end !== undefined ? positionAfter(shape, end.position) : found.next,
  }
}

/** Entries that are not hidden, and the position from which to search on; none at the end. */
export interface FoundEntries {
  readonly entries: readonly IndexEntry[]
  readonly next: bigint | undefined
}

/** Searches indexes without looking at events. It may come to the end of what is read at a time before it has found anything. */
export async function findEntries(
  view: View,
  plan: IndexPlan,
  bounds: PositionBounds,
  wanted: number,
  backwards: boolean,
): Promise<FoundEntries> {
  const scene = { reader: view.quiet, keys: view.keys, bounds, backwards, wanted }
  const cursor = openCursor(scene, plan)
  const entries: IndexEntry[] = []
  let next: bigint | undefined = backwards ? bounds.last : bounds.first
  for (;;) {
    await cursor.seek(next)
    const { head } = cursor
    next = head?.position
    if (head?.entry === undefined) break
    entries.push(head.entry)
    next = positionAfter(scene, head.position)
    if (entries.length >= wanted) break
  }
  const visibility = new Visibility(view)
  await visibility.meet(entries.map(({ number }) => number))
  return {
    entries: entries.filter(({ number, version, stamp }) => !visibility.hides(number, version, stamp)),
    next,
  }
}

/**
 * Makes the transaction that a search is part of conflict with exactly the later appends that it would find: each of them writes
 * below a prefix of each set of an item, with one stamp.
 */
export async function noteSearch(view: View, plan: IndexPlan, { last }: PositionBounds): Promise<void> {
  const { own, keys } = view
  if (own === undefined || last <= positionOf(await own.readHorizon())) return
  for (const item of plan.items) {
    own.addReadConflictJoin(
      item.map(({ index, texts }) => texts.map((text) => keys.indexPrefix(index, text))),
    )
  }
}

/** Reads the events of entries, and makes sure that they are what the entries say. */
async function readEntries(
  { quiet, keys }: View,
  entries: readonly IndexEntry[],
): Promise<{ readonly events: readonly RecordedEvent[]; readonly isCut: boolean }> {
  const rows = await quiet.getMany(entries.map(({ stamp }) => keys.logKey(stamp)))
  const found: FoundRow[] = entries.map(({ stamp, position }, at) => {
    const row = rows[at]
    if (row === undefined) throw misled(position)
    return { stamp, row }
  })
  const page = await decodePage(quiet, keys, found)
  for (const [at, event] of page.events.entries()) {
    const { number, version } = entries[at]!
    if (streamNumberOf(event) !== number || event.version !== version) throw misled(event.position)
  }
  return page
}

function misled(position: bigint): CorruptionError {
  return new CorruptionError(`The row of an index at position ${position} does not lead to what it says`, {
    position,
  })
}
