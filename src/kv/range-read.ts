import { InvalidArgumentError } from '../errors.ts'
import { RANGE_BATCH_BYTES, RANGE_BATCH_ROWS } from '../limits.ts'
import { compareBytes } from '../tuple/bytes.ts'
import { after, type ByteString, byteString } from './byte-string.ts'
import type { RangeOptions, RangeRead } from './contract.ts'
import type { KeyRange, Row } from './rows.ts'

/** Rows of the first batch, before anything is known of their size. */
const FIRST_BATCH_ROWS = 64

/** Where a range read gets its rows: what is there now, of `begin` to `end`, up to `limit` rows. */
export interface BatchSource {
  /** Rows from the snapshot, before the transaction's own writes. */
  fetch(begin: Uint8Array, end: Uint8Array, limit: number, reverse: boolean): Row[]
  /** The transaction's own doings, if it writes. */
  readonly own?: OwnWrites
}

/** What a transaction that writes makes of a range that it reads. */
export interface OwnWrites {
  /** Lays own writes over ascending rows of a part of the range that was read completely. */
  overlay(rows: Row[], begin: ByteString, end: ByteString): Row[]
  /** Notes that a part of the range was read. */
  noteRead(begin: ByteString, end: ByteString): void
}

/** Reads a range in batches; see `RangeRead`. */
export function rangeRead(source: BatchSource, range: KeyRange, options: RangeOptions = {}): RangeRead {
  const { limit = Number.POSITIVE_INFINITY, reverse = false } = options
  if (!(Number.isInteger(limit) || limit === Number.POSITIVE_INFINITY) || limit < 0)
    throw new InvalidArgumentError(`A limit must be a number of rows from 0 on, not ${limit}`)
  return new BatchedRead(() => new RangeCursor(source, range, limit, reverse))
}

class BatchedRead implements RangeRead {
  readonly #open: () => RangeCursor

  constructor(open: () => RangeCursor) {
    this.#open = open
  }

  async toArray(): Promise<Row[]> {
    const cursor = this.#open()
    const rows = cursor.next() ?? []
    for (let batch = cursor.next(); batch !== undefined; batch = cursor.next()) {
      for (const row of batch) rows.push(row)
    }
    return rows
  }

  async *batches(): AsyncGenerator<Row[]> {
    const cursor = this.#open()
    for (let batch = cursor.next(); batch !== undefined; batch = cursor.next()) {
      if (batch.length > 0) yield batch
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row> {
    for await (const batch of this.batches()) yield* batch
  }
}

/** The part of a range that is still to be read. */
class RangeCursor {
  readonly #source: BatchSource
  readonly #reverse: boolean
  #begin: Uint8Array
  #end: Uint8Array
  #left: number
  #batchRows = FIRST_BATCH_ROWS

  constructor(source: BatchSource, range: KeyRange, limit: number, reverse: boolean) {
    this.#source = source
    this.#begin = range.begin
    this.#end = range.end
    this.#left = limit
    this.#reverse = reverse
  }

  /** Reads the next batch, possibly empty; `undefined` at the end. */
  next(): Row[] | undefined {
    if (this.#left <= 0 || compareBytes(this.#begin, this.#end) >= 0) return undefined
    const wanted = Math.min(this.#left, this.#batchRows)
    const fetched = this.#source.fetch(this.#begin, this.#end, wanted, this.#reverse)
    const last = fetched.length < wanted ? undefined : fetched.at(-1)!.key
    const { own } = this.#source
    const rows = own === undefined ? fetched : this.#withOwn(own, fetched, last)
    this.#adaptBatch(fetched)
    this.#advance(last)
    this.#left -= rows.length
    return rows
  }

  /** Lays own writes over the rows, and notes what the caller gets to see of the range. */
  #withOwn(own: OwnWrites, fetched: Row[], last: Uint8Array | undefined): Row[] {
    const [begin, end] = [byteString(this.#begin), byteString(this.#end)]
    const [from, to] = this.#covered(begin, end, last)
    const rows = this.#reverse
      ? own.overlay(fetched.toReversed(), from, to).reverse()
      : own.overlay(fetched, from, to)
    const isAll = rows.length < this.#left
    const taken = isAll ? rows : rows.slice(0, this.#left)
    own.noteRead(...(isAll ? ([from, to] as const) : this.#covered(begin, end, taken.at(-1)!.key)))
    return taken
  }

  /** What lies between the part's beginning and the last row that was read: the whole part if there was no last. */
  #covered(begin: ByteString, end: ByteString, last: Uint8Array | undefined): [ByteString, ByteString] {
    if (last === undefined) return [begin, end]
    return this.#reverse ? [byteString(last), end] : [begin, after(byteString(last))]
  }

  #advance(last: Uint8Array | undefined): void {
    if (last === undefined) this.#begin = this.#end
    else if (this.#reverse) this.#end = last
    else this.#begin = successor(last)
  }

  #adaptBatch(fetched: readonly Row[]): void {
    let bytes = 1
    for (const { value } of fetched) bytes += value.length
    const fitting = Math.floor((RANGE_BATCH_BYTES * fetched.length) / bytes)
    this.#batchRows = Math.min(RANGE_BATCH_ROWS, Math.max(1, fitting))
  }
}

function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
