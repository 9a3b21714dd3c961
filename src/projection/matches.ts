import type { Listing } from '../store/contract-listing.ts'
import type { ProjectionReader } from '../store/contract-projections.ts'
import type { KeyValueRangeOptions, KeyValueReader, KeyValueWriter } from '../store/contract-transactions.ts'
import { listing } from '../store/listing.ts'
import type { FoundEvent, OpenAttempts } from './attempts.ts'

/** Where an event of a match is, and when it happened. */
export interface MatchEvent<Type extends string = string> {
  readonly streamId: string
  readonly version: number
  readonly type: Type
  /** When it happened, but not later than it was recorded. */
  readonly time: Date
}

/** A sequence that was found. */
export interface CorrelationMatch<Type extends string = string> {
  /** What its events have in common: the partition. */
  readonly by: string
  /** An event for each step, but for what did not come. */
  readonly events: readonly MatchEvent<Type>[]
  /** When its first event happened. */
  readonly startedAt: Date
  /** When its last event happened, or the time was over for what did not come. */
  readonly endedAt: Date
  readonly durationMs: number
}

/** First element of the keys of all matches. */
const MATCH = 'match'

/** A match as it is stored. */
interface MatchRow {
  readonly by: string
  readonly events: readonly (Omit<MatchEvent, 'time'> & { readonly time: string })[]
  readonly startedAt: string
  readonly endedAt: string
  readonly durationMs: number
}

/**
 * The matches of a correlation in the order in which they ended, of what `runOnce` answers, or of a projection.
 *
 * ```ts
 * for await (const { by, durationMs } of matchesOf(await store.runOnce(question))) console.log(by, durationMs)
 * ```
 */
export function matchesOf<Type extends string>(
  reader: Pick<ProjectionReader<OpenAttempts<Type>>, 'kv' | 'state'>,
  options?: KeyValueRangeOptions,
): Listing<CorrelationMatch<Type>>
export function matchesOf(
  reader: { readonly kv: KeyValueReader },
  options?: KeyValueRangeOptions,
): Listing<CorrelationMatch>
export function matchesOf(
  { kv }: { readonly kv: KeyValueReader },
  options: KeyValueRangeOptions = {},
): Listing<CorrelationMatch> {
  return listing(() => matchesIn(kv, options))
}

async function* matchesIn(
  kv: KeyValueReader,
  options: KeyValueRangeOptions,
): AsyncGenerator<CorrelationMatch> {
  for await (const { value } of kv.getRange([MATCH], options)) yield matchOfRow(value as unknown as MatchRow)
}

/** Makes a match of what was found. */
export function matchOf<Type extends string>(
  by: string,
  found: readonly FoundEvent<Type>[],
  endedMs: number,
): CorrelationMatch<Type> {
  const startedMs = found[0]!.timeMs
  return {
    by,
    events: found.map(({ timeMs, ...place }) => ({ ...place, time: new Date(timeMs) })),
    startedAt: new Date(startedMs),
    endedAt: new Date(endedMs),
    durationMs: endedMs - startedMs,
  }
}

/** Adds a match to a read model, behind those that ended at the same moment. */
export async function recordMatch(kv: KeyValueWriter, match: CorrelationMatch): Promise<void> {
  const { by, events, startedAt, endedAt, durationMs } = match
  const prefix = [MATCH, endedAt.getTime(), by]
  let count = 0
  for await (const { key } of kv.getRange(prefix, { reverse: true, limit: 1 })) {
    count = Number(key.at(-1)) + 1
  }
  kv.set([...prefix, count], {
    by,
    events: events.map(({ time, ...place }) => ({ ...place, time: time.toISOString() })),
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    durationMs,
  })
}

function matchOfRow({ by, events, startedAt, endedAt, durationMs }: MatchRow): CorrelationMatch {
  return {
    by,
    events: events.map(({ time, ...place }) => ({ ...place, time: new Date(time) })),
    startedAt: new Date(startedAt),
    endedAt: new Date(endedAt),
    durationMs,
  }
}
