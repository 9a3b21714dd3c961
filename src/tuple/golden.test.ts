import { describe, expect, test } from 'vitest'
import {
  double,
  float,
  incompleteVersionstamp,
  pack,
  packStamped,
  type Tuple,
  unpack,
  uuid,
  versionstamp,
} from './index.ts'

/** A tuple, the bytes it packs to, and what they unpack to where that is written in another way. */
type Vector = readonly [tuple: Tuple, hex: string, unpacked?: Tuple]

const ff = (count: number): string => ' ff'.repeat(count)
const zeros = (count: number): string => ' 00'.repeat(count)

const specification: readonly Vector[] = [
  [[Buffer.from('foo\x00bar')], '01 66 6f 6f 00 ff 62 61 72 00', [new TextEncoder().encode('foo\x00bar')]],
  [['F\u00d4O\u0000bar'], '02 46 c3 94 4f 00 ff 62 61 72 00'],
  [[[new TextEncoder().encode('foo\x00bar'), null, []]], '05 01 66 6f 6f 00 ff 62 61 72 00 00 ff 05 00 00'],
  [[-5551212], '11 ab 4b 93'],
  [[-1], '13 fe'],
  [[float(-42)], '20 3d d7 ff ff'],
]

const integers: readonly Vector[] = [
  [[0], '14'],
  [[0n], '14', [0]],
  [[1], '15 01'],
  [[255], '15 ff'],
  [[-255], '13 00'],
  [[256], '16 01 00'],
  [[-256], '12 fe ff'],
  [[65_535], '16 ff ff'],
  [[-65_535], '12 00 00'],
  [[65_536], '17 01 00 00'],
  [[-65_536], '11 fe ff ff'],
  [[2 ** 24 - 1], '17 ff ff ff'],
  [[2 ** 24], '18 01 00 00 00'],
  [[-(2 ** 24)], '10 fe ff ff ff'],
  [[2 ** 31], '18 80 00 00 00'],
  [[2 ** 32 - 1], '18 ff ff ff ff'],
  [[-(2 ** 32 - 1)], '10 00 00 00 00'],
  [[2 ** 32], '19 01 00 00 00 00'],
  [[-(2 ** 32)], '0f fe ff ff ff ff'],
  [[2 ** 40 - 1], '19 ff ff ff ff ff'],
  [[2 ** 40], '1a 01 00 00 00 00 00'],
  [[-(2 ** 40)], '0e fe ff ff ff ff ff'],
  [[2 ** 48 - 1], '1a ff ff ff ff ff ff'],
  [[2 ** 48], '1b 01 00 00 00 00 00 00'],
  [[-(2 ** 48)], '0d fe ff ff ff ff ff ff'],
  [[2 ** 53 - 1], '1b 1f ff ff ff ff ff ff'],
  [[BigInt(2 ** 53 - 1)], '1b 1f ff ff ff ff ff ff', [2 ** 53 - 1]],
  [[-(2 ** 53 - 1)], '0d e0 00 00 00 00 00 00'],
  [[2n ** 53n], '1b 20 00 00 00 00 00 00'],
  [[-(2n ** 53n)], '0d df ff ff ff ff ff ff'],
  [[2n ** 56n - 1n], `1b${ff(7)}`],
  [[2n ** 56n], `1c 01${zeros(7)}`],
  [[-(2n ** 56n)], `0c fe${ff(7)}`],
  [[2n ** 63n - 1n], `1c 7f${ff(7)}`],
  [[-(2n ** 63n)], `0c 7f${ff(7)}`],
  [[2n ** 63n], `1c 80${zeros(7)}`],
  [[2n ** 64n - 1n], `1c${ff(8)}`],
  [[-(2n ** 64n - 1n)], `0c${zeros(8)}`],
  [[2n ** 64n], `1d 09 01${zeros(8)}`],
  [[-(2n ** 64n)], `0b f6 fe${ff(8)}`],
  [[2n ** 72n - 1n], `1d 09${ff(9)}`],
  [[2n ** 72n], `1d 0a 01${zeros(9)}`],
  [[2n ** 2040n - 1n], `1d ff${ff(255)}`],
  [[-(2n ** 2040n - 1n)], `0b 00${zeros(255)}`],
]

