import { describe, expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'
import { isChange, METADATA_OPTIONS, metadataChanges } from './metadata-changes.ts'

function changesOf(...words: string[]) {
  const args = parseArguments(words, METADATA_OPTIONS)
  return metadataChanges(args, args.positionals)
}

describe('metadataChanges()', () => {
  test('takes values for JSON, or else for text', () => {
    const { map } = changesOf(
      'a=ada',
      'n=100',
      'zip=007',
      'q="7"',
      'o={"x":[1]}',
      'e=',
      'eq=a=b',
      '--remove',
      'r',
    )
    expect(map).toEqual({ a: 'ada', n: 100, zip: '007', q: '7', o: { x: [1] }, e: '', eq: 'a=b', r: null })
  })

  test('keeps a key that objects have by themselves', () => {
    expect(Object.keys(changesOf('__proto__=1').map!)).toEqual(['__proto__'])
  })

  test('sets and lifts the bounds of retention', () => {
    expect(changesOf('--max-count', '10', '--max-age', '7d').retention).toEqual({
      maxCount: 10,
      maxAgeMs: 604_800_000,
    })
    expect(changesOf('--max-count=none').retention).toEqual({ maxCount: null })
    expect(changesOf('--truncate-before', '5')).toMatchObject({ truncateBefore: 5, retention: undefined })
  })

  test('knows when nothing is to be changed', () => {
    expect(isChange(changesOf())).toBe(false)
    for (const words of [['a=1'], ['--remove', 'a'], ['--max-age', 'none'], ['--truncate-before', '1']]) {
      expect(isChange(changesOf(...words))).toBe(true)
    }
  })

  test.each([
    [['owner'], '"owner" is no key=value'],
    [['=x'], '"=x" is no key=value'],
    [['a=null'], 'null would remove a key; use --remove a'],
    [['a=1', 'a=2'], '"a" is given twice'],
    [['a=1', '--remove', 'a'], '"a" is given twice'],
    [['--max-count', '0'], '--max-count takes a whole number from 1 on, not "0"'],
    [['--max-age', '7'], '--max-age: "7" is no duration such as 7d, 12h, 30m, 45s or 500ms'],
    [['--truncate-before', '0'], '--truncate-before takes a whole number from 1 on'],
  ])('refuses %j', (words, message) => {
    expect(() => changesOf(...words)).toThrow(message)
  })
})
