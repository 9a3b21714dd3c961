import { describe, expect, test } from 'vitest'
import { CorruptionError, InvalidArgumentError } from '../errors.ts'
import { pack, unpack } from './index.ts'
import { NESTING_DEPTH_MAX } from './limits.ts'

describe('unpack()', () => {
  test('passes over the prefix', () => {
    const prefix = Uint8Array.of(0xfe, 0xff)
    expect(unpack(pack(['a', 1], prefix), prefix.length)).toEqual(['a', 1])
    expect(unpack(prefix, prefix.length)).toEqual([])
  })

  test.each([3, -1, 0.5, Number.NaN])('refuses the prefix length %s of two bytes', (length) => {
    expect(() => unpack(pack([1]), length)).toThrow(InvalidArgumentError)
  })

  test('returns integers as numbers exactly while they are safe', () => {
    const edge = 2n ** 53n
    expect(unpack(pack([edge - 1n, edge, 1n - edge, -edge]))).toEqual([2 ** 53 - 1, edge, 1 - 2 ** 53, -edge])
  })

  test('returns plain arrays for bytes out of a Buffer, sharing no memory with it', () => {
    const buffer = Buffer.from(pack([Uint8Array.of(1, 2)]))
    const unpacked = unpack(buffer)
    buffer.fill(0)
    expect(unpacked).toEqual([Uint8Array.of(1, 2)])
    expect(Buffer.isBuffer(unpacked[0])).toBe(false)
  })

  test('takes any NaN, and any hole of a versionstamp', () => {
    const negativeNaN = Uint8Array.of(0x21, 0x00, 0x07, 0, 0, 0, 0, 0, 0)
    expect(unpack(negativeNaN)).toEqual([{ type: 'double', value: Number.NaN }])
    const hole = Uint8Array.of(0x33, ...new Uint8Array(10).fill(0xff), 0, 3)
    expect(unpack(hole)).toEqual([{ type: 'versionstamp', transactionVersion: undefined, userVersion: 3 }])
  })

  test.each([
    ['bytes without end', [0x01, 0x61]],
    ['bytes that end within an escape', [0x01, 0x61, 0x00, 0xff]],
    ['a string without end', [0x02, 0x61]],
    ['a string that is not UTF-8', [0x02, 0xc3, 0x28, 0x00]],
    ['a surrogate as UTF-8', [0x02, 0xed, 0xa0, 0x80, 0x00]],
    ['an overlong form of UTF-8', [0x02, 0xc1, 0xa1, 0x00]],
    ['an integer cut short', [0x16, 0x01]],
    ['a negative integer cut short', [0x0c, 0x01]],
    ['a positive integer with a needless byte', [0x16, 0x00, 0x01]],
    ['a negative integer with a needless byte', [0x12, 0xff, 0xfe]],
    ['a large integer without length', [0x1d]],
    ['a large integer cut short', [0x1d, 0x09, 0x01]],
    ['a large integer that is not large', [0x1d, 0x08, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['a large negative integer that is not large', [0x0b, 0xf7, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['a large integer with a needless byte', [0x1d, 0x09, 0, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['a large negative integer with a needless byte', [0x0b, 0xf6, 0xff, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['a float cut short', [0x20, 1, 2, 3]],
    ['a double cut short', [0x21, 1, 2, 3, 4, 5, 6, 7]],
    ['a UUID cut short', [0x30, 1, 2, 3]],
    ['a versionstamp cut short', [0x33, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    ['a nested tuple without end', [0x05, 0x15, 0x01]],
    ['a nested tuple that ends after a null', [0x05, 0x00, 0xff]],
    ['nesting without end', new Array(10_000).fill(0x05)],
    [
      'nesting one level too deep',
      [...new Array(NESTING_DEPTH_MAX + 1).fill(0x05), ...new Array(65).fill(0)],
    ],
    ['an unused type code', [0x03]],
    ['a reserved type code', [0x22]],
    ['the escape character', [0xff]],
  ])('refuses %s', (_, bytes) => {
    expect(() => unpack(Uint8Array.from(bytes))).toThrow(CorruptionError)
  })

  test('says where the bytes are wrong', () => {
    expect(() => unpack(Uint8Array.of(0x15, 0x01, 0x40))).toThrow(
      expect.objectContaining({ details: { at: 3 } }),
    )
  })
})
