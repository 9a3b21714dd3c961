import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import {
  EVENT_TYPE_BYTES_MAX,
  QUERY_TYPES_MAX,
  STREAM_ID_BYTES_MAX,
  TAG_BYTES_MAX,
  TAGS_MAX,
} from '../limits.ts'
import type { EventFilter, ResolvedFilter } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkName, describe } from '../store/text.ts'

/** Whether an event is wanted. */
export type Wanted = (event: RecordedEvent) => boolean

const NAMES = ['types', 'typePattern', 'streamPrefixes', 'streamPattern', 'tags'] as const
const checkFilterNames = onlyNames('A filter', ...NAMES, 'where')
const checkStoredNames = onlyNames('The filter of a group', ...NAMES)

/** Checks a filter and makes it data; `undefined` if everything is wanted. @throws InvalidArgumentError, LimitExceededError */
export function resolveFilter(filter: EventFilter<RecordedEvent>): ResolvedFilter {
  checkFilterNames(filter)
  const { types, typePattern, streamPrefixes, streamPattern, tags, where } = filter
  if (where !== undefined && typeof where !== 'function') {
    throw new InvalidArgumentError(`"where" of a filter must be a function, not ${describe(where)}`, {
      where,
    })
  }
  return {
    ...(types !== undefined && { types: names(types, 'types', EVENT_TYPE_BYTES_MAX, QUERY_TYPES_MAX) }),
    ...(typePattern !== undefined && { typePattern: pattern(typePattern, 'typePattern') }),
    ...(streamPrefixes !== undefined && {
      streamPrefixes: names(streamPrefixes, 'streamPrefixes', STREAM_ID_BYTES_MAX, QUERY_TYPES_MAX),
    }),
    ...(streamPattern !== undefined && { streamPattern: pattern(streamPattern, 'streamPattern') }),
    ...(tags !== undefined && { tags: names(tags, 'tags', TAG_BYTES_MAX, TAGS_MAX) }),
  }
}

/** The same for a group, which can keep data only. @throws InvalidArgumentError, LimitExceededError */
export function resolveStoredFilter(filter: EventFilter<RecordedEvent>): ResolvedFilter {
  checkStoredNames(filter)
  return resolveFilter(filter)
}

/** Makes a predicate of a filter. `undefined` if everything is wanted. */
export function wantedBy(
  filter: ResolvedFilter,
  where?: ((event: RecordedEvent) => boolean) | undefined,
): Wanted | undefined {
  const tests: Wanted[] = []
  const { types, typePattern, streamPrefixes, streamPattern, tags } = filter
  if (types !== undefined) {
    const wanted = new Set(types)
    tests.push(({ type }) => wanted.has(type))
  }
  if (typePattern !== undefined) {
    const expression = new RegExp(typePattern.source, typePattern.flags)
    tests.push(({ type }) => expression.test(type))
  }
  if (streamPrefixes !== undefined) {
    tests.push(({ streamId }) => streamPrefixes.some((prefix) => streamId.startsWith(prefix)))
  }
  if (streamPattern !== undefined) {
    const expression = new RegExp(streamPattern.source, streamPattern.flags)
    tests.push(({ streamId }) => expression.test(streamId))
  }
  if (tags !== undefined && tags.length > 0) tests.push((event) => hasAll(event.tags, tags))
  if (where !== undefined) tests.push((event) => isWanted(where(event)))
  return tests.length === 0 ? undefined : (event) => tests.every((test) => test(event))
}

function hasAll(has: readonly string[], tags: readonly string[]): boolean {
  return tags.every((tag) => has.includes(tag))
}

function names(given: unknown, name: string, bytesMax: number, most: number): readonly string[] {
  if (!Array.isArray(given)) {
    throw new InvalidArgumentError(`"${name}" of a filter must be an array, not ${describe(given)}`, {
      [name]: given,
    })
  }
  for (const one of given) checkName(one, `Each of "${name}" of a filter`, bytesMax)
  const distinct = [...new Set<string>(given)]
  if (distinct.length > most) {
    throw new LimitExceededError(`"${name}" of a filter`, most, distinct.length, 'names')
  }
  return distinct
}

/** A regular expression as data. Those that are global or sticky remember where they were, which means nothing here. */
function pattern(given: unknown, name: string): { readonly source: string; readonly flags: string } {
  if (given instanceof RegExp) return { source: given.source, flags: given.flags.replace(/[gy]/g, '') }
  if (typeof given !== 'string') {
    throw new InvalidArgumentError(
      `"${name}" of a filter must be a regular expression or its text, not ${describe(given)}`,
      { [name]: given },
    )
  }
  try {
    return { source: new RegExp(given, 'u').source, flags: 'u' }
  } catch (error) {
    throw new InvalidArgumentError(
      `"${name}" of a filter is not a regular expression: ${(error as Error).message}`,
      { [name]: given },
    )
  }
}

/** A promise would let everything through. @throws InvalidArgumentError */
function isWanted(answer: unknown): boolean {
  if (typeof answer === 'object' && answer !== null && 'then' in answer) {
    throw new InvalidArgumentError('"where" of a filter must return true or false at once, not a promise')
  }
  return Boolean(answer)
}
