import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commitRecordKey, decodeCommitRecord, encodeCommitRecord } from './commit-record.ts'
import { ReadConflicts } from './read-conflicts.ts'
import { WriteSet } from './write-set.ts'

const STAMPS = ['\0', 'a', 'b', '\xff'].map((byte) => byte.repeat(12)).concat(`${'\0'.repeat(11)}a`)
const prefix = fc.constantFrom('a', 'ab', 'a\0', 'a\xff', 'b', '\xfe', `a${STAMPS[3]}`)
const stampedKey = fc.tuple(prefix, fc.constantFrom(...STAMPS)).map(([prefix, stamp]) => prefix + stamp)
const otherKey = fc
  .tuple(prefix, fc.constantFrom('', 'a', 'a'.repeat(11), '\xff'.repeat(13)))
  .map((parts) => parts.join(''))
const keys = fc.array(fc.oneof({ weight: 4, arbitrary: stampedKey }, otherKey), { maxLength: 12 })
const sets = fc.array(fc.array(prefix, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 })

function writeSetOf(keys: readonly string[]): WriteSet {
  const writeSet = new WriteSet()
  for (const key of keys) writeSet.keys.add(key)
  return writeSet
}

function joinOf(sets: readonly (readonly string[])[]): ReadConflicts {
  const reads = new ReadConflicts()
  reads.addJoin(sets)
  return reads
}

/** Says of every end of a key whether it is a stamp that all sets have. */
function isJoined(keys: readonly string[], sets: readonly (readonly string[])[]): boolean {
  return keys.some((key) => {
    const stamp = key.slice(-12)
    return stamp.length === 12 && sets.every((set) => set.some((prefix) => keys.includes(prefix + stamp)))
  })
}

describe('WriteSet', () => {
  test('conflictsWith() a join says what trying every stamp says, also in another process', () => {
    let conflicts = 0
    fc.assert(
      fc.property(keys, sets, (keys, sets) => {
        const [written, reads, expected] = [writeSetOf(keys), joinOf(sets), isJoined(keys, sets)]
        const value = encodeCommitRecord(1n, written)
        expect(written.conflictsWith(reads)).toBe(expected)
        const read = decodeCommitRecord({ key: commitRecordKey(1), value })
        expect(read.writeSet.conflictsWith(reads)).toBe(expected)
        if (expected) conflicts += 1
      }),
      { numRuns: 2_000 },
    )
    // Otherwise the property would say little.
    expect(conflicts).toBeGreaterThan(200)
    expect(conflicts).toBeLessThan(1_800)
  })

  test('conflictsWith() a join counts no ranges', () => {
    const written = new WriteSet()
    written.ranges.add('', '\xff')
    expect(written.conflictsWith(joinOf([['a']]))).toBe(false)
  })

  test('conflictsWith() any of several joins, keys and ranges', () => {
    const reads = joinOf([['a'], ['b']])
    reads.addJoin([['ab']])
    reads.addKey('key')
    reads.addRange('r', 's')
    const conflicts = (...keys: string[]): boolean => writeSetOf(keys).conflictsWith(reads)
    expect([conflicts(), conflicts(`a${STAMPS[0]}`), conflicts(`a${STAMPS[0]}`, `b${STAMPS[1]}`)]).toEqual([
      false,
      false,
      false,
    ])
    for (const each of [[`a${STAMPS[0]}`, `b${STAMPS[0]}`], [`ab${STAMPS[2]}`], ['key'], ['range']])
      expect(conflicts(...each)).toBe(true)
  })
})

describe('ReadConflicts', () => {
  test('isEmpty until there is a key, a range or a join', () => {
    const [key, range, join] = [new ReadConflicts(), new ReadConflicts(), joinOf([['a']])]
    expect([key, range, join].map(({ isEmpty }) => isEmpty)).toEqual([true, true, false])
    key.addKey('a')
    range.addRange('a', 'b')
    expect([key.isEmpty, range.isEmpty]).toEqual([false, false])
  })
})
