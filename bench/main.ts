import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureAggregates } from './aggregates.ts'
import type { Cell, Work } from './cell.ts'
import { measureFeatures } from './features.ts'
import type { Seen } from './measured.ts'
import { inProcess, medians } from './processes.ts'
import { measureProjections } from './projections.ts'
import { measureSubscriptions } from './subscriptions.ts'
import { printRow, printTitle, type Row } from './table.ts'

/**
 * Compares the event store with the best programs that we could write by hand for the same engine, rows, bytes and durability. Everything is
 * measured in one run, each measurement in a process of its own, ours and theirs in turn, as machines drift: only the ratios mean
 * anything. See `npm run bench -- --help`.
 */
const HELP = `Usage: npm run bench -- [options]

  --features             what each feature costs, eventdb beside itself, instead of the comparison with other programs
  --subscriptions        how fast events are delivered, with what the engine alone can do beside it, instead of either
  --aggregates           how fast aggregates are loaded and commands executed, beside Emmett (npm ci --prefix bench/emmett)
  --projections          how fast projections handle events, beside a subscription, and how soon they can be waited for
  --engine sqlite|lmdb   only this engine (default: both)
  --only TEXT            only measurements whose name contains TEXT
  --rounds N             how often each measurement is made; medians are shown (default 3)
  --quick                one round, less work, a store of 100,000 events instead of a million
  --events N             a large store of N events; all work shrinks with it: to see whether everything runs
  --folder DIR           where to put the stores (default: the system's folder for temporary files)
  --json                 one line of JSON for each measurement
`

const { values: options } = parseArgs({
  options: {
    features: { type: 'boolean', default: false },
    subscriptions: { type: 'boolean', default: false },
    aggregates: { type: 'boolean', default: false },
    projections: { type: 'boolean', default: false },
    engine: { type: 'string' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    events: { type: 'string' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const rounds = options.quick ? 1 : Number(options.rounds)
const builtEvents = Number(options.events ?? (options.quick ? 100_000 : 1_000_000))
const scale = options.events !== undefined ? Math.min(1, builtEvents / 1e6) : options.quick ? 0.25 : 1

type Engine = 'sqlite' | 'lmdb'

interface Measurement {
  readonly name: string
  readonly work: Work
  /** Whether it needs the large store. */
  readonly onBuilt: boolean
  /** Whether an append-only file can do it as well. */
  readonly file: boolean
}

async function main(): Promise<void> {
  if (options.help) return void process.stdout.write(HELP)
  const engines = (options.engine === undefined ? ['sqlite', 'lmdb'] : [options.engine]) as Engine[]
  const root = mkdtempSync(join(options.folder, 'eventdb-bench-'))
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, medians of ${rounds}`,
  )
  const size = { rounds, scale, builtEvents }
  try {
    if (options.aggregates) return await measureAggregates({ ...options, engines, root, ...size })
    for (const engine of engines) {
      if (options.features) await measureFeatures({ ...options, engine, root, ...size })
      else if (options.subscriptions) await measureSubscriptions({ ...options, engine, root, ...size })
      else if (options.projections) await measureProjections({ ...options, engine, root, ...size })
      else await compare(engine, root)
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function compare(engine: Engine, root: string): Promise<void> {
  const chosen = measurements().filter(({ name }) => name.includes(options.only))
  printTitle(engine, builtEvents)
  const built = chosen.some(({ onBuilt }) => onBuilt) ? await buildStores(engine, root) : undefined
  for (const measurement of chosen) {
    const row = await measure(engine, measurement, root, built)
    if (options.json) console.log(JSON.stringify({ engine, ...row }))
    else printRow(row)
  }
  if (built !== undefined) rmSync(built, { recursive: true, force: true })
}

function measurements(): Measurement[] {
  const appends = (onBuilt: boolean, streams: 'random' | 'recent', ids: boolean): Measurement[] =>
    [1, 16, 128, 1_024].map((inFlight) => {
      const events = Math.round(scale * (inFlight === 1 ? 8_000 : inFlight === 16 ? 60_000 : 150_000))
      const place = onBuilt ? `on ${builtEvents.toLocaleString('en')}` : 'empty'
      return {
        name: `append, ${inFlight} in flight, ${streams} streams${ids ? ', with ids' : ''}, ${place}`,
        work: { kind: 'append', inFlight, events, streams, ids, batch: 1 },
        onBuilt,
        file: true,
      }
    })
  const batches: Measurement[] = [10, 100, 1_000].map((batch) => ({
    name: `append, batches of ${batch}, one after the other, empty`,
    work: {
      kind: 'append',
      inFlight: 1,
      events: Math.round(scale * (batch === 10 ? 40_000 : 200_000)),
      streams: 'random',
      ids: false,
      batch,
    },
    onBuilt: false,
    file: true,
  }))
  const reads: Measurement[] = [false, true].flatMap((touch) => [
    {
      name: `read log${touch ? ', touching data' : ''}`,
      work: { kind: 'read-log', touch },
      onBuilt: true,
      file: false,
    },
    {
      name: `read streams${touch ? ', touching data' : ''}`,
      work: { kind: 'read-streams', touch, streams: Math.round(4_000 * scale) },
      onBuilt: true,
      file: false,
    },
  ])
  return [
    ...appends(false, 'random', false),
    ...appends(false, 'random', true),
    ...batches,
    ...reads,
    ...appends(true, 'random', false),
    ...appends(true, 'recent', false),
    ...appends(true, 'random', true),
    ...appends(true, 'recent', true),
  ]
}

/** Builds the large stores, ours and the hand-written one, in groups of 1,000. They are opened again for each measurement. */
async function buildStores(engine: Engine, root: string): Promise<string> {
  const built = join(root, `built-${engine}`)
  for (const program of pair(engine)) {
    await runCell({ program, folder: folderOf(built, program), work: { kind: 'build', events: builtEvents } })
  }
  return built
}

async function measure(
  engine: Engine,
  measurement: Measurement,
  root: string,
  built: string | undefined,
): Promise<Row> {
  const programs = measurement.file ? [...pair(engine), 'file by hand' as const] : pair(engine)
  const seen = new Map<string, Seen[]>(programs.map((program) => [program, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const program of programs) {
      const folder = folderOf(join(root, 'work'), program)
      const isRead = measurement.work.kind !== 'append'
      // To an append-only file it is all the same what it holds already.
      const needsBuilt = measurement.onBuilt && program !== 'file by hand'
      if (needsBuilt && !isRead) cpSync(folderOf(built!, program), folder, { recursive: true })
      const place = measurement.onBuilt && isRead ? folderOf(built!, program) : folder
      seen.get(program)!.push(await runCell({ program, folder: place, work: measurement.work }))
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const [ours, byHand] = pair(engine).map((program) => medians(seen.get(program)!))
  const file = seen.get('file by hand')
  return {
    name: measurement.name,
    ours: ours!,
    byHand: byHand!,
    file: file === undefined ? undefined : medians(file),
  }
}

function pair(engine: Engine): [Cell['program'], Cell['program']] {
  return [`eventdb on ${engine}`, `${engine} by hand`]
}

function folderOf(parent: string, program: string): string {
  return join(parent, program.replaceAll(' ', '-'))
}

async function runCell(cell: Cell): Promise<Seen> {
  mkdirSync(cell.folder, { recursive: true })
  return inProcess('./cell.ts', cell)
}

await main()
