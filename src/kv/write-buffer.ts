import { TransactionTooLargeError } from '../errors.ts'
import type { ByteString } from './byte-string.ts'
import { byteString, bytesOf } from './byte-string.ts'
import type { StampedKeyOptions, Transaction, TransactionLimits } from './contract.ts'
import type { EngineWriter } from './engine.ts'
import { KeyOrder } from './key-order.ts'
import { RangeSet } from './range-set.ts'
import type { Row } from './rows.ts'
import { STAMP_BYTES, Stamper } from './stamp.ts'
import type { WriteSet } from './write-set.ts'

/** What the transaction will do to one key. */
export interface PendingWrite {
  readonly key: Uint8Array
  /** The new value; `undefined` removes the key. */
  readonly value: Uint8Array | undefined
  /** Where the value has its hole; `NO_HOLE` if it has none. */
  readonly holeAt: number
  /** Kept apart from the hole, so that filling it again, after a failed commit, is the same. */
  readonly userVersion: number
}

/** Says that a value has no hole. */
export const NO_HOLE = -1

interface StampedKey {
  readonly key: Uint8Array
  readonly holeAt: number
  readonly userVersion: number
  readonly value: Uint8Array
  /** Whether others are told of this very key. */
  readonly listed: boolean
  /** Where the value has a hole for the same stamp; `NO_HOLE` if it has none. */
  readonly valueStampAt: number
}

/** The writes of one transaction until it commits. At the commit: cleared ranges, then keys, then stamped keys. */
export class WriteBuffer {
  readonly #writes = new Map<ByteString, PendingWrite>()
  readonly #keys = new KeyOrder()
  readonly #cleared = new RangeSet()
  readonly #stampedKeys: StampedKey[] = []
  readonly #limits: TransactionLimits
  #rows = 0
  #bytes = 0
  #stamps = 0

