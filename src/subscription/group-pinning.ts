import { GROUP_WAITING_MAX } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import { type Findings, FRESH, give, giveAlone, giveRetries, passEvents } from './group-dealing.ts'
import type { ExchangeRequest, MemberUnderWay } from './group-exchange-parts.ts'
import type { Item, KeyRow, Slot, Waiting } from './group-rows.ts'
import { type GroupRowsIn, slotOf } from './group-rows-in.ts'
import { isBehind } from './group-trouble.ts'

/** A slot, with the consumer of this desk that it belongs to, if that may get more of it. */
interface OwnSlot {
  readonly number: number
  readonly slot: Slot
  readonly owner: MemberUnderWay | undefined
}

/** Every event goes to the consumer that its key belongs to, behind those of the same key. */
export async function givePinned(
  rows: GroupRowsIn,
  members: readonly MemberUnderWay[],
  request: ExchangeRequest,
  findings: Findings,
): Promise<void> {
  const owners = new Owners([...(await rows.leases()).keys()], members)
  const own = await assignSlots(rows, owners)
  findings.isWaitedFor = own.some(({ number, slot }) => owners.isToLeave(number, slot))
  for (const { number, slot, owner } of own) {
    if (owner === undefined || slot.retrying === 0) continue
    if (await giveAlone(rows, [owner], request, number, findings)) return
  }
  for (const { number, slot, owner } of own) {
    if (owner === undefined) continue
    const deal = (item: Item): boolean => {
      if (owner.room <= 0) return false
      give(owner, item)
      return true
    }
    const hasMore =
      slot.retrying > 0 &&
      (await giveRetries(rows, request, { slot: number, room: owner.room }, findings, deal))
    if (slot.draining > 0 && owner.room > 0) await giveDrained(rows, number, owner)
    if (slot.held > 0 && owner.room > 0) await giveHeld(rows, number, owner)
    if (hasMore || slot.draining > 0) findings.hasMoreFor.add(owner.report.consumer)
  }
  findings.isBlocked = (await rows.ledger()).waiting >= GROUP_WAITING_MAX
  if (!findings.isBlocked) {
    await passEvents(rows, request, Number.POSITIVE_INFINITY, (event) =>
      placeEvent(rows, owners, members, event),
    )
  }
  for (const [number, slot] of (await rows.ledger()).slots) {
    const owner = owners.receiverOf(number, slot)
    if (owner !== undefined && slot.held > 0) findings.hasMoreFor.add(owner.report.consumer)
  }
}

/** Lets slots belong to those to whom they should, as far as nothing of them is in a hand. */
async function assignSlots(rows: GroupRowsIn, owners: Owners): Promise<readonly OwnSlot[]> {
  const { slots } = await rows.ledger()
  const own: OwnSlot[] = []
  for (const [number, slot] of slots) {
    if (owners.mayMove(number, slot)) {
      await rows.change(() => {
        slot.owner = owners.of(number)
      })
      if (owners.local(slot.owner) === undefined) rows.ring()
    }
    own.push({ number, slot, owner: owners.receiverOf(number, slot) })
  }
  return own
}

/** Gives out what is behind heads that are done, in order. */
async function giveDrained(rows: GroupRowsIn, slot: number, owner: MemberUnderWay): Promise<void> {
  const { keys, values } = rows.place
  const marks = await rows.tx.getRange(keys.drains(slot), { limit: Math.max(1, owner.room) }).toArray()
  for (const mark of marks) {
    if (owner.room <= 0) return
    const key = keys.drainedKeyOf(mark.key)
    const before = await rows.keyRow(key)
    if (before === undefined) continue
    const found = await rows.tx.getRange(keys.allBehind(key), { limit: owner.room }).toArray()
    const events = found.map((row) => ({
      ...values.decodeWaiting(row.key, row.value),
      row: row.key,
      place: keys.placeAtEnd(row.key),
    }))
    const [first] = events
    if (first?.isSuspect) {
      if (!(await isInHand(rows, owner, key))) await accuse(rows, before, first)
      continue
    }
    const suspectAt = events.findIndex(({ isSuspect }) => isSuspect)
    const given = suspectAt < 0 ? events : events.slice(0, suspectAt)
    for (const { row, place, retries } of given) {
      rows.tx.clear(row)
      give(owner, { ...FRESH, place, key, retries })
      await rows.count(key, { inHand: 1 })
    }
    const behind = before.behind - given.length
    await rows.setKeyRow(key, before, behind <= 0 ? undefined : { ...before, behind })
  }
}

/** Whether a consumer still has an event of a key, which comes first. */
async function isInHand(rows: GroupRowsIn, { report, given }: MemberUnderWay, key: bigint): Promise<boolean> {
  return [...(await rows.hand(report.consumer)), ...given].some((item) => item.key === key)
}

/** A suspect whose turn has come becomes the head of its key, and is delivered alone. */
async function accuse(
  rows: GroupRowsIn,
  before: KeyRow,
  { row, place, key, retries }: Waiting & { readonly row: Uint8Array; readonly place: AnyPlace },
): Promise<void> {
  rows.tx.clear(row)
  await rows.putRetry(place, { retries, key, counts: true, reason: 'its consumer was lost' }, 'suspect')
  await rows.setKeyRow(key, before, { head: place, state: 'retrying', behind: before.behind - 1 })
  // Whoever looks next finds it.
  rows.ring()
}

