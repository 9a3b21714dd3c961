import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { incompleteVersionstamp, range } from './index.ts'

describe('range()', () => {
  test('spans from 0x00 to 0xff after the tuple', () => {
    expect(range([1], Uint8Array.of(7))).toEqual({
      begin: Uint8Array.of(7, 0x15, 1, 0x00),
      end: Uint8Array.of(7, 0x15, 1, 0xff),
    })
  })

  test('refuses an incomplete versionstamp', () => {
    expect(() => range([incompleteVersionstamp()])).toThrow(InvalidArgumentError)
  })
})
