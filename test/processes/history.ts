import { type EventStore, openEventStore } from 'eventdb'
import { expect } from 'vitest'
import { firstDifference } from '../support/first-difference.ts'
import { type AcknowledgedReport, COUNTERS, type SeenEvent } from '../support/written-history.ts'

/** The engines that several processes may share. */
export const ENGINES = ['sqlite', 'lmdb'] as const

/** One of them. */
export type Engine = (typeof ENGINES)[number]

/**
 * Looks at a store after several processes have written to it: every acknowledged append is there once, where it was said to be;
 * nothing else is there; no increment was lost; who expected a version got the next one; a tailing process has seen exactly this,
 * in this order; and `check` finds nothing.
 */
export async function lookAtHistory(
  folder: string,
  engine: Engine,
  acknowledged: readonly AcknowledgedReport[],
  seen: readonly SeenEvent[],
): Promise<void> {
  await using store = await openEventStore(folder, { engine })
  const log = await store.all.read().toArray()
  const places = log.map((event) => [(event.data as { id: string }).id, event.streamId, event.version])
  const expected = acknowledged.flatMap(placesOf).sort()
  expect(firstDifference(places.map(String).sort(), expected)).toBeUndefined()
  for (const { streamId, version, data } of log) {
    const { value } = data as { value?: number }
    if (value !== undefined) expect([streamId, value]).toEqual([streamId, version])
  }
  await expectCounters(store, acknowledged)
  expect((await store.check()).problems).toEqual([])
  const order = log.map(({ position, streamId, version }): SeenEvent => [`${position}`, streamId, version])
  expect(firstDifference(seen, order), 'what a tailing process has seen').toBeUndefined()
}

function placesOf({ id, streamId, firstVersion, lastVersion }: AcknowledgedReport): string[] {
  const versions = Array.from({ length: lastVersion - firstVersion + 1 }, (_, index) => firstVersion + index)
  return versions.map((version) => String([id, streamId, version]))
}

async function expectCounters(store: EventStore, acknowledged: readonly AcknowledgedReport[]): Promise<void> {
  await store.readTransact(async (tx) => {
    for (let counter = 0; counter < COUNTERS; counter += 1) {
      const increments = acknowledged.filter(({ streamId }) => streamId === `counter-${counter}`)
      expect((await tx.kv.get(['counter', counter])) ?? 0).toBe(increments.length)
    }
  })
}
