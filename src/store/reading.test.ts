import { expect, test } from 'vitest'
import { openMemory } from '../drivers/memory/index.ts'
import { READ_TURN_MS } from '../limits.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import type { EventStore } from './contract.ts'

/** A store in memory with 1,500 events in one stream, and how often its reads gave way to the event loop. */
async function storeWithTurns(clock: () => number): Promise<{ store: EventStore; turns: () => number }> {
  let turns = 0
  const runtime: Runtime = {
    ...systemRuntime,
    monotonic: clock,
    defer: (callback) => {
      turns += 1
      systemRuntime.defer(callback)
    },
  }
  const store = await openEventStore(await openMemory(), { runtime })
  await store.stream('s').append(Array.from({ length: 1_500 }, () => ({ type: 'T' })))
  turns = 0
  return { store, turns: () => turns }
}

test('a long read lets the event loop turn between its pages', async () => {
  const { store, turns } = await storeWithTurns(() => 0)
  expect(await store.stream('s').read().toArray()).toHaveLength(1_500)
  expect(turns()).toBe(3)
  expect(await store.all.read().toArray()).toHaveLength(1_500)
  expect(turns()).toBe(6)
})

test('short reads in a row let the event loop turn now and then', async () => {
  let now = 0
  const { store, turns } = await storeWithTurns(() => now)
  for (let read = 0; read < 10; read += 1) {
    await store.stream('s').event(1)
    now += READ_TURN_MS / 2
  }
  expect(turns()).toBe(3)
})
