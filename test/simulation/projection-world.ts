import type { RecordedEvent } from 'eventdb'
import { type SimulatedRuntime, seededRandom, simulatedRuntime } from 'eventdb/testing'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import type { Engine } from '../../src/kv/index.ts'
import { NameRows } from '../../src/projection/name-rows.ts'
import { sleep } from '../../src/runtime.ts'
import { keyspaceOf } from '../../src/store/keyspace.ts'
import { type CorrelationPlan, correlationOf } from './projection-correlations.ts'
import { closeProcess, openProcess, type Process } from './projection-process.ts'
import { type Rules, type RulesPlan, sumsOf } from './projection-rules.ts'
import type { SourceEvent } from './projection-truth.ts'

/** What a copy was made to leave out. */
export interface CopyHistory {
  readonly after: bigint
  readonly events: Set<bigint>
  readonly timers: Set<string>
  /** How far it was seen to be, who led it then, and whether it was being built. */
  position: bigint
  term: number
  role: 'serving' | 'building' | undefined
}

/** What is drawn for a run before it begins. */
export interface RunPlan extends RulesPlan {
  readonly steps: number
  readonly cacheMax: number
  readonly hasFaults: boolean
  /** Whether nothing is skipped and nothing begins in the middle, so that one loop says all that is emitted. */
  readonly isPlain: boolean
  /** Runs beside, if there is one. */
  readonly correlation: CorrelationPlan | undefined
}

/** What has happened in all runs, and how often. */
export type Tally = Map<string, number>

/** A database with several processes that project, and one that looks on. */
export interface ProjectionWorld {
  readonly seed: number
  readonly random: () => number
  readonly runtime: SimulatedRuntime
  readonly plan: RunPlan
  readonly engine: Engine
  /** Never fails, never stands still, runs no projection. */
  readonly observer: Process
  readonly rows: NameRows
  readonly processes: Process[]
  /** Events and timers whose handlers fail now. */
  readonly failing: Set<string>
  /** By the numbers of copies. */
  readonly copies: Map<number, CopyHistory>
  /** Causes of what may never be emitted, as they were skipped. */
  readonly lost: Set<string>
  readonly log: string[]
  readonly tally: Tally
  version: number
  appended: number
  started: number
}

const SOURCES = [
  { kind: 'category', category: 'in' },
  { kind: 'all' },
  { kind: 'stream', streamId: 'in-a' },
  { kind: 'type', type: 'A' },
  { kind: 'query', query: { items: [{ types: ['A', 'B', 'C'] }] } },
] as const satisfies readonly RulesPlan['source'][]

/** Draws what a run is about. */
function planOf(random: () => number): RunPlan {
  const chance = (probability: number): boolean => random() < probability
  return {
    source: SOURCES[chance(0.4) ? 0 : Math.floor(random() * SOURCES.length)]!,
    partitionBy: (['none', 'stream', 'function', 'function'] as const)[Math.floor(random() * 4)]!,
    hasTimers: chance(0.6),
    hasCodec: chance(0.3),
    steps: 10 + Math.floor(random() * 25),
    cacheMax: [0, 1, 100][Math.floor(random() * 3)]!,
    hasFaults: chance(0.6),
    isPlain: chance(0.5),
    correlation: chance(0.4)
      ? {
          looksFor: chance(0.5) ? 'following' : 'absence',
          by: chance(0.5) ? 'stream' : 'function',
          overlap: (['every', 'first', 'last'] as const)[Math.floor(random() * 3)]!,
        }
      : undefined,
  }
}

/** Makes a world with nothing in it. */
export async function makeProjectionWorld(seed: number, tally: Tally): Promise<ProjectionWorld> {
  const runtime = simulatedRuntime({ seed, shuffle: seed % 3 !== 0 })
  const random = seededRandom(seed)
  const plan = planOf(random)
  const engine = { ...memoryEngine(), capabilities: { durable: true, multiProcess: true }, close: () => {} }
  const observer = await runtime.run(openProcess('observer', engine, runtime))
  const root = await runtime.run(observer.kv.createOrOpenDirectory(['eventdb']))
  return {
    ...{ seed, random, runtime, plan, engine, observer },
    rows: new NameRows(keyspaceOf(root)),
    processes: [],
    failing: new Set(),
    copies: new Map(),
    lost: new Set(),
    tally,
    log: [JSON.stringify(plan)],
    ...{ version: 1, appended: 0, started: 0 },
  }
}

