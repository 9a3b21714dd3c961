import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import { EVENT_TYPE_BYTES_MAX, QUERY_ITEMS_MAX, QUERY_TYPES_MAX, TAG_BYTES_MAX, TAGS_MAX } from '../limits.ts'
import type { Query, QueryItem } from './contract-query.ts'
import { onlyNames } from './known-names.ts'
import { checkName } from './text.ts'

/** A query that was checked and copied. */
export interface PreparedQuery {
  readonly query: Query
  /** The alternatives; `undefined` if every event is meant. */
  readonly items: readonly PreparedItem[] | undefined
}

/** An alternative of a query. Not both lists are empty. */
export interface PreparedItem {
  readonly types: readonly string[]
  readonly tags: readonly string[]
}

const checkQuery = onlyNames('A query', 'items')
const checkItem = onlyNames('An item of a query', 'types', 'tags')

/** Checks a query. @throws InvalidArgumentError, LimitExceededError */
export function prepareQuery(query: Query): PreparedQuery {
  checkQuery(query)
  if (query.items === undefined) return { query: {}, items: undefined }
  if (!Array.isArray(query.items) || query.items.length === 0) {
    throw new InvalidArgumentError(
      'The items of a query must be an array that is not empty; leave them out to mean all events',
      { items: query.items },
    )
  }
  const { length } = query.items
  if (length > QUERY_ITEMS_MAX) throw new LimitExceededError('A query', QUERY_ITEMS_MAX, length, 'items')
  const items = query.items.map(prepareItem)
  const meansAll = items.some(({ types, tags }) => types.length === 0 && tags.length === 0)
  return { query: { items }, items: meansAll ? undefined : items }
}

function prepareItem(item: QueryItem): PreparedItem {
  checkItem(item)
  return {
    types: namesOf(item.types, 'The types of a query', EVENT_TYPE_BYTES_MAX, QUERY_TYPES_MAX),
    tags: namesOf(item.tags, 'The tags of a query', TAG_BYTES_MAX, TAGS_MAX),
  }
}

function namesOf(names: unknown, what: string, bytesMax: number, most: number): readonly string[] {
  if (names === undefined) return []
  if (!Array.isArray(names)) throw new InvalidArgumentError(`${what} must be an array`, { names })
  for (const name of names) checkName(name, 'A type or tag of a query', bytesMax)
  const distinct = [...new Set<string>(names)]
  if (distinct.length > most) throw new LimitExceededError(what, most, distinct.length, 'names')
  return distinct
}

/** What a query looks at. */
interface Matched {
  readonly type: string
  readonly tags: readonly string[]
}

/** Whether an event is meant by a query. */
export function matchesQuery({ items }: PreparedQuery, event: Matched): boolean {
  return items === undefined || items.some((item) => matchesItem(item, event))
}

function matchesItem({ types, tags }: PreparedItem, event: Matched): boolean {
  if (types.length > 0 && !types.includes(event.type)) return false
  if (tags.length === 0) return true
  const has = event.tags
  return tags.every((tag) => has.includes(tag))
}
