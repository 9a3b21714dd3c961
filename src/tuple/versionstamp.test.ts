import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { incompleteVersionstamp, versionstamp, versionstampBytes } from './index.ts'

const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x12, 0x34)

describe('versionstamp()', () => {
  test('splits transaction version and user version', () => {
    expect(versionstamp(bytes)).toEqual({
      type: 'versionstamp',
      transactionVersion: bytes.slice(0, 10),
      userVersion: 0x1234,
    })
  })

  test('copies the bytes', () => {
    const given = bytes.slice()
    const stamp = versionstamp(given)
    given.fill(0)
    expect(stamp).toEqual(versionstamp(bytes))
  })

  test.each([bytes.slice(1), new Uint8Array(0), new Uint8Array(13), new Uint8Array(12).fill(0xff)])(
    'refuses what is not a complete versionstamp of 12 bytes',
    (value) => expect(() => versionstamp(value)).toThrow(InvalidArgumentError),
  )
})

describe('incompleteVersionstamp()', () => {
  test('has user version 0 unless told', () => {
    expect(incompleteVersionstamp()).toEqual(incompleteVersionstamp(0))
    expect(incompleteVersionstamp(0xffff).userVersion).toBe(0xffff)
  })

  test.each([-1, 0x1_0000, 0.5, Number.NaN])('refuses the user version %s', (userVersion) => {
    expect(() => incompleteVersionstamp(userVersion)).toThrow(InvalidArgumentError)
  })
})

describe('versionstampBytes()', () => {
  test('undoes versionstamp()', () => {
    expect(versionstampBytes(versionstamp(bytes))).toEqual(bytes)
  })

  test('fills the open place of an incomplete one with 0xff', () => {
    expect(versionstampBytes(incompleteVersionstamp(3))).toEqual(
      Uint8Array.of(...new Uint8Array(10).fill(0xff), 0, 3),
    )
  })
})
