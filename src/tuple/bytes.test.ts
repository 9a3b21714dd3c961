import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { copyBytes } from './bytes.ts'
import { compareBytes, strinc } from './index.ts'

describe('compareBytes()', () => {
  test('compares unsigned bytes, a prefix first', () => {
    const ascending = [[], [0], [0, 0], [0, 1], [1], [0x7f], [0x80], [0xff], [0xff, 0]]
    for (const [i, a] of ascending.entries()) {
      for (const [j, b] of ascending.entries()) {
        expect(Math.sign(compareBytes(Uint8Array.from(a), Uint8Array.from(b)))).toBe(Math.sign(i - j))
      }
    }
  })
})

describe('strinc()', () => {
  test('increments the last byte that can be, and drops what follows it', () => {
    expect(strinc(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 3))
    expect(strinc(Uint8Array.of(1, 0xff, 0xff))).toEqual(Uint8Array.of(2))
  })

  test('leaves its argument alone, even a Buffer', () => {
    const bytes = Buffer.of(1, 2)
    strinc(bytes)
    expect([...bytes]).toEqual([1, 2])
  })

  test.each([[[]], [[0xff]], [[0xff, 0xff]]])('refuses %j, which no key comes after', (bytes) => {
    expect(() => strinc(Uint8Array.from(bytes))).toThrow(InvalidArgumentError)
  })
})

describe('copyBytes()', () => {
  test.each([0, 1, 32, 33, 1_000])('copies %i bytes into memory of their own', (length) => {
    const bytes = Uint8Array.from({ length: length + 2 }, (_, i) => i)
    const copy = copyBytes(bytes, 1, length + 1)
    expect(copy).toEqual(bytes.slice(1, length + 1))
    expect(copy.buffer).not.toBe(bytes.buffer)
  })
})
