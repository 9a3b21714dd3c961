import type { Transaction } from '../kv/contract.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import { newJsonLook } from '../store/json.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { RowReader } from '../store/user-keys.ts'
import type { CopyKeys } from './copy-keys.ts'
import { roughSizeOf } from './rough-size.ts'
import type { Remembered, StateMemory } from './state-memory.ts'
import {
  decodeState,
  type EncodedState,
  encodeState,
  initialStateOf,
  isSameState,
  readState,
  writeState,
} from './state-rows.ts'

/** A state that the batch has looked at. */
interface Touched<S> {
  readonly before: Remembered<S>
  value: S
  /** Whether there is one, or only that of a partition without events. */
  exists: boolean
  /** About how long it is, as far as that was looked at. */
  size: number
  /** How often it was put, and at which time it is looked at next. */
  puts: number
  nextLook: number
  /** Whether what is stored gives it back with all its members, also those that are `undefined`. */
  isWhole: boolean
}

/** A state is looked at when it is put for the 1st, 8th, 64th … time in a batch: that costs little, and none grows for long unseen. */
const LOOKS_APART = 8

/** What states are made with. */
export interface StateScene<S> {
  readonly projection: Projection<EventShape, S>
  readonly keyspace: Keyspace
  readonly keys: CopyKeys
  readonly memory: StateMemory<S>
}

interface Change<S> {
  readonly partition: string
  readonly touched: Touched<S>
  readonly encoded: EncodedState | undefined
}

/** The states of the partitions that one batch is about. */
export class BatchStates<S> {
  readonly #scene: StateScene<S>
  readonly #rows: RowReader
  readonly #touched = new Map<string, Touched<S>>()
  #changes: Change<S>[] = []
  #size = 0

  constructor(scene: StateScene<S>, rows: RowReader) {
    this.#scene = scene
    this.#rows = rows
  }

  /** Partitions that were touched. */
  get count(): number {
    return this.#touched.size
  }

  /** About how much will be written. */
  get size(): number {
    return this.#size
  }

  /** The state of a partition, at once if it is known. */
  get(partition: string): S | Promise<S> {
    const touched = this.#touched.get(partition)
    if (touched !== undefined) return touched.value
    const known = this.#scene.memory.get(partition)
    return known === undefined ? this.#load(partition) : this.#touch(partition, known).value
  }

  /** Gives a partition that was looked at another state. */
  put(partition: string, value: S): void {
    const touched = this.#touched.get(partition)!
    touched.value = value
    touched.exists = true
    touched.puts += 1
    if (touched.puts === touched.nextLook) this.#look(touched)
  }

  /** Removes the state of a partition that was looked at. */
  forget(partition: string): void {
    const touched = this.#touched.get(partition)!
    touched.value = initialStateOf(this.#scene.projection.definition, partition)
    touched.exists = false
  }

  /** The states that were touched and are there. */
  *all(): IterableIterator<readonly [partition: string, state: S]> {
    for (const [partition, { value, exists }] of this.#touched) if (exists) yield [partition, value]
  }

  /** The state of a partition that was touched and is there. */
  known(partition: string): { readonly state: S } | undefined {
    const touched = this.#touched.get(partition)
    return touched?.exists ? { state: touched.value } : undefined
  }

  /** Encodes what has changed. @throws UnserializableError, LimitExceededError, what `encode` throws */
  encode(): void {
    const { definition } = this.#scene.projection
    this.#changes = []
    for (const [partition, touched] of this.#touched) {
      const look = newJsonLook()
      const encoded = touched.exists ? encodeState(definition, touched.value, look) : undefined
      touched.isWhole = !look.leavesOut
      if (!isSameState(encoded, touched.before.encoded)) this.#changes.push({ partition, touched, encoded })
    }
  }

  /** Writes what was encoded. */
  write(tx: Pick<Transaction, 'set' | 'clear' | 'clearRange'>): void {
    for (const { partition, touched, encoded } of this.#changes) {
      writeState(tx, this.#scene, partition, encoded, touched.before.encoded)
    }
  }

  /** All of it is durable. */
  remember(): void {
    const { memory } = this.#scene
    const changed = new Map(this.#changes.map(({ partition, encoded }) => [partition, encoded]))
    for (const [partition, { before, value, exists, isWhole }] of this.#touched) {
      const encoded = changed.has(partition) ? changed.get(partition) : before.encoded
      // What a handler sees must not depend on what is remembered.
      memory.set(partition, { state: exists && isWhole ? { value } : undefined, encoded })
    }
    memory.trim()
  }

  /** Nothing of it happened. Handlers may have changed states in place, so they are decoded anew. */
  drop(): void {
    for (const { before } of this.#touched.values()) before.state = undefined
  }

  async #load(partition: string): Promise<S> {
    const encoded = await readState(this.#rows, this.#scene, partition)
    return this.#touch(partition, { state: undefined, encoded }).value
  }

  #touch(partition: string, before: Remembered<S>): Touched<S> {
    const { encoded } = before
    const { definition } = this.#scene.projection
    const touched: Touched<S> = {
      before,
      value:
        before.state !== undefined
          ? before.state.value
          : encoded === undefined
            ? initialStateOf(definition, partition)
            : decodeState(definition, encoded),
      exists: encoded !== undefined,
      size: encoded?.length ?? 0,
      puts: 0,
      nextLook: 1,
      isWhole: true,
    }
    this.#size += touched.size
    this.#touched.set(partition, touched)
    return touched
  }

  #look(touched: Touched<S>): void {
    const size = Math.max(touched.before.encoded?.length ?? 0, roughSizeOf(touched.value))
    this.#size += size - touched.size
    touched.size = size
    touched.nextLook *= LOOKS_APART
  }
}
