import { seededRandom } from 'eventdb/testing'
import { heal } from './group-healing.ts'
import { assertBounded, assertSound } from './group-sight.ts'
import { type GroupStep, randomSteps, takeStep } from './group-steps.ts'
import {
  EVENTS,
  type GroupScene,
  type GroupWorld,
  makeGroupWorld,
  placesOf,
  type RunPlan,
} from './group-world.ts'
import { shortened } from './store-model-shortening.ts'

const STEPS_MIN = 30
const STEPS_MAX = 120
const STRATEGIES = ['round-robin', 'dispatch-to-single', 'pinned', 'pinned-by-correlation'] as const

/** The part of the runs in which an administrator is restless. */
const RESTLESS = 0.25

/** What has happened in all runs. */
export interface Tally {
  finished: number
  parked: number
  lostAlone: number
  runs: number
}

/** A run that fails is told in as few steps as show it. */
export async function runSeed(shared: GroupScene, seed: number, tally: Tally): Promise<void> {
  const random = seededRandom(seed)
  const plan = random() < RESTLESS ? restlessPlanOf(random) : planOf(random)
  const most = STEPS_MIN + Math.floor(random() * (STEPS_MAX - STEPS_MIN))
  // It takes many things, one after the other, until something comes of what an administrator does.
  const length = plan.isRestless ? 3 * most : most
  const steps = randomSteps(random, length, plan)
  const { failure } = await attempt(shared, seed, plan, steps, tally)
  if (failure === undefined) return
  const few = await shortened(steps, async (some) => {
    const again = await attempt(shared, seed, plan, some, tally)
    return kindOf(again.failure) === kindOf(failure)
  })
  const { failure: last, log } = await attempt(shared, seed, plan, few, tally)
  const told = `${plan.kind}, ${plan.strategy}, ${plan.parkMode}, maxRetryCount ${plan.maxRetryCount}, keys ${plan.keys.join('')}, head ${plan.head}`
  throw new Error(
    `Seed ${seed} fails after ${steps.length} steps: ${messageOf(failure)}\n\nThese ${few.length} steps are enough to fail (${told}):\n${log.join('\n')}\n${messageOf(last).split('\n')[0]}`,
    { cause: failure },
  )
}

function planOf(random: () => number): RunPlan {
  const keys = 1 + Math.floor(random() * 4)
  return {
    name: '',
    kind: random() < 0.5 ? 'all' : 'stream',
    strategy: STRATEGIES[Math.floor(random() ** 0.8 * STRATEGIES.length)]!,
    parkMode: random() < 0.65 ? 'sequence' : 'single',
    maxRetryCount: Math.floor(random() * 3),
    bufferSize: 1 + Math.floor(random() * 5),
    keys: Array.from({ length: EVENTS }, () => Math.floor(random() * keys)),
    head: Math.floor(random() * 20),
    failing: random() * 0.7,
    killing: random() ** 2,
    isRestless: false,
  }
}

/** A few events of a key or two that are parked, replayed, and passed again. */
function restlessPlanOf(random: () => number): RunPlan {
  const keys = 1 + Math.floor(random() * 2)
  return {
    ...planOf(random),
    strategy: 'pinned',
    parkMode: random() < 0.85 ? 'sequence' : 'single',
    maxRetryCount: Math.floor(random() ** 2 * 2),
    bufferSize: 1 + Math.floor(random() * 4),
    failing: 0.3 + random() * 0.5,
    keys: Array.from({ length: EVENTS }, () => Math.floor(random() * keys)),
    head: 4 + Math.floor(random() * 5),
    killing: 0.1,
    isRestless: true,
  }
}

/** Runs steps on a group of their own; the group goes, whatever happens. */
async function attempt(
  shared: GroupScene,
  seed: number,
  plan: RunPlan,
  steps: readonly GroupStep[],
  tally: Tally,
): Promise<{ readonly failure: unknown; readonly log: readonly string[] }> {
  tally.runs += 1
  const world = await makeGroupWorld(shared, { ...plan, name: `run ${tally.runs}` })
  try {
    for (const step of steps) {
      await takeStep(world, step)
      assertAll(world)
    }
    await heal(world, seed)
    assertAll(world)
    tally.finished += world.oracle.finished
    tally.parked += world.oracle.parked
    tally.lostAlone += world.oracle.lostAlone
    return { failure: undefined, log: [] }
  } catch (failure) {
    return { failure, log: readable(world, world.log) }
  } finally {
    await world.group.delete()
  }
}

function assertAll({ sight, oracle, mostInHands }: GroupWorld): void {
  assertSound(sight)
  oracle.assertAgrees(sight)
  if (!oracle.hasUnparked) assertBounded(sight, mostInHands)
}

/** The first line of a failure, without numbers: a shorter run has to fail in the same way. */
function kindOf(failure: unknown): string | undefined {
  if (failure === undefined) return undefined
  return messageOf(failure).split('\n')[0]!.replaceAll(/\d+/g, '0')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Places of the log told by their numbers. */
function readable(world: GroupWorld, lines: GroupWorld['log']): readonly string[] {
  const numbers = new Map(placesOf(world).map((place, at) => [String(place), `#${at + 1}`]))
  const told = lines.map((line) => (typeof line === 'string' ? line : line()))
  return told.map((line) => line.replaceAll(/\d{15,}/g, (digits) => numbers.get(digits) ?? digits))
}
