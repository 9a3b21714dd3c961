import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { SLIDING_WINDOWS_MAX } from '../limits.ts'
import { days, hours, minutes } from './durations.ts'
import { type WindowUnit, windowOf, windowsOf } from './windows.ts'

const UNITS: readonly WindowUnit[] = ['hour', 'day', 'week', 'month', 'year']
const times = fc.date({
  min: new Date('1900-01-01T00:00Z'),
  max: new Date('2100-01-01T00:00Z'),
  noInvalidDate: true,
})

describe('windowOf()', () => {
  test('says which hour, day, week, month and year it is, in UTC', () => {
    const time = new Date('2018-01-03T05:59:59.999Z')
    expect(UNITS.map((unit) => windowOf(time, unit))).toEqual([
      '2018-01-03T05',
      '2018-01-03',
      '2018-W01',
      '2018-01',
      '2018',
    ])
  })

  test('goes by other clocks if it is told how far they are ahead', () => {
    const time = new Date('2017-12-31T23:30Z')
    const all = (offsetMinutes: number) => UNITS.map((unit) => windowOf(time, unit, { offsetMinutes }))
    expect(all(60)).toEqual(['2018-01-01T00', '2018-01-01', '2018-W01', '2018-01', '2018'])
    expect(all(-330)).toEqual(['2017-12-31T18', '2017-12-31', '2017-W52', '2017-12', '2017'])
  })

  // As ISO 8601 and the calendars on the wall have them.
  test.each([
    ['2018-01-01', '2018-W01'],
    ['2017-12-31', '2017-W52'],
    ['2016-01-03', '2015-W53'],
    ['2016-01-04', '2016-W01'],
    ['2020-12-31', '2020-W53'],
    ['2021-01-03', '2020-W53'],
    ['2024-12-30', '2025-W01'],
    ['1969-12-28', '1969-W52'],
    ['1969-12-29', '1970-W01'],
    ['1900-01-01', '1900-W01'],
  ])('knows that %s is in week %s', (day, week) => {
    expect(windowOf(new Date(`${day}T00:00Z`), 'week')).toBe(week)
    expect(windowOf(new Date(`${day}T23:59:59.999Z`), 'week')).toBe(week)
  })

  test('makes texts whose order is that of the times', () => {
    fc.assert(
      fc.property(times, times, fc.constantFrom(...UNITS), (one, other, unit) => {
        const [early, late] = one <= other ? [one, other] : [other, one]
        expect(windowOf(early, unit) <= windowOf(late, unit)).toBe(true)
      }),
    )
  })

  test.each([
    ['a unit that there is not', () => windowOf(new Date(), 'minute' as never)],
    ['a unit of objects', () => windowOf(new Date(), 'toString' as never)],
    ['a time that is none', () => windowOf(new Date('?'), 'day')],
    ['a number for a time', () => windowOf(5 as never, 'day')],
    ['an offset of half a minute', () => windowOf(new Date(), 'day', { offsetMinutes: 0.5 })],
    ['an offset of more than a day', () => windowOf(new Date(), 'day', { offsetMinutes: 1_441 })],
    ['a misspelt option', () => windowOf(new Date(), 'day', { offset: 60 } as never)],
    ['a year that would not sort', () => windowOf(new Date(8.64e15), 'year')],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(InvalidArgumentError)
  })
})

describe('windowsOf()', () => {
  const starts = (time: string, windows: Parameters<typeof windowsOf>[1]) =>
    windowsOf(new Date(time), windows).map((start) => start.toISOString().slice(0, 16))

  test('finds all windows that a time is in, in order', () => {
    const windows = { size: hours(1), every: minutes(20) }
    const around = ['2018-01-03T04:40', '2018-01-03T05:00', '2018-01-03T05:20']
    expect(starts('2018-01-03T05:20:00Z', windows)).toEqual(around)
    expect(starts('2018-01-03T05:39:59.999Z', windows)).toEqual(around)
    expect(starts('2018-01-03T05:19:59.999Z', windows)).toEqual([
      '2018-01-03T04:20',
      '2018-01-03T04:40',
      '2018-01-03T05:00',
    ])
  })

  test('finds one if they lie side by side, and maybe none if there are gaps', () => {
    expect(starts('2018-01-03T05:20Z', { size: hours(1), every: hours(1) })).toEqual(['2018-01-03T05:00'])
    const gaps = { size: minutes(10), every: hours(1) }
    expect(starts('2018-01-03T05:09:59.999Z', gaps)).toEqual(['2018-01-03T05:00'])
    expect(starts('2018-01-03T05:10Z', gaps)).toEqual([])
  })

  test('counts from midnight elsewhere if it is told how far clocks are ahead', () => {
    const daily = { size: days(1), every: days(1), offsetMinutes: 120 }
    expect(starts('2018-01-03T21:59Z', daily)).toEqual(['2018-01-02T22:00'])
    expect(starts('2018-01-03T22:00Z', daily)).toEqual(['2018-01-03T22:00'])
  })

  test('finds exactly the windows that hold the time, also before 1970', () => {
    const ms = fc.integer({ min: 1, max: 1_000 })
    fc.assert(
      fc.property(fc.integer({ min: -5_000, max: 5_000 }), ms, ms, (time, size, every) => {
        const expected: number[] = []
        for (let start = -10_000 * every; start <= time; start += every) {
          if (time < start + size) expected.push(start)
        }
        const found = windowsOf(new Date(time), { size, every })
        expect(found.map((start) => start.getTime())).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })

  test('holds a time in 10,000 windows, and not in more', () => {
    const count = (size: number) => windowsOf(new Date(), { size, every: 5 }).length
    expect(count(5 * SLIDING_WINDOWS_MAX)).toBe(SLIDING_WINDOWS_MAX)
    expect(() => count(5 * SLIDING_WINDOWS_MAX + 1)).toThrow(InvalidArgumentError)
  })

  test.each([
    ['no size', { every: 5 }],
    ['a size of nothing', { size: 0, every: 5 }],
    ['a step backwards', { size: 5, every: -1 }],
    ['half a millisecond', { size: 5, every: 0.5 }],
    ['a misspelt member', { size: 5, every: 5, step: 5 }],
  ])('refuses %s', (_, windows) => {
    expect(() => windowsOf(new Date(), windows as never)).toThrow(InvalidArgumentError)
  })
})
