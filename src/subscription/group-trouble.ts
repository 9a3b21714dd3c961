import type { AnyPlace } from '../store/broker.ts'
import type { Item, KeyRow, Parked, Waiting } from './group-rows.ts'
import type { GroupRowsIn } from './group-rows-in.ts'

/** What becomes of an event that is not done: it waits for its next delivery, or it is parked. */
export type Fate =
  | {
      readonly kind: 'retry'
      readonly dueMs: number | 'suspect'
      readonly retries: number
      /** Whether the next delivery counts as a retry. */
      readonly counts: boolean
      readonly reason: string
    }
  | ({ readonly kind: 'park' } & Pick<Parked, 'reason' | 'atMs' | 'retries' | 'keyText'>)

/** An event with its key, wherever it comes from. */
export type Unfinished = Pick<Item, 'place' | 'key' | 'retries'>

/**
 * These events of one key are not done: see "When events of a key are not done" in `docs/subscriptions.md`. The first becomes the head of
 * its key and meets its fate; the others go behind it. They are in no hand any more.
 */
export async function notDone(rows: GroupRowsIn, events: readonly Unfinished[], fate: Fate): Promise<void> {
  // A head that was replayed may stand behind later events.
  const [first, ...others] = events.toSorted((a, b) => (a.place < b.place ? -1 : 1))
  if (first === undefined) return
  if (!rows.isPinned) return meet(rows, first, fate)
  const before = await rows.keyRow(first.key)
  // After a reset an earlier event than the head may fail, and takes its place.
  const isOvertaken = before !== undefined && (await firstOf(rows, first.key, before)) < first.place
  // Whichever of them has killed its consumer: each has to be delivered alone when its turn comes.
  const isSuspect = fate.kind === 'retry' && fate.dueMs === 'suspect'
  const behindIt = others.map((event) => ({ ...event, isSuspect }))
  if (isOvertaken)
    return goBehind(rows, before, [{ ...first, retries: fate.retries, isSuspect }, ...behindIt])
  let behind = before?.behind ?? 0
  if (before?.state === 'parked') behind = await trimBehind(rows, first.key, behind)
  if (before !== undefined && before.state === 'parked' && before.head > first.place) {
    const parked = await rows.parkedAt(before.head)
    if (parked !== undefined) {
      await rows.takeParked(before.head)
      if (!(await isAhead(rows, before.head))) {
        rows.putBehind(before.head, { key: first.key, retries: parked.retries })
        behind += 1
      }
    }
  }
  for (const event of behindIt) rows.putBehind(event.place, event)
  behind += others.length
  await meet(rows, first, fate)
  await rows.setKeyRow(first.key, before, keyRowAfter(rows, first.place, fate, behind))
}

/** The place in a key in trouble before which nothing of it is: its head, or once that is done the first behind it. */
async function firstOf(rows: GroupRowsIn, key: bigint, { state, head }: KeyRow): Promise<AnyPlace> {
  if (state !== 'done') return head
  const { keys } = rows.place
  const [row] = await rows.tx.getRange(keys.allBehind(key), { limit: 1 }).toArray()
  return row === undefined ? Number.POSITIVE_INFINITY : keys.placeAtEnd(row.key)
}

async function goBehind(
  rows: GroupRowsIn,
  before: KeyRow,
  events: readonly (Unfinished & Waiting)[],
): Promise<void> {
  for (const event of events) rows.putBehind(event.place, event)
  await rows.setKeyRow(events[0]!.key, before, { ...before, behind: before.behind + events.length })
}

async function meet(rows: GroupRowsIn, { place, key }: Unfinished, fate: Fate): Promise<void> {
  if (fate.kind === 'park') {
    const { reason, atMs, retries, keyText } = fate
    await rows.putParked(place, { reason, atMs, retries, key, keyText })
  } else {
    const { retries, counts, reason, dueMs } = fate
    await rows.putRetry(place, { retries, key, counts, reason }, dueMs)
  }
}

function keyRowAfter(rows: GroupRowsIn, head: AnyPlace, fate: Fate, behind: number): KeyRow | undefined {
  if (fate.kind === 'retry') return { head, state: 'retrying', behind }
  if (rows.control.settings.parkMode === 'sequence') return { head, state: 'parked', behind }
  return behind === 0 ? undefined : { head, state: 'done', behind }
}

/** Whether an event must wait for the head of its key. After a reset, one before a parked head need not. */
export function isBehind({ state, head }: KeyRow, place: AnyPlace): boolean {
  return state !== 'parked' || place > head
}

/** The head of a key is finished: what is behind it may come. */
export async function headIsDone(
  rows: GroupRowsIn,
  { place, key }: Pick<Item, 'place' | 'key'>,
): Promise<void> {
  const before = await rows.keyRow(key)
  if (before === undefined || before.head !== place || before.state === 'done') return
  const behind = before.state === 'parked' ? await trimBehind(rows, key, before.behind) : before.behind
  await rows.setKeyRow(key, before, behind === 0 ? undefined : { ...before, state: 'done', behind })
}

/** Whether an event is one that the cursor, after a reset, has yet to come to again: what is not parked any more comes by itself then. */
export async function isAhead(rows: GroupRowsIn, place: AnyPlace): Promise<boolean> {
  return place > (await rows.ledger()).cursor
}

/** Forgets what is ahead of the cursor and behind a head that is not parked any more. Returns how many events are still behind it. */
async function trimBehind(rows: GroupRowsIn, key: bigint, behind: number): Promise<number> {
  const { cursor, reach } = await rows.ledger()
  if (reach === cursor || behind === 0) return behind
  const { keys } = rows.place
  const begin = Uint8Array.of(...keys.behind(key, cursor), 0)
  const ahead = await rows.tx.getRange({ begin, end: keys.allBehind(key).end }).toArray()
  for (const row of ahead) rows.tx.clear(row.key)
  return behind - ahead.length
}
