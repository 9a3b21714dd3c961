import { positionOf, timeOfPosition } from '../kv/stamp.ts'
import type { StoreInfo } from './contract-admin.ts'
import type { StoreHost } from './host.ts'
import { onSnapshot } from './on-snapshot.ts'
import { isSystemStream } from './prepared-event.ts'
import { FORMAT, readableIndexes, readSettings } from './settings.ts'
import { listStreams } from './stream-list.ts'

/** Counts by adding up where streams end: one look for each stream, whatever the number of events. */
export async function readStoreInfo(host: StoreHost, signal: AbortSignal | undefined): Promise<StoreInfo> {
  const { kv, keys } = host
  let [streams, events, systemEvents] = [0, 0, 0]
  for await (const { streamId, readable } of listStreams(host, {
    system: true,
    ...(signal && { signal }),
  })) {
    if (isSystemStream(streamId)) systemEvents += readable
    else {
      streams += 1
      events += readable
    }
  }
  const settings = await onSnapshot(kv, (tx) => readSettings(tx, keys))
  const [first, last] = await Promise.all([endOfLog(host, false), endOfLog(host, true)])
  return {
    engine: kv.engine,
    format: FORMAT,
    indexes: readableIndexes(settings),
    categorySeparator: settings.categorySeparator,
    streams,
    events,
    systemEvents,
    lastPosition: last,
    firstRecordedAt: first === undefined ? undefined : new Date(timeOfPosition(first)),
    lastRecordedAt: last === undefined ? undefined : new Date(timeOfPosition(last)),
  }
}

function endOfLog({ kv, keys }: StoreHost, reverse: boolean): Promise<bigint | undefined> {
  return onSnapshot(kv, async (tx) => {
    const [row] = await tx.getRange(keys.log(), { limit: 1, reverse }).toArray()
    return row === undefined ? undefined : positionOf(keys.stampOfLogKey(row.key))
  })
}
