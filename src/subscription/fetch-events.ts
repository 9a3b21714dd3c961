import { stampOf } from '../kv/stamp.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { RecordedEvent } from '../store/event.ts'
import { resolveLinks } from '../store/links.ts'
import { decodeLogRow } from '../store/read-event.ts'
import type { View } from '../store/reading.ts'
import { stampOfEvent, streamNumberOf } from '../store/stored-event.ts'
import { checkedStamp, numberOf } from '../store/stream-rows.ts'
import { Visibility } from '../store/visibility.ts'
import type { Sight, Source } from './source.ts'

/** Reads the events at places of a source, in their order; `undefined` for those that cannot be read any more. @throws CorruptionError */
export async function fetchEvents(
  view: View,
  source: Source,
  { resolveLinks: resolves }: Sight,
  places: readonly AnyPlace[],
): Promise<readonly (RecordedEvent | undefined)[]> {
  const { tx, keys } = view
  const stamps = await stampsOf(view, source, places)
  const rows = await tx.getMany(stamps.map((stamp) => keys.logKey(stamp ?? NOWHERE)))
  const events: (RecordedEvent | undefined)[] = []
  for (const [at, stamp] of stamps.entries()) {
    const row = rows[at]
    events.push(stamp && row && (await decodeLogRow(tx, keys, stamp, row)))
  }
  const visibility = new Visibility(view)
  await visibility.meet(events.flatMap((event) => (event === undefined ? [] : [streamNumberOf(event)])))
  const seen: (RecordedEvent | undefined)[] = []
  for (const event of events) {
    const isThere =
      event !== undefined && !visibility.hides(streamNumberOf(event), event.version, stampOfEvent(event))
    seen.push(isThere ? (resolves ? (await resolveLinks(view, [event]))[0] : event) : undefined)
  }
  return seen
}

const NOWHERE = stampOf(0n)

async function stampsOf(
  { tx, keys }: View,
  { name }: Source,
  places: readonly AnyPlace[],
): Promise<readonly (Uint8Array | undefined)[]> {
  if (name.kind !== 'stream') return places.map((place) => stampOf(place as bigint))
  const number = await numberOf(tx, keys, name.streamId)
  if (number === undefined) return places.map(() => undefined)
  const rows = await tx.getMany(places.map((place) => keys.streamKey(number, place as number)))
  return rows.map((row) => row && checkedStamp(row))
}
