import { EventDbError, type EventStore, type RecordedEvent, type StoreReadTransaction } from 'eventdb'
import { type SimulatedRuntime, seededRandom, simulatedRuntime } from 'eventdb/testing'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import type { Engine } from '../../src/kv/index.ts'
import { NameRows } from '../../src/projection/name-rows.ts'
import { sleep } from '../../src/runtime.ts'
import { keyspaceOf } from '../../src/store/keyspace.ts'
import { type CorrelationPlan, correlationOf } from './projection-correlations.ts'
import { type KeptPlan, type KeptRules, keptOf } from './projection-kept.ts'
import { type Carrying, closeProcess, openProcess, type Process } from './projection-process.ts'
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

/** What events can be read from. */
type Readable = EventStore | StoreReadTransaction

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

/** The inline projection of a run, and what is known of appends that it is part of. */
export interface KeptWorld {
  readonly plan: KeptPlan
  version: number
  /** How often it was deleted. */
  deletes: number
  /** Events that it has refused at some time. */
  readonly failing: Set<number>
  /** Events that were appended, and that were not, as far as that was told. */
  readonly appended: Set<number>
  readonly refused: Set<number>
  /** What went wrong where nobody waits. */
  readonly wrong: unknown[]
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
  readonly kept: KeptWorld | undefined
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

/** Why a process may fail to carry the inline projection. */
const NOT_CARRYING: readonly string[] = [
  'projection-faulted',
  'projection-superseded',
  'projection-not-found',
  'closed',
  'storage-failed',
  'commit-unknown',
]

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

/** In two runs of five an inline projection is there as well. */
function keptOfRun(seed: number): KeptWorld | undefined {
  if (seed % 5 > 1) return undefined
  const random = seededRandom(seed + 1_000_000)
  const plan: KeptPlan = {
    source: SOURCES[random() < 0.4 ? 0 : Math.floor(random() * SOURCES.length)]!,
    partitionBy: (['none', 'stream', 'function'] as const)[Math.floor(random() * 3)]!,
    hasCodec: random() < 0.3,
    isPlain: random() < 0.6,
  }
  return {
    plan,
    version: 1,
    deletes: 0,
    failing: new Set(),
    appended: new Set(),
    refused: new Set(),
    wrong: [],
  }
}

/** Makes a world with nothing in it. */
export async function makeProjectionWorld(seed: number, tally: Tally): Promise<ProjectionWorld> {
  const runtime = simulatedRuntime({ seed, shuffle: seed % 3 !== 0 })
  const random = seededRandom(seed)
  const plan = planOf(random)
  const kept = keptOfRun(seed)
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
    ...{ tally, kept },
    log: [JSON.stringify(plan), JSON.stringify(kept?.plan)],
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
  carryKept(world, process)
  await runVersion(world, process, version)
  return process
}

/** Has a process carry the inline projection, if there is one. Nobody waits until it is in force, or refused. */
export function carryKept(world: ProjectionWorld, process: Process): void {
  const { kept, plan } = world
  if (kept === undefined) return
  const { version, deletes } = kept
  const carrying: Carrying = { version, deletes, isReady: false, isOver: false }
  process.carrying = carrying
  const projection = keptOf({ ...rulesIn(world, version, process), plan: kept.plan })
  const options = {
    leaseMs: 1_000,
    cacheMax: plan.cacheMax,
    onFault: () => count(world, 'fault of the inline one'),
    onProblem: () => count(world, 'problem'),
  }
  const over = (how: string): void => {
    carrying.isOver = true
    note(world, `${process.name} carries version ${version} no more: ${how}`)
  }
  process.store.project(projection, options).then(
    (running) => {
      carrying.isReady = true
      note(world, `${process.name} carries version ${version}`)
      void running.ended.then(({ reason }) => over(reason))
    },
    (error: unknown) => {
      const code = error instanceof EventDbError ? error.code : ''
      if (!NOT_CARRYING.includes(code)) kept.wrong.push(error)
      over(code)
    },
  )
}

/** The handlers of a version of the inline projection, as they should be. */
export function trueKept(plan: KeptPlan, version: number): ReturnType<typeof keptOf> {
  const rules: KeptRules = { version, plan, fails: () => false, rest: async () => {} }
  return keptOf(rules)
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
export async function sourceEvents({ observer, plan }: ProjectionWorld): Promise<SourceEvent[]> {
  return eventsOf(observer.store, plan.source)
}

/** All events of a source, in order. */
export async function eventsOf(store: Readable, source: RulesPlan['source']): Promise<SourceEvent[]> {
  const found: SourceEvent[] = []
  const isStream = source.kind === 'stream'
  for await (const event of readSource(store, source)) {
    const at: Pick<RecordedEvent, 'position' | 'version'> = event.link ?? event
    const timeMs = Math.min(event.time.getTime(), event.recordedAt.getTime())
    found.push({ event, position: at.position, place: isStream ? at.version : at.position, timeMs })
  }
  return found
}

function readSource(store: Readable, source: RulesPlan['source']): AsyncIterable<RecordedEvent> {
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
