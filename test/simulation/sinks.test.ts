import Database from 'better-sqlite3'
import {
  defineSinkProjection,
  type EventStore,
  openEventStore,
  type ProjectionSink,
  type RunningSinkProjection,
  type SinkProjection,
} from 'eventdb'
import { type SimulatedRuntime, seededRandom, simulatedRuntime } from 'eventdb/testing'
import { expect, test, vi } from 'vitest'
import { sqliteSink } from '../../examples/sinks/sqlite-sink.ts'
import { sleep } from '../../src/runtime.ts'

/** A limit that runs of a few dozen events come to. */
vi.mock('../../src/limits.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  PROJECTION_BATCH_EVENTS: 5,
}))

/** `EVENTDB_LARGE=1` for many more runs; `EVENTDB_SEED=17` for one of them, `EVENTDB_SEED=100-200` for some. */
const SEEDS = process.env.EVENTDB_LARGE === '1' ? 5_000 : 200
const [FIRST = 1, LAST = process.env.EVENTDB_SEED === undefined ? SEEDS : FIRST] = (
  process.env.EVENTDB_SEED?.split('-') ?? []
).map(Number)
const STEPS = 60
/** The runs must come to what they are for; about half of what they did when this was written. */
const AT_LEAST: Readonly<Record<string, number>> = {
  'failed before the commit': 160,
  'the answer was lost': 120,
  'failed when all was written': 80,
  'the checkpoint cannot be read': 150,
  'stood still': 450,
  'a handler failed': 240,
  fault: 60,
  problem: 350,
  skipped: 12,
  'stood by': 1_400,
}

type Tally = Map<string, number>

function note(tally: Tally, what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1)
}

const seeds = Array.from({ length: LAST - FIRST + 1 }, (_, at) => FIRST + at)
test(`a read model that many processes write, and a plain loop, come to the same in ${seeds.length} random runs`, {
  timeout: 60_000 + seeds.length * 1_000,
}, async () => {
  const tally: Tally = new Map()
  for (const seed of seeds) {
    try {
      await runSeed(seed, tally)
    } catch (cause) {
      throw new Error(`The read model is wrong with seed ${seed}`, { cause })
    }
  }
  if (seeds.length < 200) return
  for (const [what, least] of Object.entries(AT_LEAST)) {
    expect(tally.get(what) ?? 0, `${what}: ${JSON.stringify([...tally])}`).toBeGreaterThan(least)
  }
})

/** One world: a store, a database, and processes that write what follows from the one into the other. */
class World {
  readonly random: () => number
  readonly runtime: SimulatedRuntime
  readonly db: Database.Database = new Database(':memory:')
  readonly sink: ProjectionSink<Database.Database>
  readonly running: RunningSinkProjection[] = []
  readonly tally: Tally
  readonly skipped = new Set<bigint>()
  /** How much goes wrong: 0 to 1. */
  trouble = 1
  /** An event that cannot be handled for a while. */
  bad: number | undefined
  count = 0

  constructor(seed: number, tally: Tally) {
    this.random = seededRandom(seed)
    this.runtime = Object.assign(simulatedRuntime({ seed, shuffle: true }), { warn: () => {} })
    this.tally = tally
    this.db.exec(
      'create table rows (n integer primary key autoincrement, stream text, version integer, total integer)',
    )
    this.sink = sqliteSink(this.db)
  }

  chance(of: number): boolean {
    return this.random() < of * this.trouble
  }

  fail(of: number, what: string): void {
    if (!this.chance(of)) return
    note(this.tally, what)
    throw new Error(what)
  }

  async standStill(): Promise<void> {
    if (!this.chance(0.1)) return
    note(this.tally, 'stood still')
    await sleep(this.runtime, 4_000 * this.random())
  }
}

async function runSeed(seed: number, tally: Tally): Promise<void> {
  const world = new World(seed, tally)
  await world.runtime.run(
    (async () => {
      await using store = await openEventStore(':memory:', { runtime: world.runtime })
      for (let at = 0; at < STEPS; at += 1) await step(world, store)
      world.trouble = 0
      world.bad = undefined
      await start(world, store)
      const { position } = await store.stream('s-0').append(counted(world))
      await Promise.all(world.running.map((run) => caughtUp(world, run, position!)))
      await compare(world, store)
    })(),
  )
  world.db.close()
}

function counted(world: World): { type: 'Counted'; data: number } {
  world.count += 1
  return { type: 'Counted', data: world.count }
}

/** Waits until it is well, however it stands. */
async function caughtUp(world: World, run: RunningSinkProjection, position: bigint): Promise<void> {
  for (let looks = 0; looks < 500; looks += 1) {
    try {
      return await run.waitFor(position, { timeoutMs: 1_000 })
    } catch {
      await sleep(world.runtime, 1_000)
    }
  }
  throw new Error(`It does not come to the end: ${JSON.stringify((await run.status()).state)}`)
}

