import { CorruptionError } from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import type { Subspace } from '../kv/subspace.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { Tuple } from '../tuple/elements.ts'

/** The rows of a group, below its number. The numbers are part of the format: see `docs/keyspace.md`. */
const CONTROL = 0
const LEDGER = 1
const BELL = 2
const CONSUMER = 3
const HAND = 4
const SUSPECT = 5
const RETRY = 6
const HELD = 7
const KEY = 8
const BEHIND = 9
const DRAIN = 10
const PARKED = 11

/** Where an event stands that waits for a retry. */
export interface RetryPlace {
  readonly slot: number
  readonly dueMs: number
  readonly place: AnyPlace
}

/** The keys of one group's rows. */
export class GroupKeys {
  readonly number: number
  readonly control: Uint8Array
  readonly ledger: Uint8Array
  readonly bell: Uint8Array
  readonly #space: Subspace
  /** Numbers come out of keys in the kind that places of the source have. */
  readonly #isStream: boolean

  constructor({ groups }: Keyspace, number: number, isStream: boolean) {
    this.number = number
    this.#space = groups.subspace([number])
    this.#isStream = isStream
    this.control = this.#space.pack([CONTROL])
    this.ledger = this.#space.pack([LEDGER])
    this.bell = this.#space.pack([BELL])
  }

  consumer(consumer: number): Uint8Array {
    return this.#space.pack([CONSUMER, consumer])
  }

  consumers(): KeyRange {
    return this.#space.range([CONSUMER])
  }

  hand(consumer: number): Uint8Array {
    return this.#space.pack([HAND, consumer])
  }

  hands(): KeyRange {
    return this.#space.range([HAND])
  }

  /** Number of the consumer in a key of a lease or a hand. */
  consumerOf(key: Uint8Array): number {
    return this.#numbers(key, 2)[1] as number
  }

  suspect(slot: number, place: AnyPlace): Uint8Array {
    return this.#space.pack([SUSPECT, slot, place])
  }

  suspects(slot?: number): KeyRange {
    return this.#space.range(slot === undefined ? [SUSPECT] : [SUSPECT, slot])
  }

  retry({ slot, dueMs, place }: RetryPlace): Uint8Array {
    return this.#space.pack([RETRY, slot, dueMs, place])
  }

  retries(slot?: number): KeyRange {
    return this.#space.range(slot === undefined ? [RETRY] : [RETRY, slot])
  }

  retryPlaceOf(key: Uint8Array): RetryPlace {
    const [, slot, dueMs, place] = this.#numbers(key, 4)
    return { slot: Number(slot), dueMs: Number(dueMs), place: this.#place(place!) }
  }

  held(slot: number, place: AnyPlace): Uint8Array {
    return this.#space.pack([HELD, slot, place])
  }

  allHeld(slot?: number): KeyRange {
    return this.#space.range(slot === undefined ? [HELD] : [HELD, slot])
  }

  key(key: bigint): Uint8Array {
    return this.#space.pack([KEY, key])
  }

  keys(): KeyRange {
    return this.#space.range([KEY])
  }

  /** The key that a row of the kinds `key` and `behind` is about. */
  keyOf(key: Uint8Array): bigint {
    return BigInt(this.#space.unpack(key)[1] as number)
  }

  behind(key: bigint, place: AnyPlace): Uint8Array {
    return this.#space.pack([BEHIND, key, place])
  }

  allBehind(key?: bigint): KeyRange {
    return this.#space.range(key === undefined ? [BEHIND] : [BEHIND, key])
  }

  /** Marks a key whose head is done, so that the owner of its slot finds what is behind. */
  drain(slot: number, key: bigint): Uint8Array {
    return this.#space.pack([DRAIN, slot, key])
  }

  drains(slot?: number): KeyRange {
    return this.#space.range(slot === undefined ? [DRAIN] : [DRAIN, slot])
  }

  drainedKeyOf(key: Uint8Array): bigint {
    return BigInt(this.#numbers(key, 3)[2]!)
  }

  parked(place: AnyPlace): Uint8Array {
    return this.#space.pack([PARKED, place])
  }

  allParked(after?: AnyPlace): KeyRange {
    const { begin, end } = this.#space.range([PARKED])
    return { begin: after === undefined ? begin : Uint8Array.of(...this.parked(after), 0), end }
  }

  /** The place at the end of a key that ends with one. */
  placeAtEnd(key: Uint8Array): AnyPlace {
    return this.#place(this.#space.unpack(key).at(-1) as number | bigint)
  }

  /** Everything that is unfinished, wherever it waits, but for hands and what is behind keys. */
  waiting(): readonly KeyRange[] {
    return [this.suspects(), this.retries(), this.allHeld(), this.drains()]
  }

  /** All rows of the group. */
  everything(): KeyRange {
    return this.#space.everything()
  }

  #place(place: number | bigint): AnyPlace {
    return this.#isStream ? Number(place) : BigInt(place)
  }

  #numbers(key: Uint8Array, length: number): readonly (number | bigint)[] {
    const tuple: Tuple = this.#space.unpack(key)
    const areNumbers = tuple.every((element) => typeof element === 'number' || typeof element === 'bigint')
    if (tuple.length === length && areNumbers) return tuple as readonly (number | bigint)[]
    throw new CorruptionError('A key of a subscription is damaged', { key })
  }
}
