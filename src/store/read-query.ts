import type { RecordedEvent } from './event.ts'
import { assertReadable, categoryPlan, type IndexPlan, queryPlan, typePlan } from './index-plan.ts'
import type { NextPage, ReadShape } from './paged-read.ts'
import { matchesQuery, type PreparedQuery } from './query.ts'
import { logPages } from './read-all.ts'
import { type IndexSearch, indexPages } from './read-index.ts'
import type { PositionBounds } from './read-options.ts'
import type { Reading } from './reading.ts'
import { categoryOf, type Settings } from './settings.ts'

/** The search for the events of a category. */
export function categorySearch(category: string): IndexSearch {
  return {
    plan: (settings) => readable(categoryPlan(category), settings),
    isMeant: ({ streamId }, settings) => categoryOf(streamId, settings) === category,
  }
}

/** The search for the events of a type. */
export function typeSearch(type: string): IndexSearch {
  return {
    plan: (settings) => readable(typePlan(type), settings),
    isMeant: (event) => event.type === type,
  }
}

/** Reads what a query means: the log if that is everything, else what indexes lead to. */
export function queryPages(
  reading: Reading,
  query: PreparedQuery,
  bounds: PositionBounds,
  shape: ReadShape,
  signal: AbortSignal | undefined,
): NextPage<RecordedEvent> {
  const search = querySearch(query)
  if (search === undefined) return logPages(reading, bounds, { ...shape, system: false }, signal)
  return indexPages(reading, search, bounds, shape, signal)
}

/** The search for what a query means; `undefined` if that is every event. */
export function querySearch(query: PreparedQuery): IndexSearch | undefined {
  const { items } = query
  if (items === undefined) return undefined
  return {
    plan: (settings) => queryPlan(items, settings),
    isMeant: (event) => matchesQuery(query, event),
  }
}

function readable(plan: IndexPlan, settings: Settings): IndexPlan {
  assertReadable(plan, settings)
  return plan
}
