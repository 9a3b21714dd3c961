import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptionError } from '../errors.ts'
import {
  compareBytes,
  compareTuples,
  double,
  float,
  incompleteVersionstamp,
  pack,
  packStamped,
  range,
  strinc,
  type Tuple,
  type TupleElement,
  unpack,
  uuid,
  versionstamp,
} from './index.ts'

// Few different values, close to each other and to where encodings change, so that two tuples often share a prefix.

const edgeByte = fc.constantFrom(0x00, 0x01, 0x05, 0x14, 0x7f, 0x80, 0xfe, 0xff)
const bytes = fc.array(edgeByte, { maxLength: 4 }).map((array) => Uint8Array.from(array))
const unit = fc.constantFrom(
  '\0',
  '\u0001',
  'a',
  'ÿ',
  '߿',
  'ࠀ',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '\u{10000}',
  '\u{10ffff}',
)
const text = fc.oneof(
  fc.array(unit, { maxLength: 4 }).map((units) => units.join('')),
  fc.string({ unit: 'binary' }),
)
const bigEdge = fc
  .tuple(fc.integer({ min: 0, max: 80 }), fc.integer({ min: -2, max: 2 }), fc.constantFrom(1n, -1n))
  .map(([power, distance, sign]) => sign * (2n ** BigInt(8 * power) + BigInt(distance)))
const integer = fc.oneof(bigEdge, fc.bigInt(), fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 }))
const real = fc.oneof(
  fc.double(),
  fc.constantFrom(-0, 0, 0.5, -0.5, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
)
const plainReal = real.filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value))
const stamp = fc
  .tuple(fc.constantFrom(0x00, 0x7f, 0xff), fc.array(edgeByte, { minLength: 10, maxLength: 10 }))
  .map(([first, rest]) => versionstamp(Uint8Array.of(first, 0x33, ...rest)))
const scalar = fc.oneof<fc.Arbitrary<TupleElement>[]>(
  fc.constantFrom(null, false, true),
  bytes,
  text,
  integer,
  plainReal,
  real.map(double),
  real.map(float),
  fc.uuid().map(uuid),
  stamp,
)
const { tuple } = fc.letrec<{ tuple: Tuple; element: TupleElement }>((tie) => ({
  element: fc.oneof(
    { maxDepth: 3 },
    { weight: 5, arbitrary: scalar },
    { weight: 2, arbitrary: tie('tuple') },
  ),
  tuple: fc.array(tie('element'), { maxLength: 4 }),
}))
const pair = fc.oneof(
  fc.tuple(tuple, tuple),
  fc.tuple(tuple, tuple, tuple).map(
    ([shared, a, b]) =>
      [
        [...shared, ...a],
        [...shared, ...b],
      ] as const,
  ),
  fc.tuple(tuple, tuple, tuple).map(([shared, a, b]) => [[shared, ...a], [[...shared, ...b]]] as const),
)

const runs = { numRuns: 2_000 }

/** An assertion's own result is dropped: fast-check would take a `false` for a failure. */
function check<T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => void): void {
  const run = (value: T): void => {
    law(value)
  }
  // biome-ignore lint/nursery/noFloatingPromises: of fc.assert's overloads, the synchronous one returns nothing.
  fc.assert(fc.property(arbitrary, run), runs)
}

describe('pack()', () => {
  test('orders bytes exactly as compareTuples orders tuples', () => {
    check(pair, ([a, b]) => {
      expect(Math.sign(compareBytes(pack(a), pack(b)))).toBe(Math.sign(compareTuples(a, b)))
    })
  })

  test('concatenates: the encoding of a tuple is the encodings of its elements', () => {
    check(fc.tuple(tuple, tuple), ([a, b]) => expect(pack([...a, ...b])).toEqual(pack(b, pack(a))))
  })

  test('is undone by unpack', () => {
    check(fc.tuple(tuple, bytes), ([value, prefix]) => {
      const packed = pack(value, prefix)
      const unpacked = unpack(packed, prefix.length)
      expect(compareTuples(unpacked, value)).toBe(0)
      expect(pack(unpacked, prefix)).toEqual(packed)
    })
  })
})

