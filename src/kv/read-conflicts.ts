import { after, type ByteString } from './byte-string.ts'
import { type ConflictJoin, conflictJoin } from './conflict-join.ts'
import { RangeSet } from './range-set.ts'

/** What a transaction read, and so must not have been changed by others when it commits. */
export class ReadConflicts {
  readonly keys: Set<ByteString> = new Set()
  readonly ranges: RangeSet = new RangeSet()
  readonly joins: ConflictJoin[] = []

  get isEmpty(): boolean {
    return this.keys.size === 0 && this.ranges.size === 0 && this.joins.length === 0
  }

  addKey(key: ByteString): void {
    this.keys.add(key)
  }

  addRange(begin: ByteString, end: ByteString): void {
    if (end === after(begin)) this.keys.add(begin)
    else this.ranges.add(begin, end)
  }

  /** Adds sets of prefixes that must not all get a key with the same stamp. Neither the sets nor one of them may be empty. */
  addJoin(sets: readonly (readonly ByteString[])[]): void {
    this.joins.push(conflictJoin(sets))
  }
}
