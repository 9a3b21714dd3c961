import type { Reader } from '../kv/contract.ts'
import { stampOf } from '../kv/stamp.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodePage, type EventPage } from './read-event.ts'
import type { PositionBounds } from './read-options.ts'
import type { Reading } from './reading.ts'
import { isSystemEvent } from './stored-event.ts'

/** Reads the log page by page, each on a snapshot of its own. Events of system streams are left out unless wanted. */
export function logPages(
  reading: Reading,
  bounds: PositionBounds,
  shape: ReadShape,
  system: boolean,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  let { first, last } = bounds
  let left = shape.limit
  let pageEvents = READ_PAGE_EVENTS_FIRST
  return async () => {
    if (left <= 0 || first > last) return undefined
    if (pageEvents !== READ_PAGE_EVENTS_FIRST) await reading.pause()
    signal?.throwIfAborted()
    const wanted = Math.min(left, pageEvents)
    const page = await reading.onSnapshot((tx) =>
      readPage(tx, reading.keys, { first, last }, wanted, shape.backwards),
    )
    pageEvents = READ_PAGE_EVENTS
    const end = page.events.at(-1)?.position
    if (end === undefined || (page.events.length < wanted && !page.isCut)) first = last + 1n
    else if (shape.backwards) last = end - 1n
    else first = end + 1n
    const events = system ? page.events : page.events.filter((event) => !isSystemEvent(event))
    left -= events.length
    return events
  }
}

async function readPage(
  tx: Reader,
  keys: Keyspace,
  { first, last }: PositionBounds,
  limit: number,
  reverse: boolean,
): Promise<EventPage> {
  const rows = await tx.getRange(keys.logRange(stampOf(first), stampOf(last)), { limit, reverse }).toArray()
  const found = rows.map(({ key, value }) => ({ stamp: keys.stampOfLogKey(key), row: value }))
  return decodePage(tx, keys, found)
}
