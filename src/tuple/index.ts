/**
 * The tuple layer: sequences of typed values as byte strings that order as the values do, in FoundationDB's tuple
 * encoding (its design/tuple.md), byte for byte, so that keys mean the same in its other bindings.
 *
 * It knows bytes, the types of elements, and their order. It must not know of key-value stores, transactions or
 * subspaces, nor of what anyone's keys mean: a prefix is just bytes to it, and a versionstamp twelve of them.
 *
 * @module
 */

export { compareBytes, strinc } from './bytes.ts'
export { compareTuples } from './compare.ts'
export { type Double, double, type Float, float, type Tuple, type TupleElement } from './elements.ts'
export { pack, packStamped, type Stamped } from './pack.ts'
export { type PackedRange, range } from './range.ts'
export { unpack } from './unpack.ts'
export { type Uuid, uuid, uuidString } from './uuid.ts'
export {
  incompleteVersionstamp,
  type Versionstamp,
  versionstamp,
  versionstampBytes,
} from './versionstamp.ts'
