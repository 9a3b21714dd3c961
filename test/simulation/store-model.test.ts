import { seededRandom } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { describeStep, type ModelStep } from './store-model-operations.ts'
import { randomOperation } from './store-model-random.ts'
import { compareChecked, compareEverything } from './store-model-reading.ts'
import { shortened } from './store-model-shortening.ts'
import { closeWorld, HANDLES, makeWorld, takeStep, type World } from './store-model-world.ts'

/** `EVENTDB_LARGE=1` for many more runs; `EVENTDB_SEED=17` for one of them, `EVENTDB_SEED=100-200` for some. */
const SEEDS = process.env.EVENTDB_LARGE === '1' ? 2_000 : 60
const [FIRST = 1, LAST = process.env.EVENTDB_SEED === undefined ? SEEDS : FIRST] = (
  process.env.EVENTDB_SEED?.split('-') ?? []
).map(Number)
const STEPS = 150
/** Steps between two comparisons of everything. */
const EVERYTHING = 50

describe('a store and a plain oracle', () => {
  const seeds = Array.from({ length: LAST - FIRST + 1 }, (_, at) => FIRST + at)
  test(`agree on ${seeds.length} runs of ${STEPS} random operations`, {
    timeout: 60_000 + seeds.length * 2_000,
  }, async () => {
    for (const seed of seeds) await runSeed(seed)
  })
})

/** A run that fails is told in as few steps as show it. */
async function runSeed(seed: number): Promise<void> {
  const steps: ModelStep[] = []
  const random = seededRandom(seed)
  const failure = await attempt(seed, async (world) => {
    for (let at = 0; at < STEPS; at += 1) {
      const operation = randomOperation(random, world.oracle)
      const step = { store: Math.floor(random() * HANDLES), operation, reads: Math.floor(random() * 2 ** 31) }
      steps.push(step)
      await advance(world, step, at)
    }
  })
  if (failure === undefined) return
  const few = await shortened(steps, async (some) => {
    const again = await attempt(seed, async (world) => {
      for (const [at, step] of some.entries()) await advance(world, step, at)
    })
    return kindOf(again) === kindOf(failure)
  })
  const lines = few.map(describeStep).join('\n')
  throw new Error(
    `Seed ${seed} fails at step ${steps.length - 1}: ${messageOf(failure)}\n\nThese steps are enough to fail:\n${lines}`,
    { cause: failure },
  )
}

async function advance(world: World, step: ModelStep, at: number): Promise<void> {
  await takeStep(world, step)
  if (at % EVERYTHING === EVERYTHING - 1)
    await compareEverything(world.stores, world.oracle, seededRandom(step.reads))
}

/** Runs something in a world of its own, and looks at everything in the end. */
async function attempt(seed: number, run: (world: World) => Promise<void>): Promise<unknown> {
  const world = await makeWorld(seed)
  try {
    await run(world)
    await compareEverything(world.stores, world.oracle, seededRandom(seed))
    for (const store of world.stores.slice(1)) await compareChecked(store)
    return undefined
  } catch (error) {
    return error
  } finally {
    await closeWorld(world)
  }
}

/** The first line of a failure, without numbers: a shorter run has to fail in the same way. */
function kindOf(failure: unknown): string | undefined {
  if (failure === undefined) return undefined
  return messageOf(failure).split('\n')[0]!.replaceAll(/\d+/g, '0')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
