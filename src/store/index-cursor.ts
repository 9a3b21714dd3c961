import type { Reader } from '../kv/contract.ts'
import { positionOf, stampOf } from '../kv/stamp.ts'
import { INDEX_JUMP_ROWS, INDEX_PAGE_ROWS_MAX, READ_PAGE_EVENTS } from '../limits.ts'
import type { IndexName } from './contract-reading.ts'
import type { IndexItem, IndexPlan } from './index-plan.ts'
import type { Keyspace } from './keyspace.ts'
import type { PositionBounds } from './read-options.ts'
import { decodePlace } from './small-values.ts'

/** What a row of an index says. */
export interface IndexEntry {
  readonly position: bigint
  readonly stamp: Uint8Array
  readonly number: number
  readonly version: number
}

/** Where a cursor stands: at an entry, or, without one, at a position before which there is none, since it has read enough for now. */
export interface CursorHead {
  readonly position: bigint
  readonly entry: IndexEntry | undefined
}

/** Entries in the order of their positions. Moving it is mostly done at once; a promise is for reading on. */
export interface IndexCursor {
  /** Where it stands; `undefined` at the end, and before the first `seek`. */
  readonly head: CursorHead | undefined
  /** Moves to the first entry at a position or beyond it; never back. @throws CorruptionError */
  seek(position: bigint): void | Promise<void>
}

/** What the cursors of one page have in common. */
export interface CursorScene {
  readonly reader: Reader
  readonly keys: Keyspace
  readonly bounds: PositionBounds
  readonly backwards: boolean
  /** Entries that are wanted. */
  readonly wanted: number
}

/** Makes a cursor over the union of a plan's items. It stops when it has read `INDEX_PAGE_ROWS_MAX` rows. */
export function openCursor(scene: CursorScene, plan: IndexPlan): IndexCursor {
  const budget = new Budget()
  const isSingle = plan.items.length === 1 && plan.items[0]!.length === 1
  const batchRows = isSingle ? Math.min(scene.wanted, READ_PAGE_EVENTS) : INDEX_JUMP_ROWS
  const open = (index: IndexName, text: string): IndexCursor =>
    new RowCursor(scene, { index, text, batchRows, budget })
  const openItem = (item: IndexItem): IndexCursor =>
    intersection(
      scene,
      item.map(({ index, texts }) =>
        union(
          scene,
          texts.map((text) => open(index, text)),
        ),
      ),
    )
  return union(scene, plan.items.map(openItem))
}

/** The position next to one, in the direction of reading. */
export function positionAfter({ backwards }: Pick<CursorScene, 'backwards'>, position: bigint): bigint {
  return backwards ? position - 1n : position + 1n
}

class Budget {
  left: number = INDEX_PAGE_ROWS_MAX
}

interface RowCursorOptions {
  readonly index: IndexName
  readonly text: string
  /** Rows to read after a jump. */
  readonly batchRows: number
  readonly budget: Budget
}

/** The rows of one index about one text, read in batches that are small after a jump and grow as long as they are used. */
class RowCursor implements IndexCursor {
  readonly #scene: CursorScene
  readonly #options: RowCursorOptions
  #batch: readonly IndexEntry[] = []
  #at = 0
  #batchRows: number
  /** Entries of the batch at which this stood. */
  #used = 0
  #hasMore = true
  #hasRead = false
  head: CursorHead | undefined

  constructor(scene: CursorScene, options: RowCursorOptions) {
    this.#scene = scene
    this.#options = options
    this.#batchRows = options.batchRows
  }

