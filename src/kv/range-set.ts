import type { ByteString } from './byte-string.ts'

/** A half-open range of byte strings. */
export interface ByteRange {
  readonly begin: ByteString
  readonly end: ByteString
}

/** A set of keys that is the union of ranges, kept as few disjoint ranges in order. */
export class RangeSet {
  #ranges: ByteRange[] = []

  get size(): number {
    return this.#ranges.length
  }

  /** Joins a range with those that it overlaps or touches. */
  add(begin: ByteString, end: ByteString): void {
    if (begin >= end) return
    const first = this.#firstEndingAtOrAfter(begin)
    let last = first
    let low = begin
    let high = end
    for (
      let range = this.#ranges[last];
      range !== undefined && range.begin <= end;
      range = this.#ranges[last]
    ) {
      if (range.begin < low) low = range.begin
      if (range.end > high) high = range.end
      last += 1
    }
    this.#ranges.splice(first, last - first, { begin: low, end: high })
  }

  has(key: ByteString): boolean {
    const range = this.#ranges[this.#firstEndingAfter(key)]
    return range !== undefined && range.begin <= key
  }

  /** Whether any key of the half-open range is in this set. */
  intersects(begin: ByteString, end: ByteString): boolean {
    const range = this.#ranges[this.#firstEndingAfter(begin)]
    return range !== undefined && begin < end && range.begin < end
  }

  /** The disjoint ranges, in order. */
  all(): readonly ByteRange[] {
    return this.#ranges
  }

  #firstEndingAtOrAfter(key: ByteString): number {
    return this.#search((range) => range.end >= key)
  }

  #firstEndingAfter(key: ByteString): number {
    return this.#search((range) => range.end > key)
  }

  #search(isAtOrAfter: (range: ByteRange) => boolean): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isAtOrAfter(this.#ranges[middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
}
