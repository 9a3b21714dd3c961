import type { Row } from '../../src/kv/rows.ts'

/** What can happen to a row. */
export type DamageKind = 'value' | 'key' | 'drop'

/** One damage: what happened to which row. */
export interface Damage {
  readonly kind: DamageKind
  readonly row: Row
  /** The row as it is now; `undefined` if it is gone. */
  readonly now: Row | undefined
}

const KINDS: readonly DamageKind[] = ['value', 'key', 'drop']

/** Damages a random row: first a space is chosen, so that spaces with few rows have their share. Keys keep the prefix of the store. */
export function randomDamage(rows: readonly Row[], prefixLength: number, random: () => number): Damage {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const space = pick([...new Set(rows.map((row) => spaceOf(row, prefixLength)))])
  const row = pick(rows.filter((candidate) => spaceOf(candidate, prefixLength) === space))
  const kind = pick(row.value.length === 0 ? KINDS.slice(1) : KINDS)
  if (kind === 'drop') return { kind, row, now: undefined }
  if (kind === 'value') return { kind, row, now: { key: row.key, value: flipped(row.value, 0, random) } }
  const taken = new Set(rows.map(({ key }) => hex(key)))
  for (;;) {
    const key = flipped(row.key, prefixLength, random)
    if (!taken.has(hex(key))) return { kind, row, now: { key, value: row.value } }
  }
}

/** The number of the space that a row of a store is in; 0 for the format. */
export function spaceOf({ key }: Row, prefixLength: number): number {
  return key[prefixLength] === 0x14 ? 0 : key[prefixLength + 1]!
}

/** The rows after a damage. */
export function damagedRows(rows: readonly Row[], { row, now }: Damage): Row[] {
  const others = rows.filter((other) => other !== row)
  return now === undefined ? others : [...others, now]
}

/** A damage as text, by which it can be made again. */
export function describeDamage({ kind, row, now }: Damage): string {
  const text = ({ key, value }: Row): string => `${hex(key)} = ${hex(value.subarray(0, 200))}`
  return `${kind}: ${text(row)}${now === undefined ? '' : ` → ${text(now)}`}`
}

function flipped(bytes: Uint8Array, from: number, random: () => number): Uint8Array {
  const changed = bytes.slice()
  const at = from + Math.floor(random() * (bytes.length - from))
  changed[at]! ^= random() < 0.5 ? 1 << Math.floor(random() * 8) : 1 + Math.floor(random() * 255)
  return changed
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
