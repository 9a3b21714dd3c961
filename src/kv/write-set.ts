import type { ByteString } from './byte-string.ts'
import { isJoinedBy } from './conflict-join.ts'
import { RangeSet } from './range-set.ts'
import type { ReadConflicts } from './read-conflicts.ts'
import { SortedKeys } from './sorted-keys.ts'

/** What a commit group changed: single keys, listed stamped keys among them, and ranges that were cleared or stamped. */
export class WriteSet {
  readonly keys: SortedKeys = new SortedKeys()
  readonly ranges: RangeSet = new RangeSet()

  /** Whether the key was changed. */
  touches(key: ByteString): boolean {
    return this.keys.has(key) || this.ranges.has(key)
  }

  /** Whether any key of the half-open range was changed. */
  touchesRange(begin: ByteString, end: ByteString): boolean {
    return this.keys.intersects(begin, end) || this.ranges.intersects(begin, end)
  }

  /** Whether anything that was read was changed. */
  conflictsWith(reads: ReadConflicts): boolean {
    for (const key of reads.keys) if (this.touches(key)) return true
    for (const { begin, end } of reads.ranges.all()) if (this.touchesRange(begin, end)) return true
    for (const join of reads.joins) if (isJoinedBy(join, this.keys)) return true
    return false
  }
}
