import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseInstant } from './instant.ts'

test('parseInstant() reads every instant that toISOString() writes', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      expect(parseInstant(date.toISOString())).toEqual(date)
    }),
  )
})

test.each([
  ['2024-05-01', '2024-05-01T00:00:00.000Z'],
  ['2024-05-01T08:30Z', '2024-05-01T08:30:00.000Z'],
  ['2024-05-01T08:30:15+02:00', '2024-05-01T06:30:15.000Z'],
  ['2024-05-01T08:30:15+0200', '2024-05-01T06:30:15.000Z'],
  ['2024-05-01T08:30:15.123456Z', '2024-05-01T08:30:15.123Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
])('parseInstant() reads %s', (text, expected) => {
  expect(parseInstant(text).toISOString()).toBe(expected)
})

test.each([
  ['2024-05-01T08:30:15', 'has no time zone; end it with Z for UTC'],
  ['2023-02-29', 'does not exist in the calendar'],
  ['2024-04-31T00:00:00Z', 'does not exist in the calendar'],
  ['2024-05-01T24:30:00Z', 'does not exist in the calendar'],
  ['2024-13-01', 'is no ISO 8601 time'],
  ['yesterday', 'is no ISO 8601 time'],
  ['1714550400000', 'is no ISO 8601 time'],
  ['', 'is no ISO 8601 time'],
])('parseInstant() refuses %s', (text, reason) => {
  expect(() => parseInstant(text)).toThrow(reason)
})
