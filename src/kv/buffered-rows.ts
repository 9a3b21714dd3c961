import { RANGE_BATCH_ROWS } from '../limits.ts'
import { after, type ByteString, byteString, bytesOf } from './byte-string.ts'
import type { RangeOptions, RangeRead, Reader, Transaction, TransactionLimits } from './contract.ts'
import { checkKey, checkRange, checkValue } from './keys.ts'
import type { KeyRange, Row } from './rows.ts'
import { WriteBuffer } from './write-buffer.ts'

/** What buffered rows are laid over. */
export interface StoredRows {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** Up to `limit` rows of a range, from its beginning or its end. */
  rows(range: KeyRange, limit: number, reverse: boolean): Promise<readonly Row[]>
}

/** A base without rows. */
export const NO_ROWS: StoredRows = {
  get: () => Promise.resolve(undefined),
  rows: () => Promise.resolve([]),
}

/**
 * Rows as they will be: what was written lies over what is stored, and is read as if it were stored, until it is repeated on a transaction.
 * For work that takes longer than a transaction may, by somebody who alone writes these rows.
 */
export class BufferedRows {
  readonly #base: StoredRows
  readonly #writes: WriteBuffer

  constructor(base: StoredRows, limits: TransactionLimits) {
    this.#base = base
    this.#writes = new WriteBuffer(limits)
  }

  /** Rows that were written. */
  get size(): number {
    return this.#writes.rows
  }

  /** Bytes that were written. */
  get bytes(): number {
    return this.#writes.bytes
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    checkKey(key)
    const own = this.#writes.lookup(byteString(key))
    if (own === 'cleared') return undefined
    return own === undefined ? this.#base.get(key) : own.value
  }

  getRange(range: KeyRange, options: RangeOptions = {}): RangeRead {
    checkRange(range)
    const open = (): AsyncGenerator<readonly Row[]> => this.#batches(range, options)
    return {
      async toArray() {
        const rows: Row[] = []
        for await (const batch of open()) rows.push(...batch)
        return rows
      },
      batches: open,
      async *[Symbol.asyncIterator]() {
        for await (const batch of open()) yield* batch
      },
    }
  }

  set(key: Uint8Array, value: Uint8Array): void {
    checkKey(key)
    checkValue(value)
    this.#writes.set(key, value)
  }

  clear(key: Uint8Array): void {
    checkKey(key)
    this.#writes.set(key, undefined)
  }

  clearRange(range: KeyRange): void {
    checkRange(range)
    this.#writes.clearRange(byteString(range.begin), byteString(range.end))
  }

  /** Does to a transaction what was done here. */
  repeatOn(tx: Pick<Transaction, 'set' | 'clear' | 'clearRange'>): void {
    // Whoever writes too much may have caught the refusal; what is missing must not be passed over.
    this.#writes.assertWithinLimits()
    this.#writes.repeatOn(tx)
  }

  async *#batches(
    { begin, end }: KeyRange,
    { limit = Number.POSITIVE_INFINITY, reverse = false }: RangeOptions,
  ): AsyncGenerator<readonly Row[]> {
    let [from, to, left] = [byteString(begin), byteString(end), limit]
    while (left > 0 && from < to) {
      const wanted = Math.min(left, RANGE_BATCH_ROWS)
      const part = { begin: bytesOf(from), end: bytesOf(to) }
      const stored = await this.#base.rows(part, wanted, reverse)
      const last = stored.length < wanted ? undefined : byteString(stored.at(-1)!.key)
      const covered = coveredPart(from, to, last, reverse)
      const rows = this.#overlay(stored, covered, reverse).slice(0, left)
      if (rows.length > 0) yield rows
      left -= rows.length
      if (last === undefined) return
      if (reverse) to = last
      else from = after(last)
    }
  }

  #overlay(
    stored: readonly Row[],
    [from, to]: readonly [ByteString, ByteString],
    reverse: boolean,
  ): readonly Row[] {
    if (!this.#writes.touches(from, to)) return stored
    return reverse
      ? this.#writes.overlay(stored.toReversed(), from, to).reverse()
      : this.#writes.overlay(stored, from, to)
  }
}

/** What of a part has been read when its last row is this one; all of it if there was no last. */
function coveredPart(
  from: ByteString,
  to: ByteString,
  last: ByteString | undefined,
  reverse: boolean,
): readonly [ByteString, ByteString] {
  if (last === undefined) return [from, to]
  return reverse ? [last, to] : [from, after(last)]
}

/** Reads the base from a store, each time as it is then. */
export function rowsOf(read: <T>(body: (reader: Reader) => Promise<T>) => Promise<T>): StoredRows {
  return {
    get: (key) => read((reader) => reader.get(key)),
    rows: (range, limit, reverse) => read((reader) => reader.getRange(range, { limit, reverse }).toArray()),
  }
}
