import { CorruptionError } from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import type { Subspace } from '../kv/subspace.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { strinc } from '../tuple/bytes.ts'

const CONTROL = 0
const STATE = 1
const MODEL = 2
const TIMER = 3
const TIMER_NAME = 4
const LEASE = 5
const OWED = 6

/** A timer: when it is due, and whose it is. */
export interface TimerPlace {
  readonly dueMs: number
  readonly partition: string
  readonly name: string
}

/** Where the rows of one copy of a projection are. See "Projections" in `docs/keyspace.md`. */
export class CopyKeys {
  readonly copy: number
  readonly control: Uint8Array
  readonly lease: Uint8Array
  /** The read model. */
  readonly model: Subspace
  readonly #space: Subspace

  constructor({ copies }: Keyspace, copy: number) {
    this.copy = copy
    this.#space = copies.subspace([copy])
    this.control = this.#space.pack([CONTROL])
    this.lease = this.#space.pack([LEASE])
    this.model = this.#space.subspace([MODEL])
  }

  /** A piece of the state of a partition, from 0 on. */
  state(partition: string, piece: number): Uint8Array {
    return this.#space.pack([STATE, partition, piece])
  }

  /** All pieces of the state of a partition from one on. */
  pieces(partition: string, from: number): KeyRange {
    return { begin: this.state(partition, from), end: this.#space.range([STATE, partition]).end }
  }

  /** The states of all partitions. */
  states(): KeyRange {
    return this.#space.range([STATE])
  }

  /** The states of the partitions that begin with a text. */
  statesFrom(prefix: string): KeyRange {
    if (prefix === '') return this.states()
    // A text ends with a zero byte, without which it begins all that go on.
    const begin = this.#space.pack([STATE, prefix]).slice(0, -1)
    return { begin, end: strinc(begin) }
  }

  /** Whose state a key is about, and which piece of it. @throws CorruptionError */
  partOfStateKey(key: Uint8Array): { readonly partition: string; readonly piece: number } {
    const [, partition, piece, ...more] = this.#space.unpack(key)
    if (typeof partition === 'string' && typeof piece === 'number' && more.length === 0)
      return { partition, piece }
    throw new CorruptionError('A key of a state is damaged', { key })
  }

  timer({ dueMs, partition, name }: TimerPlace): Uint8Array {
    return this.#space.pack([TIMER, dueMs, partition, name])
  }

  /** All timers, in the order in which they are due. */
  timers(): KeyRange {
    return this.#space.range([TIMER])
  }

  /** The timers that are due by a time. */
  timersUntil(timeMs: number): KeyRange {
    return { begin: this.timers().begin, end: this.#space.range([TIMER, timeMs]).end }
  }

  /** @throws CorruptionError */
  timerOfKey(key: Uint8Array): TimerPlace {
    return this.#timerIn(key)
  }

  /** @throws CorruptionError */
  owedOfKey(key: Uint8Array): TimerPlace {
    return this.#timerIn(key)
  }

  #timerIn(key: Uint8Array): TimerPlace {
    const [, dueMs, partition, name, ...more] = this.#space.unpack(key)
    const isWhole = typeof dueMs === 'number' && typeof partition === 'string' && typeof name === 'string'
    if (isWhole && more.length === 0) return { dueMs, partition, name }
    throw new CorruptionError('A key of a timer is damaged', { key })
  }

  /** When a timer is due. */
  timerName(partition: string, name: string): Uint8Array {
    return this.#space.pack([TIMER_NAME, partition, name])
  }

  /** All timers, by partition and name. */
  timerNames(): KeyRange {
    return this.#space.range([TIMER_NAME])
  }

  /** A timer that has not run in the copy that was there before, although it was due. */
  owed({ dueMs, partition, name }: TimerPlace): Uint8Array {
    return this.#space.pack([OWED, dueMs, partition, name])
  }

  /** All of them. */
  owedTimers(): KeyRange {
    return this.#space.range([OWED])
  }

  /** All rows of the copy. */
  everything(): KeyRange {
    return this.#space.everything()
  }
}
