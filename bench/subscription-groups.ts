import type { IndexName } from 'eventdb'
import type { Size } from './feature-groups.ts'
import type { CatchUp, Course } from './subscription-catch-up.ts'
import type { RawWork, StoreWork } from './subscription-cell.ts'
import type { Latency } from './subscription-latency.ts'
import type { Persistent } from './subscription-persistent.ts'

/** One line of a table. */
export interface Measurement {
  readonly name: string
  readonly work: StoreWork
}

/** Where work is done: in a new store, in one that has events already, or in a copy of one. */
export interface Place {
  readonly kind: 'empty' | 'built' | 'copy'
  readonly indexes: readonly IndexName[]
  /** Events of one that has events. */
  readonly events: number
}

/** Measurements, and what the engine alone can do. */
export interface Comparison {
  readonly raw: RawWork
  /** The figure that both have. */
  readonly figure: string
  /** A figure that must be the same. */
  readonly same?: string
  readonly measurements: readonly Measurement[]
}

/** A table: titles of columns with the names of the figures in them, and digits behind the point. */
export interface Group {
  readonly title: string
  readonly place: Place
  readonly columns: readonly (readonly [title: string, figure: string, digits: number])[]
  readonly comparisons: readonly Comparison[]
}

/** Events that wait for a group. */
const WAITING_EVENTS = 200_000

/** All tables. */
export function groupsOf(size: Size): Group[] {
  return [catchingUp(size), latencies(size), fanningOut(size), acknowledging(size)]
}

function catchingUp({ builtEvents, scale }: Size): Group {
  const comparison = (course: Course, ways: readonly CatchUp['by'][], times = 1): Comparison => ({
    raw: { kind: 'raw-scan', course, times },
    figure: 'perSecond',
    same: 'found',
    measurements: ways.map((by) => ({
      name: `catch up, ${COURSES[course]}, ${by}`,
      work: { kind: 'catch-up', course, by, times },
    })),
  })
  const some = ['handler', 'batches of 500', 'for await'] as const
  return {
    title: 'catch-up, from the first event to the last, beside the same rows read by nothing but the engine',
    place: { kind: 'built', indexes: ['category', 'type'], events: builtEvents },
    columns: [
      ['events/s', 'perSecond', 0],
      ['raw/s', 'raw', 0],
      ['ratio', 'ratio', 2],
      ['found', 'found', 0],
      ['µs cpu', 'cpuMicroseconds', 1],
      ['p99 ms', 'loopDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: [
      comparison('all', [...some, 'batches()']),
      comparison('category', some),
      comparison('rare by filter', ['handler', 'for await']),
      comparison('rare by type', ['handler'], Math.ceil(200 * scale)),
    ],
  }
}

const COURSES: Readonly<Record<Course, string>> = {
  all: 'all',
  category: 'one category of ten',
  'rare by filter': 'all filtered to a rare type',
  'rare by type': 'a rare type by its index',
}

function latencies({ scale }: Size): Group {
  const comparisons = [2, 50].map((pauseMs): Comparison => {
    const events = Math.ceil(scale * (pauseMs === 2 ? 2_000 : 300))
    const works = (['catch-up', 'persistent'] as const).flatMap((type) =>
      (['same process', 'other process'] as const).map(
        (appender): Latency => ({ kind: 'latency', type, appender, pauseMs, events }),
      ),
    )
    return {
      raw: { kind: 'raw-commits', pauseMs, events },
      figure: 'p50Ms',
      measurements: works.map((work) => ({
        name: `${work.type}, ${work.appender}, an event every ${pauseMs} ms`,
        work,
      })),
    }
  })
  return {
    title:
      'live delivery, from the acknowledgement of an append to the handler, beside a durable commit of the engine',
    place: { kind: 'empty', indexes: [], events: 0 },
    columns: [
      ['p50 ms', 'p50Ms', 2],
      ['p99 ms', 'p99Ms', 2],
      ['longest ms', 'longestMs', 1],
      ['early %', 'earlyPercent', 0],
      ['append p50', 'appendP50Ms', 2],
      ['raw p50', 'raw', 2],
      ['ratio', 'ratio', 2],
    ],
    comparisons,
  }
}

function fanningOut({ scale }: Size): Group {
  const comparison = (
    base: number,
    counts: readonly (readonly [subscribers: number, of: 'all' | 'streams'])[],
  ): Comparison => {
    const events = Math.ceil(scale * base)
    return {
      raw: { kind: 'raw-appends', events },
      figure: 'appendsPerSecond',
      measurements: counts.map(([subscribers, of]) => ({
        name: `${subscribers.toLocaleString('en')} subscribers of ${of === 'all' ? 'all' : 'a stream each'}`,
        work: { kind: 'fan-out', subscribers, of, events },
      })),
    }
  }
  return {
    title: 'live subscribers, 128 appends in flight, beside the same appends by hand',
    place: { kind: 'empty', indexes: [], events: 0 },
    columns: [
      ['delivered/s', 'deliveredPerSecond', 0],
      ['appends/s', 'appendsPerSecond', 0],
      ['raw/s', 'raw', 0],
      ['ratio', 'ratio', 2],
      ['p99 ms', 'loopDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: [
      comparison(60_000, [
        [0, 'all'],
        [1, 'all'],
      ]),
      comparison(20_000, [[100, 'all']]),
      comparison(4_000, [[1_000, 'all']]),
      comparison(40_000, [[1_000, 'streams']]),
    ],
  }
}

function acknowledging({ scale }: Size): Group {
  const works = (['round-robin', 'pinned'] as const).flatMap((strategy): Persistent[] => [
    { kind: 'persistent', strategy, consumers: 1, ownProcesses: false },
    { kind: 'persistent', strategy, consumers: 4, ownProcesses: false },
    { kind: 'persistent', strategy, consumers: 4, ownProcesses: true },
  ])
  return {
    title:
      'persistent, events acknowledged, beside single durable commits of the engine; ten times as many is the aim',
    place: { kind: 'copy', indexes: ['category', 'type'], events: Math.ceil(WAITING_EVENTS * scale) },
    columns: [
      ['events/s', 'perSecond', 0],
      ['commits/s', 'raw', 0],
      ['ratio', 'ratio', 1],
      ['again', 'again', 0],
      ['p99 ms', 'loopDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: [
      {
        raw: { kind: 'raw-commits', pauseMs: 0, events: Math.ceil(10_000 * scale) },
        figure: 'perSecond',
        measurements: works.map((work) => ({ name: nameOf(work), work })),
      },
    ],
  }
}

function nameOf({ strategy, consumers, ownProcesses }: Persistent): string {
  const many = consumers === 1 ? '1 consumer' : `${consumers} consumers`
  return `persistent, ${strategy}, ${many}${ownProcesses ? ', a process each' : ''}`
}
