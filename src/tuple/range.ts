import type { Tuple } from './elements.ts'
import { pack } from './pack.ts'

/** A range of keys: from `begin`, which is in it, up to `end`, which is not. */
export interface PackedRange {
  readonly begin: Uint8Array
  readonly end: Uint8Array
}

/**
 * Returns the range of all tuples that begin with the elements of this one and have more; itself is not in it.
 *
 * @param prefix copied in front of both ends.
 * @throws InvalidArgumentError as `pack` does.
 */
export function range(tuple: Tuple, prefix?: Uint8Array): PackedRange {
  const packed = pack(tuple, prefix)
  return { begin: withByte(packed, 0x00), end: withByte(packed, 0xff) }
}

function withByte(bytes: Uint8Array, byte: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  longer[bytes.length] = byte
  return longer
}
