import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Clients } from './aggregate-clients.ts'
import { Rules } from './aggregate-rules.ts'
import { readTruth, type Truth } from './aggregate-truth.ts'
import { closeWorld, IDS, makeWorld, openStore, type World } from './aggregate-world.ts'

/** `EVENTDB_LARGE=1` for many more runs; `EVENTDB_SEED=17` for one of them, `EVENTDB_SEED=100-200` for some. */
const SEEDS = process.env.EVENTDB_LARGE === '1' ? 2_000 : 120
const [FIRST = 1, LAST = process.env.EVENTDB_SEED === undefined ? SEEDS : FIRST] = (
  process.env.EVENTDB_SEED?.split('-') ?? []
).map(Number)
const CLIENTS = 6
const STEPS = 14

describe('aggregates and a replay of what is stored', () => {
  const seeds = Array.from({ length: LAST - FIRST + 1 }, (_, at) => FIRST + at)
  test(`agree on ${seeds.length} runs of ${CLIENTS} clients`, {
    timeout: 60_000 + seeds.length * 2_000,
  }, async () => {
    for (const seed of seeds) await runSeed(seed)
  })
})

async function runSeed(seed: number): Promise<void> {
  const world = await makeWorld(seed)
  try {
    await world.runtime.run(run(world))
  } catch (error) {
    throw new Error(`Seed ${seed} fails: ${error instanceof Error ? error.stack : error}`, { cause: error })
  } finally {
    await world.runtime.run(closeWorld(world))
  }
}

async function run(world: World): Promise<void> {
  const clients = new Clients(world)
  const working = Array.from({ length: CLIENTS }, () => clients.work(STEPS))
  // All of them come to an end, whatever fails.
  const outcomes = await Promise.allSettled(working)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  const truth = await readTruth(world.kvs[0]!)
  new Rules(world, truth).check(clients.told)
  await compareLast(world, truth)
}

/** In the end, everybody sees the same: from memory, from snapshots, and from the events alone. */
async function compareLast(world: World, truth: Truth): Promise<void> {
  await useUpFaults(world)
  const fresh = await openStore(world, 0)
  try {
    for (const id of IDS) {
      const streamId = `list-${id}`
      const last = truth.moments.get(streamId)?.at(-1)
      const all = [...world.stores, fresh].flatMap((store) =>
        world.kinds.map((kind) => store.aggregate(kind)),
      )
      for (const of of all) {
        const loaded = await of.load(id).catch((error: { readonly code?: string }) => {
          assert.ok(error.code === 'history-missing' && truth.truncated.has(streamId), `${error}`)
        })
        if (loaded) assert.deepEqual([loaded.state, loaded.version], [last?.state ?? [], last?.version ?? 0])
      }
    }
    assert.deepEqual((await fresh.check()).problems, [])
  } finally {
    await fresh.close()
  }
}

/** Lets whatever else was to go wrong do so. */
async function useUpFaults({ stores }: World): Promise<void> {
  for (let write = 0; write < 4; write += 1) {
    await stores[0]!.transact((tx) => tx.kv.set(['write'], write)).catch(() => {})
  }
}
