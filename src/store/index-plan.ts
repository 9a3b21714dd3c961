import { IndexMissingError } from '../errors.ts'
import type { IndexName } from './contract-reading.ts'
import type { PreparedItem, PreparedQuery } from './query.ts'
import { readableIndexes, type Settings } from './settings.ts'

/** The rows of an index about any of these texts. */
export interface IndexSet {
  readonly index: IndexName
  readonly texts: readonly string[]
}

/** Which rows lead to an event: one in each of the sets. */
export type IndexItem = readonly IndexSet[]

/** How indexes answer what is asked: by the rows of any of the items. */
export interface IndexPlan {
  readonly items: readonly IndexItem[]
  /** Whether everything that the indexes lead to is meant. Otherwise an index is missing, and events must be looked at. */
  readonly isExact: boolean
}

/** The plan for a category. */
export function categoryPlan(category: string): IndexPlan {
  return { items: [[{ index: 'category', texts: [category] }]], isExact: true }
}

/** The plan for an event type. */
export function typePlan(type: string): IndexPlan {
  return { items: [[{ index: 'type', texts: [type] }]], isExact: true }
}

/** The plan for a query that does not mean all events. @throws IndexMissingError if an item can use no index */
export function queryPlan(items: NonNullable<PreparedQuery['items']>, settings: Settings): IndexPlan {
  const readable = readableIndexes(settings)
  const plans = items.map((item) => planItem(item, settings, readable))
  return { items: plans.map(({ sets }) => sets), isExact: plans.every(({ isExact }) => isExact) }
}

function planItem(
  { types, tags }: PreparedItem,
  settings: Settings,
  readable: readonly IndexName[],
): { readonly sets: IndexItem; readonly isExact: boolean } {
  const all: IndexSet[] = tags.map((tag) => ({ index: 'tag', texts: [tag] }))
  if (types.length > 0) all.push({ index: 'type', texts: types })
  const sets = all.filter(({ index }) => readable.includes(index))
  if (sets.length === 0)
    throw missingIndex(
      all.map(({ index }) => index),
      settings,
    )
  return { sets, isExact: sets.length === all.length }
}

/** Makes sure that the indexes of a plan can be read. @throws IndexMissingError */
export function assertReadable(plan: IndexPlan, settings: Settings): void {
  const readable = readableIndexes(settings)
  for (const { index } of plan.items.flat()) {
    if (!readable.includes(index)) throw missingIndex([index], settings)
  }
}

function missingIndex(wanted: readonly IndexName[], settings: Settings): IndexMissingError {
  const missing = [...new Set(wanted)]
  const isBuilding = missing.some((index) => settings.indexes[index] === 'building')
  return new IndexMissingError(missing, readableIndexes(settings), isBuilding)
}
