import { IndexMissingError, StreamTombstonedError } from '../errors.ts'
import { LAG_EVENTS_MAX, READ_PAGE_EVENTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { ReadableSource } from '../store/contract-reading.ts'
import type { ConsumerInfo, SubscriptionInfo } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import type { Reading, View } from '../store/reading.ts'
import { allSource, categorySource, querySource, streamSource, typeSource } from '../store/sources.ts'
import { type Wanted, wantedBy } from './filter.ts'
import type { AdminScene } from './group-admin-scene.ts'
import { groupPlace } from './group-creating.ts'
import { groupNumberOf } from './group-names.ts'
import type { Control, Ledger } from './group-rows.ts'
import type { GroupPlace } from './group-rows-in.ts'
import { placeOf, type Source, sourceOf } from './source.ts'

/** What the rows of a group say, on one snapshot. */
interface Sighting {
  readonly control: Control
  readonly ledger: Ledger
  readonly consumers: readonly ConsumerInfo[]
  readonly inFlight: number
  readonly retrying: number
  readonly smallest: AnyPlace | undefined
}

/** What is known of a group; `undefined` if there is none of that name. */
export async function readGroupInfo(
  scene: AdminScene,
  source: Source,
  nameKey: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<SubscriptionInfo | undefined> {
  const { host, reading } = scene
  const seen = await reading.onSnapshot(async (view) => {
    const number = await groupNumberOf(view.tx, host.keys, nameKey)
    return number === undefined ? undefined : sight(view, groupPlace(host, number, source.isStream))
  })
  if (seen === undefined) return undefined
  const { control, ledger, consumers, inFlight, retrying, smallest } = seen
  const known = (place: AnyPlace): AnyPlace | undefined => (place === source.origin ? undefined : place)
  const ahead = await countBehind(scene, control, ledger.cursor, signal)
  const { stopped } = control
  return {
    name: control.name,
    source: control.source,
    settings: control.settings,
    state: control.state,
    ...(stopped && {
      stopped: { reason: stopped.reason, place: stopped.place, at: new Date(stopped.atMs) },
    }),
    checkpoint: known(smallest === undefined ? ledger.cursor : before(smallest)),
    position: known(ledger.cursor),
    head: await lastPlace(reading, source, control),
    lag: ahead.count + inFlight + ledger.waiting,
    isLagExact: ahead.isAll,
    inFlight,
    retrying,
    held: ledger.waiting - retrying,
    parked: ledger.parked,
    consumers,
    finishedPerSecond: consumers.reduce((sum, { finishedPerSecond }) => sum + finishedPerSecond, 0),
  }
}

async function sight(view: View, place: GroupPlace): Promise<Sighting> {
  const { tx } = view
  const { keys, values, isStream } = place
  const control = values.decodeControl(keys.control, (await tx.get(keys.control)) ?? new Uint8Array())
  const ledger = values.decodeLedger(keys.ledger, (await tx.get(keys.ledger)) ?? new Uint8Array(), isStream)
  const places: AnyPlace[] = []
  const inHand = new Map<number, number>()
  for await (const { key, value } of tx.getRange(keys.hands())) {
    const items = values.decodeHand(key, value, isStream)
    inHand.set(keys.consumerOf(key), items.length)
    places.push(...items.map((item) => item.place))
  }
  const inFlight = places.length
  for (const range of [keys.suspects(), keys.retries()]) {
    for await (const { key } of tx.getRange(range)) places.push(keys.placeAtEnd(key))
  }
  const retrying = places.length - inFlight
  for await (const { key } of tx.getRange(keys.allHeld())) places.push(keys.placeAtEnd(key))
  places.push(...(await firstBehind(view, place)))
  const leases = await tx.getRange(keys.consumers()).toArray()
  return {
    control,
    ledger,
    consumers: leases.map(({ key, value }) => ({
      consumer: keys.consumerOf(key),
      inFlight: inHand.get(keys.consumerOf(key)) ?? 0,
      finishedPerSecond: values.decodeLease(key, value, isStream).finishedPerSecond,
    })),
    inFlight,
    retrying,
    smallest: smallestOf(places),
  }
}

/** The first event behind each head that is not parked. */
async function firstBehind({ tx }: View, { keys, values, isStream }: GroupPlace): Promise<AnyPlace[]> {
  const places: AnyPlace[] = []
  for await (const { key, value } of tx.getRange(keys.keys())) {
    if (values.decodeKey(key, value, isStream).state === 'parked') continue
    const [first] = await tx.getRange(keys.allBehind(keys.keyOf(key)), { limit: 1 }).toArray()
    if (first !== undefined) places.push(keys.placeAtEnd(first.key))
  }
  return places
}

function smallestOf(places: readonly AnyPlace[]): AnyPlace | undefined {
  let smallest: AnyPlace | undefined
  for (const place of places) if (smallest === undefined || place < smallest) smallest = place
  return smallest
}

function before(place: AnyPlace): AnyPlace {
  return typeof place === 'bigint' ? place - 1n : place - 1
}

/** Where the last event of the source is. */
async function lastPlace(
  reading: Reading,
  source: Source,
  { settings: { system } }: Control,
): Promise<AnyPlace | undefined> {
  const options = { direction: 'backwards', limit: 1, resolveLinks: false } as const
  const last = await readableOf(reading, source.name, system).read(options).first().catch(unreadable)
  return last && placeOf(source, last)
}

function readableOf(
  reading: Reading,
  name: SourceName,
  system: boolean,
): ReadableSource<RecordedEvent, object> {
  switch (name.kind) {
    case 'all':
      return { read: (options) => allSource(reading).read({ ...options, system }) }
    case 'stream':
      return streamSource(reading, name.streamId)
    case 'category':
      return categorySource(reading, name.category)
    case 'type':
      return typeSource(reading, name.type)
    case 'query':
      return querySource(reading, name.query)
    default:
      return name satisfies never
  }
}

/** Counts what is wanted of the source behind the cursor, up to a limit. */
async function countBehind(
  { reading }: AdminScene,
  { settings, source: name }: Control,
  cursor: AnyPlace,
  signal: AbortSignal | undefined,
): Promise<{ readonly count: number; readonly isAll: boolean }> {
  const source = sourceOf(name, settings)
  const wanted: Wanted | undefined = settings.filter === null ? undefined : wantedBy(settings.filter)
  let [place, count, seen] = [cursor, 0, 0]
  while (seen < LAG_EVENTS_MAX) {
    signal?.throwIfAborted()
    const page = await reading
      .onSnapshot((view) => source.page(view, place, READ_PAGE_EVENTS))
      .catch(unreadable)
    if (page === undefined) return { count, isAll: false }
    count += wanted === undefined ? page.events.length : page.events.filter(wanted).length
    if (page.isEnd) return { count, isAll: true }
    seen += Math.max(1, page.events.length)
    place = page.through
  }
  return { count, isAll: false }
}

/** A source that cannot be read now has no lag that could be counted; the rest can be told all the same. */
function unreadable(error: unknown): undefined {
  if (error instanceof StreamTombstonedError || error instanceof IndexMissingError) return undefined
  throw error
}
