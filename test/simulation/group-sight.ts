import type { ReadTransaction } from '../../src/kv/contract.ts'
import { GROUP_WAITING_MAX } from '../../src/limits.ts'
import type { AnyPlace } from '../../src/store/broker.ts'
import type { Keyspace } from '../../src/store/keyspace.ts'
import type { Control, Item, KeyRow, Lease, Ledger } from '../../src/subscription/group-rows.ts'
import { type GroupPlace, slotOf } from '../../src/subscription/group-rows-in.ts'

/** The kinds of a group's rows, by their numbers: see `docs/keyspace.md`. */
const KINDS = [
  'control',
  'ledger',
  'bell',
  'consumer',
  'hand',
  'suspect',
  'retry',
  'held',
  'key',
  'behind',
  'drain',
  'parked',
] as const

/** An event that is not in a hand. */
export interface Laid {
  readonly where: 'suspect' | 'retry' | 'held' | 'behind' | 'parked'
  readonly place: AnyPlace
  readonly key: bigint
  readonly retries: number
  /** Whether the next delivery counts, of what waits for one. */
  readonly counts: boolean
  readonly dueMs: number
}

/** Everything that a group has stored. */
export interface GroupSight {
  readonly control: Control
  readonly ledger: Ledger
  readonly leases: ReadonlyMap<number, Lease>
  readonly hands: ReadonlyMap<number, readonly Item[]>
  readonly laid: readonly Laid[]
  readonly keyRows: ReadonlyMap<bigint, KeyRow>
  /** As `slot/key`. */
  readonly drains: ReadonlySet<string>
}

/** Reads everything that a group has stored. */
export async function readSight(
  tx: ReadTransaction,
  { groups }: Keyspace,
  place: GroupPlace,
): Promise<GroupSight> {
  const { keys, values, isStream } = place
  const space = groups.subspace([keys.number])
  let [control, ledger] = [undefined as Control | undefined, undefined as Ledger | undefined]
  const leases = new Map<number, Lease>()
  const hands = new Map<number, readonly Item[]>()
  const laid: Laid[] = []
  const keyRows = new Map<bigint, KeyRow>()
  const drains = new Set<string>()
  const put = (where: Laid['where'], key: Uint8Array, rest: Pick<Laid, 'key' | 'retries'> & Partial<Laid>) =>
    laid.push({ counts: false, dueMs: 0, ...rest, where, place: keys.placeAtEnd(key) })
  for (const { key, value } of await tx.getRange(keys.everything()).toArray()) {
    const kind = KINDS[Number(space.unpack(key)[0])]!
    if (kind === 'control') control = values.decodeControl(key, value)
    else if (kind === 'ledger') ledger = values.decodeLedger(key, value, isStream)
    else if (kind === 'consumer') leases.set(keys.consumerOf(key), values.decodeLease(key, value, isStream))
    else if (kind === 'hand') hands.set(keys.consumerOf(key), values.decodeHand(key, value, isStream))
    else if (kind === 'suspect') put(kind, key, values.decodeRetry(key, value))
    else if (kind === 'retry')
      put(kind, key, { ...values.decodeRetry(key, value), dueMs: keys.retryPlaceOf(key).dueMs })
    else if (kind === 'held' || kind === 'behind') put(kind, key, values.decodeWaiting(key, value))
    else if (kind === 'parked') put(kind, key, values.decodeParked(key, value))
    else if (kind === 'key') keyRows.set(keys.keyOf(key), values.decodeKey(key, value, isStream))
    else if (kind === 'drain') drains.add(`${space.unpack(key)[1]}/${keys.drainedKeyOf(key)}`)
  }
  return { control: control!, ledger: ledger!, leases, hands, laid, keyRows, drains }
}

/** Whether an event is parked, or behind one that is. */
export function isSetAside({ keyRows }: GroupSight, { where, key }: Laid): boolean {
  return where === 'parked' || (where === 'behind' && keyRows.get(key)?.state === 'parked')
}

/**
 * Whether what was set aside, and is ahead of the cursor since a reset, was not any more when the cursor came to it again: its head was not
 * parked by then, or another was.
 */
export function isForgotten(before: GroupSight, after: GroupSight, { where, key, place }: Laid): boolean {
  const [was, is] = [before.keyRows.get(key), after.keyRows.get(key)]
  if (was?.state !== 'parked' || (where === 'parked' && was.head !== place)) return false
  return is?.state !== 'parked' || is.head !== was.head
}

/** Whether events of a group have keys. */
export function isPinned({ control }: Pick<GroupSight, 'control'>): boolean {
  return control.settings.strategy.startsWith('pinned')
}

/** Asserts what must hold of the rows alone: invariants 5, 6 and 7 of `docs/subscriptions.md`, and that no event is in two places. */
export function assertSound(sight: GroupSight): void {
  assertOncePlaced(sight)
  assertHands(sight)
  assertCounts(sight)
  if (isPinned(sight)) assertSlots(sight)
  assertKeyRows(sight)
}

/** Fails the run unless something is so. */
export function demand(isSo: boolean, what: () => string): asserts isSo {
  if (!isSo) throw new Error(what())
}

function assertOncePlaced({ hands, laid }: GroupSight): void {
  const places = [...[...hands.values()].flat(), ...laid].map(({ place }) => place)
  const seen = new Set<AnyPlace>()
  for (const place of places) {
    demand(!seen.has(place), () => `the event at ${place} is in two places`)
    seen.add(place)
  }
}

