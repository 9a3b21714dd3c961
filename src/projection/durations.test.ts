import { expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { days, hours, minutes, seconds } from './durations.ts'

test('seconds, minutes, hours and days are milliseconds', () => {
  expect([seconds(2), minutes(2), hours(2), days(2)]).toEqual([2_000, 120_000, 7_200_000, 172_800_000])
  expect([seconds(0), minutes(0.5), days(365)]).toEqual([0, 30_000, 31_536_000_000])
})

test('parts of them are whole milliseconds', () => {
  expect(1.1 * 3_600_000).not.toBe(3_960_000)
  expect(hours(1.1)).toBe(3_960_000)
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined, 5n])('hours(%s) is refused', (count) => {
  expect(() => hours(count as number)).toThrow(InvalidArgumentError)
})
