import type { ByteString } from './byte-string.ts'
import type { ByteRange } from './range-set.ts'
import type { SortedKeys } from './sorted-keys.ts'
import { STAMP_BYTES } from './stamp.ts'

/**
 * Sets of key prefixes of which each must get a key with one and the same stamp behind it. A prefix is the begin of a
 * range that holds all keys which consist of it and a stamp.
 */
export type ConflictJoin = readonly (readonly ByteRange[])[]

/** Comes after every stamp, so that prefix and this end a range with all stamps in it, whatever their bytes. */
const AFTER_STAMPS = '\xff'.repeat(STAMP_BYTES + 1)

/** Makes a join of sets of prefixes. */
export function conflictJoin(sets: readonly (readonly ByteString[])[]): ConflictJoin {
  return sets.map((prefixes) => prefixes.map((prefix) => ({ begin: prefix, end: prefix + AFTER_STAMPS })))
}

/**
 * Whether there is a stamp that stands behind a prefix of each set. Exact: the set with the fewest keys names the stamps that
 * can be meant at all, and each of them is looked up behind the prefixes of the other sets.
 */
export function isJoinedBy(join: ConflictJoin, keys: SortedKeys): boolean {
  const rarest = setWithFewestKeys(join, keys)
  if (rarest === undefined) return false
  const others = join.filter((set) => set !== rarest)
  for (const { begin, end } of rarest) {
    for (const key of keys.between(begin, end)) {
      // Longer and shorter keys belong to other prefixes, of which this one may be the beginning.
      if (key.length !== begin.length + STAMP_BYTES) continue
      const stamp = key.slice(begin.length)
      if (others.every((prefixes) => prefixes.some((prefix) => keys.has(prefix.begin + stamp)))) return true
    }
  }
  return false
}

/** The set with the fewest keys below its prefixes, or none if a set has no key at all, as nothing can join it then. */
function setWithFewestKeys(join: ConflictJoin, keys: SortedKeys): readonly ByteRange[] | undefined {
  let [rarest, fewest] = [join[0], Number.POSITIVE_INFINITY]
  for (const prefixes of join) {
    let count = 0
    for (const { begin, end } of prefixes) count += keys.count(begin, end)
    if (count === 0) return undefined
    if (count >= fewest) continue
    rarest = prefixes
    fewest = count
  }
  return rarest
}
