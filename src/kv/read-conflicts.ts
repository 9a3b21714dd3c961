import { after, type ByteString } from './byte-string.ts'
import { RangeSet } from './range-set.ts'

/** What a transaction read, and so must not have been changed by others when it commits. */
export class ReadConflicts {
  readonly keys: Set<ByteString> = new Set()
  readonly ranges: RangeSet = new RangeSet()

  get isEmpty(): boolean {
    return this.keys.size === 0 && this.ranges.size === 0
  }

  addKey(key: ByteString): void {
    this.keys.add(key)
  }

  addRange(begin: ByteString, end: ByteString): void {
    if (end === after(begin)) this.keys.add(begin)
    else this.ranges.add(begin, end)
  }
}
