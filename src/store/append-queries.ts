import type { QueryViolation } from '../errors.ts'
import type { QueryCondition } from './appended.ts'
import type { OwnEvent } from './event-writer.ts'
import type { StoreHost } from './host.ts'
import { isSystemStream } from './prepared-event.ts'
import { matchesQuery } from './query.ts'
import { ALL_POSITIONS } from './read-options.ts'
import { queryPages } from './read-query.ts'
import { readingWithin, type WritingView } from './reading.ts'

/** A transaction in which queries are answered, its own events included. */
interface QueriedSession extends WritingView {
  hasPending(isWanted: (event: OwnEvent) => boolean): boolean
}

/**
 * Looks for events that an append was not to find: stored ones, and those that the session has appended. Whatever it does not find, the
 * transaction conflicts with, should another one append it. @throws IndexMissingError
 */
export async function violationsOfQueries(
  session: QueriedSession,
  host: StoreHost,
  conditions: readonly QueryCondition[],
): Promise<QueryViolation[]> {
  const violations: QueryViolation[] = []
  for (const { query, after } of conditions) {
    const found = await firstMatch(session, host, { query, after })
    if (found !== undefined) violations.push({ kind: 'query', query: query.query, after, ...found })
  }
  return violations
}

/** One is enough, and which links point to it does not matter. */
const ONE = { limit: 1, backwards: false, resolveLinks: false }

async function firstMatch(
  session: QueriedSession,
  host: StoreHost,
  { query, after }: QueryCondition,
): Promise<Pick<QueryViolation, 'position'> | undefined> {
  const bounds = after === undefined || after < 0n ? ALL_POSITIONS : { ...ALL_POSITIONS, first: after + 1n }
  const next = queryPages(readingWithin(session, host), query, bounds, ONE, undefined)
  for (let page = await next(); page !== undefined; page = await next()) {
    if (page[0] !== undefined) return { position: page[0].position }
  }
  const isPending = session.hasPending((own) => matchesQuery(query, own) && !isSystemStream(own.streamId))
  return isPending ? { position: undefined } : undefined
}
