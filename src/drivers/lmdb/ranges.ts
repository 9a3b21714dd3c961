import type { Row } from '../../kv/rows.ts'
import type { LmdbReadOptions, LmdbStore } from './lmdb-library.ts'
import type { RowEncoding } from './row-encoding.ts'

/** Keys that are removed between two looks for more of them. */
const CLEAR_BATCH_ROWS = 1_024

/** Reads up to `limit` rows of a half-open range, from its beginning or, reversed, from its end. */
export function rangeOf(
  store: LmdbStore,
  through: LmdbReadOptions,
  begin: Uint8Array,
  end: Uint8Array,
  limit: number,
  reverse: boolean,
): Row[] {
  const rows: Row[] = []
  if (limit <= 0 || Buffer.compare(begin, end) >= 0) return rows
  const options = reverse
    ? { ...through, start: end, end: begin, limit, reverse, exclusiveStart: true, inclusiveEnd: true }
    : { ...through, start: begin, end, limit }
  const found = store.getRange(options)[Symbol.iterator]()
  for (let next = found.next(); next.done !== true; next = found.next()) rows.push(next.value)
  return rows
}

/** Removes all rows of a half-open range. */
export function clearRangeOf(store: LmdbStore, rows: RowEncoding, begin: Uint8Array, end: Uint8Array): void {
  if (Buffer.compare(begin, end) >= 0) return
  for (;;) {
    const keys = [...store.getKeys({ start: begin, end, limit: CLEAR_BATCH_ROWS })]
    for (const key of keys) rows.remove(store, key)
    if (keys.length < CLEAR_BATCH_ROWS) return
  }
}
