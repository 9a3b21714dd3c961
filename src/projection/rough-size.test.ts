import fc from 'fast-check'
import { expect, test } from 'vitest'
import { roughSizeOf } from './rough-size.ts'

test.each([
  ['a long text', 'x'.repeat(100_000)],
  ['a list of texts', Array.from({ length: 10_000 }, () => 'x'.repeat(50))],
  ['a list of lists', Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'x'.repeat(50)))],
  ['many members', Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`member ${at}`, at]))],
  ['members of members', { a: { b: { c: 'x'.repeat(50_000) } } }],
])('the rough size of %s is about that of its JSON', (_, state) => {
  const { length } = JSON.stringify(state)
  expect(roughSizeOf(state)).toBeGreaterThan(length / 3)
  expect(roughSizeOf(state)).toBeLessThan(length * 3)
})

test.each([
  ['bytes', new Uint8Array(50_000)],
  ['a map', new Map(Array.from({ length: 1_000 }, (_, at) => [at, 'x'.repeat(50)]))],
  ['a set', new Set(Array.from({ length: 1_000 }, (_, at) => `${at}`.padEnd(50)))],
])('the rough size of %s counts what is in it', (_, state) => {
  expect(roughSizeOf(state)).toBeGreaterThan(40_000)
  expect(roughSizeOf(state)).toBeLessThan(100_000)
})

test('the rough size of what holds itself is a number', () => {
  const state: unknown[] = [1]
  state.push(state, { state })
  expect(roughSizeOf(state)).toBeGreaterThan(0)
})

test('the rough size of anything is a number', () => {
  fc.assert(
    fc.property(fc.anything({ withMap: true, withSet: true, withTypedArray: true }), (state) => {
      expect(roughSizeOf(state)).toBeGreaterThanOrEqual(0)
    }),
  )
})
