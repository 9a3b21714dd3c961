import type { Commands, Loads, ProgramName } from './aggregate-cell.ts'
import type { Filled, LoadWay } from './aggregate-program.ts'

/** Engines of ours. */
export type Engine = 'sqlite' | 'lmdb'

/** How much is measured. */
export interface Amount {
  /** Of all counts; 1 in a whole run. */
  readonly scale: number
  /** Events of a large store. */
  readonly builtEvents: number
}

/** A number of one of the programs, and how it is had. */
export interface Measurement {
  readonly program: ProgramName
  readonly work: Loads | Commands
}

/** What is compared with each other: measured in turns, by the name of a column. */
export interface Comparison {
  readonly name: string
  readonly engine: Engine
  readonly measurements: Readonly<Record<string, Measurement>>
}

/** Comparisons on the same aggregates. */
export interface Group {
  readonly title: string
  readonly filled: readonly Filled[]
  readonly hasSnapshots: boolean
  /** By name, with the decimal places. */
  readonly columns: readonly (readonly [title: string, figure: string, digits: number])[]
  readonly comparisons: readonly Comparison[]
  /** Whether it is told how each measurement of Emmett ended. */
  readonly tellsEmmett: boolean
}

/** How many aggregates there are of each size. */
const LOADED: readonly Filled[] = [
  { events: 10, aggregates: 200 },
  { events: 100, aggregates: 100 },
  { events: 1_000, aggregates: 20 },
]
/** Events of the largest aggregate. */
const LARGEST = 100_000
/** How many aggregates commands are spread over. */
const MANY = 20_000

/** Everything that is measured. */
export function groupsOf(amount: Amount, engines: readonly Engine[]): Group[] {
  const { scale, builtEvents } = amount
  const events = scale === 1 ? 5 : 1
  const many = { aggregates: Math.min(MANY, Math.max(100, Math.floor(builtEvents / events))), events }
  return [
    loads(amount, engines),
    executes(amount, engines, many, 'at random'),
    executes(amount, engines, { aggregates: 1, events }, 'at once'),
  ]
}

const EMMETT = {
  memory: 'Emmett in memory',
  plain: 'Emmett on SQLite',
  heldOpen: 'Emmett on SQLite, held open',
} as const

function loads({ scale, builtEvents }: Amount, engines: readonly Engine[]): Group {
  const most = scale === 1 ? LARGEST : Math.min(LARGEST / 5, builtEvents)
  const sizes = [...LOADED.filter(({ events }) => events < most), { events: most, aggregates: 1 }]
  const msMax = Math.max(150, 2_000 * scale ** 2)
  return {
    title: 'aggregates loaded/s, one after the other',
    filled: sizes,
    hasSnapshots: true,
    columns: [
      ['fold', 'fold', 0],
      ['snapshot', 'snapshot', 0],
      ['cache', 'cache', 0],
      ['Em. memory', 'memory', 0],
      ['fold/memory', 'foldToMemory', 2],
      ['Em. SQLite', 'sqlite', 0],
      ['fold/SQLite', 'foldToSqlite', 2],
      ['snap/SQLite', 'snapshotToSqlite', 1],
      ['p99 ms', 'loopDelayMs', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons: sizes.flatMap((filled) =>
      engines.map((engine): Comparison => {
        const work = (way: LoadWay): Loads => ({ kind: 'load', way, filled, msMax })
        const ours = (way: LoadWay): Measurement => ({ program: `eventdb on ${engine}`, work: work(way) })
        return {
          name: `load, ${filled.events.toLocaleString('en')} events, ${engine}`,
          engine,
          measurements: {
            fold: ours('fold'),
            snapshot: ours('snapshot'),
            cache: ours('cache'),
            memory: { program: EMMETT.memory, work: work('fold') },
            sqlite: { program: EMMETT.heldOpen, work: work('fold') },
          },
        }
      }),
    ),
    tellsEmmett: false,
  }
}

function executes({ scale }: Amount, engines: readonly Engine[], filled: Filled, how: string): Group {
  const { aggregates, events } = filled
  const place = aggregates === 1 ? 'one aggregate' : `${aggregates.toLocaleString('en')} aggregates`
  const msMax = Math.max(400, 5_000 * scale ** 2)
  const workOf = (inFlight: number): Commands => {
    const commands = Math.round(scale * (inFlight === 1 ? 8_000 : inFlight === 16 ? 60_000 : 150_000))
    return { kind: 'execute', filled, inFlight, commands, msMax }
  }
  const isCached = aggregates > 1 && scale === 1
  const comparisons = [1, 16, 128].flatMap((inFlight) =>
    engines.map((engine): Comparison => {
      const program = `eventdb on ${engine}` as const
      const work = workOf(inFlight)
      return {
        name: `execute, ${inFlight} in flight, ${place}, ${engine}`,
        engine,
        measurements: {
          execute: { program, work },
          ...(isCached && { cached: { program, work: { ...work, cacheMax: aggregates } } }),
          append: { program, work: { ...work, kind: 'append' } },
          memory: { program: EMMETT.memory, work },
          sqlite: { program: EMMETT.heldOpen, work },
          // Its best concurrency, and so needed for each row.
          plainAlone: { program: EMMETT.plain, work: workOf(1) },
          heldOpenAlone: { program: EMMETT.heldOpen, work: workOf(1) },
        },
      }
    }),
  )
  return {
    title: `commands/s on ${place} with ${events} event${events === 1 ? '' : 's'}, ${how}; ours are durable`,
    filled: [filled],
    hasSnapshots: false,
    columns: [
      ['execute', 'execute', 0],
      ['all cached', 'cached', 0],
      ['append', 'append', 0],
      ['ex./append', 'executeToAppend', 2],
      ['Em. memory', 'memory', 0],
      ['× memory', 'executeToMemory', 2],
      ['Em. SQLite', 'sqlite', 0],
      ['alone', 'plainAlone', 0],
      ['& held open', 'heldOpenAlone', 0],
      ['× its best', 'executeToBest', 1],
      ['p99 ms', 'loopDelayMs', 1],
      ['µs cpu', 'cpuMicroseconds', 1],
      ['MiB', 'rssAnonMib', 0],
    ],
    comparisons,
    tellsEmmett: true,
  }
}
