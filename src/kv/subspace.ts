import { CorruptionError } from '../errors.ts'
import { strinc } from '../tuple/bytes.ts'
import type { Tuple } from '../tuple/elements.ts'
import { pack, packStamped } from '../tuple/pack.ts'
import { range } from '../tuple/range.ts'
import { unpack } from '../tuple/unpack.ts'
import type { KeyRange } from './rows.ts'

/** A part of the key space: all keys that begin with one prefix, written as tuples. */
export interface Subspace {
  readonly prefix: Uint8Array
  /** Makes the key of a tuple in this subspace. */
  pack(tuple: Tuple): Uint8Array
  /** Makes a key with a hole for the stamp; see `Transaction.setStampedKey`. */
  packStamped(tuple: Tuple): { readonly bytes: Uint8Array; readonly offset: number }
  /** Gives the tuple of a key back. @throws CorruptionError if the key is not in this subspace */
  unpack(key: Uint8Array): Tuple
  /** All keys whose tuples strictly extend `tuple`. */
  range(tuple?: Tuple): KeyRange
  /** All keys that begin with the prefix, tuples or not. */
  everything(): KeyRange
  /** The subspace below a tuple. */
  subspace(tuple: Tuple): Subspace
  /** Whether a key belongs to this subspace. */
  contains(key: Uint8Array): boolean
}

/** Makes the subspace of all keys that begin with `prefix`. */
export function subspace(prefix: Uint8Array): Subspace {
  const contains = (key: Uint8Array): boolean =>
    key.length >= prefix.length && prefix.every((byte, index) => key[index] === byte)
  return {
    prefix,
    pack: (tuple) => pack(tuple, prefix),
    packStamped: (tuple) => packStamped(tuple, prefix),
    unpack: (key) => {
      if (!contains(key)) throw new CorruptionError('A key lies outside its subspace', { key, prefix })
      return unpack(key, prefix.length)
    },
    range: (tuple = []) => range(tuple, prefix),
    everything: () => ({ begin: prefix, end: strinc(prefix) }),
    subspace: (tuple) => subspace(pack(tuple, prefix)),
    contains,
  }
}