  constructor(limits: TransactionLimits) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#rows === 0
  }

  /** Rows that the commit will touch. */
  get rows(): number {
    return this.#rows
  }

  /** Bytes of keys and values that were written. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many positions the commit needs: one more than the largest user version in use. */
  get stamps(): number {
    return this.#stamps
  }

  set(key: Uint8Array, value: Uint8Array | undefined, holeAt: number = NO_HOLE): void {
    this.#count(key.length + (value?.length ?? 0))
    const userVersion = holeAt === NO_HOLE ? 0 : this.#noteStamp(value!, holeAt)
    const id = byteString(key)
    if (!this.#writes.has(id)) this.#keys.add(id)
    this.#writes.set(id, { key, value, holeAt, userVersion })
  }

  setStampedKey(
    key: Uint8Array,
    holeAt: number,
    value: Uint8Array,
    { listed = false, valueStampAt = NO_HOLE }: StampedKeyOptions = {},
  ): void {
    this.#count(key.length + value.length)
    const userVersion = this.#noteStamp(key, holeAt)
    this.#stampedKeys.push({ key, holeAt, userVersion, value, valueStampAt, listed })
  }

  clearRange(begin: ByteString, end: ByteString): void {
    this.#count(begin.length + end.length)
    for (const key of this.#keys.deleteRange(begin, end)) this.#writes.delete(key)
    this.#cleared.add(begin, end)
  }

  /** What the transaction did to a key: a write, `'cleared'` by a range, or nothing. */
  lookup(key: ByteString): PendingWrite | 'cleared' | undefined {
    return this.#writes.get(key) ?? (this.#cleared.has(key) ? 'cleared' : undefined)
  }

  /** Whether the transaction changed anything in the range. */
  touches(begin: ByteString, end: ByteString): boolean {
    return this.#cleared.intersects(begin, end) || this.#keys.intersects(begin, end)
  }

  /** Lays the own writes of a range over the rows that the snapshot has there, in ascending order. */
  overlay(rows: readonly Row[], begin: ByteString, end: ByteString): Row[] {
    const own = this.#keys.between(begin, end)
    const merged: Row[] = []
    let next = 0
    const takeOwnBefore = (limit: ByteString | undefined): void => {
      for (; next < own.length && (limit === undefined || own[next]! < limit); next += 1) {
        const { key, value } = this.#writes.get(own[next]!)!
        if (value !== undefined) merged.push({ key, value })
      }
    }
    for (const row of rows) {
      const id = byteString(row.key)
      takeOwnBefore(id)
      if (this.lookup(id) === undefined) merged.push(row)
    }
    takeOwnBefore(undefined)
    return merged
  }

  /** The parts of a range that the transaction did not write itself, which are what a read of it depends on. */
  foreignParts(begin: ByteString, end: ByteString, add: (begin: ByteString, end: ByteString) => void): void {
    const own = new RangeSet()
    for (const range of this.#cleared.all()) own.add(range.begin, range.end)
    for (const key of this.#keys.between(begin, end)) own.add(key, `${key}\0`)
    let from = begin
    for (const range of own.all()) {
      if (range.end <= from) continue
      if (range.begin >= end) break
      if (from < range.begin) add(from, range.begin)
      from = range.end
    }
    if (from < end) add(from, end)
  }

  /** Does the same to a transaction. Not for stamped keys. */
  repeatOn(tx: Pick<Transaction, 'set' | 'clear' | 'clearRange'>): void {
    for (const { begin, end } of this.#cleared.all()) {
      tx.clearRange({ begin: bytesOf(begin), end: bytesOf(end) })
    }
    for (const id of this.#keys.all()) {
      const { key, value } = this.#writes.get(id)!
      if (value === undefined) tx.clear(key)
      else tx.set(key, value)
    }
  }

  /** Writes everything, with stamps from `base` on, and notes what was changed. */
  apply(writer: EngineWriter, base: bigint, changed: WriteSet): void {
    const stamper = new Stamper(base)
    for (const { begin, end } of this.#cleared.all()) {
      writer.clearRange(bytesOf(begin), bytesOf(end))
      changed.ranges.add(begin, end)
    }
    // In the order of the keys: neighbours share pages, and an engine finds the next one where it is.
    for (const id of this.#keys.all()) {
      const { key, value, holeAt, userVersion } = this.#writes.get(id)!
      if (holeAt !== NO_HOLE) stamper.write(value!, holeAt, userVersion)
      if (value === undefined) writer.clear(key)
      else writer.set(key, value)
      changed.keys.add(id)
    }
    this.#applyStampedKeys(writer, stamper, changed)
  }

  /** Others are told of listed keys one by one; the rest are new keys within one narrow range for each prefix. */
  #applyStampedKeys(writer: EngineWriter, stamper: Stamper, changed: WriteSet): void {
    const prefixes = new Set<ByteString>()
    let latest: StampedKey | undefined
    for (const stamped of this.#stampedKeys) {
      const { key, holeAt, userVersion, value, valueStampAt, listed } = stamped
      stamper.write(key, holeAt, userVersion)
      if (valueStampAt !== NO_HOLE) stamper.write(value, valueStampAt, userVersion)
      writer.set(key, value)
      if (listed) {
        changed.keys.add(byteString(key))
        continue
      }
      if (latest === undefined || !samePrefix(latest, stamped))
        prefixes.add(byteString(key.subarray(0, holeAt)))
      latest = stamped
    }
    this.#noteStampedRanges(prefixes, stamper, changed)
  }

  #noteStampedRanges(prefixes: ReadonlySet<ByteString>, stamper: Stamper, changed: WriteSet): void {
    if (prefixes.size === 0) return
    const [first, next] = [new Uint8Array(STAMP_BYTES), new Uint8Array(STAMP_BYTES)]
    stamper.write(first, 0, 0)
    stamper.write(next, 0, this.#stamps)
    for (const prefix of prefixes) changed.ranges.add(prefix + byteString(first), prefix + byteString(next))
  }

  #count(bytes: number): void {
    this.#rows += 1
    this.#bytes += bytes
    this.assertWithinLimits()
  }

  /** Refuses a transaction that is too large, also if its body has caught the first refusal. @throws TransactionTooLargeError */
  assertWithinLimits(): void {
    const { rowsMax, bytesMax } = this.#limits
    if (this.#rows > rowsMax) throw new TransactionTooLargeError('rows', rowsMax, this.#rows)
    if (this.#bytes > bytesMax) throw new TransactionTooLargeError('bytes', bytesMax, this.#bytes)
  }

  /** Notes a stamp that the commit must make, and returns its user version: the last two bytes of the hole. */
  #noteStamp(bytes: Uint8Array, offset: number): number {
    const userVersion = (bytes[offset + 10]! << 8) | bytes[offset + 11]!
    this.#stamps = Math.max(this.#stamps, userVersion + 1)
    return userVersion
  }
}

function samePrefix(a: StampedKey, b: StampedKey): boolean {
  if (a.holeAt !== b.holeAt) return false
  for (let at = 0; at < a.holeAt; at += 1) if (a.key[at] !== b.key[at]) return false
  return true
}
