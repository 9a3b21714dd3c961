import assert from 'node:assert/strict'
import { describe, test, vi } from 'vitest'
import { sleep } from '../../src/runtime.ts'
import { compareCopies, compareEmitted, readStored } from './projection-comparing.ts'
import { correlationOf, isSameFound, storedFound, trueFound } from './projection-correlations.ts'
import { compareAppended, compareKept } from './projection-kept-comparing.ts'
import { finishKept } from './projection-kept-steps.ts'
import { step } from './projection-steps.ts'
import {
  closeProjectionWorld,
  count,
  makeProjectionWorld,
  note,
  type ProjectionWorld,
  sourceEvents,
  startProcess,
  type Tally,
} from './projection-world.ts'

/** Limits that runs of a few dozen events come to. */
const limits = vi.hoisted(() => ({ batchEvents: 5 }))
vi.mock('../../src/limits.ts', async (importOriginal) => {
  const original = await importOriginal<object>()
  return {
    ...original,
    get PROJECTION_BATCH_EVENTS() {
      return limits.batchEvents
    },
    PROJECTION_BATCH_ROWS: 40,
    PROJECTION_CLEAR_ROWS: 5,
    INLINE_TAIL_EVENTS: 2,
    INLINE_PATIENCE_MS: 0,
    INLINE_HOLD_MS_MIN: 100,
    WATCH_POLL_MS_MIN: 20,
    WATCH_POLL_MS_MAX: 40,
  }
})

/** `EVENTDB_LARGE=1` for many more runs; `EVENTDB_SEED=17` for one of them, `EVENTDB_SEED=100-200` for some. */
const SEEDS = process.env.EVENTDB_LARGE === '1' ? 10_000 : 300
const [FIRST = 1, LAST = process.env.EVENTDB_SEED === undefined ? SEEDS : FIRST] = (
  process.env.EVENTDB_SEED?.split('-') ?? []
).map(Number)
/** The runs must come to what they are for; about half of what they did when this was written. */
const AT_LEAST: Readonly<Record<string, number>> = {
  emitted: 2_000,
  'another leader': 70,
  switched: 90,
  owed: 10,
  reset: 100,
  rebuild: 130,
  deploy: 160,
  delete: 30,
  skip: 15,
  fault: 250,
  problem: 50,
  'in force': 1_000,
  'into force': 140,
  'appended by a carrier': 600,
  refused: 15,
  'asked to wait': 80,
  'not carried': 10,
  'stranger refused': 15,
  'reset of the inline one': 20,
  'rebuild of the inline one': 20,
  'deploy of the inline one': 30,
  'fault of the inline one': 5,
}
/** Virtual time in which a projection that is well has to be done with everything: many leases, and the longest pause. */
const PATIENCE_MS = 240_000

describe('projections that many processes run, and a plain loop over the log', () => {
  const seeds = Array.from({ length: LAST - FIRST + 1 }, (_, at) => FIRST + at)
  test(`come to the same in ${seeds.length} random runs`, {
    timeout: 60_000 + seeds.length * 3_000,
  }, async () => {
    const tally: Tally = new Map()
    for (const seed of seeds) await runSeed(seed, tally)
    if (seeds.length < SEEDS) return
    const rare = Object.entries(AT_LEAST).filter(([what, times]) => (tally.get(what) ?? 0) < times)
    assert.deepEqual(rare, [], `what should happen more often than in ${JSON.stringify([...tally])}`)
  })
})

async function runSeed(seed: number, tally: Tally): Promise<void> {
  const world = await makeProjectionWorld(seed, tally)
  limits.batchEvents = 1 + Math.floor(world.random() * 8)
  try {
    await world.runtime.run(run(world))
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error)
    throw new Error(`Seed ${seed} fails: ${text}\n\n${world.log.join('\n')}`, { cause: error })
  }
  await world.runtime.run(closeProjectionWorld(world))
}

async function run(world: ProjectionWorld): Promise<void> {
  await startProcess(world, world.version)
  for (let at = 0; at < world.plan.steps; at += 1) {
    await step(world)
    await compareCopies(world)
    await compareKept(world)
  }
  await finish(world)
  await compareKept(world)
  if (world.kept !== undefined) await compareAppended(world, world.kept)
  await compareFound(world)
  await compareCopies(world)
  await compareEmitted(world)
  assert.deepEqual((await world.observer.store.check()).problems, [])
}

/** All is well from now on, so everything comes to an end. */
async function finish(world: ProjectionWorld): Promise<void> {
  note(world, 'finish')
  world.failing.clear()
  for (const { runtime } of world.processes) if (runtime.stands) runtime.goOn()
  await startProcess(world, world.version)
  if (world.kept !== undefined) await finishKept(world, world.kept)
  await world.observer.store.projection('sums').resume()
  const events = await sourceEvents(world)
  const last = events.at(-1)?.position ?? 0n
  for (const endMs = world.runtime.monotonic() + PATIENCE_MS; ; ) {
    const { row, copies } = await readStored(world)
    const serving = copies.find(({ role }) => role === 'serving')
    const isDone = copies.length === 1 && serving!.control.position >= last && row!.gone.length === 0
    const owes = serving!.held.timers.some(
      (timer) => Number(timer.split(' ')[0]) <= (serving!.control.watermarkMs ?? 0),
    )
    if (isDone && !owes && serving!.control.version === world.version) return
    if (world.runtime.monotonic() > endMs)
      throw new Error(`It never ends: ${JSON.stringify({ row, copies }, withTexts)}`)
    await sleep(world.runtime, 250)
  }
}

/** The correlation comes to what a loop over the log comes to. */
async function compareFound(world: ProjectionWorld): Promise<void> {
  const { plan, observer, runtime } = world
  if (plan.correlation === undefined) return
  const { source, correlation } = plan
  const projection = correlationOf({ source, correlation })
  for (const endMs = runtime.monotonic() + PATIENCE_MS; ; ) {
    const truth = await trueFound(observer, projection)
    const stored = await storedFound(observer, projection)
    const isSame = isSameFound(stored, truth)
    const { building } = await observer.store.projection(projection).status()
    if (isSame && building === undefined) {
      count(world, 'found', truth.matches.length)
      return
    }
    if (runtime.monotonic() > endMs) assert.deepEqual(stored, truth, 'what was found')
    await sleep(runtime, 1_000)
  }
}

function withTexts(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value
}
