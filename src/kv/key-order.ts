import type { ByteString } from './byte-string.ts'

/** How many late keys are put in place one by one; with more, sorting everything once is cheaper. */
const INSERT_ONE_BY_ONE_MAX = 64

/** Distinct keys that can be asked for those in a range. Sorted only when it is asked. Whoever adds a key knows that it is new. */
export class KeyOrder {
  #sorted: ByteString[] = []
  #unsorted: ByteString[] = []

  add(key: ByteString): void {
    this.#unsorted.push(key)
  }

  /** Removes the keys of the half-open range, and returns them. */
  deleteRange(begin: ByteString, end: ByteString): ByteString[] {
    const sorted = this.#order()
    const from = lowerBound(sorted, begin)
    return sorted.splice(from, lowerBound(sorted, end) - from)
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

  /** How many members lie in the half-open range. */
  count(begin: ByteString, end: ByteString): number {
    const sorted = this.#order()
    return Math.max(0, lowerBound(sorted, end) - lowerBound(sorted, begin))
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
