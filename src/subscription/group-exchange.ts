import { REASON_CHARACTERS_MAX } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type {
  ExchangeOutcome,
  ExchangeRequest,
  Failure,
  MemberReport,
  MemberUnderWay,
} from './group-exchange-parts.ts'
import { giveOut } from './group-giving.ts'
import type { Item } from './group-rows.ts'
import type { GroupRowsIn } from './group-rows-in.ts'
import { type Fate, headIsDone, isBehind, notDone, type Unfinished } from './group-trouble.ts'

/**
 * One exchange between a desk and its group: see `docs/subscriptions.md`. It may run again, so it has no effects but on `rows`.
 */
export async function exchange(rows: GroupRowsIn, request: ExchangeRequest): Promise<ExchangeOutcome> {
  const members = await fenced(rows, request)
  for (const member of members.values()) await takeReport(rows, member, request)
  if (request.buries !== undefined) await bury(rows, request.buries, request)
  if (request.renews) await renewAll(rows, members, request)
  const isRunning = rows.control.state === 'running' && !stopsNow(request)
  const staying = [...members.values()].filter(({ report }) => !report.leaves)
  const wants = isRunning && staying.some(({ room }) => room > 0)
  const given = wants ? await giveOut(rows, staying, request) : undefined
  for (const member of members.values()) await keepHand(rows, member)
  const leases = request.renews || wants ? await rows.leases() : undefined
  rows.flush()
  return {
    control: rows.control,
    members,
    cursor: given?.cursor,
    suspectIsDue: given?.suspectIsDue ?? false,
    nextDueMs: given?.nextDueMs,
    waitsForOthers: given?.waitsForOthers ?? false,
    isBlocked: given?.isBlocked ?? false,
    isWaitedFor: given?.isWaitedFor ?? false,
    passedOver: given?.passedOver ?? 0,
    hasMoreFor: given?.hasMoreFor ?? new Set(),
    leases,
  }
}

/** The members that still have their lease. */
async function fenced(rows: GroupRowsIn, { members }: ExchangeRequest): Promise<Map<number, MemberUnderWay>> {
  const there = new Map<number, MemberUnderWay>()
  for (const report of members) {
    const lease = await rows.lease(report.consumer)
    if (lease === undefined) continue
    there.set(report.consumer, {
      report,
      accepted: new Set(),
      withdrawn: [],
      given: [],
      since: lease.since,
      room: report.room,
    })
  }
  return there
}

async function takeReport(
  rows: GroupRowsIn,
  member: MemberUnderWay,
  request: ExchangeRequest,
): Promise<void> {
  const { consumer, finished, failed, returned, leaves } = member.report
  if (finished.length + failed.length + returned.length > 0 || leaves) {
    const hand = new Map((await rows.hand(consumer)).map((item) => [item.place, item]))
    for (const place of finished) await finish(rows, hand, member, place)
    for (const failure of failed) await fail(rows, hand, member, failure, request)
    const going = leaves ? [...hand.keys()] : returned
    await giveBack(rows, hand, member, going)
    rows.setHand(consumer, [...hand.values()])
  }
  if (!leaves) return
  rows.removeConsumer(consumer)
  await forgetOwner(rows, consumer)
}

type Hand = Map<AnyPlace, Item>

async function takeFrom(
  rows: GroupRowsIn,
  hand: Hand,
  member: MemberUnderWay,
  place: AnyPlace,
): Promise<Item | undefined> {
  const item = hand.get(place)
  if (item === undefined) return undefined
  hand.delete(place)
  member.accepted.add(place)
  await rows.count(item.key, { inHand: -1 })
  return item
}

async function finish(rows: GroupRowsIn, hand: Hand, member: MemberUnderWay, place: AnyPlace): Promise<void> {
  const item = await takeFrom(rows, hand, member, place)
  if (item?.isHead) await headIsDone(rows, item)
}

async function fail(
  rows: GroupRowsIn,
  hand: Hand,
  member: MemberUnderWay,
  failure: Failure,
  request: ExchangeRequest,
): Promise<void> {
  const item = await takeFrom(rows, hand, member, failure.place)
  if (item === undefined) return
  const followers = rows.isPinned ? [...hand.values()].filter((other) => isAfter(item, other)) : []
  for (const { place, key } of followers) {
    hand.delete(place)
    member.withdrawn.push(place)
    await rows.count(key, { inHand: -1 })
  }
  await notDone(rows, [item, ...followers], fateOf(rows, item, failure, request))
  // Others may have to wait for it, or may take it.
  rows.ring()
  if (failure.action !== 'stop') return
  const stopped = { reason: shortened(failure.reason), place: failure.place, atMs: request.nowMs }
  rows.setControl({ ...rows.control, state: 'stopped', stopped })
}

function isAfter(item: Item, { key, place }: Item): boolean {
  return key === item.key && place > item.place
}

function fateOf(
  { control: { settings } }: GroupRowsIn,
  { retries }: Item,
  { action, reason, keyText }: Failure,
  { nowMs, wallMs, random }: ExchangeRequest,
): Fate {
  const why = shortened(reason)
  if (action === 'stop') return { kind: 'retry', dueMs: 0, retries, counts: false, reason: why }
  if (action === 'park' || retries >= settings.maxRetryCount) {
    return { kind: 'park', reason: why, atMs: nowMs, retries, keyText }
  }
  const dueMs = Math.ceil(wallMs + backoffMs(settings.retryBackoff, retries, random()))
  return { kind: 'retry', dueMs, retries, counts: true, reason: why }
}