async function step(world: World, store: EventStore): Promise<void> {
  const { random, runtime } = world
  const kind = random()
  if (kind < 0.4) await append(world, store)
  else if (kind < 0.5) await store.stream('other').append({ type: 'Counted', data: 0 })
  else if (kind < 0.6) await start(world, store)
  else if (kind < 0.68) await end(world)
  else if (kind < 0.74) await skip(world)
  else if (kind < 0.8) await wait(world, store)
  else if (kind < 0.84) world.bad = random() < 0.5 ? world.count + 1 : undefined
  else await sleep(runtime, 3_000 * random() ** 3)
  for (const run of world.running) {
    if ((await run.status()).state === 'standing-by') note(world.tally, 'stood by')
  }
}

async function append(world: World, store: EventStore): Promise<void> {
  const { random } = world
  const events = Array.from({ length: 1 + Math.floor(8 * random() ** 2) }, () => counted(world))
  await store.stream(`s-${Math.floor(3 * random())}`).append(events)
}

async function start(world: World, store: EventStore): Promise<void> {
  if (world.running.length >= 3) return
  const options = {
    leaseMs: 1_000 + Math.floor(4_000 * world.random()),
    onProblem: () => note(world.tally, 'problem'),
    onFault: () => note(world.tally, 'fault'),
  }
  const run = await store.projectInto(troubled(world), sums(world), options).catch(() => undefined)
  if (run !== undefined) world.running.push(run)
}

async function end(world: World): Promise<void> {
  const [run] = world.running.splice(Math.floor(world.random() * world.running.length), 1)
  if (run === undefined) return
  const closing = run.close()
  // Some are not waited for, as if they had been killed and others did not know.
  if (world.random() < 0.5) await closing
}

async function skip(world: World): Promise<void> {
  for (const run of world.running) {
    const { fault } = await run.status()
    if (fault?.event === undefined) continue
    try {
      const skipped = await run.skip({ position: fault.event.position })
      world.skipped.add(skipped.event!.position)
      note(world.tally, 'skipped')
    } catch {
      // It was handled meanwhile, or the database has failed. What became of it is in the checkpoint.
      await sleep(world.runtime, 10)
    }
    return
  }
}

/** What somebody has waited for is there. */
async function wait(world: World, store: EventStore): Promise<void> {
  const run = world.running[Math.floor(world.random() * world.running.length)]
  const events = await store.category('s').read().toArray()
  const position = events.at(Math.floor(world.random() * events.length))?.position
  if (run === undefined || position === undefined) return
  const isThere = await run.waitFor(position, { timeoutMs: 2_000 }).then(
    () => true,
    () => false,
  )
  if (!isThere) return
  const rows = world.db.prepare('select count(*) from rows').pluck().get() as number
  const wanted = events.filter((event) => event.position <= position && !world.skipped.has(event.position))
  expect(rows).toBeGreaterThanOrEqual(wanted.length - 1)
}

function sums(world: World): SinkProjection<{ type: string; data?: unknown }, Database.Database> {
  return defineSinkProjection<Database.Database>({
    name: 'sums',
    source: { kind: 'category', category: 's' },
    on: {
      Counted: async (tx, { streamId, version, data }) => {
        const total =
          (tx.prepare('select total from rows order by n desc').pluck().get() as number | undefined) ?? 0
        if (world.chance(0.2)) await sleep(world.runtime, 60 * world.random())
        tx.prepare('insert into rows (stream, version, total) values (?, ?, ?)').run(
          streamId,
          version,
          total + (data as number),
        )
        world.fail(data === world.bad ? 1 : 0.02, 'a handler failed')
      },
    },
  })
}

/** A connection of a process, on which everything may fail, or take long. */
function troubled(world: World): ProjectionSink<Database.Database> {
  const { sink } = world
  return {
    checkpoint: async (id) => {
      world.fail(0.1, 'the checkpoint cannot be read')
      await world.standStill()
      return sink.checkpoint(id)
    },
    commit: async (id, expected, write) => {
      await world.standStill()
      world.fail(0.1, 'failed before the commit')
      const isDone = await sink.commit(id, expected, async (tx) => {
        const next = await write(tx)
        world.fail(0.08, 'failed when all was written')
        return next
      })
      await world.standStill()
      world.fail(0.1, 'the answer was lost')
      return isDone
    },
  }
}

/** All events in order, each once, but for those that were skipped: they are told by the totals, and by how many the checkpoint says there are. */
async function compare({ db, skipped }: World, store: EventStore): Promise<void> {
  const rows = db.prepare('select stream, version, total from rows order by n').all()
  const text = db.prepare('select checkpoint from projection_checkpoints').pluck().get() as string
  const checkpoint = JSON.parse(text) as { handled: number; skipped: number }
  const events = await store.category('s').read().toArray()
  expect(checkpoint.handled).toBe(rows.length)
  expect(checkpoint.handled + checkpoint.skipped).toBe(events.length)
  const found = new Set(rows.map((row) => placeIn(row as { stream: string; version: number })))
  let total = 0
  const expected = []
  for (const { streamId: stream, version, data, position } of events) {
    if (skipped.has(position) || !found.has(`${stream} ${version}`)) continue
    total += data as number
    expected.push({ stream, version, total })
  }
  expect(rows).toEqual(expected)
  expect(checkpoint.skipped).toBe(events.length - expected.length)
}

function placeIn({ stream, version }: { readonly stream: string; readonly version: number }): string {
  return `${stream} ${version}`
}
