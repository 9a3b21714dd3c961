import { compareBytes } from './bytes.ts'
import { isIntegerNumber, isTuple, type Tuple, type TupleElement } from './elements.ts'
import { versionstampBytes } from './versionstamp.ts'

/**
 * Compares tuples exactly as the bytes of their packed forms compare: below zero if `a` comes first, zero if they pack
 * to the same bytes, above zero if `b` comes first.
 *
 * Tuples order by their first different element, and a tuple before those that extend it. Elements of different types
 * order as: null, bytes, string, tuple, integer, float, double, boolean, UUID, versionstamp. Strings order by code
 * point, -0 comes before 0, NaN after infinity, an incomplete versionstamp after all complete ones.
 *
 * The order is worked out from the values and never packs them, so it is also the oracle that tests `pack`.
 */
export function compareTuples(a: Tuple, b: Tuple): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const order = compareElements(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareElements(a: TupleElement, b: TupleElement): number {
  const order = rank(a) - rank(b)
  return order === 0 ? compareSameRank(a, b) : order
}

/** The place of an element's type among the types; of the constants (null, false and true), their own. */
function rank(element: TupleElement): number {
  switch (typeof element) {
    case 'string':
      return 2
    case 'bigint':
      return 4
    case 'number':
      return isIntegerNumber(element) ? 4 : 6
    case 'boolean':
      return element ? 8 : 7
    default:
      return rankOfObject(element)
  }
}

function rankOfObject(element: Extract<TupleElement, object | null>): number {
  if (element === null) return 0
  if (element instanceof Uint8Array) return 1
  if (isTuple(element)) return 3
  switch (element.type) {
    case 'float':
      return 5
    case 'double':
      return 6
    case 'uuid':
      return 9
    case 'versionstamp':
      return 10
    default:
      return element satisfies never
  }
}

function compareSameRank(a: TupleElement, b: TupleElement): number {
  const x = unwrap(a)
  const y = unwrap(b)
  if (typeof x === 'string' && typeof y === 'string') return compareText(x, y)
  if (x instanceof Uint8Array && y instanceof Uint8Array) return compareBytes(x, y)
  if (isNumeric(x) && isNumeric(y)) return compareNumbers(x, y)
  if (isTuple(x) && isTuple(y)) return compareTuples(x, y)
  return 0
}

function unwrap(element: TupleElement): Exclude<TupleElement, { readonly type: string }> {
  if (element === null || typeof element !== 'object') return element
  if (element instanceof Uint8Array || isTuple(element)) return element
  switch (element.type) {
    case 'float':
      return Math.fround(element.value)
    case 'double':
      return element.value
    case 'uuid':
      return element.bytes
    case 'versionstamp':
      return versionstampBytes(element)
    default:
      return element satisfies never
  }
}

function isNumeric(element: TupleElement): element is number | bigint {
  return typeof element === 'number' || typeof element === 'bigint'
}

function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1
  if (a > b) return 1
  return placeAmongUnordered(a) - placeAmongUnordered(b)
}

/** Orders what `<` does not: -0 before 0, and NaN after every number. */
function placeAmongUnordered(value: number | bigint): number {
  if (Number.isNaN(value)) return 1
  return Object.is(value, -0) ? -1 : 0
}

/** Compares by code points, where JavaScript's own `<` compares by UTF-16 code units. */
function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const order = codePointPlace(a.charCodeAt(i)) - codePointPlace(b.charCodeAt(i))
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Moves surrogates, which stand for the code points from U+10000 on, behind the units from U+E000 to U+FFFF. */
function codePointPlace(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit
}
