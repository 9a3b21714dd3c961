import type { AnyPlace } from '../store/broker.ts'
import type { ExchangeRequest, MemberUnderWay } from './group-exchange-parts.ts'
import type { Item, Retry } from './group-rows.ts'
import type { GroupRowsIn } from './group-rows-in.ts'

/** What giving out finds on its way. */
export interface Findings {
  suspectIsDue: boolean
  nextDueMs: number | undefined
  waitsForOthers: boolean
  /** Nothing new may be given out here for now; who changes that rings the bell, or says so in its report. */
  isBlocked: boolean
  /** Pinned: a slot of a consumer here is to move, and waits until nothing of it is in the hand. */
  isWaitedFor: boolean
  /** Volatile groups: events that are lost to those who had no room for them. */
  passedOver: number
  /** Consumers for which more waits than they had room for. */
  readonly hasMoreFor: Set<number>
}

/** An event that was not given out before. */
export const FRESH: Omit<Item, 'place' | 'key'> = {
  retries: 0,
  isAlone: false,
  isCounted: false,
  isHead: false,
}

/** Gives an item to the next one that has room. Returns whether there was one. */
export type Deal = (item: Item) => boolean

/** Deals items out in turn. */
export function dealer(members: readonly MemberUnderWay[], { random }: ExchangeRequest): Deal {
  let next = Math.floor(random() * members.length)
  return (item) => {
    for (let tried = 0; tried < members.length; tried += 1, next += 1) {
      const member = members[next % members.length]!
      if (member.room <= 0) continue
      give(member, item)
      next += 1
      return true
    }
    return false
  }
}

/** Puts an item into the hand of a consumer that has room. */
export function give(member: MemberUnderWay, item: Item): void {
  member.given.push(item)
  member.room -= 1
}

/**
 * Gives out a suspect of a slot, if there is one, alone. Returns whether nothing else may be given out.
 */
export async function giveAlone(
  rows: GroupRowsIn,
  members: readonly MemberUnderWay[],
  { alone }: ExchangeRequest,
  slot: number,
  findings: Findings,
): Promise<boolean> {
  if (alone === 'unable' || (await rows.ledger()).suspects === 0) return false
  const { keys, values } = rows.place
  const [row] = await rows.tx.getRange(keys.suspects(slot), { limit: 1 }).toArray()
  if (row === undefined) return false
  findings.suspectIsDue = true
  const member = members.find(({ room }) => room > 0)
  if (alone === 'willing' || member === undefined) return true
  const retry = values.decodeRetry(row.key, row.value)
  await rows.takeRetry(row.key, retry, true)
  give(member, itemOf(rows, keys.placeAtEnd(row.key), retry, true))
  await rows.count(retry.key, { inHand: 1 })
  return true
}

/** Gives out the retries of a slot that are due. Returns whether there are more than there is room for. */
export async function giveRetries(
  rows: GroupRowsIn,
  { wallMs }: ExchangeRequest,
  { slot, room }: { readonly slot: number; readonly room: number },
  findings: Findings,
  deal: Deal,
): Promise<boolean> {
  if ((await rows.ledger()).waiting === 0) return false
  const { keys, values } = rows.place
  const latestMs = wallMs + rows.control.settings.retryBackoff.maxMs
  // One more than there is room for tells that there is more.
  for await (const { key, value } of rows.tx.getRange(keys.retries(slot), { limit: Math.max(0, room) + 1 })) {
    const { dueMs, place } = keys.retryPlaceOf(key)
    // One that is due later than can be was put there by a clock that was ahead.
    if (dueMs > wallMs && dueMs <= latestMs) {
      findings.nextDueMs = Math.min(dueMs, findings.nextDueMs ?? dueMs)
      return false
    }
    const retry = values.decodeRetry(key, value)
    if (!deal(itemOf(rows, place, retry, false))) return true
    await rows.takeRetry(key, retry, false)
    await rows.count(retry.key, { inHand: 1 })
  }
  return false
}

function itemOf(rows: GroupRowsIn, place: AnyPlace, retry: Retry, isAlone: boolean): Item {
  const { retries, key, counts } = retry
  return {
    place,
    key,
    retries: retries + (counts ? 1 : 0),
    isAlone,
    isCounted: counts,
    isHead: rows.isPinned,
  }
}

/**
 * Moves the cursor over what was read ahead, as far as `pass` takes the events: at most so many. If all of them are taken, the cursor goes
 * as far as was read.
 */
export async function passEvents(
  rows: GroupRowsIn,
  { readAhead, movesCursor }: ExchangeRequest,
  quota: number,
  pass: (event: ReadAheadEvent) => Promise<boolean>,
): Promise<void> {
  const { cursor } = await rows.ledger()
  const { after, through, events, revision } = readAhead
  if (revision !== rows.control.revision || cursor < after || cursor >= through) return
  let [at, passed] = [firstAfter(events, cursor), 0]
  let last = cursor
  for (; at < events.length && passed < quota; at += 1, passed += 1) {
    const event = events[at]!
    if (!(await pass(event))) break
    last = event.place
  }
  if (at === events.length && (passed > 0 || movesCursor)) last = through
  if (last === cursor) return
  await rows.change((ledger) => {
    ledger.cursor = last
    if (last > ledger.reach) ledger.reach = last
  })
}

/** An event that was read ahead. */
type ReadAheadEvent = ExchangeRequest['readAhead']['events'][number]

function firstAfter(events: readonly ReadAheadEvent[], cursor: AnyPlace): number {
  let [low, high] = [0, events.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (events[middle]!.place > cursor) high = middle
    else low = middle + 1
  }
  return low
}
