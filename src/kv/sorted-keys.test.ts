import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lowerBound } from './key-order.ts'
import { SortedKeys } from './sorted-keys.ts'

const key = fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\xff'), maxLength: 3 })
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.array(key, { maxLength: 3 }) }) },
  // More than are put in place one by one.
  { weight: 1, arbitrary: fc.record({ add: fc.array(key, { minLength: 70, maxLength: 90 }) }) },
  { weight: 1, arbitrary: fc.record({ begin: key, end: key }) },
)

describe('SortedKeys', () => {
  test('answers as a sorted array does', () => {
    fc.assert(
      fc.property(fc.array(change), key, key, (changes, begin, end) => {
        const keys = new SortedKeys()
        let model: string[] = []
        for (const each of changes) {
          if ('add' in each) {
            for (const added of each.add) keys.add(added)
            model = [...new Set([...model, ...each.add])].sort()
          } else {
            const isWithin = (member: string): boolean => member >= each.begin && member < each.end
            expect(keys.deleteRange(each.begin, each.end)).toEqual(model.filter(isWithin))
            model = model.filter((member) => !isWithin(member))
          }
        }
        const between = model.filter((member) => member >= begin && member < end)
        expect(keys.all()).toEqual(model)
        expect(keys.size).toBe(model.length)
        expect(keys.between(begin, end)).toEqual(between)
        expect(keys.count(begin, end)).toBe(between.length)
        expect(keys.intersects(begin, end)).toBe(between.length > 0)
        expect(keys.has(begin)).toBe(model.includes(begin))
      }),
    )
  })

  test('add() takes a key again after it was deleted', () => {
    const keys = new SortedKeys()
    keys.add('a')
    keys.deleteRange('a', 'b')
    expect(keys.has('a')).toBe(false)
    keys.add('a')
    expect(keys.all()).toEqual(['a'])
  })
})

describe('lowerBound()', () => {
  test('is the index of the first element that is not less', () => {
    expect(['', 'a', 'b', 'c', 'd'].map((each) => lowerBound(['a', 'c'], each))).toEqual([0, 0, 1, 1, 2])
    expect(lowerBound([], 'a')).toBe(0)
  })
})
