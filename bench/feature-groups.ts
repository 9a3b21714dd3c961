import type { IndexName } from 'eventdb'
import type { Appends } from './feature-appends.ts'
import type { FeatureWork } from './feature-cell.ts'
import { QUESTIONS, type QuestionName } from './tagged.ts'

/** What the stores are called by the indexes that they have. */
export const INDEXES = {
  none: [],
  category: ['category'],
  type: ['type'],
  tag: ['tag'],
  all: ['category', 'type', 'tag'],
} satisfies Record<string, readonly IndexName[]>

/** One line of a table. */
export interface Measurement {
  readonly name: string
  readonly indexes: keyof typeof INDEXES
  /** In a new store, in a large one, which grows by what is appended, or in a copy of a large one. */
  readonly place: 'empty' | 'large' | 'copy'
  readonly work: FeatureWork
}

/** Measurements that are made in turn. Where there are several, the ratios are to the first one. */
export type Comparison = readonly Measurement[]

/** A table: titles of columns with the names of the figures in them, and digits behind the point. */
export interface Group {
  readonly title: string
  readonly columns: readonly (readonly [title: string, figure: string, digits: number])[]
  readonly comparisons: readonly Comparison[]
}

/** By how much the work shrinks, and how many events a large store has. */
export interface Size {
  readonly scale: number
  readonly builtEvents: number
}

/** All tables. What leaves the large stores as they are comes first. */
export function groupsOf(size: Size): Group[] {
  return [reads(size), administration(size), appends(size)]
}

function reads({ scale }: Size): Group {
  const names = Object.keys(QUESTIONS) as QuestionName[]
  return {
    title: 'reads through indexes, and the same found by looking at every event of `all`',
    columns: [
      ['queries/s', 'perSecond', 0],
      ['µs', 'microseconds', 0],
      ['found', 'found', 0],
      ['scan ms', 'scanMs', 0],
      ['times', 'timesScan', 1],
      ['µs cpu', 'cpuMicroseconds', 0],
      ['p99 ms', 'loopDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: names.map((question) => [
      { name: question, indexes: 'all', place: 'large', work: { kind: 'ask', question, scale } },
    ]),
  }
}

function administration({ scale, builtEvents: events }: Size): Group {
  const snapshots = (['save-snapshots', 'read-snapshots'] as const).flatMap((kind) =>
    ([1, 1_024] as const).map((kib): Measurement => {
      const times = Math.ceil(scale * (kib === 1 ? 3_000 : 100))
      const doing = kind === 'save-snapshots' ? 'save a snapshot' : 'read the closest snapshot'
      const name = `${doing}, ${kib === 1 ? '1 KiB' : '1 MiB'}`
      return { name, indexes: 'all', place: 'empty', work: { kind, bytes: kib * 1_024, times } }
    }),
  )
  const large: Measurement[] = [
    { name: 'check', indexes: 'all', place: 'large', work: { kind: 'check' } },
    { name: 'backup', indexes: 'all', place: 'large', work: { kind: 'backup' } },
    { name: 'scavenge half of the streams', indexes: 'all', place: 'copy', work: { kind: 'scavenge' } },
    {
      name: 'drop the index by type',
      indexes: 'all',
      place: 'copy',
      work: { kind: 'reindex', add: [], drop: ['type'], events },
    },
    {
      name: 'add the index by type',
      indexes: 'tag',
      place: 'copy',
      work: { kind: 'reindex', add: ['type'], drop: [], events },
    },
  ]
  return {
    title: 'administration and snapshots, one call after the other',
    columns: [
      ['events/s', 'eventsPerSecond', 0],
      ['rows/s', 'rowsPerSecond', 0],
      ['calls/s', 'callsPerSecond', 0],
      ['MiB/s', 'mibPerSecond', 1],
      ['p99 ms', 'loopDelayMs', 1],
      ['longest ms', 'longestDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: [...large, ...snapshots].map((measurement) => [measurement]),
  }
}

function appends({ scale, builtEvents }: Size): Group {
  const name = (parts: Pick<Measurement, 'place'> & { inFlight: number; what: string }): string =>
    `append, ${parts.inFlight} in flight, ${parts.what}, ${
      parts.place === 'empty' ? 'empty' : `on ${builtEvents.toLocaleString('en')}`
    }`
  const work = (inFlight: number, asking: Appends['asking']): Appends => {
    const events = Math.ceil(scale * (inFlight === 1 ? 3_000 : inFlight === 128 ? 30_000 : 60_000))
    return { kind: 'append', inFlight, events, asking }
  }
  const places = ['empty', 'large'] as const
  const ofIndexes = places.flatMap((place) =>
    [1, 128, 1_024].map((inFlight) =>
      (Object.keys(INDEXES) as (keyof typeof INDEXES)[]).map((indexes) => ({
        name: name({ inFlight, what: `index: ${indexes}`, place }),
        indexes,
        place,
        work: work(inFlight, 'nothing'),
      })),
    ),
  )
  const ofConditions = places.map((place) =>
    (['nothing', 'version', 'key', 'query'] as const).map((asking) => ({
      name: name({ inFlight: 128, what: CONDITIONS[asking], place }),
      indexes: 'all' as const,
      place,
      work: work(128, asking),
    })),
  )
  return {
    title: 'appends of one event with three tags, and their ratio to the first of each group',
    columns: [
      ['events/s', 'perSecond', 0],
      ['ratio', 'ratio', 2],
      ['µs cpu', 'cpuMicroseconds', 1],
      ['bytes/event', 'bytesPerEvent', 0],
      ['p99 ms', 'loopDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: [...ofIndexes, ...ofConditions],
  }
}

const CONDITIONS: Readonly<Record<Appends['asking'], string>> = {
  nothing: 'no condition',
  version: 'expected version',
  key: 'idempotency key',
  query: 'failIfEventsMatch',
}
