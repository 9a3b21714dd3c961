import { onlyNames } from '../store/known-names.ts'
import type { PreparedEvent } from '../store/prepared-event.ts'
import { compareCodePoints } from '../store/text.ts'
import { formatUuid } from '../store/uuid.ts'
import { type Difference, differences, isMatcher } from './specify-difference.ts'
import { isPlain } from './specify-state.ts'

/** An event that was decided: what `evolve` got, and what would be written. */
export interface DecidedEvent {
  readonly event: Readonly<Record<'type' | 'data' | 'metadata' | 'tags' | 'time', unknown>>
  readonly prepared: PreparedEvent
}

/** Events as they are compared, and where they differ. */
export interface EventComparison {
  readonly actual: unknown
  readonly expected: unknown
  readonly found: readonly Difference[]
}

type Members = Readonly<Record<string, unknown>>

const checkNames = onlyNames('An expected event', 'type', 'data', 'metadata', 'id', 'time', 'tags')

/** Compares events with those expected: type and data, and whatever else the expectation names. @throws InvalidArgumentError */
export function compareEvents(decided: readonly DecidedEvent[], wanted: unknown): EventComparison {
  if (isMatcher(wanted)) {
    const actual = decided.map((one) => pictureOf(one, wanted))
    return { actual, expected: wanted, found: differences(actual, wanted, 'events') }
  }
  const list: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
  const expected = list.map(normalized)
  const actual = decided.map((one, index) => pictureOf(one, expected[index] ?? {}))
  return { actual, expected, found: differences(actual, expected, 'events') }
}

/** Events in a message: their type and data. */
export function picturesOf(decided: readonly DecidedEvent[]): readonly unknown[] {
  return decided.map((one) => pictureOf(one, {}))
}

/** An expected event with its tags and its id as they are written. */
function normalized(event: unknown): unknown {
  if (isMatcher(event)) return event
  checkNames(event as object)
  const { tags, id, ...rest } = event as Members
  return {
    ...rest,
    ...(tags !== undefined && {
      tags: Array.isArray(tags) ? [...new Set(tags)].sort(compareCodePoints) : tags,
    }),
    ...(id !== undefined && { id: typeof id === 'string' ? id.toLowerCase() : id }),
  }
}

/** Of an event what is to be compared: type and data, and whatever else is named; everything for who decides himself. */
function pictureOf({ event, prepared }: DecidedEvent, wanted: unknown): Members {
  const isAll = isMatcher(wanted)
  const named = (name: string): boolean => isAll || (wanted as Members)[name] !== undefined
  return {
    type: event.type,
    ...(event.data !== undefined && { data: event.data }),
    ...(named('metadata') && {
      metadata: metadataFor(event.metadata, isAll ? {} : (wanted as Members).metadata),
    }),
    ...(named('tags') && { tags: event.tags }),
    ...(named('time') && { time: event.time }),
    ...(named('id') && { id: prepared.id && formatUuid(prepared.id, 0) }),
  }
}

/** Metadata without what the library has noted there, unless that is named. */
function metadataFor(metadata: unknown, wanted: unknown): unknown {
  if (!isPlain(wanted) || !(metadata === undefined || isPlain(metadata))) return metadata
  const own = Object.entries(metadata ?? {}).filter(
    ([name]) => !name.startsWith('$') || Object.hasOwn(wanted, name),
  )
  return Object.fromEntries(own)
}
