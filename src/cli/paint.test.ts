import { expect, test } from 'vitest'
import { paintWith, wantsColours } from './paint.ts'

test('wantsColours() asks FORCE_COLOR, then NO_COLOR, then the terminal', () => {
  expect(wantsColours(true, {})).toBe(true)
  expect(wantsColours(false, {})).toBe(false)
  expect(wantsColours(true, { NO_COLOR: '1' })).toBe(false)
  expect(wantsColours(true, { NO_COLOR: '' })).toBe(true)
  expect(wantsColours(false, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(true)
  expect(wantsColours(true, { FORCE_COLOR: '0' })).toBe(false)
  expect(wantsColours(true, { TERM: 'dumb' })).toBe(false)
})

test('paintWith() colours, or leaves alone', () => {
  expect(paintWith(false).ink('error', 'x')).toBe('x')
  expect(paintWith(true).ink('number', '7')).toBe('\x1b[33m7\x1b[39m')
})

test('Paint.type() gives a type the same colour wherever it stands', () => {
  const paint = paintWith(true)
  const colour = (text: string) => text.slice(0, 5)
  expect(colour(paint.type('OrderPlaced', 'OrderPlaced'))).toBe(colour(paint.type('OrderPlaced', 'Order…')))
})
