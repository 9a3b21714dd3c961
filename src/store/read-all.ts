import type { Reader } from '../kv/contract.ts'
import type { Row } from '../kv/rows.ts'
import { stampOf } from '../kv/stamp.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodeLogRow } from './read-event.ts'
import type { PositionBounds } from './read-options.ts'
import type { OnSnapshot } from './read-stream.ts'
import { isSystemEvent } from './stored-event.ts'

/** Reads the log page by page, each on a snapshot of its own. Events of system streams are left out unless wanted. */
export function logPages(
  onSnapshot: OnSnapshot,
  keys: Keyspace,
  bounds: PositionBounds,
  shape: ReadShape,
  system: boolean,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  let { first, last } = bounds
  let left = shape.limit
  let pageEvents = READ_PAGE_EVENTS_FIRST
  return async () => {
    signal?.throwIfAborted()
    if (left <= 0 || first > last) return undefined
    const wanted = Math.min(left, pageEvents)
    const page = await onSnapshot((tx) => readPage(tx, keys, { first, last }, wanted, shape.backwards))
    pageEvents = READ_PAGE_EVENTS
    const end = page.at(-1)?.position
    if (end === undefined || page.length < wanted) first = last + 1n
    else if (shape.backwards) last = end - 1n
    else first = end + 1n
    const wantedEvents = system ? page : page.filter((event) => !isSystemEvent(event))
    left -= wantedEvents.length
    return wantedEvents
  }
}

async function readPage(
  tx: Reader,
  keys: Keyspace,
  { first, last }: PositionBounds,
  limit: number,
  reverse: boolean,
): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  const range = keys.logRange(stampOf(first), stampOf(last))
  for await (const rows of tx.getRange(range, { limit, reverse }).batches())
    await decodeInto(events, tx, keys, rows)
  return events
}

async function decodeInto(
  events: RecordedEvent[],
  tx: Reader,
  keys: Keyspace,
  rows: readonly Row[],
): Promise<void> {
  for (const { key, value } of rows) {
    const event = decodeLogRow(tx, keys, keys.stampOfLogKey(key), value)
    // Nearly all events are there at once; waiting costs more than decoding.
    events.push(event instanceof Promise ? await event : event)
  }
}
