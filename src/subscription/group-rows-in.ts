import type { Transaction } from '../kv/contract.ts'
import { GROUP_WAITING_MAX, PIN_SLOTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { GroupKeys } from './group-keys.ts'
import type {
  Control,
  GroupValues,
  Item,
  KeyRow,
  Lease,
  Ledger,
  Parked,
  Retry,
  Slot,
  Waiting,
} from './group-rows.ts'

/** Where a group's rows are, and how they are read. */
export interface GroupPlace {
  readonly keys: GroupKeys
  readonly values: GroupValues
  readonly isStream: boolean
}

/** The slot that a key belongs to. */
export function slotOf(key: bigint): number {
  return Number((key >> 32n) % BigInt(PIN_SLOTS))
}

/**
 * The rows of a group within one transaction: read when they are asked for, kept as they change, and written at the end by `flush`. It keeps
 * the counts of the ledger; what the rows mean is for others to know.
 */
export class GroupRowsIn {
  readonly tx: Transaction
  readonly place: GroupPlace
  #control: Control
  #ledger: Ledger | undefined
  #ledgerIsDirty = false
  #wasFull = false
  #leases: Map<number, Lease> | undefined
  readonly #hands = new Map<number, Item[]>()
  readonly #dirtyHands = new Set<number>()
  #rings = false

  private constructor(tx: Transaction, place: GroupPlace, control: Control) {
    this.tx = tx
    this.place = place
    this.#control = control
  }

  /** Reads what the group is; `undefined` if there is none. */
  static async read(tx: Transaction, place: GroupPlace): Promise<GroupRowsIn | undefined> {
    const row = await tx.get(place.keys.control)
    if (row === undefined) return undefined
    return new GroupRowsIn(tx, place, place.values.decodeControl(place.keys.control, row))
  }

  /** What the group is, as this transaction leaves it. */
  get control(): Control {
    return this.#control
  }

  get isPinned(): boolean {
    const { strategy } = this.control.settings
    return strategy === 'pinned' || strategy === 'pinned-by-correlation'
  }

  /** The ledger, to be changed in place by `change`. */
  async ledger(): Promise<Readonly<Ledger>> {
    const { keys, values, isStream } = this.place
    if (this.#ledger === undefined) {
      const row = await this.tx.get(keys.ledger)
      this.#ledger = values.decodeLedger(keys.ledger, row ?? new Uint8Array(), isStream)
      this.#wasFull = this.#ledger.waiting >= GROUP_WAITING_MAX
    }
    return this.#ledger
  }

  /** Changes the ledger. */
  async change(change: (ledger: Ledger) => void): Promise<void> {
    await this.ledger()
    change(this.#ledger!)
    this.#ledgerIsDirty = true
  }

  /** Counts what happens to the events of a slot; of groups that are not pinned nobody does. */
  async count(key: bigint, changes: Partial<Omit<Slot, 'owner'>>): Promise<void> {
    if (!this.isPinned) return
    await this.change(({ slots }) => {
      const slot = slots.get(slotOf(key)) ?? { owner: 0, inHand: 0, held: 0, retrying: 0, draining: 0 }
      slots.set(slotOf(key), slot)
      for (const [name, by] of Object.entries(changes)) slot[name as keyof typeof changes] += by
    })
  }

  async leases(): Promise<ReadonlyMap<number, Lease>> {
    if (this.#leases === undefined) {
      const { keys, values, isStream } = this.place
      const rows = await this.tx.getRange(keys.consumers()).toArray()
      this.#leases = new Map(
        rows.map(({ key, value }) => [keys.consumerOf(key), values.decodeLease(key, value, isStream)]),
      )
    }
    return this.#leases
  }

  /** The lease of one consumer, without depending on those of others. */
  async lease(consumer: number): Promise<Lease | undefined> {
    if (this.#leases !== undefined) return this.#leases.get(consumer)
    const { keys, values, isStream } = this.place
    const key = keys.consumer(consumer)
    const row = await this.tx.get(key)
    return row && values.decodeLease(key, row, isStream)
  }

  setLease(consumer: number, lease: Lease): void {
    const key = this.place.keys.consumer(consumer)
    this.tx.set(key, this.place.values.encodeLease(key, lease))
    this.#leases?.set(consumer, lease)
  }

  removeConsumer(consumer: number): void {
    this.tx.clear(this.place.keys.consumer(consumer))
    this.#leases?.delete(consumer)
    this.#hands.set(consumer, [])
    this.#dirtyHands.add(consumer)
  }

  /** What a consumer has in its hand, in order; to be changed by `setHand` only. */
  async hand(consumer: number): Promise<readonly Item[]> {
    const known = this.#hands.get(consumer)
    if (known !== undefined) return known
    const { keys, values, isStream } = this.place
    const key = keys.hand(consumer)
    const row = await this.tx.get(key)
    const items = row === undefined ? [] : values.decodeHand(key, row, isStream)
    this.#hands.set(consumer, items)
    return items
  }

  setHand(consumer: number, items: Item[]): void {
    this.#hands.set(consumer, items)
    this.#dirtyHands.add(consumer)
  }

  /** Makes an event wait for its next delivery; at once and alone if it is a suspect. */
  async putRetry(place: AnyPlace, retry: Retry, dueMs: number | 'suspect'): Promise<void> {
    const { keys, values } = this.place
    const slot = this.isPinned ? slotOf(retry.key) : 0
    const key = dueMs === 'suspect' ? keys.suspect(slot, place) : keys.retry({ slot, dueMs, place })
    this.tx.set(key, values.encodeRetry(key, retry))
    await this.change((ledger) => {
      ledger.waiting += 1
      if (dueMs === 'suspect') ledger.suspects += 1
    })
    await this.count(retry.key, { retrying: 1 })
  }

  /** Takes an event from where it waits for its next delivery. */
  async takeRetry(key: Uint8Array, retry: Retry, isSuspect: boolean): Promise<void> {
    this.tx.clear(key)
    await this.change((ledger) => {
      ledger.waiting -= 1
      if (isSuspect) ledger.suspects -= 1
    })
    await this.count(retry.key, { retrying: -1 })
  }

  async putHeld(place: AnyPlace, item: Pick<Item, 'retries' | 'key'>): Promise<void> {
    const key = this.place.keys.held(slotOf(item.key), place)
    this.tx.set(key, this.place.values.encodeWaiting(key, item))
    await this.change((ledger) => {
      ledger.waiting += 1
    })
    await this.count(item.key, { held: 1 })
  }

  async takeHeld(key: Uint8Array, item: Pick<Item, 'key'>): Promise<void> {
    this.tx.clear(key)
    await this.change((ledger) => {
      ledger.waiting -= 1
    })
    await this.count(item.key, { held: -1 })
  }

  async keyRow(key: bigint): Promise<KeyRow | undefined> {
    const { keys, values, isStream } = this.place
    const at = keys.key(key)
    const row = await this.tx.get(at)
    return row && values.decodeKey(at, row, isStream)
  }

  /** Changes what is known of a key in trouble, and what follows from it: what is behind it waits, or is parked with its head. */
  async setKeyRow(key: bigint, before: KeyRow | undefined, after: KeyRow | undefined): Promise<void> {
    const { keys, values } = this.place
    const at = keys.key(key)
    if (after === undefined) this.tx.clear(at)
    else this.tx.set(at, values.encodeKey(at, after))
    await this.change((ledger) => {
      ledger.keys += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
      ledger.waiting += waitingBehind(after) - waitingBehind(before)
      ledger.parked += parkedBehind(after) - parkedBehind(before)
    })
    const drains = (row: KeyRow | undefined): boolean => row?.state === 'done'
    if (drains(before) === drains(after)) return
    const mark = keys.drain(slotOf(key), key)
    if (drains(after)) this.tx.set(mark, new Uint8Array())
    else this.tx.clear(mark)
    await this.count(key, { draining: drains(after) ? 1 : -1 })
  }

  /** Puts an event behind the head of its key; the caller counts it. */
  putBehind(place: AnyPlace, item: Waiting): void {
    const key = this.place.keys.behind(item.key, place)
    this.tx.set(key, this.place.values.encodeWaiting(key, item))
  }

  async putParked(place: AnyPlace, parked: Parked): Promise<void> {
    const key = this.place.keys.parked(place)
    this.tx.set(key, this.place.values.encodeParked(key, parked))
    await this.change((ledger) => {
      ledger.parked += 1
    })
  }

  async parkedAt(place: AnyPlace): Promise<Parked | undefined> {
    const key = this.place.keys.parked(place)
    const row = await this.tx.get(key)
    return row && this.place.values.decodeParked(key, row)
  }

  async takeParked(place: AnyPlace): Promise<void> {
    this.tx.clear(this.place.keys.parked(place))
    await this.change((ledger) => {
      ledger.parked -= 1
    })
  }

  setControl(control: Omit<Control, 'revision'>): void {
    const { keys, values } = this.place
    this.#control = { ...control, revision: this.#control.revision + 1 }
    this.tx.set(keys.control, values.encodeControl(keys.control, this.#control))
    this.ring()
  }

  /** Tells other desks to look. */
  ring(): void {
    this.#rings = true
  }

  /** Writes what has changed. */
  flush(): void {
    const { keys, values } = this.place
    if (this.#ledgerIsDirty) {
      const ledger = this.#ledger!
      for (const [number, slot] of ledger.slots) if (isUnused(slot)) ledger.slots.delete(number)
      this.tx.set(keys.ledger, values.encodeLedger(keys.ledger, ledger))
      // Those who could not give out anything new can now.
      if (this.#wasFull && ledger.waiting < GROUP_WAITING_MAX) this.ring()
    }
    for (const consumer of this.#dirtyHands) {
      const items = this.#hands.get(consumer)!
      const key = keys.hand(consumer)
      if (items.length === 0) this.tx.clear(key)
      else this.tx.set(key, values.encodeHand(key, items))
    }
    if (this.#rings) this.tx.set(keys.bell, new Uint8Array())
  }
}

function waitingBehind(row: KeyRow | undefined): number {
  return row === undefined || row.state === 'parked' ? 0 : row.behind
}

function parkedBehind(row: KeyRow | undefined): number {
  return row?.state === 'parked' ? row.behind : 0
}

/** A slot of which nothing is anywhere belongs to nobody. */
function isUnused({ inHand, held, retrying, draining }: Slot): boolean {
  return inHand === 0 && held === 0 && retrying === 0 && draining === 0
}
