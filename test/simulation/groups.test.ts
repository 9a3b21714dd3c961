import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runSeed, type Tally } from './group-running.ts'
import { type GroupScene, openScene } from './group-world.ts'

/** Limits that runs of a few dozen events come to. */
vi.mock('../../src/limits.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  GROUP_WAITING_MAX: 9,
  PIN_SLOTS: 3,
  REPLAY_EVENTS: 2,
}))

/** `EVENTDB_LARGE=1` for many more runs; `EVENTDB_SEED=17` for one of them, `EVENTDB_SEED=100-200` for some. */
const SEEDS = process.env.EVENTDB_LARGE === '1' ? 60_000 : 1_000
const [FIRST = 1, LAST = process.env.EVENTDB_SEED === undefined ? SEEDS : FIRST] = (
  process.env.EVENTDB_SEED?.split('-') ?? []
).map(Number)

let shared: GroupScene
beforeAll(async () => {
  shared = await openScene()
})
afterAll(() => shared.store.close())

describe('a group and those who consume it', () => {
  const seeds = Array.from({ length: LAST - FIRST + 1 }, (_, at) => FIRST + at)
  test(`keep the invariants of docs/subscriptions.md after every step of ${seeds.length} random runs`, {
    timeout: 60_000 + seeds.length * 500,
  }, async () => {
    const tally: Tally = { finished: 0, parked: 0, lostAlone: 0, runs: 0 }
    for (const seed of seeds) await runSeed(shared, seed, tally)
    if (seeds.length < 100) return
    expect(tally.finished).toBeGreaterThan(seeds.length * 10)
    expect(tally.parked).toBeGreaterThan(seeds.length / 2)
    expect(tally.lostAlone).toBeGreaterThan(seeds.length / 20)
  })
})