/** Closes what can be closed. */
export async function closeProjectionWorld({ processes, observer }: ProjectionWorld): Promise<void> {
  for (const process of processes) process.runtime.goOn()
  await Promise.all([...processes, observer].map(closeProcess))
}

/** Counts what has happened. */
export function count({ tally }: Pick<ProjectionWorld, 'tally'>, what: string, times = 1): void {
  tally.set(what, (tally.get(what) ?? 0) + times)
}

/** Notes what has happened. */
export function note({ log, runtime }: ProjectionWorld, text: string): void {
  log.push(`${Math.round(runtime.monotonic())}  ${text}`)
}

/** The handlers of a version, as a process runs them. */
export function rulesIn({ plan, failing }: ProjectionWorld, version: number, process: Process): Rules {
  return { version, plan, fails: (what) => failing.has(what), rest: (ms) => sleep(process.runtime, ms) }
}

/** The handlers of a version, as they should be. */
export function trueSums({ plan }: ProjectionWorld, version: number): ReturnType<typeof sumsOf> {
  return sumsOf({ version, plan, fails: () => false, rest: async () => {} })
}

/** Starts a process that runs a version. */
export async function startProcess(world: ProjectionWorld, version: number): Promise<Process> {
  world.started += 1
  const process = await openProcess(`P${world.started}`, world.engine, world.runtime)
  world.processes.push(process)
  const { correlation, source } = world.plan
  if (correlation !== undefined) {
    const { cacheMax } = world.plan
    const onProblem = (): void => count(world, 'problem')
    await process.store.project(correlationOf({ source, correlation }), {
      leaseMs: 1_000,
      cacheMax,
      onProblem,
    })
  }
  await runVersion(world, process, version)
  return process
}

/** Has a process run a version. */
export async function runVersion(world: ProjectionWorld, process: Process, version: number): Promise<void> {
  const sums = sumsOf(rulesIn(world, version, process))
  process.running = await process.store.project(sums, {
    leaseMs: 1_000,
    cacheMax: world.plan.cacheMax,
    onFault: ({ event, timer, error }) => {
      count(world, 'fault')
      note(world, `${process.name} fault ${event?.position} ${timer?.name} ${error.message}`)
    },
    onProblem: (error) => {
      count(world, 'problem')
      note(world, `${process.name} problem ${error}`)
    },
  })
  process.version = version
  void process.running.ended.then(({ reason }) => {
    process.version = undefined
    note(world, `${process.name} ended: ${reason}`)
  })
}

/** All events of the source, in order. */
export async function sourceEvents(world: ProjectionWorld): Promise<SourceEvent[]> {
  const { observer, plan } = world
  const { source } = plan
  const { store } = observer
  const found: SourceEvent[] = []
  const isStream = source.kind === 'stream'
  for await (const event of readSource(store, source)) {
    const at: Pick<RecordedEvent, 'position' | 'version'> = event.link ?? event
    const timeMs = Math.min(event.time.getTime(), event.recordedAt.getTime())
    found.push({ event, position: at.position, place: isStream ? at.version : at.position, timeMs })
  }
  return found
}

function readSource(store: Process['store'], source: RulesPlan['source']): AsyncIterable<RecordedEvent> {
  switch (source.kind) {
    case 'all':
      return store.all.read({ resolveLinks: false })
    case 'category':
      return store.category(source.category).read()
    case 'stream':
      return store.stream(source.streamId).read()
    case 'type':
      return store.eventType(source.type).read()
    case 'query':
      return store.query(source.query).read()
  }
}