/** How long an event waits that has been delivered again so often: doubled each time, of which a random part from half to all. */
function backoffMs(
  { initialMs, maxMs }: { readonly initialMs: number; readonly maxMs: number },
  retries: number,
  random: number,
): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(retries, 40)) * (0.5 + random / 2)
}

function shortened(reason: string): string {
  return reason.slice(0, REASON_CHARACTERS_MAX).replace(/\p{Surrogate}/gu, '\ufffd')
}

/** Events go back as if they had not been given out. */
async function giveBack(
  rows: GroupRowsIn,
  hand: Hand,
  member: MemberUnderWay,
  places: readonly AnyPlace[],
): Promise<void> {
  let any = false
  for (const place of places) {
    const item = await takeFrom(rows, hand, member, place)
    if (item === undefined) continue
    any = true
    const retries = item.isCounted ? item.retries - 1 : item.retries
    if (rows.isPinned && !item.isHead) await hold(rows, { place, key: item.key, retries })
    else {
      const dueMs = item.isAlone ? 'suspect' : 0
      const counts = item.isCounted
      await notDone(rows, [item], { kind: 'retry', dueMs, retries, counts, reason: 'given back' })
    }
  }
  if (any) rows.ring()
}

/** An event waits for the owner of its slot; or behind the head of its key, if that is where those are that come after it. */
async function hold(rows: GroupRowsIn, event: Unfinished): Promise<void> {
  const { place, key } = event
  const trouble = await rows.keyRow(key)
  if (trouble === undefined || !isBehind(trouble, place)) return rows.putHeld(place, event)
  rows.putBehind(place, event)
  await rows.setKeyRow(key, trouble, { ...trouble, behind: trouble.behind + 1 })
}

/** What a lost consumer had in its hand goes to others, as suspects. */
async function bury(
  rows: GroupRowsIn,
  { consumer, renewals }: NonNullable<ExchangeRequest['buries']>,
  request: ExchangeRequest,
): Promise<void> {
  if ((await rows.lease(consumer))?.renewals !== renewals) return
  const byKey = new Map<bigint | AnyPlace, Item[]>()
  for (const item of await rows.hand(consumer)) {
    const group = rows.isPinned ? item.key : item.place
    byKey.set(group, [...(byKey.get(group) ?? []), item])
    await rows.count(item.key, { inHand: -1 })
  }
  for (const items of byKey.values()) await notDone(rows, items, lostFate(rows, items[0]!, request))
  rows.removeConsumer(consumer)
  await forgetOwner(rows, consumer)
}

/** One that was lost alone has nobody else to blame; one that was not has its count given back. */
function lostFate({ control: { settings } }: GroupRowsIn, item: Item, { nowMs }: ExchangeRequest): Fate {
  const reason = 'its consumer was lost'
  if (item.isAlone && item.retries >= settings.maxRetryCount) {
    return { kind: 'park', reason, atMs: nowMs, retries: item.retries, keyText: undefined }
  }
  const retries = item.isCounted && !item.isAlone ? item.retries - 1 : item.retries
  return { kind: 'retry', dueMs: 'suspect', retries, counts: true, reason }
}

/** What belonged to a consumer that is gone belongs to nobody. */
async function forgetOwner(rows: GroupRowsIn, consumer: number): Promise<void> {
  rows.ring()
  const { single, slots } = await rows.ledger()
  if (single !== consumer && ![...slots.values()].some(({ owner }) => owner === consumer)) return
  await rows.change((ledger) => {
    if (ledger.single === consumer) ledger.single = 0
    for (const slot of ledger.slots.values()) if (slot.owner === consumer) slot.owner = 0
  })
}

async function renewAll(
  rows: GroupRowsIn,
  members: ReadonlyMap<number, MemberUnderWay>,
  { nowMs }: ExchangeRequest,
): Promise<void> {
  for (const { report } of members.values()) if (!report.leaves) await renew(rows, report, nowMs)
}

/** Renews the lease of a consumer, if it is there. */
export async function renew(
  rows: GroupRowsIn,
  { consumer, finishedPerSecond }: Pick<MemberReport, 'consumer' | 'finishedPerSecond'>,
  nowMs: number,
): Promise<void> {
  const lease = await rows.lease(consumer)
  if (lease === undefined) return
  rows.setLease(consumer, {
    ...lease,
    leaseMs: rows.control.settings.messageTimeoutMs,
    renewals: lease.renewals + 1,
    renewedAtMs: nowMs,
    finishedPerSecond,
  })
}

function stopsNow({ members }: ExchangeRequest): boolean {
  return members.some(({ failed }) => failed.some(({ action }) => action === 'stop'))
}

/** Puts what was given into the hand. Volatile groups have no hands: what they give out is done with. */
async function keepHand(rows: GroupRowsIn, { report, given }: MemberUnderWay): Promise<void> {
  if (given.length === 0 || rows.control.kind === 'volatile') return
  rows.setHand(report.consumer, [...(await rows.hand(report.consumer)), ...given])
}