  seek(position: bigint): void | Promise<void> {
    const batch = this.#batch
    const { backwards } = this.#scene
    while (this.#at < batch.length && isBefore(batch[this.#at]!.position, position, backwards)) this.#at += 1
    if (this.#at < batch.length) {
      const entry = batch[this.#at]!
      this.#used += 1
      this.head = { position: entry.position, entry }
      return undefined
    }
    if (!this.#hasMore) {
      this.head = undefined
      return undefined
    }
    if (this.#hasRead && this.#options.budget.left <= 0) {
      this.head = { position, entry: undefined }
      return undefined
    }
    return this.#readFrom(position)
  }

  async #readFrom(position: bigint): Promise<void> {
    const { batchRows, budget } = this.#options
    const isUsed = this.#hasRead && this.#used * 2 >= this.#batch.length
    this.#batchRows = isUsed ? Math.min(this.#batchRows * 2, READ_PAGE_EVENTS) : batchRows
    this.#used = 0
    this.#batch = await this.#readRows(position, this.#batchRows)
    this.#at = 0
    this.#hasMore = this.#batch.length === this.#batchRows
    this.#hasRead = true
    budget.left -= Math.max(1, this.#batch.length)
    await this.seek(position)
  }

  async #readRows(position: bigint, limit: number): Promise<readonly IndexEntry[]> {
    const { reader, keys, bounds, backwards } = this.#scene
    const { index, text } = this.#options
    const [first, last] = backwards ? [bounds.first, position] : [position, bounds.last]
    if (first > last) return []
    const range = keys.indexRange(index, text, stampOf(first), stampOf(last))
    const rows = await reader.getRange(range, { limit, reverse: backwards }).toArray()
    return rows.map(({ key, value }) => {
      const stamp = keys.stampAtEnd(key)
      return { stamp, position: positionOf(stamp), ...decodePlace(value, stamp) }
    })
  }
}

/** Several cursors as one, each entry once. */
function union(scene: CursorScene, cursors: readonly IndexCursor[]): IndexCursor {
  return cursors.length === 1 ? cursors[0]! : new UnionCursor(scene, cursors)
}

class UnionCursor implements IndexCursor {
  readonly #scene: CursorScene
  readonly #cursors: readonly IndexCursor[]
  head: CursorHead | undefined

  constructor(scene: CursorScene, cursors: readonly IndexCursor[]) {
    this.#scene = scene
    this.#cursors = cursors
  }

  async seek(position: bigint): Promise<void> {
    const { backwards } = this.#scene
    let nearest: CursorHead | undefined
    for (const cursor of this.#cursors) {
      const moving = cursor.seek(position)
      if (moving !== undefined) await moving
      const { head } = cursor
      if (head === undefined) continue
      if (nearest === undefined || isBefore(head.position, nearest.position, backwards)) nearest = head
      // Where one has not read on, nobody knows whether there is an entry.
      else if (head.position === nearest.position && head.entry === undefined) nearest = head
    }
    this.head = nearest
  }
}

/** What several cursors have in common. */
function intersection(scene: CursorScene, cursors: readonly IndexCursor[]): IndexCursor {
  return cursors.length === 1 ? cursors[0]! : new IntersectionCursor(scene, cursors)
}

/** A leapfrog join: whoever is behind moves to where the furthest one stands, until all stand at the same place. */
class IntersectionCursor implements IndexCursor {
  readonly #scene: CursorScene
  readonly #cursors: readonly IndexCursor[]
  head: CursorHead | undefined

  constructor(scene: CursorScene, cursors: readonly IndexCursor[]) {
    this.#scene = scene
    this.#cursors = cursors
  }

  async seek(position: bigint): Promise<void> {
    const { backwards } = this.#scene
    let target = position
    for (let agreeing = 0, at = 0; agreeing < this.#cursors.length; at += 1) {
      const cursor = this.#cursors[at % this.#cursors.length]!
      const moving = cursor.seek(target)
      if (moving !== undefined) await moving
      const { head } = cursor
      if (head === undefined || head.entry === undefined) {
        this.head = head
        return
      }
      agreeing = isBefore(target, head.position, backwards) || agreeing === 0 ? 1 : agreeing + 1
      target = head.position
    }
    this.head = this.#cursors[0]!.head
  }
}

function isBefore(a: bigint, b: bigint, backwards: boolean): boolean {
  return backwards ? a > b : a < b
}