const floatingPoint: readonly Vector[] = [
  [[float(3.14)], '20 c0 48 f5 c3'],
  [[float(-3.14)], '20 3f b7 0a 3c'],
  [[float(0)], '20 80 00 00 00'],
  [[float(-0)], '20 7f ff ff ff'],
  [[float(Number.POSITIVE_INFINITY)], '20 ff 80 00 00'],
  [[float(Number.NEGATIVE_INFINITY)], '20 00 7f ff ff'],
  [[float(Number.NaN)], '20 ff c0 00 00'],
  [[double(3.14)], '21 c0 09 1e b8 51 eb 85 1f'],
  [[3.14], '21 c0 09 1e b8 51 eb 85 1f', [double(3.14)]],
  [[double(-3.14)], '21 3f f6 e1 47 ae 14 7a e0'],
  [[double(0)], `21 80${zeros(7)}`],
  [[-0], `21 7f${ff(7)}`, [double(-0)]],
  [[double(-0)], `21 7f${ff(7)}`],
  [[double(42)], `21 c0 45${zeros(6)}`],
  [[Number.POSITIVE_INFINITY], `21 ff f0${zeros(6)}`, [double(Number.POSITIVE_INFINITY)]],
  [[Number.NEGATIVE_INFINITY], `21 00 0f${ff(6)}`, [double(Number.NEGATIVE_INFINITY)]],
  [[Number.NaN], `21 ff f8${zeros(6)}`, [double(Number.NaN)]],
  [[double(Number.MIN_VALUE)], `21 80${zeros(6)} 01`],
]

const texts: readonly Vector[] = [
  [[''], '02 00'],
  [['hello'], '02 68 65 6c 6c 6f 00'],
  [['\u0000'], '02 00 ff 00'],
  [['hello\u0000'], '02 68 65 6c 6c 6f 00 ff 00'],
  [['\u007f\u0080\u07ff\u0800\uffff'], '02 7f c2 80 df bf e0 a0 80 ef bf bf 00'],
  [['中文'], '02 e4 b8 ad e6 96 87 00'],
  [['μάθημα'], '02 ce bc ce ac ce b8 ce b7 ce bc ce b1 00'],
  [['\u{10437}'], '02 f0 90 90 b7 00'],
  [['\u{10ffff}\u0000'], '02 f4 8f bf bf 00 ff 00'],
  [['\ufeffa'], '02 ef bb bf 61 00'],
  [['ascii that is longer'], '02 61 73 63 69 69 20 74 68 61 74 20 69 73 20 6c 6f 6e 67 65 72 00'],
  [[new Uint8Array(0)], '01 00'],
  [[Uint8Array.of(1, 2, 3)], '01 01 02 03 00'],
  [[Uint8Array.of(0, 0, 0, 4)], '01 00 ff 00 ff 00 ff 04 00'],
  [[Uint8Array.of(0xff, 0)], '01 ff 00 ff 00'],
]

const others: readonly Vector[] = [
  [[], ''],
  [[null], '00'],
  [[null, null], '00 00'],
  [[false, true], '26 27'],
  [[[]], '05 00'],
  [[[null]], '05 00 ff 00'],
  [[[null], null], '05 00 ff 00 00'],
  [[[null, 'hello']], '05 00 ff 02 68 65 6c 6c 6f 00 00'],
  [[['hello', null], 'x'], '05 02 68 65 6c 6c 6f 00 00 ff 00 02 78 00'],
  [[[[null], 1], []], '05 05 00 ff 00 15 01 00 05 00'],
  [[uuid('ffffffff-ba5e-ba11-0000-00005ca1ab1e')], '30 ff ff ff ff ba 5e ba 11 00 00 00 00 5c a1 ab 1e'],
  [
    [versionstamp(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x12, 0x34)), 1],
    '33 00 01 02 03 04 05 06 07 08 09 12 34 15 01',
  ],
]

describe.each([
  ['the examples of the specification', specification],
  ['integers', integers],
  ['floats and doubles', floatingPoint],
  ['strings and bytes', texts],
  ['null, booleans, nested tuples, UUIDs and versionstamps', others],
])('%s', (_, vectors) => {
  test('pack to the bytes of FoundationDB', () => {
    expect(vectors.map(([tuple]) => hex(pack(tuple)))).toEqual(vectors.map(([, bytes]) => bytes.trim()))
  })

  test('unpack from them', () => {
    const unpacked = vectors.map(([, bytes]) => unpack(fromHex(bytes)))
    expect(unpacked).toEqual(vectors.map(([tuple, , written]) => written ?? tuple))
  })
})

describe('packStamped()', () => {
  test('leaves ten bytes of 0xff before the user version and says where they are', () => {
    const { bytes, offset } = packStamped(['a', incompleteVersionstamp(0x0102), 1], Uint8Array.of(9, 9))
    expect(hex(bytes)).toBe(`09 09 02 61 00 33${ff(10)} 01 02 15 01`)
    expect(offset).toBe(6)
  })

  test('finds the versionstamp in nested tuples', () => {
    const { bytes, offset } = packStamped([null, [null, [incompleteVersionstamp()]]])
    expect(hex(bytes)).toBe(`00 05 00 ff 05 33${ff(10)} 00 00 00 00`)
    expect(offset).toBe(6)
  })

  test('gives bytes that unpack to the incomplete versionstamp', () => {
    const tuple = ['a', incompleteVersionstamp(7)]
    expect(unpack(packStamped(tuple).bytes)).toEqual(tuple)
  })
})

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

function fromHex(text: string): Uint8Array {
  const bytes = text.split(' ').filter((byte) => byte !== '')
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16))
}
