import { InvalidArgumentError } from '../errors.ts'
import { byteString } from './byte-string.ts'
import type {
  Commit,
  RangeOptions,
  RangeRead,
  ReadConflictOptions,
  Reader,
  StampedKeyOptions,
  Transaction,
  Watch,
  WatchOptions,
} from './contract.ts'
import {
  checkJoin,
  checkKey,
  checkListedKey,
  checkRange,
  checkStampOffset,
  checkValue,
  watchTarget,
} from './keys.ts'
import { type BatchSource, rangeRead } from './range-read.ts'
import { ReadConflicts } from './read-conflicts.ts'
import type { KeyRange, Row } from './rows.ts'
import type { PinnedSnapshot } from './snapshot-pool.ts'
import { stampOf } from './stamp.ts'
import { type TransactionHost, TransactionLife } from './transaction-life.ts'
import { NO_HOLE, WriteBuffer } from './write-buffer.ts'

/** One run of a transaction's body: snapshot, write buffer and read conflicts. See `docs/transactions.md`. */
export class OptimisticTransaction implements Transaction {
  readonly snapshot: Reader
  readonly writes: WriteBuffer
  readonly reads: ReadConflicts = new ReadConflicts()
  readonly commitCallbacks: ((commit: Commit) => void)[] = []
  readonly #lastWords: (() => Promise<void> | void)[] = []
  /** Whether there can be no more last words. */
  #hasSpoken = false
  readonly life: TransactionLife
  /** The version from which its reads must be validated. */
  validateAfter: number = Number.POSITIVE_INFINITY

  constructor(host: TransactionHost) {
    this.life = new TransactionLife(host)
    this.writes = new WriteBuffer(host.limits)
    this.snapshot = {
      get: (key) => this.#get(key, false),
      getMany: async (keys) => keys.map((key) => this.#read(key, false)),
      getRange: (range, options) => this.#getRange(range, options, false),
    }
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#get(key, true)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#read(key, true))
  }

  getRange(range: KeyRange, options?: RangeOptions): RangeRead {
    return this.#getRange(range, options, true)
  }

  async readHorizon(): Promise<Uint8Array> {
    return stampOf(this.#pin().state.lastPosition)
  }

  async readVersion(): Promise<number> {
    return this.#pin().state.number
  }

  watch(target: Uint8Array | KeyRange, options?: WatchOptions): Watch {
    return this.life.watch(watchTarget(target), options)
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.life.assertUsable()
    checkKey(key)
    checkValue(value)
    this.writes.set(key, value)
  }

  clear(key: Uint8Array): void {
    this.life.assertUsable()
    checkKey(key)
    this.writes.set(key, undefined)
  }

  clearRange(range: KeyRange): void {
    this.life.assertUsable()
    checkRange(range)
    this.writes.clearRange(byteString(range.begin), byteString(range.end))
  }

  setStampedKey(key: Uint8Array, offset: number, value: Uint8Array, options?: StampedKeyOptions): void {
    this.life.assertUsable()
    checkStampOffset(key, offset)
    if (offset === 0) throw new InvalidArgumentError('A stamped key needs at least one byte before its stamp')
    checkKey(key)
    checkValue(value)
    const { listed = false, valueStampAt = NO_HOLE } = options ?? {}
    if (listed) checkListedKey(key, offset)
    if (valueStampAt !== NO_HOLE) checkStampOffset(value, valueStampAt)
    this.writes.setStampedKey(key, offset, value, { listed, valueStampAt })
  }

  setStampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    this.life.assertUsable()
    checkKey(key)
    checkStampOffset(value, offset)
    checkValue(value)
    this.writes.set(key, value, offset)
  }

  addReadConflictKey(key: Uint8Array, options?: ReadConflictOptions): void {
    checkKey(key)
    this.#relyOn(options)
    this.reads.addKey(byteString(key))
  }

  addReadConflictRange(range: KeyRange, options?: ReadConflictOptions): void {
    checkRange(range)
    this.#relyOn(options)
    this.reads.addRange(byteString(range.begin), byteString(range.end))
  }

  addReadConflictJoin(sets: readonly (readonly Uint8Array[])[], options?: ReadConflictOptions): void {
    checkJoin(sets)
    this.#relyOn(options)
    this.reads.addJoin(sets.map((prefixes) => prefixes.map(byteString)))
  }

  beforeCommit(callback: () => Promise<void> | void): void {
    this.life.assertUsable()
    if (this.#hasSpoken)
      throw new InvalidArgumentError(
        'The transaction is being committed: what belongs to it must be awaited in its body',
      )
    this.#lastWords.push(callback)
  }

  /** Does what is to be done before the commit, also what is added meanwhile; at once if there is nothing. */
  sayLastWords(): Promise<void> | undefined {
    if (this.#lastWords.length > 0) return this.#sayAll()
    this.#hasSpoken = true
    return undefined
  }

  async #sayAll(): Promise<void> {
    for (let next = this.#lastWords.shift(); next !== undefined; next = this.#lastWords.shift()) await next()
    this.#hasSpoken = true
  }

  afterCommit(callback: (commit: Commit) => void): void {
    this.life.assertUsable()
    this.commitCallbacks.push(callback)
  }

  #get(key: Uint8Array, conflicts: boolean): Promise<Uint8Array | undefined> {
    try {
      return Promise.resolve(this.#read(key, conflicts))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #read(key: Uint8Array, conflicts: boolean): Uint8Array | undefined {
    checkKey(key)
    const view = this.#pin().view
    if (!conflicts && this.writes.isEmpty) return view.get(key)
    const id = byteString(key)
    const own = this.writes.lookup(id)
    if (own === 'cleared') return undefined
    if (own !== undefined) {
      if (own.holeAt !== NO_HOLE)
        throw new InvalidArgumentError('A stamped value is not known before the commit')
      return own.value
    }
    if (conflicts) this.reads.addKey(id)
    return view.get(key)
  }

  #getRange(range: KeyRange, options: RangeOptions | undefined, conflicts: boolean): RangeRead {
    checkRange(range)
    const { writes, reads } = this
    const source: BatchSource = {
      fetch: (begin, end, limit, reverse): Row[] => this.#pin().view.range(begin, end, limit, reverse),
      own: {
        overlay: (rows, begin, end) => (writes.touches(begin, end) ? writes.overlay(rows, begin, end) : rows),
        noteRead: (begin, end) => {
          if (!conflicts) return
          if (writes.touches(begin, end))
            writes.foreignParts(begin, end, (from, to) => reads.addRange(from, to))
          else reads.addRange(begin, end)
        },
      },
    }
    return rangeRead(source, range, options)
  }

  /** The snapshot; from then on its version is what reads are validated from. */
  #pin(): PinnedSnapshot {
    const pinned = this.life.pin()
    if (pinned.state.number < this.validateAfter) this.validateAfter = pinned.state.number
    return pinned
  }

  #relyOn(options: ReadConflictOptions | undefined): void {
    this.life.assertUsable()
    const since = options?.since ?? this.#pin().state.number
    if (since < this.life.floor)
      throw new InvalidArgumentError('A conflict cannot reach back to before its transaction began')
    this.validateAfter = Math.min(this.validateAfter, since)
  }
}
