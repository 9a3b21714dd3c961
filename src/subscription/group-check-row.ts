import { CorruptionError } from '../errors.ts'
import { byteString } from '../kv/byte-string.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { Tuple } from '../tuple/elements.ts'

/** The kinds of a group's rows, by their numbers, and how many numbers a key of each has behind that. */
const KINDS = [
  ['control', 0],
  ['ledger', 0],
  ['bell', 0],
  ['consumer', 1],
  ['hand', 1],
  ['suspect', 2],
  ['retry', 3],
  ['held', 2],
  ['key', 1],
  ['behind', 2],
  ['drain', 2],
  ['parked', 1],
] as const

/** A kind of a group's rows. */
export type RowKind = (typeof KINDS)[number][0]

/** What the key of a group's row says. */
export interface GroupRowPlace {
  /** Number of the group. */
  readonly group: number
  readonly kind: RowKind
  /** What stands behind the kind, in order. */
  readonly numbers: readonly bigint[]
}

/** What the key of a group's row says; `undefined` if it is none that a group has. */
export function groupRowPlace({ groups }: Keyspace, key: Uint8Array): GroupRowPlace | undefined {
  const tuple = tupleOf(() => groups.unpack(key))
  if (tuple === undefined || !tuple.every(isCount)) return undefined
  const [group, number, ...rest] = tuple
  const known = KINDS[Number(number ?? KINDS.length)]
  if (group === undefined || known?.[1] !== rest.length) return undefined
  // The same numbers can be written in one way only.
  if (byteString(groups.pack(tuple)) !== byteString(key)) return undefined
  return { group: Number(group), kind: known[0], numbers: rest.map(BigInt) }
}

/** Whether kinds come in this order. */
export function isBefore(kind: RowKind, other: RowKind): boolean {
  const at = (wanted: RowKind): number => KINDS.findIndex(([name]) => name === wanted)
  return at(kind) < at(other)
}

function tupleOf(unpacked: () => Tuple): Tuple | undefined {
  try {
    return unpacked()
  } catch (error) {
    if (error instanceof CorruptionError) return undefined
    throw error
  }
}

function isCount(element: Tuple[number]): element is number | bigint {
  return (typeof element === 'number' || typeof element === 'bigint') && element >= 0
}
