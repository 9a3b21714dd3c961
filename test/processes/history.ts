import { type EventStore, openEventStore } from 'eventdb'
import { expect } from 'vitest'
import { type AcknowledgedReport, COUNTERS, type SeenEvent } from '../support/written-history.ts'

/** The engines that several processes may share. */
export const ENGINES = ['sqlite', 'lmdb'] as const

/** One of them. */
export type Engine = (typeof ENGINES)[number]

/**
 * Looks at a store after several processes have written to it: every acknowledged append is there once, where it was said to be;
 * nothing else is there; no increment was lost; who expected a version got the next one; and `check` finds nothing.
 */
export async function lookAtHistory(
  folder: string,
  engine: Engine,
  acknowledged: readonly AcknowledgedReport[],
): Promise<readonly SeenEvent[]> {
  await using store = await openEventStore(folder, { engine })
  const log = await store.all.read().toArray()
  const places = log.map((event) => [(event.data as { id: string }).id, event.streamId, event.version])
  expect(places.map(String).sort()).toEqual(acknowledged.flatMap(placesOf).sort())
  for (const { streamId, version, data } of log) {
    const { value } = data as { value?: number }
    if (value !== undefined) expect([streamId, value]).toEqual([streamId, version])
  }
  await expectCounters(store, acknowledged)
  expect((await store.check()).problems).toEqual([])
  return log.map(({ position, streamId, version }) => [`${position}`, streamId, version])
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
