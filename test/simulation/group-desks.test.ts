import { describe, expect, test, vi } from 'vitest'
import { type DeskTally, runDesks } from './group-desk-running.ts'

/** Limits that runs of a few dozen events come to. */
vi.mock('../../src/limits.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  GROUP_WAITING_MAX: 9,
  PIN_SLOTS: 3,
  REPLAY_EVENTS: 2,
}))

/** `EVENTDB_LARGE=1` for many more runs; `EVENTDB_SEED=17` for one of them, `EVENTDB_SEED=100-200` for some. */
const SEEDS = process.env.EVENTDB_LARGE === '1' ? 5_000 : 100
const [FIRST = 1, LAST = process.env.EVENTDB_SEED === undefined ? SEEDS : FIRST] = (
  process.env.EVENTDB_SEED?.split('-') ?? []
).map(Number)

describe('processes that consume a group, and die and stand still', () => {
  const seeds = Array.from({ length: LAST - FIRST + 1 }, (_, at) => FIRST + at)
  test(`handle every event in ${seeds.length} random runs, and park only what has failed`, {
    timeout: 60_000 + seeds.length * 5_000,
  }, async () => {
    const tally: DeskTally = { done: 0, parked: 0, alone: 0 }
    for (const seed of seeds) await runDesks(seed, tally)
    if (seeds.length < 100) return
    expect(tally.done).toBeGreaterThan(seeds.length * 10)
    expect(tally.parked).toBeGreaterThan(seeds.length / 4)
    expect(tally.alone).toBeGreaterThan(seeds.length)
  })
})
