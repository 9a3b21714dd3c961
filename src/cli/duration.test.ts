import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatExactDuration, parseDuration } from './duration.ts'

test('parseDuration() reads days, hours, minutes, seconds and milliseconds', () => {
  expect(['250ms', '45s', '30m', '12h', '7d'].map(parseDuration)).toEqual([
    250, 45_000, 1_800_000, 43_200_000, 604_800_000,
  ])
})

test('parseDuration() refuses what has no unit, another one, or is nothing', () => {
  for (const bad of ['', '7', 'd', '7w', '-7d', '1.5h', '7 d', '0s', '7D', '7sm']) {
    expect(() => parseDuration(bad), bad).toThrow(`${JSON.stringify(bad)} is no duration such as 7d`)
  }
})

test('formatExactDuration() writes what parseDuration() reads', () => {
  expect([45_000, 90_000, 604_800_000, 1_500].map(formatExactDuration)).toEqual([
    '45s',
    '90s',
    '7d',
    '1500ms',
  ])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999 }), (seconds) => {
      expect(parseDuration(formatExactDuration(seconds * 1_000))).toBe(seconds * 1_000)
    }),
  )
})
