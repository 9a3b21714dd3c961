import { InvalidArgumentError } from '../errors.ts'
import { REPLAY_EVENTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { ParkedEvent, ParkedOptions, ParkedSelection } from '../store/contract-subscribing.ts'
import { onlyNames } from '../store/known-names.ts'
import type { View } from '../store/reading.ts'
import { describe } from '../store/text.ts'
import { fetchEvents } from './fetch-events.ts'
import type { AdminScene } from './group-admin-scene.ts'
import { groupPlace } from './group-creating.ts'
import { groupNumberOf } from './group-names.ts'
import { pinOf, pinTextOf } from './group-pin.ts'
import type { Parked } from './group-rows.ts'
import type { GroupPlace, GroupRowsIn } from './group-rows-in.ts'
import { headIsDone, isAhead, notDone } from './group-trouble.ts'
import type { Source } from './source.ts'

const checkWhich = onlyNames('What is parked', 'place', 'key')

/** Checks which parked events are meant. @throws InvalidArgumentError */
export function checkSelection({ isStream }: Source, which: ParkedSelection<AnyPlace>): void {
  if (which === 'all') return
  checkWhich(which as object)
  const { place, key } = which as { readonly place?: unknown; readonly key?: unknown }
  const isPlace = isStream ? Number.isSafeInteger(place) : typeof place === 'bigint'
  if (isPlace ? key === undefined : place === undefined && typeof key === 'string') return
  throw new InvalidArgumentError(
    `Parked events are 'all', { place } with a ${isStream ? 'version (number)' : 'position (bigint)'}, or { key } with a text, not ${describe(place ?? key)}`,
    { which },
  )
}

/** Runs a body on the rows of the group, in a transaction. */
type Change = <T>(body: (rows: GroupRowsIn) => Promise<T>) => Promise<T>

/** Delivers parked events again. Returns how many. */
export function replayParked(
  change: Change,
  which: ParkedSelection<AnyPlace>,
  options: ParkedOptions,
): Promise<number> {
  return eachParked(change, which, options, async (rows, place, parked) => {
    const { parked: before } = await rows.ledger()
    await replayOne(rows, place, parked)
    return before - (await rows.ledger()).parked
  })
}

async function replayOne(rows: GroupRowsIn, place: AnyPlace, { key }: Parked): Promise<void> {
  await rows.takeParked(place)
  if (!(await isAhead(rows, place))) {
    const fate = { kind: 'retry', dueMs: 0, retries: 0, counts: false, reason: 'replayed' } as const
    return notDone(rows, [{ place, key, retries: 0 }], fate)
  }
  // It comes again by itself, and so does what is behind it, unless that comes before the cursor.
  if (rows.isPinned) await headIsDone(rows, { place, key })
}

/** Counts parked events as done. What is behind one goes on, unless the whole key is meant. Returns how many. */
export function skipParked(
  change: Change,
  which: ParkedSelection<AnyPlace>,
  options: ParkedOptions,
): Promise<number> {
  const isWhole = which === 'all' || 'key' in which
  return eachParked(change, which, options, async (rows, place, parked) => {
    const before = rows.isPinned ? await rows.keyRow(parked.key) : undefined
    await rows.takeParked(place)
    if (before?.state !== 'parked' || before.head !== place) return 1
    if (!isWhole) {
      await headIsDone(rows, { place, key: parked.key })
      return 1
    }
    rows.tx.clearRange(rows.place.keys.allBehind(parked.key))
    await rows.setKeyRow(parked.key, before, undefined)
    return 1 + before.behind
  })
}

async function eachParked(
  change: Change,
  which: ParkedSelection<AnyPlace>,
  { signal, onProgress }: ParkedOptions,
  deal: (rows: GroupRowsIn, place: AnyPlace, parked: Parked) => Promise<number>,
): Promise<number> {
  if (which !== 'all' && 'place' in which) return change((rows) => dealWithOne(rows, which.place, deal))
  const key = which === 'all' ? undefined : which.key
  let [count, after] = [0, undefined as AnyPlace | undefined]
  for (;;) {
    signal?.throwIfAborted()
    const portion = await change(async (rows) => dealWithPortion(rows, key, after, deal))
    count += portion.count
    onProgress?.(count)
    if (portion.last === undefined) return count
    after = portion.last
  }
}

async function dealWithOne(
  rows: GroupRowsIn,
  place: AnyPlace,
  deal: (rows: GroupRowsIn, place: AnyPlace, parked: Parked) => Promise<number>,
): Promise<number> {
  const parked = await rows.parkedAt(place)
  if (parked === undefined) {
    const head = await headOfBehind(rows, place)
    if (head === undefined) return 0
    throw new InvalidArgumentError(
      `The event at ${describe(place)} is parked behind the one at ${describe(head)}, which must be dealt with first`,
      { place, head },
    )
  }
  const count = await deal(rows, place, parked)
  rows.ring()
  return count
}

/** The parked head that an event is behind, if it is. */
async function headOfBehind(rows: GroupRowsIn, place: AnyPlace): Promise<AnyPlace | undefined> {
  if (!rows.isPinned) return undefined
  const { keys, values, isStream } = rows.place
  for await (const row of rows.tx.getRange(keys.keys())) {
    const { state, head } = values.decodeKey(row.key, row.value, isStream)
    if (state !== 'parked') continue
    if ((await rows.tx.get(keys.behind(keys.keyOf(row.key), place))) !== undefined) return head
  }
  return undefined
}

async function dealWithPortion(
  rows: GroupRowsIn,
  keyText: string | undefined,
  after: AnyPlace | undefined,
  deal: (rows: GroupRowsIn, place: AnyPlace, parked: Parked) => Promise<number>,
): Promise<{ readonly count: number; readonly last: AnyPlace | undefined }> {
  const { keys, values } = rows.place
  const found = await rows.tx.getRange(keys.allParked(after), { limit: REPLAY_EVENTS }).toArray()
  const wanted = keyText === undefined ? undefined : pinOf(keyText)
  let count = 0
  for (const { key, value } of found) {
    const parked = values.decodeParked(key, value)
    if (wanted !== undefined && parked.key !== wanted) continue
    // One before it, of the same key, may have taken it along.
    if ((await rows.parkedAt(keys.placeAtEnd(key))) === undefined) continue
    count += await deal(rows, keys.placeAtEnd(key), parked)
  }
  if (count > 0) rows.ring()
  const isEnd = found.length < REPLAY_EVENTS
  return { count, last: isEnd ? undefined : keys.placeAtEnd(found.at(-1)!.key) }
}

/** Lists what is parked: heads in the order of the source, each followed by what is behind it. */
export async function* listParked(
  { host, reading }: AdminScene,
  source: Source,
  nameKey: Uint8Array,
  signal: AbortSignal | undefined,
  onMissing: () => never,
): AsyncGenerator<ParkedEvent> {
  let after: AnyPlace | undefined
  for (;;) {
    signal?.throwIfAborted()
    const page = await reading.onSnapshot(async (view) => {
      const number = await groupNumberOf(view.tx, host.keys, nameKey)
      if (number === undefined) return onMissing()
      return readParkedPage(view, groupPlace(host, number, source.isStream), source, after)
    })
    yield* page.events
    if (page.last === undefined) return
    after = page.last
  }
}

/** Parked heads that are listed at a time. */
const LIST_HEADS = 64

async function readParkedPage(
  view: View,
  place: GroupPlace,
  source: Source,
  after: AnyPlace | undefined,
): Promise<{ readonly events: readonly ParkedEvent[]; readonly last: AnyPlace | undefined }> {
  const { keys, values, isStream } = place
  const control = values.decodeControl(keys.control, (await view.tx.get(keys.control))!)
  const { settings } = control
  const rows = await view.tx.getRange(keys.allParked(after), { limit: LIST_HEADS }).toArray()
  const events: ParkedEvent[] = []
  for (const { key, value } of rows) {
    const at = keys.placeAtEnd(key)
    const parked = values.decodeParked(key, value)
    const row = await view.tx.get(keys.key(parked.key))
    const keyRow =
      parked.key === 0n || row === undefined
        ? undefined
        : values.decodeKey(keys.key(parked.key), row, isStream)
    const isHead = keyRow?.state === 'parked' && keyRow.head === at
    const behind = isHead ? await view.tx.getRange(keys.allBehind(parked.key)).toArray() : []
    const places = [at, ...behind.map((it) => keys.placeAtEnd(it.key))]
    const found = await fetchEvents(view, source, settings, places)
    const pinText = pinTextOf(settings.strategy)
    for (const [index, event] of found.entries()) {
      const isBehind = index > 0
      events.push({
        place: places[index]!,
        event,
        reason: isBehind ? `behind the parked event at ${at}` : parked.reason,
        parkedAt: new Date(parked.atMs),
        attempts: isBehind ? 0 : parked.retries + 1,
        key: event === undefined ? parked.keyText : pinText?.(event),
        isBehind,
      })
    }
  }
  const isEnd = rows.length < LIST_HEADS
  return { events, last: isEnd ? undefined : keys.placeAtEnd(rows.at(-1)!.key) }
}