/** Gives out what is held for the owner of a slot, in order; what is behind a head in trouble goes there. */
async function giveHeld(rows: GroupRowsIn, slot: number, owner: MemberUnderWay): Promise<void> {
  const { keys, values } = rows.place
  for await (const { key, value } of rows.tx.getRange(keys.allHeld(slot), { limit: owner.room + 1 })) {
    const item = values.decodeWaiting(key, value)
    const place = keys.placeAtEnd(key)
    const trouble = await troubleOf(rows, item.key)
    if (trouble === undefined && owner.room <= 0) return
    await rows.takeHeld(key, item)
    if (trouble !== undefined && isBehind(trouble, place)) {
      rows.putBehind(place, item)
      await rows.setKeyRow(item.key, trouble, { ...trouble, behind: trouble.behind + 1 })
    } else if (owner.room > 0) {
      give(owner, { ...FRESH, ...item, place })
      await rows.count(item.key, { inHand: 1 })
    } else {
      await rows.putHeld(place, item)
      return
    }
  }
}

/** Gives one event of the source its place. Returns whether it has one. */
async function placeEvent(
  rows: GroupRowsIn,
  owners: Owners,
  members: readonly MemberUnderWay[],
  { place, key }: { readonly place: AnyPlace; readonly key: bigint },
): Promise<boolean> {
  const { waiting, reach, slots } = await rows.ledger()
  if (waiting >= GROUP_WAITING_MAX || members.every(({ room }) => room <= 0)) return false
  const isAgain = place <= reach
  if (isAgain && (await rows.parkedAt(place)) !== undefined) return true
  const number = slotOf(key)
  const slot = slots.get(number)
  const trouble = await troubleOf(rows, key)
  const isAskedFor = isAgain && trouble !== undefined
  if (isAskedFor && (await rows.tx.get(rows.place.keys.behind(key, place))) !== undefined) return true
  if (trouble !== undefined && isBehind(trouble, place)) {
    // What is held for the slot may be of this key, too, and comes first.
    if (slot === undefined || slot.held === 0) {
      rows.putBehind(place, { key, retries: 0 })
      await rows.setKeyRow(key, trouble, { ...trouble, behind: trouble.behind + 1 })
      return true
    }
  }
  const owner = slot === undefined ? owners.local(owners.of(number)) : owners.receiverOf(number, slot)
  if (owner !== undefined && owner.room > 0 && (slot === undefined || slot.held === 0)) {
    give(owner, { ...FRESH, place, key })
    await rows.count(key, { inHand: 1 })
  } else {
    await rows.putHeld(place, { key, retries: 0 })
    if (owner === undefined) rows.ring()
  }
  if (slot === undefined) {
    await rows.change((ledger) => {
      ledger.slots.get(number)!.owner = owners.of(number)
    })
  }
  return true
}

/** What is known of a key, if any key is in trouble. */
async function troubleOf(rows: GroupRowsIn, key: bigint): Promise<KeyRow | undefined> {
  return (await rows.ledger()).keys === 0 ? undefined : rows.keyRow(key)
}

/** Whom the slots should belong to: by rendezvous hashing (Thaler and Ravishankar 1998), so that those that come and go move few. */
class Owners {
  readonly #all: readonly number[]
  readonly #live: ReadonlySet<number>
  readonly #local: ReadonlyMap<number, MemberUnderWay>
  readonly #chosen = new Map<number, number>()

  constructor(all: readonly number[], members: readonly MemberUnderWay[]) {
    this.#all = all
    this.#live = new Set(all)
    this.#local = new Map(members.map((member) => [member.report.consumer, member]))
  }

  /** The consumer that a slot should belong to. */
  of(slot: number): number {
    const known = this.#chosen.get(slot)
    if (known !== undefined) return known
    let [best, weight] = [0, -1]
    for (const consumer of this.#all) {
      const own = mixed(slot, consumer)
      if (own > weight) [best, weight] = [consumer, own]
    }
    this.#chosen.set(slot, best)
    return best
  }

  local(consumer: number): MemberUnderWay | undefined {
    return this.#local.get(consumer)
  }

  /** Whether a slot belongs to someone else than it should, and can be taken from there. */
  mayMove(number: number, { owner, inHand }: Slot): boolean {
    return owner !== this.of(number) && (inHand === 0 || !this.#live.has(owner))
  }

  /** Whether a slot belongs to a consumer of this desk and should not, but something of it is in its hand. */
  isToLeave(number: number, { owner, inHand }: Slot): boolean {
    return inHand > 0 && owner !== this.of(number) && this.#local.has(owner)
  }

  /** Who gets more of a slot: its owner, if it is of this desk and will stay the owner. */
  receiverOf(number: number, { owner }: Slot): MemberUnderWay | undefined {
    return owner === this.of(number) ? this.local(owner) : undefined
  }
}

/** Mixes two numbers into 32 bits (the finalizer of MurmurHash3, by Austin Appleby). */
function mixed(slot: number, consumer: number): number {
  let hash = (Math.imul(slot + 1, 0x9e3779b1) ^ Math.imul(consumer, 0x85ebca6b)) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
