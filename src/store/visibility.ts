import type { Reader } from '../kv/contract.ts'
import { firstPositionAt, positionOf, timeOfPosition } from '../kv/stamp.ts'
import { LIFE_PROBE_ROWS } from '../limits.ts'
import type { Keyspace } from './keyspace.ts'
import { hiddenTo, type Life } from './life.ts'
import { decodeLife } from './life-rows.ts'
import type { View } from './reading.ts'
import { checkedStamp, headOf } from './stream-rows.ts'

/** What a stream hides. */
interface Hidden {
  readonly to: number
  /** Events at positions before this one have expired. */
  readonly before: bigint
}

/**
 * Decides what is hidden on one snapshot. A transaction that asks conflicts with whatever changes the answer: with a change of the stream's
 * life, and where the end of the stream matters, with appends to it.
 */
export class Visibility {
  readonly #view: View
  readonly #met = new Set<number>()
  readonly #hidden = new Map<number, Hidden>()

  constructor(view: View) {
    this.#view = view
  }

  /** Looks up the streams with these numbers, which must be done before they are asked for. @throws CorruptionError */
  async meet(numbers: Iterable<number>): Promise<void> {
    const fresh = [...new Set(numbers)].filter((number) => !this.#met.has(number))
    if (fresh.length === 0) return
    const { own, keys } = this.#view
    for (const number of fresh) {
      this.#met.add(number)
      own?.addReadConflictKey(keys.lifeKey(number))
    }
    for (const { number, life } of await readLives(this.#view.quiet, keys, fresh)) {
      this.#hidden.set(number, await this.#hiddenOf(number, life))
    }
  }

  /** Whether an event is hidden. `stamp` is `undefined` for one that is just being appended. */
  hides(number: number, version: number, stamp: Uint8Array | undefined): boolean {
    const hidden = this.#hidden.get(number)
    if (hidden === undefined) return false
    return version <= hidden.to || (stamp !== undefined && positionOf(stamp) < hidden.before)
  }

  async #hiddenOf(number: number, life: Life): Promise<Hidden> {
    const { tx, keys } = this.#view
    const before = life.maxAgeMs === undefined ? 0n : await expiredBefore(this.#view, life.maxAgeMs)
    if (life.maxCount === undefined) return { to: hiddenTo(life), before }
    const head = (await headOf(tx, keys, number))?.version ?? 0
    return { to: Math.max(hiddenTo(life), head - life.maxCount), before }
  }
}

/** The first version of a stream that can be read; the one after the head if there is none. */
export async function firstReadable(view: View, number: number, life: Life, head: number): Promise<number> {
  const { maxCount = head, maxAgeMs } = life
  const first = Math.min(head + 1, Math.max(hiddenTo(life) + 1, head - maxCount + 1))
  if (maxAgeMs === undefined) return first
  return firstVersionAt(view, number, await expiredBefore(view, maxAgeMs), first, head)
}

/** Searches for the first version from `low` on whose event was recorded at a position or later: they ascend with the version. */
export async function firstVersionAt(
  { tx, keys }: View,
  number: number,
  position: bigint,
  from: number,
  head: number,
): Promise<number> {
  let low = from
  let high = head + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [row] = await tx.getRange(keys.streamRange(number, middle, middle)).toArray()
    // An event of this very transaction has no position yet: it is being recorded now.
    const found = row === undefined ? 0n : positionOf(checkedStamp(row.value))
    if (found === 0n || found >= position) high = middle
    else low = middle + 1
  }
  return low
}

/** Events before this position are older than `maxAgeMs`. The log's own time counts if it is ahead of the clock. */
async function expiredBefore({ tx, now }: View, maxAgeMs: number): Promise<bigint> {
  const newest = timeOfPosition(positionOf(await tx.readHorizon()))
  return firstPositionAt(Math.max(now, newest) - maxAgeMs) ?? 0n
}

/** The lives of streams, those that are live and nothing else left out. Most stores have few, so a range is tried first. */
async function readLives(
  reader: Reader,
  keys: Keyspace,
  numbers: readonly number[],
): Promise<{ readonly number: number; readonly life: Life }[]> {
  const wanted = new Set(numbers)
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  const rows = await reader.getRange(keys.lifeRange(least, most), { limit: LIFE_PROBE_ROWS }).toArray()
  if (rows.length < LIFE_PROBE_ROWS) {
    return rows
      .map(({ key, value }) => ({ number: keys.numberOfLifeKey(key), key, value }))
      .filter(({ number }) => wanted.has(number))
      .map(({ number, key, value }) => ({ number, life: decodeLife(keys, key, value) }))
  }
  const lifeKeys = numbers.map((number) => keys.lifeKey(number))
  const values = await reader.getMany(lifeKeys)
  return numbers.flatMap((number, at) => {
    const value = values[at]
    return value === undefined ? [] : [{ number, life: decodeLife(keys, lifeKeys[at]!, value) }]
  })
}
