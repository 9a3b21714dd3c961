import { CorruptionError } from '../errors.ts'
import type { Row } from '../kv/rows.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { type GroupRowPlace, isBefore, type RowKind } from './group-check-row.ts'
import { type Control, GroupValues, type KeyRow, type Ledger, type Slot } from './group-rows.ts'
import { slotOf } from './group-rows-in.ts'

/** Says what is wrong with a group, and with which event. */
export type Complain = (kind: string, message: string, place?: bigint) => void

/** Where an event can be, in words. */
const WHERE = {
  hand: 'in the hand of a consumer',
  suspect: 'waiting to be delivered alone',
  retry: 'waiting for a retry',
  held: 'held for the owner of its slot',
  behind: 'behind the head of its key',
  parked: 'parked',
} as const

/** Where an event of a group is. */
export interface Whereabouts {
  readonly kind: keyof typeof WHERE
  readonly key: bigint
}

/** What the rows of slots come to. */
export type SlotCounts = Omit<Slot, 'owner'>

/**
 * What the rows of one group say, as they are taken in, in the order of their keys. What is wrong with a row by itself is said at once. All places
 * are `bigint` here, also those in streams.
 */
export class GroupTally {
  control: Control | undefined
  ledger: Ledger | undefined
  readonly consumers: Set<number> = new Set<number>()
  readonly hands: Set<number> = new Set<number>()
  /** Where each event is; one that is in several places, where it was found first. */
  readonly places: Map<bigint, Whereabouts> = new Map<bigint, Whereabouts>()
  readonly slots: Map<number, SlotCounts> = new Map<number, SlotCounts>()
  readonly counts: Record<'suspect' | 'retry' | 'held' | 'parked', number> = {
    suspect: 0,
    retry: 0,
    held: 0,
    parked: 0,
  }
  readonly keyRows: Map<bigint, KeyRow> = new Map<bigint, KeyRow>()
  /** How many events are behind the head of each key. */
  readonly behind: Map<bigint, number> = new Map<bigint, number>()
  /** Keys that are marked as ones whose head is done. */
  readonly drains: Set<bigint> = new Set<bigint>()
  readonly #values: GroupValues
  readonly #complain: Complain
  readonly #damaged = new Set<RowKind>()
  /** The first kind of which rows may be missing here. */
  #end: RowKind | undefined = 'control'

  constructor(keys: Keyspace, complain: Complain) {
    this.#values = new GroupValues(keys)
    this.#complain = complain
  }

  /** Whether all rows of these kinds have been taken in, and could be read. */
  knows(...kinds: readonly RowKind[]): boolean {
    const end = this.#end
    return kinds.every((kind) => !this.#damaged.has(kind) && (end === undefined || isBefore(kind, end)))
  }

  /** Says that there are no more rows. */
  end(): void {
    this.#end = undefined
  }

  /** Takes in a row. */
  take(place: GroupRowPlace, row: Row): void {
    const { kind } = place
    this.#end = kind
    try {
      this.#take(place, row)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      this.#damaged.add(kind)
      this.#complain('damaged', error.message)
    }
  }

  #take({ kind, numbers }: GroupRowPlace, { key, value }: Row): void {
    const [first = 0n, second = 0n, third = 0n] = numbers
    const values = this.#values
    switch (kind) {
      case 'control':
        this.control = values.decodeControl(key, value)
        return
      case 'ledger':
        this.ledger = values.decodeLedger(key, value, false)
        return
      case 'bell':
        return this.#takeEmpty(value)
      case 'consumer':
        values.decodeLease(key, value, false)
        this.consumers.add(Number(first))
        return
      case 'hand':
        return this.#takeHand(Number(first), key, value)
      case 'suspect':
        return this.#takeRetry(kind, Number(first), second, { key, value })
      case 'retry':
        return this.#takeRetry(kind, Number(first), third, { key, value })
      case 'held':
        return this.#takeHeld(Number(first), second, { key, value })
      case 'key':
        this.keyRows.set(first, values.decodeKey(key, value, false))
        return
      case 'behind':
        return this.#takeBehind(first, second, { key, value })
      case 'drain':
        return this.#takeDrain(Number(first), second, value)
      case 'parked':
        this.counts.parked += 1
        return this.#put(first, { kind, key: values.decodeParked(key, value).key })
      default:
        return kind satisfies never
    }
  }

  get isPinned(): boolean {
    const strategy = this.control?.settings.strategy
    return strategy === 'pinned' || strategy === 'pinned-by-correlation'
  }

  #takeEmpty(value: Uint8Array): void {
    if (value.length > 0) this.#complain('group-row-wrong', 'has a row with a value that should have none')
  }

  #takeHand(consumer: number, key: Uint8Array, value: Uint8Array): void {
    this.hands.add(consumer)
    for (const item of this.#values.decodeHand(key, value, false)) {
      this.#put(BigInt(item.place), { kind: 'hand', key: item.key })
      this.#count(item.key, 'inHand')
    }
  }

  #takeRetry(kind: 'suspect' | 'retry', slot: number, place: bigint, { key, value }: Row): void {
    const retry = this.#values.decodeRetry(key, value)
    this.counts[kind] += 1
    this.#put(place, { kind, key: retry.key })
    this.#count(retry.key, 'retrying')
    this.#fit(slot, retry.key, place)
  }

  #takeHeld(slot: number, place: bigint, { key, value }: Row): void {
    const held = this.#values.decodeWaiting(key, value)
    this.counts.held += 1
    this.#put(place, { kind: 'held', key: held.key })
    this.#count(held.key, 'held')
    this.#fit(slot, held.key, place)
  }

  #takeBehind(pinnedBy: bigint, place: bigint, { key, value }: Row): void {
    const waiting = this.#values.decodeWaiting(key, value)
    this.behind.set(pinnedBy, (this.behind.get(pinnedBy) ?? 0) + 1)
    this.#put(place, { kind: 'behind', key: pinnedBy })
    if (waiting.key !== pinnedBy)
      this.#complain('group-row-wrong', `has the event at ${place} behind the head of another key`, place)
  }

  #takeDrain(slot: number, key: bigint, value: Uint8Array): void {
    this.#takeEmpty(value)
    this.drains.add(key)
    this.#count(key, 'draining')
    this.#fit(slot, key)
  }

  #put(place: bigint, whereabouts: Whereabouts): void {
    const other = this.places.get(place)
    if (other === undefined) this.places.set(place, whereabouts)
    else {
      const message = `has the event at ${place} twice: ${WHERE[other.kind]}, and ${WHERE[whereabouts.kind]}`
      this.#complain('group-event-twice', message, place)
    }
    const { ledger } = this
    if (ledger === undefined || place <= ledger.reach) return
    const message = `has the event at ${place}, but has given out none behind ${ledger.reach}`
    this.#complain('group-place-wrong', message, place)
  }

  #count(key: bigint, what: keyof SlotCounts): void {
    if (!this.isPinned) return
    const slot = this.slots.get(slotOf(key)) ?? { inHand: 0, held: 0, retrying: 0, draining: 0 }
    slot[what] += 1
    this.slots.set(slotOf(key), slot)
  }

  #fit(slot: number, key: bigint, place?: bigint): void {
    if (this.control === undefined || slot === (this.isPinned ? slotOf(key) : 0)) return
    this.#complain('group-row-wrong', `has a row in slot ${slot} that does not belong there`, place)
  }
}