describe('unpack()', () => {
  const damaged = fc
    .tuple(
      tuple.map((value) => pack(value)),
      fc.nat(),
      fc.nat({ max: 255 }),
      fc.constantFrom('change', 'cut', 'add'),
    )
    .map(([packed, at, byte, how]) => damage(packed, packed.length === 0 ? 0 : at % packed.length, byte, how))

  test('accepts only what pack writes', () => {
    check(fc.oneof(damaged, fc.uint8Array({ maxLength: 12 })), (hostile) => {
      const unpacked = unpackOrRefuse(hostile)
      if (unpacked !== undefined && !hasNaN(unpacked)) expect(pack(unpacked)).toEqual(hostile)
    })
  })

  test('keeps nothing of the bytes it was given', () => {
    check(tuple, (value) => {
      const packed = pack(value)
      const unpacked = unpack(packed)
      packed.fill(0xaa)
      expect(compareTuples(unpacked, value)).toBe(0)
    })
  })
})

describe('compareTuples()', () => {
  test('does not depend on which tuple comes first', () => {
    check(pair, ([a, b]) => expect(Math.sign(compareTuples(a, b))).toBe(0 - Math.sign(compareTuples(b, a))))
  })

  test('places an incomplete versionstamp after complete ones', () => {
    check(fc.tuple(stamp, fc.nat({ max: 0xffff })), ([complete, userVersion]) => {
      const open = [incompleteVersionstamp(userVersion)]
      expect(compareTuples([complete], open)).toBeLessThan(0)
      expect(compareBytes(pack([complete]), packStamped(open).bytes)).toBeLessThan(0)
    })
  })
})

describe('range()', () => {
  test('holds the tuples that extend the tuple, and no other', () => {
    check(pair, ([a, b]) => {
      const extended = b.length > a.length && compareTuples(a, b.slice(0, a.length)) === 0
      expect(isWithin(pack(b), range(a))).toBe(extended)
    })
  })

  test('holds every extension, under any prefix', () => {
    check(fc.tuple(tuple, tuple, bytes), ([a, more, prefix]) => {
      expect(isWithin(pack([...a, ...more], prefix), range(a, prefix))).toBe(more.length > 0)
    })
  })
})

describe('strinc()', () => {
  const incrementable = bytes.filter((value) => value.some((byte) => byte !== 0xff))

  test('comes after all keys with the prefix', () => {
    check(fc.tuple(incrementable, bytes), ([prefix, rest]) => {
      expect(compareBytes(Uint8Array.of(...prefix, ...rest), strinc(prefix))).toBeLessThan(0)
    })
  })

  test('comes before or at every other key after the prefix', () => {
    check(fc.tuple(incrementable, bytes), ([prefix, key]) => {
      const prefixed = prefix.every((byte, i) => byte === key[i])
      if (!prefixed && compareBytes(key, prefix) > 0) {
        expect(compareBytes(strinc(prefix), key)).toBeLessThanOrEqual(0)
      }
    })
  })
})

function isWithin(key: Uint8Array, keys: { readonly begin: Uint8Array; readonly end: Uint8Array }): boolean {
  return compareBytes(keys.begin, key) <= 0 && compareBytes(key, keys.end) < 0
}

function damage(packed: Uint8Array, at: number, byte: number, how: string): Uint8Array {
  const rest = how === 'add' ? packed.subarray(at) : packed.subarray(at + 1)
  return how === 'cut' ? packed.slice(0, at) : Uint8Array.of(...packed.subarray(0, at), byte, ...rest)
}

function unpackOrRefuse(hostile: Uint8Array): Tuple | undefined {
  try {
    return unpack(hostile)
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptionError)
    return undefined
  }
}

/** The bits of a NaN written by another program are not kept. */
function hasNaN(element: TupleElement): boolean {
  if (Array.isArray(element)) return element.some(hasNaN)
  return typeof element === 'object' && element !== null && 'value' in element && Number.isNaN(element.value)
}
