import { seededRandom, simulatedRuntime } from 'eventdb/testing'
import { describe, expect, test } from 'vitest'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { type Engine, openOptimisticStore, type TransactionalStore } from '../../src/kv/index.ts'
import { type Runtime, sleep } from '../../src/runtime.ts'
import { Faults, faultyEngine } from '../../src/testing/faulty-engine.ts'
import { assertSerialisable, type CommittedTrace, type ReadTrace, tracedTransaction } from './kv-traces.ts'

const SEEDS = 1_500
const TASKS = 6
const TRANSACTIONS_PER_TASK = 3
/** What a transaction of a schedule may fail with; anything else is a bug. */
const EXPECTED_FAILURES = ['conflict', 'transaction-too-old', 'storage-failed']

/** Two stores on one engine, which is how two processes look to each other. */
interface World {
  readonly runtime: Runtime & ReturnType<typeof simulatedRuntime>
  readonly random: () => number
  readonly stores: readonly TransactionalStore[]
}

describe('schedules of concurrent transactions', () => {
  test(`are serialisable in the order of their commits, over ${SEEDS} seeds`, async () => {
    let committed = 0
    for (let seed = 1; seed <= SEEDS; seed += 1) committed += await withSeed(seed, runSchedule)
    expect(committed).toBeGreaterThan(SEEDS * TASKS)
  })

  test('keep what layers above remember coherent, and validate what relies on it', async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) await withSeed(seed, runCachedCounters)
  })
})

async function withSeed<T>(seed: number, run: (seed: number) => Promise<T>): Promise<T> {
  try {
    return await run(seed)
  } catch (error) {
    throw new Error(`The schedule of seed ${seed} failed: ${error instanceof Error ? error.stack : error}`)
  }
}

/** Runs tasks step by step in a seeded order; returns how many transactions committed. */
async function runSchedule(seed: number): Promise<number> {
  const world = worldOf(seed)
  const history: { commits: CommittedTrace[]; reads: ReadTrace[] } = { commits: [], reads: [] }
  const task = async (number: number): Promise<void> => {
    for (let count = 0; count < TRANSACTIONS_PER_TASK; count += 1) {
      await passTime(world, 12)
      const kv = world.stores[number % world.stores.length]!
      await tracedTransaction(kv, world.random, () => passTime(world, 4), history).catch(expectFailure)
    }
  }
  await world.runtime.run(Promise.all(Array.from({ length: TASKS }, (_, number) => task(number))))
  await world.runtime.run(assertSerialisable(history.commits, history.reads, world.stores))
  for (const kv of world.stores) await world.runtime.run(kv.close())
  return history.commits.length
}

/** Counters whose values each process remembers, by the rules of "Coherent knowledge": none may lose an increment. */
async function runCachedCounters(seed: number): Promise<void> {
  const world = worldOf(seed)
  const caches = world.stores.map((kv) => new CachedCounters(kv))
  const results: string[] = []
  const task = async (number: number): Promise<void> => {
    const counters = caches[number % caches.length]!
    for (let count = 0; count < TRANSACTIONS_PER_TASK; count += 1) {
      await passTime(world, 12)
      const name = world.random() < 0.5 ? 'x' : 'y'
      const again = world.random() < 0.3 ? name : undefined
      await counters.increment(name, again, () => passTime(world, 4), results).catch(expectFailure)
      await counters.followUps()
    }
  }
  await world.runtime.run(Promise.all(Array.from({ length: TASKS }, (_, number) => task(number))))
  expect(results).toHaveLength(new Set(results).size)
  for (const name of ['x', 'y']) {
    const value = await world.runtime.run(caches[0]!.read(name))
    expect(value).toBe(results.filter((result) => result.startsWith(name)).length)
  }
  for (const kv of world.stores) await world.runtime.run(kv.close())
}

function worldOf(seed: number): World {
  const [runtime, random, faults] = [
    simulatedRuntime({ seed, shuffle: true }),
    seededRandom(seed),
    new Faults(),
  ]
  if (random() < 0.3) faults.holdLock(Math.floor(random() * 10))
  if (random() < 0.3) faults.failWrite('disk-full', 1 + Math.floor(random() * 8))
  const engine: Engine = {
    ...faultyEngine(memoryEngine(), faults),
    capabilities: { durable: false, multiProcess: true },
    close: () => {},
  }
  const positionGap = (): number => Math.floor(random() * 3)
  const stores = [1, 2].map(() => openOptimisticStore(engine, { runtime, positionGap }))
  return { runtime, random, stores }
}

/** Lets others have their turn: mostly one step, sometimes milliseconds, rarely seconds. */
function passTime({ runtime, random }: World, secondsMax: number): Promise<void> {
  const choice = random()
  if (choice < 0.9)
    return new Promise((resolve) => {
      runtime.defer(resolve)
    })
  return sleep(runtime, choice < 0.985 ? random() * 5 : random() * secondsMax * 1_000)
}

function expectFailure(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (!EXPECTED_FAILURES.includes(String(code))) throw error
}

class CachedCounters {
  readonly #kv: TransactionalStore
  readonly #known = new Map<string, number>()
  #followUps: Promise<void>[] = []

  constructor(kv: TransactionalStore) {
    this.#kv = kv
    kv.coherence.onForeignCommit(() => this.#known.clear())
  }

  /** Adds 1, and once more, from within the callback, to `again`. */
  async increment(
    name: string,
    again: string | undefined,
    pause: () => Promise<void>,
    results: string[],
  ): Promise<void> {
    await this.#kv.transact(async (tx) => {
      const key = new TextEncoder().encode(name)
      let value = this.#known.get(name)
      if (value === undefined) {
        value = decode(await tx.get(key))
        if ((await tx.readVersion()) === this.#kv.coherence.version) this.#known.set(name, value)
      } else tx.addReadConflictKey(key, { since: this.#kv.coherence.version })
      await pause()
      const next = value + 1
      tx.set(key, new TextEncoder().encode(String(next)))
      tx.afterCommit(() => {
        this.#known.set(name, next)
        results.push(`${name}=${next}`)
        if (again !== undefined) this.#followUps.push(this.increment(again, undefined, pause, results))
      })
    })
  }

  async followUps(): Promise<void> {
    const waiting = this.#followUps
    this.#followUps = []
    for (const outcome of await Promise.allSettled(waiting))
      if (outcome.status === 'rejected') expectFailure(outcome.reason)
  }

  read(name: string): Promise<number> {
    return this.#kv.readTransact(async (tx) => decode(await tx.get(new TextEncoder().encode(name))))
  }
}

function decode(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : Number(new TextDecoder().decode(value))
}
