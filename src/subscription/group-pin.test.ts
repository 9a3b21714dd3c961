import { expect, test } from 'vitest'
import { pinOf } from './group-pin.ts'

test('pinOf gives the same hashes for ever, as they are stored', () => {
  expect(
    ['', 'a', 'order-1', 'order-2', 'Ä€😀', 'x'.repeat(512)].map((text) => pinOf(text).toString(16)),
  ).toEqual(GOLDEN)
})

test('pinOf is never 0, which stands for no key, and tells texts apart', () => {
  const pins = Array.from({ length: 20_000 }, (_, number) => pinOf(`stream-${number}`))
  expect(pins).not.toContain(0n)
  expect(new Set(pins).size).toBe(pins.length)
  const slots = new Set(pins.map((pin) => (pin >> 32n) % 256n))
  expect(slots.size).toBe(256)
})

const GOLDEN = [
  'ebb6c228c8c4353d',
  'ee95137d085c2b8d',
  '95164202946e46d9',
  '18020228de0d6105',
  '34b0ab34dab1217',
  'da4d39d4bb8404bd',
]
