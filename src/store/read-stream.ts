import { CorruptionError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../limits.ts'
import type { RecordedEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { decodeLogRow } from './read-event.ts'
import type { VersionBounds } from './read-options.ts'
import { isPlaceOf } from './stored-event.ts'
import { checkedStamp, numberOf } from './stream-rows.ts'

/** Runs a piece of reading on a snapshot: a new one, or that of the transaction one is in. */
export type OnSnapshot = <T>(body: (tx: Reader) => Promise<T>) => Promise<T>

/** Reads a stream page by page, each on a snapshot of its own, so that a long read never pins the database. */
export function streamPages(
  onSnapshot: OnSnapshot,
  keys: Keyspace,
  streamId: string,
  bounds: VersionBounds,
  shape: ReadShape,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  let { first, last } = bounds
  let left = shape.limit
  let number: number | undefined
  let pageEvents = READ_PAGE_EVENTS_FIRST
  return async () => {
    signal?.throwIfAborted()
    if (left <= 0 || first > last) return undefined
    const wanted = Math.min(left, pageEvents)
    const page = await onSnapshot(async (tx) => {
      number ??= await numberOf(tx, keys, streamId)
      return number === undefined
        ? []
        : readPage(tx, keys, streamId, number, { first, last }, wanted, shape.backwards)
    })
    left = page.length < wanted ? 0 : left - page.length
    pageEvents = READ_PAGE_EVENTS
    const end = page.at(-1)?.version ?? 0
    if (shape.backwards) last = end - 1
    else first = end + 1
    return page
  }
}

async function readPage(
  tx: Reader,
  keys: Keyspace,
  streamId: string,
  number: number,
  { first, last }: VersionBounds,
  limit: number,
  reverse: boolean,
): Promise<RecordedEvent[]> {
  const rows = await tx.getRange(keys.streamRange(number, first, last), { limit, reverse }).toArray()
  const stamps = rows.map(({ value }) => checkedStamp(value))
  const found = await tx.getMany(stamps.map((stamp) => keys.logKey(stamp)))
  const id = encodeId(streamId)
  const events: RecordedEvent[] = []
  for (let index = 0; index < rows.length; index += 1) {
    const { version } = keys.placeOfStreamKey(rows[index]!.key)
    const row = found[index]
    const decoded = row === undefined ? undefined : decodeLogRow(tx, keys, stamps[index]!, row)
    const event = decoded instanceof Promise ? await decoded : decoded
    if (event === undefined || !isPlaceOf(event, id, version)) throw misled(streamId, version, event)
    events.push(event)
  }
  return events
}

function encodeId(streamId: string): Uint8Array {
  return new TextEncoder().encode(streamId)
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
