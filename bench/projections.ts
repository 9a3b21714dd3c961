import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type FeatureOptions, printFigures } from './features.ts'
import type { InlineBy } from './inline-work.ts'
import type { Figures } from './measured.ts'
import { inProcess, medians } from './processes.ts'
import type { ProjectionCell, ProjectionWork } from './projection-cell.ts'
import { PARTITIONS, type ProjectedBy } from './projection-work.ts'
import { printCells } from './table.ts'

type Columns = readonly (readonly [title: string, figure: string, digits: number])[]

const RATES: Columns = [
  ['events/s', 'perSecond', 0],
  ['catch-up/s', 'raw', 0],
  ['ratio', 'ratio', 2],
  ['µs cpu', 'cpuMicroseconds', 1],
  ['p99 ms', 'loopDelayMs', 1],
  ['MiB', 'rssAnonMib', 0],
]

const DELAYS: Columns = [
  ['p50 ms', 'p50Ms', 2],
  ['p99 ms', 'p99Ms', 2],
  ['append p50', 'appendP50Ms', 2],
  ['append p99', 'appendP99Ms', 2],
]

const APPENDS: Columns = [
  ['appends/s', 'perSecond', 0],
  ['without', 'without', 0],
  ['ratio', 'ratio', 2],
  ['µs more', 'microsecondsMore', 1],
  ['µs cpu more', 'cpuMore', 1],
]

const INLINE: Readonly<Record<Exclude<InlineBy, 'none'>, string>> = {
  counting: 'inline, counting',
  partitioned: `inline, counting, ${PARTITIONS.toLocaleString('en')} partitions`,
  emitting: 'inline, counting and emitting an event',
}

const NAMES: Readonly<Record<ProjectedBy, string>> = {
  'counting all': 'counting everything in the log',
  counting: 'counting a category',
  partitioned: `counting and summing, ${PARTITIONS.toLocaleString('en')} partitions`,
  'read model': 'a row of the read model for every event',
  linking: 'linking every event to one of five streams',
}

/** How fast projections handle events, and how soon they can be waited for. */
export async function measureProjections(options: FeatureOptions): Promise<void> {
  await measureRates(options)
  await measureDelays(options)
  await measureInline(options)
}

/** Each projection beside a catch-up subscription that is handed the same events, in turn. */
async function measureRates(options: FeatureOptions): Promise<void> {
  const ways = (Object.keys(NAMES) as ProjectedBy[]).filter((by) => NAMES[by].includes(options.only))
  if (ways.length === 0) return
  const { engine, builtEvents, rounds } = options
  const root = join(options.root, `projections-${engine}`)
  const built = join(root, 'built')
  const title = `${engine}: projections, from the first event to the last of ${builtEvents.toLocaleString('en')}`
  printTitle(options, title, RATES)
  await runCell({ engine, folder: built, work: { kind: 'build', events: builtEvents } })
  const onCopy = async (work: ProjectionWork): Promise<Figures> => {
    const scratch = join(root, 'work')
    cpSync(built, scratch, { recursive: true })
    const figures = await runCell({ engine, folder: scratch, work })
    rmSync(scratch, { recursive: true, force: true })
    return figures
  }
  const rawRounds: Figures[] = []
  const seen = new Map<ProjectedBy, Figures[]>(ways.map((by) => [by, []]))
  for (let round = 0; round < rounds; round += 1) {
    rawRounds.push(await onCopy({ kind: 'catch-up' }))
    for (const by of ways) seen.get(by)!.push(await onCopy({ kind: 'project', by }))
  }
  const raw = medians(rawRounds).perSecond!
  for (const by of ways) {
    const figures = medians(seen.get(by)!)
    print(options, NAMES[by], RATES, { ...figures, raw, ratio: figures.perSecond! / raw })
  }
  rmSync(root, { recursive: true, force: true })
}

async function measureDelays(options: FeatureOptions): Promise<void> {
  const { engine, rounds, scale } = options
  const works = [0, 2, 50].map((pauseMs) => ({
    name: `waitFor, ${pauseMs === 0 ? 'appends without a pause' : `an event every ${pauseMs} ms`}`,
    work: { kind: 'wait', pauseMs, events: Math.ceil(scale * (pauseMs === 50 ? 300 : 2_000)) } as const,
  }))
  const chosen = works.filter(({ name }) => name.includes(options.only))
  if (chosen.length === 0) return
  printTitle(options, `${engine}: waiting for a projection, from the acknowledgement of an append`, DELAYS)
  for (const { name, work } of chosen) {
    const seen: Figures[] = []
    for (let round = 0; round < rounds; round += 1) {
      const folder = join(options.root, `waiting-${engine}`)
      seen.push(await runCell({ engine, folder, work }))
      rmSync(folder, { recursive: true, force: true })
    }
    print(options, name, DELAYS, medians(seen))
  }
}

/** What an inline projection costs an append: beside the same appends without one, in turn. */
async function measureInline(options: FeatureOptions): Promise<void> {
  const { engine, rounds, scale } = options
  const ways = (Object.keys(INLINE) as (keyof typeof INLINE)[]).filter((by) =>
    INLINE[by].includes(options.only),
  )
  if (ways.length === 0) return
  printTitle(options, `${engine}: appends of one event, with an inline projection in force`, APPENDS)
  const folder = join(options.root, `inline-${engine}`)
  for (const inFlight of [1, 64]) {
    const events = Math.ceil(scale * (inFlight === 1 ? 4_000 : 40_000))
    const seen = new Map<InlineBy, Figures[]>()
    for (let round = 0; round < rounds; round += 1) {
      for (const by of ['none', ...ways] as const) {
        const work = { kind: 'append', by, inFlight, events } as const
        seen.set(by, [...(seen.get(by) ?? []), await runCell({ engine, folder, work })])
        rmSync(folder, { recursive: true, force: true })
      }
    }
    const none = medians(seen.get('none')!)
    for (const by of ways)
      print(options, `${INLINE[by]}, ${inFlight} in flight`, APPENDS, besides(medians(seen.get(by)!), none))
  }
}

function besides(figures: Figures, none: Figures): Figures {
  const [perSecond, without] = [figures.perSecond!, none.perSecond!]
  return {
    perSecond,
    without,
    ratio: perSecond / without,
    microsecondsMore: 1e6 / perSecond - 1e6 / without,
    cpuMore: figures.cpuMicroseconds! - none.cpuMicroseconds!,
  }
}

function printTitle({ json }: FeatureOptions, title: string, columns: Columns): void {
  if (json) return
  console.log(`\n${title}`)
  printCells(
    '',
    columns.map(([column]) => column),
  )
}

function print({ json, engine }: FeatureOptions, name: string, columns: Columns, figures: Figures): void {
  if (json) console.log(JSON.stringify({ engine, name, ...figures }))
  else printFigures(name, columns, figures)
}

function runCell(cell: ProjectionCell): Promise<Figures> {
  mkdirSync(cell.folder, { recursive: true })
  return inProcess('./projection-cell.ts', cell)
}