function assertHands({ hands, leases }: GroupSight): void {
  const handOf = new Map<bigint, number>()
  for (const [consumer, items] of hands) {
    const lease = leases.get(consumer)
    demand(lease !== undefined, () => `consumer ${consumer} has a hand and no lease`)
    demand(items.length <= lease.bufferSize, () => `the hand of ${consumer} has ${items.length} events`)
    for (const { key } of items) {
      if (key === 0n) continue
      demand((handOf.get(key) ?? consumer) === consumer, () => `key ${key} is in two hands`)
      handOf.set(key, consumer)
    }
  }
}

function assertCounts({ ledger, laid, keyRows, hands, ...rest }: GroupSight): void {
  const count = (...kinds: Laid['where'][]) => laid.filter(({ where }) => kinds.includes(where)).length
  const behind = laid.filter(({ where }) => where === 'behind')
  const shelved = behind.filter((it) => isSetAside({ ledger, laid, keyRows, hands, ...rest }, it)).length
  const expected = {
    waiting: count('suspect', 'retry', 'held') + behind.length - shelved,
    parked: count('parked') + shelved,
    suspects: count('suspect'),
    keys: keyRows.size,
  }
  for (const [name, number] of Object.entries(expected)) {
    const told = ledger[name as keyof typeof expected]
    demand(told === number, () => `the ledger says ${name} = ${told}, the rows say ${number}`)
  }
  demand(ledger.reach >= ledger.cursor, () => `reach ${ledger.reach} is below the cursor ${ledger.cursor}`)
}

function assertSlots({ ledger, hands, laid, leases, keyRows, drains }: GroupSight): void {
  const counted = new Map<number, string>()
  const owners = new Map<number, number>()
  const slots = new Map<number, { inHand: number; held: number; retrying: number; draining: number }>()
  const slot = (number: number) => {
    const known = slots.get(number) ?? { inHand: 0, held: 0, retrying: 0, draining: 0 }
    slots.set(number, known)
    return known
  }
  for (const [consumer, items] of hands) {
    for (const { key } of items) {
      slot(slotOf(key)).inHand += 1
      const owner = owners.get(slotOf(key)) ?? consumer
      demand(owner === consumer, () => `slot ${slotOf(key)} is in the hands of ${owner} and ${consumer}`)
      owners.set(slotOf(key), consumer)
    }
  }
  for (const { where, key } of laid) {
    if (where === 'held') slot(slotOf(key)).held += 1
    if (where === 'retry' || where === 'suspect') slot(slotOf(key)).retrying += 1
  }
  for (const [key, { state }] of keyRows) {
    if (state !== 'done') continue
    slot(slotOf(key)).draining += 1
    demand(drains.has(`${slotOf(key)}/${key}`), () => `key ${key} is done and not marked`)
  }
  for (const [number, sums] of slots) counted.set(number, JSON.stringify(sums))
  for (const [number, { owner, inHand, held, retrying, draining }] of ledger.slots) {
    const told = JSON.stringify({ inHand, held, retrying, draining })
    demand(counted.get(number) === told, () => `slot ${number}: ledger ${told}, rows ${counted.get(number)}`)
    demand(owner === 0 || leases.has(owner), () => `slot ${number} belongs to ${owner}, who is gone`)
    const holder = owners.get(number) ?? owner
    demand(holder === owner, () => `slot ${number} belongs to ${owner} and is in the hand of ${holder}`)
  }
  demand(counted.size === ledger.slots.size, () => `${counted.size} slots in rows, ${ledger.slots.size} told`)
  const done = [...keyRows.values()].filter(({ state }) => state === 'done').length
  demand(drains.size === done, () => `${drains.size} keys are marked as done, ${done} are`)
}

function assertKeyRows({ keyRows, laid, hands }: GroupSight): void {
  const behind = new Map<bigint, number>()
  for (const { where, key } of laid) if (where === 'behind') behind.set(key, (behind.get(key) ?? 0) + 1)
  for (const key of behind.keys()) demand(keyRows.has(key), () => `key ${key} has events behind no head`)
  for (const [key, { state, head, behind: told }] of keyRows) {
    const number = behind.get(key) ?? 0
    demand(number === told, () => `behind key ${key} are ${number} events, its row says ${told}`)
    if (state === 'done') demand(number > 0, () => `key ${key} is done, has nothing behind, and a row`)
    if (state === 'parked') {
      const isThere = laid.some(({ where, place }) => where === 'parked' && place === head)
      demand(isThere, () => `the parked head ${head} of key ${key} is not parked`)
    }
    if (state === 'retrying') {
      const waits = laid.some(
        ({ where, place }) => (where === 'retry' || where === 'suspect') && place === head,
      )
      const isInHand = [...hands.values()].some((items) => items.some((it) => it.place === head && it.isHead))
      demand(waits || isInHand, () => `the head ${head} of key ${key} is nowhere`)
    }
  }
}

/** Asserts that no more wait than may: what was in hands when the limit was reached comes on top. */
export function assertBounded({ ledger, hands }: GroupSight, mostInHands: number): void {
  const inHands = [...hands.values()].reduce((sum, items) => sum + items.length, 0)
  const most = GROUP_WAITING_MAX + mostInHands
  demand(ledger.waiting + inHands <= most, () => `${ledger.waiting} wait and ${inHands} are in hands`)
}

/** Asserts that what fails while earlier events of its key are about to come, since their head is done, does not become the head before them. */
export function assertInTurn(before: GroupSight, after: GroupSight): void {
  const still = new Set(after.laid.filter(({ where }) => where === 'behind').map(({ place }) => place))
  for (const { where, key, place } of before.laid) {
    if (where !== 'behind' || before.keyRows.get(key)?.state !== 'done' || !still.has(place)) continue
    const { state, head } = after.keyRows.get(key) ?? { state: 'done', head: place }
    demand(
      state === 'done' || head < place,
      () => `${head} is the head, and the earlier ${place} was to come`,
    )
  }
}
