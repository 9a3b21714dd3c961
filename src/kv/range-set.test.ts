import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RangeSet } from './range-set.ts'

/** Few keys, so that a set of them can be the oracle: a range holds those from its begin up to its end. */
const KEYS = [...'abcdefghij']
const end = fc.constantFrom(...KEYS, 'k')
const ranges = fc.array(fc.tuple(fc.constantFrom(...KEYS), end))

function membersOf(all: readonly (readonly [string, string])[]): Set<string> {
  return new Set(KEYS.filter((key) => all.some(([begin, end]) => key >= begin && key < end)))
}

function setOf(all: readonly (readonly [string, string])[]): RangeSet {
  const set = new RangeSet()
  for (const [begin, end] of all) set.add(begin, end)
  return set
}

describe('RangeSet', () => {
  test('has() and intersects() answer as a set of keys does', () => {
    fc.assert(
      fc.property(ranges, fc.constantFrom(...KEYS), end, (all, from, to) => {
        const [set, members] = [setOf(all), membersOf(all)]
        expect(KEYS.filter((key) => set.has(key))).toEqual([...members])
        expect(set.intersects(from, to)).toBe([...members].some((key) => key >= from && key < to))
      }),
    )
  })

  test('all() is in order, and neither overlaps nor touches', () => {
    fc.assert(
      fc.property(ranges, (all) => {
        let previousEnd = ''
        const set = setOf(all)
        for (const { begin, end } of set.all()) {
          expect(begin > previousEnd && begin < end).toBe(true)
          previousEnd = end
        }
        expect(set.size).toBe(set.all().length)
      }),
    )
  })

  test('add() joins ranges that touch, in any order', () => {
    for (const all of [
      [
        ['a', 'c'],
        ['c', 'e'],
      ],
      [
        ['c', 'e'],
        ['a', 'c'],
      ],
    ] as const) {
      expect(setOf(all).all()).toEqual([{ begin: 'a', end: 'e' }])
    }
  })

  test('add() ignores empty and inverted ranges', () => {
    const set = setOf([
      ['b', 'b'],
      ['d', 'a'],
    ])
    expect(set.all()).toEqual([])
  })
})
