import { describe, expect, test } from 'vitest'
import {
  COMMON_OPTIONS,
  integerOption,
  onePositional,
  parseArguments,
  splitCommand,
  textOption,
  textOptions,
} from './arguments.ts'
import { UsageError } from './errors.ts'

const SPECS = [
  ...COMMON_OPTIONS,
  { name: 'limit', value: 'N', about: '' },
  { name: 'tag', value: 'X', repeats: true, about: '' },
  { name: 'data', value: 'JSON', about: '' },
  { name: 'expected-version', alias: 'expect', value: 'V', about: '' },
]

describe('parseArguments()', () => {
  test('tells positionals, flags and values apart, in any order', () => {
    const args = parseArguments(['--json', 'orders', '--limit=3', '--tag', 'a', '--tag', 'b'], SPECS)
    expect(args.positionals).toEqual(['orders'])
    expect([...args.flags]).toEqual(['json'])
    expect(textOption(args, 'limit')).toBe('3')
    expect(textOptions(args, 'tag')).toEqual(['a', 'b'])
    expect(textOptions(args, 'data')).toEqual([])
  })

  test('takes a lone - as a value, and what follows -- as positionals', () => {
    const args = parseArguments(['--data', '-', '--', '--odd-stream'], SPECS)
    expect(textOption(args, 'data')).toBe('-')
    expect(args.positionals).toEqual(['--odd-stream'])
  })

  test('refuses what it does not know, and names the closest', () => {
    expect(() => parseArguments(['--limt', '3'], SPECS)).toThrow(
      'Unknown option --limt; did you mean --limit?',
    )
    expect(() => parseArguments(['-x'], SPECS)).toThrow('Unknown option -x')
  })

  test('refuses an option without its value, and a flag with one', () => {
    expect(() => parseArguments(['--limit'], SPECS)).toThrow('--limit needs a value: --limit N')
    expect(() => parseArguments(['--store', '--json'], SPECS)).toThrow('--store needs a value')
    expect(() => parseArguments(['--json=yes'], SPECS)).toThrow('--json takes no value')
  })

  test('takes the alias of an option for the option', () => {
    const args = parseArguments(['--expect', '3'], SPECS)
    expect(textOption(args, 'expected-version')).toBe('3')
    expect(() => parseArguments(['--expect'], SPECS)).toThrow('--expected-version needs a value')
  })

  test('keeps the order in which options were given', () => {
    const { given } = parseArguments(['--tag', 'a', '--json', 'x', '--limit=3', '--tag', 'b'], SPECS)
    expect(given.map(({ name, value }) => [name, value])).toEqual([
      ['tag', 'a'],
      ['json', undefined],
      ['limit', '3'],
      ['tag', 'b'],
    ])
  })

  test('knows -h', () => {
    expect(parseArguments(['-h'], SPECS).flags.has('help')).toBe(true)
  })
})

describe('splitCommand()', () => {
  test('finds the command behind common options', () => {
    expect(splitCommand(['--store', 'shop', '--json', 'read', 'x'])).toEqual({
      name: 'read',
      rest: ['--store', 'shop', '--json', 'x'],
    })
  })

  test('finds none where there are only options', () => {
    expect(splitCommand(['--help'])).toBeUndefined()
    expect(splitCommand([])).toBeUndefined()
  })
})

test('integerOption() keeps its bounds', () => {
  const limit = (text: string, max?: number) =>
    integerOption(
      parseArguments([`--limit=${text}`], SPECS),
      'limit',
      max === undefined ? { min: 1 } : { min: 1, max },
    )
  expect(limit('7')).toBe(7)
  expect(limit('5000', 5_000)).toBe(5_000)
  for (const bad of ['0', '-1', '1.5', 'ten', '', '99999999999999999999']) {
    expect(() => limit(bad)).toThrow(UsageError)
  }
  expect(() => limit('5001', 5_000)).toThrow('from 1 to 5000, not "5001"')
})

test('onePositional() wants exactly one', () => {
  expect(onePositional(parseArguments(['a'], SPECS), 'STREAM')).toBe('a')
  expect(() => onePositional(parseArguments([], SPECS), 'STREAM')).toThrow('STREAM is missing')
  expect(() => onePositional(parseArguments(['a', 'b'], SPECS), 'STREAM')).toThrow('Unexpected argument "b"')
})
