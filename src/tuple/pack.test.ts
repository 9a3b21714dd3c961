import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import {
  compareTuples,
  double,
  incompleteVersionstamp,
  pack,
  packStamped,
  type Tuple,
  unpack,
} from './index.ts'
import { NESTING_DEPTH_MAX, SCRATCH_BYTES_KEPT_MAX } from './limits.ts'

describe('pack()', () => {
  test('encodes the example of its documentation', () => {
    expect(pack(['user', 42])).toEqual(Uint8Array.of(0x02, 0x75, 0x73, 0x65, 0x72, 0x00, 0x15, 0x2a))
  })

  test('returns arrays that later calls leave alone', () => {
    const first = pack([1, 'a'])
    pack([2, 'bbbb'])
    expect(first).toEqual(pack([1, 'a']))
  })

  test('copies the prefix', () => {
    const prefix = Uint8Array.of(1, 2)
    const packed = pack([], prefix)
    prefix.fill(9)
    expect(packed).toEqual(Uint8Array.of(1, 2))
  })

  test('grows to elements of any size, and packs small ones afterwards', () => {
    const large = [1, '中'.repeat(SCRATCH_BYTES_KEPT_MAX), new Uint8Array(100_000), 2]
    expect(compareTuples(unpack(pack(large)), large)).toBe(0)
    expect(pack([1])).toEqual(Uint8Array.of(0x15, 0x01))
  })

  test('nests as deep as the limit', () => {
    const deepest = nested(NESTING_DEPTH_MAX)
    expect(unpack(pack(deepest))).toEqual(deepest)
    expect(() => pack(nested(NESTING_DEPTH_MAX + 1))).toThrow(InvalidArgumentError)
  })

  test.each([2 ** 53, -(2 ** 53), 1e300])('refuses the unsafe integer %s and names the ways out', (value) => {
    expect(() => pack([value])).toThrow(/bigint, or double/)
    expect(() => pack([[value]])).toThrow(InvalidArgumentError)
    expect(unpack(pack([double(value), BigInt(value)]))).toEqual([double(value), BigInt(value)])
  })

  test.each(['\ud800', 'a\udc00', '\ud800\ud800', '\udc00\ud800', '\ud83d\ud83d\ude00'])(
    'refuses the lone surrogate in %j',
    (value) => expect(() => pack([value])).toThrow(InvalidArgumentError),
  )

  test.each([2n ** 2040n, -(2n ** 2040n)])('refuses integers of more than 255 bytes', (value) => {
    expect(() => pack([value])).toThrow(InvalidArgumentError)
  })

  test('refuses incomplete versionstamps, nested ones too, and works again after that', () => {
    expect(() => pack([incompleteVersionstamp()])).toThrow(/packStamped/)
    expect(() => pack([[incompleteVersionstamp()]])).toThrow(InvalidArgumentError)
    expect(pack([1])).toEqual(Uint8Array.of(0x15, 0x01))
  })

  test.each([
    { type: 'uuid', bytes: new Uint8Array(15) },
    { type: 'versionstamp', transactionVersion: new Uint8Array(9), userVersion: 0 },
    { type: 'versionstamp', transactionVersion: new Uint8Array(10).fill(0xff), userVersion: 0 },
    { type: 'versionstamp', transactionVersion: new Uint8Array(10), userVersion: 0x1_0000 },
  ] as const)('refuses a wrapped value that is out of range', (element) => {
    expect(() => pack([element])).toThrow(InvalidArgumentError)
  })

  test.each([undefined, Symbol('x'), () => 1, {}, { type: 'date' }])(
    'refuses what the types would have refused',
    (element) => expect(() => pack([element] as unknown as Tuple)).toThrow(InvalidArgumentError),
  )
})

describe('packStamped()', () => {
  test('refuses none and more than one incomplete versionstamp', () => {
    expect(() => packStamped([1])).toThrow(InvalidArgumentError)
    expect(() => packStamped([incompleteVersionstamp(), [incompleteVersionstamp()]])).toThrow(
      InvalidArgumentError,
    )
  })
})

function nested(depth: number): Tuple {
  let tuple: Tuple = []
  for (let i = 0; i < depth; i++) tuple = [tuple]
  return tuple
}
