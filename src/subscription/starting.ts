import { InvalidArgumentError } from '../errors.ts'
import { positionOf, timeOfPosition } from '../kv/stamp.ts'
import type { AnyPlace } from '../store/broker.ts'
import { positionBounds } from '../store/read-options.ts'
import type { View } from '../store/reading.ts'
import { headOf, numberOf, versionIn } from '../store/stream-rows.ts'
import { describe } from '../store/text.ts'
import { firstVersionAt } from '../store/visibility.ts'
import type { FeedStart } from './feed.ts'
import { endOf, type Source } from './source.ts'

/** Where to begin: at the first event, behind the last, behind a place, at a place, or at a time. */
export type Start = 'start' | 'end' | { readonly after: AnyPlace | Date } | { readonly from: AnyPlace | Date }

/** What else may be given where a subscription begins, for `checkStart`. */
export const START_WORDS: string = ", 'start' or 'end'"

/**
 * Checks where to begin, as far as that can be done without looking. `words` tells of what else may be given: projections take none.
 * @throws InvalidArgumentError
 */
export function checkStart({ isStream }: Pick<Source, 'isStream'>, start: Start, words = ''): void {
  if (start === 'start' || start === 'end') return
  const [name, bound] = Object.entries(start)[0] as [string, unknown]
  if (bound instanceof Date && !Number.isNaN(bound.getTime())) return
  if (isStream ? Number.isSafeInteger(bound) && (bound as number) >= 0 : typeof bound === 'bigint') return
  const kind = isStream ? 'a version (number)' : 'a position (bigint)'
  const more = name === 'from' ? words : ''
  const wanted = more === '' ? `${kind} or a time (Date)` : `${kind}, a time (Date)${more}`
  throw new InvalidArgumentError(`"${name}" must be ${wanted}, not ${describe(bound)}`, { [name]: bound })
}

/** Finds out where to begin, on one snapshot. @throws InvalidArgumentError for a place beyond the end */
export async function startOf(view: View, source: Source, start: Start): Promise<FeedStart> {
  if (start === 'start') return { place: source.origin }
  const end = await endOf(view, source)
  // What the stream has at the end of the log is what it has in this snapshot.
  if (start === 'end') return { place: end, position: positionOf(await view.tx.readHorizon()) }
  const isAfter = 'after' in start
  const bound = isAfter ? start.after : start.from
  if (bound instanceof Date) return startAt(view, source, placeBefore(start), end)
  const place = isAfter ? bound : previous(bound)
  if (place < source.origin) return { place: source.origin }
  if (place <= end) return { place }
  const what = source.isStream ? 'version' : 'position'
  throw new InvalidArgumentError(`There is no ${what} ${bound} to begin at: the last is ${end}`, {
    place: bound,
    end,
  })
}

/** Begins behind a position that a time means. It may be yet to come; then it is not a place that anybody could have come to. */
async function startAt(view: View, source: Source, position: bigint, end: AnyPlace): Promise<FeedStart> {
  const horizon = positionOf(await view.tx.readHorizon())
  const floor = position > horizon ? position : undefined
  if (source.isStream) return { place: await versionUpTo(view, source, position), floor }
  return { place: position < end ? position : end, floor }
}

function previous(place: AnyPlace): AnyPlace {
  return typeof place === 'bigint' ? place - 1n : place - 1
}

/** The position before the first one that a time means. */
function placeBefore(start: Exclude<Start, string>): bigint {
  const { first } = positionBounds(start as { readonly from: Date })
  return first === 0n ? first : first - 1n
}

/** The last version of a source that is a stream that was recorded up to a position. */
export async function versionUpTo(
  view: View,
  { name }: Pick<Source, 'name'>,
  position: bigint,
): Promise<number> {
  const streamId = name.kind === 'stream' ? name.streamId : ''
  const number = await numberOf(view.tx, view.keys, streamId)
  if (number === undefined) return 0
  const everything = view.keys.streamRange(number, 1, Number.MAX_SAFE_INTEGER)
  const [first] = await view.tx.getRange(everything, { limit: 1 }).toArray()
  const head = (await headOf(view.tx, view.keys, number))?.version ?? 0
  if (first === undefined) return head
  // What was scavenged has no rows; the rest has no gaps.
  const low = versionIn(view.keys, number, first.key)
  return (await firstVersionAt(view, number, position + 1n, low, head)) - 1
}

/**
 * Finds out where a group is to begin: a place that it can keep. @throws InvalidArgumentError for a place beyond the end, or a time yet to
 * come
 */
export async function groupStartOf(view: View, source: Source, start: Start): Promise<AnyPlace> {
  const { place, floor } = await startOf(view, source, start)
  if (floor === undefined || timeOfPosition(floor) <= view.now) return place
  throw new InvalidArgumentError('A subscription that is kept cannot begin at a time that is yet to come', {
    time: new Date(timeOfPosition(floor)),
  })
}
