import type { ByteString } from './byte-string.ts'

/** How many late keys are put in place one by one; with more, sorting everything once is cheaper. */
const INSERT_ONE_BY_ONE_MAX = 64

/** A set of keys that can be asked for its members in a range. Sorted only when it is asked. */
export class SortedKeys {
  readonly #members = new Set<ByteString>()
  #sorted: ByteString[] = []
  #unsorted: ByteString[] = []

  get size(): number {
    return this.#members.size
  }

  has(key: ByteString): boolean {
    return this.#members.has(key)
  }

  add(key: ByteString): void {
    const before = this.#members.size
    this.#members.add(key)
    if (this.#members.size !== before) this.#unsorted.push(key)
  }

  /** Removes all members of the half-open range. */
  deleteRange(begin: ByteString, end: ByteString): ByteString[] {
    const sorted = this.#order()
    const from = lowerBound(sorted, begin)
    const removed = sorted.splice(from, lowerBound(sorted, end) - from)
    for (const key of removed) this.#members.delete(key)
    return removed
  }

  /** Whether any member lies in the half-open range. */
  intersects(begin: ByteString, end: ByteString): boolean {
    const sorted = this.#order()
    const first = sorted[lowerBound(sorted, begin)]
    return first !== undefined && first < end
  }

  /** The members of the half-open range, in order. */
  between(begin: ByteString, end: ByteString): ByteString[] {
    const sorted = this.#order()
    return sorted.slice(lowerBound(sorted, begin), lowerBound(sorted, end))
  }

  /** All members, in order. */
  all(): readonly ByteString[] {
    return this.#order()
  }

  #order(): ByteString[] {
    const late = this.#unsorted
    if (late.length === 0) return this.#sorted
    if (late.length > INSERT_ONE_BY_ONE_MAX) {
      this.#sorted = this.#sorted.concat(late).sort(compare)
    } else {
      for (const key of late) this.#sorted.splice(lowerBound(this.#sorted, key), 0, key)
    }
    this.#unsorted = []
    return this.#sorted
  }
}

function compare(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The index of the first element that is not less than `key`. */
export function lowerBound(sorted: readonly ByteString[], key: ByteString): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
