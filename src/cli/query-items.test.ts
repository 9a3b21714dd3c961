import { expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'
import { UsageError } from './errors.ts'
import { QUERY_OPTIONS, queryItems } from './query-items.ts'

function itemsOf(line: string): unknown {
  return queryItems(parseArguments(line.split(' ').filter(Boolean), QUERY_OPTIONS))
}

test('queryItems() puts types and tags into one item, in any order', () => {
  expect(itemsOf('--type A --tag x --type B --tag=y')).toEqual([{ types: ['A', 'B'], tags: ['x', 'y'] }])
  expect(itemsOf('--tag x')).toEqual([{ tags: ['x'] }])
  expect(itemsOf('')).toEqual([])
})

test('queryItems() begins another item at --or', () => {
  expect(itemsOf('--type A --or --tag x --or --tag y --type B')).toEqual([
    { types: ['A'] },
    { tags: ['x'] },
    { types: ['B'], tags: ['y'] },
  ])
})

test('queryItems() refuses an item without anything', () => {
  for (const bad of ['--or', '--or --type A', '--type A --or', '--type A --or --or --type B']) {
    expect(() => itemsOf(bad), bad).toThrow(UsageError)
  }
})
