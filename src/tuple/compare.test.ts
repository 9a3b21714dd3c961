import { describe, expect, test } from 'vitest'
import {
  compareTuples,
  double,
  float,
  incompleteVersionstamp,
  type Tuple,
  uuid,
  versionstamp,
} from './index.ts'

const ascending: readonly Tuple[] = [
  [],
  [null],
  [null, null],
  [new Uint8Array(0)],
  [Uint8Array.of(0)],
  [Uint8Array.of(0, 0xff)],
  [Uint8Array.of(1)],
  [''],
  ['\0'],
  ['a'],
  ['a', null],
  ['a\0'],
  ['ab'],
  ['\uffff'],
  ['\u{10000}'],
  [[]],
  [[], 5],
  [[null]],
  [[null, null]],
  [[1]],
  [[1], 1],
  [[1, 1]],
  [-(2n ** 64n)],
  [-(2n ** 53n)],
  [Number.MIN_SAFE_INTEGER],
  [-1],
  [0],
  [1n],
  [2],
  [2n ** 53n],
  [2n ** 2000n],
  [float(Number.NEGATIVE_INFINITY)],
  [float(1)],
  [float(Number.NaN)],
  [Number.NEGATIVE_INFINITY],
  [-0.5],
  [-0],
  [double(0)],
  [0.5],
  [double(1)],
  [Number.POSITIVE_INFINITY],
  [Number.NaN],
  [false],
  [true],
  [uuid('00000000-0000-0000-0000-000000000001')],
  [uuid('10000000-0000-0000-0000-000000000000')],
  [versionstamp(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9))],
  [versionstamp(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0))],
  [incompleteVersionstamp(0)],
  [incompleteVersionstamp(256)],
]

describe('compareTuples()', () => {
  test('orders types, and values within them, as documented', () => {
    for (const [i, a] of ascending.entries()) {
      for (const [j, b] of ascending.entries()) expect(Math.sign(compareTuples(a, b))).toBe(Math.sign(i - j))
    }
  })

  test.each<[Tuple, Tuple]>([
    [[5], [5n]],
    [[0.5], [double(0.5)]],
    [[-0], [double(-0)]],
    [[Number.NaN], [double(Number.NaN)]],
    [[float(0.1)], [{ type: 'float', value: 0.1 }]],
    [
      [null, true, 'a', []],
      [null, true, 'a', []],
    ],
  ])('takes %o and %o for equal', (a, b) => {
    expect(compareTuples(a, b)).toBe(0)
  })
})
