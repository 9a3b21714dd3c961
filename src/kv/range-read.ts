import { InvalidArgumentError } from '../errors.ts'
import { RANGE_BATCH_BYTES, RANGE_BATCH_ROWS } from '../limits.ts'
import { after, type ByteString, byteString } from './byte-string.ts'
import type { RangeOptions, RangeRead } from './contract.ts'
import type { KeyRange, Row } from './rows.ts'

/** Rows of the first batch, before anything is known of their size. */
const FIRST_BATCH_ROWS = 64

/** Where a range read gets its rows: what is there now, of `begin` to `end`, up to `limit` rows. */
export interface BatchSource {
  /** Rows from the snapshot, before the transaction's own writes. */
  fetch(begin: Uint8Array, end: Uint8Array, limit: number, reverse: boolean): Row[]
  /** Lays own writes over ascending rows of a part of the range that was read completely. */
  overlay(rows: Row[], begin: ByteString, end: ByteString): Row[]
  /** Notes that a part of the range was read. */
  noteRead(begin: ByteString, end: ByteString): void
}

/** Reads a range in batches; see `RangeRead`. */
export function rangeRead(source: BatchSource, range: KeyRange, options: RangeOptions = {}): RangeRead {
  const { limit = Number.POSITIVE_INFINITY } = options
  if (!(Number.isInteger(limit) || limit === Number.POSITIVE_INFINITY) || limit < 0)
    throw new InvalidArgumentError(`A limit must be a number of rows from 0 on, not ${limit}`)
  const batches = async function* (): AsyncGenerator<Row[]> {
    const cursor = new RangeCursor(source, range, limit, options.reverse ?? false)
    for (let batch = cursor.next(); batch !== undefined; batch = cursor.next())
      if (batch.length > 0) yield batch
  }
  return {
    batches,
    toArray: async () => {
      const cursor = new RangeCursor(source, range, limit, options.reverse ?? false)
      const rows: Row[] = []
      for (let batch = cursor.next(); batch !== undefined; batch = cursor.next()) {
        for (const row of batch) rows.push(row)
      }
      return rows
    },
    async *[Symbol.asyncIterator]() {
      for await (const batch of batches()) yield* batch
    },
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
    const [begin, end] = [byteString(this.#begin), byteString(this.#end)]
    if (this.#left <= 0 || begin >= end) return undefined
    const wanted = Math.min(this.#left, this.#batchRows)
    const fetched = this.#source.fetch(this.#begin, this.#end, wanted, this.#reverse)
    const last = fetched.length < wanted ? undefined : fetched.at(-1)!.key
    const rows = this.#merge(fetched, begin, end, last)
    this.#adaptBatch(fetched)
    if (rows.length < this.#left) {
      this.#noteRead(begin, end, last)
      this.#advance(last)
      this.#left -= rows.length
      return rows
    }
    const taken = rows.slice(0, this.#left)
    this.#noteRead(begin, end, taken.at(-1)!.key)
    this.#left = 0
    return taken
  }

  #merge(fetched: Row[], begin: ByteString, end: ByteString, last: Uint8Array | undefined): Row[] {
    const [from, to] = this.#covered(begin, end, last)
    if (!this.#reverse) return this.#source.overlay(fetched, from, to)
    return this.#source.overlay(fetched.reverse(), from, to).reverse()
  }

  /** What lies between the part's beginning and the last row that was read: the whole part if there was no last. */
  #covered(begin: ByteString, end: ByteString, last: Uint8Array | undefined): [ByteString, ByteString] {
    if (last === undefined) return [begin, end]
    return this.#reverse ? [byteString(last), end] : [begin, after(byteString(last))]
  }

  #noteRead(begin: ByteString, end: ByteString, last: Uint8Array | undefined): void {
    this.#source.noteRead(...this.#covered(begin, end, last))
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
