import fc from 'fast-check'
import { expect, test } from 'vitest'
import { displayWidth, padEnd, padStart, printable, truncate } from './text-width.ts'

test('printable() lets nothing through that could control the terminal', () => {
  expect(printable('a\x1b[31mb\nc\u202ed')).toBe('a\\u{1b}[31mb\\u{a}c\\u{202e}d')
  expect(printable('Grüße 🎉 日本')).toBe('Grüße 🎉 日本')
  expect(printable('half \ud83d')).toBe('half \\u{d83d}')
})

test('displayWidth() counts columns', () => {
  expect(displayWidth('abc')).toBe(3)
  expect(displayWidth('Grüße')).toBe(5)
  expect(displayWidth('日本')).toBe(4)
  expect(displayWidth('🎉')).toBe(2)
  expect(displayWidth('e\u0301')).toBe(1)
})

test('truncate() never takes more columns than it may, and keeps what fits', () => {
  expect(truncate('abcdef', 6)).toBe('abcdef')
  expect(truncate('abcdef', 5)).toBe('abcd…')
  expect(truncate('日本語', 5)).toBe('日本…')
  expect(truncate('日本語', 4)).toBe('日…')
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).map(printable),
      fc.integer({ min: 1, max: 20 }),
      (text, columns) => {
        const cut = truncate(text, columns)
        expect(displayWidth(cut)).toBeLessThanOrEqual(columns)
        if (displayWidth(text) <= columns) expect(cut).toBe(text)
      },
    ),
  )
})

test('padEnd() and padStart() fill up by columns', () => {
  expect(padEnd('日', 4)).toBe('日  ')
  expect(padStart('7', 3)).toBe('  7')
  expect(padEnd('long', 2)).toBe('long')
})
