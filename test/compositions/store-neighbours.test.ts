import assert from 'node:assert/strict'
import { type EventStore, type OpenEventStoreOptions, openEventStore } from 'eventdb'
import type { KeyValueStore } from 'eventdb/kv'
import { openMemory } from 'eventdb/memory'
import { type StoreFixture, type StoreOpenOptions, seededRandom, storeConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { reopenable } from '../support/store-fixtures.ts'

describe('memory, with random gaps between positions', () => {
  const random = seededRandom(1)
  storeConformance({
    test,
    open: async (options) => {
      const kv = await openMemory({ ...options, positionGap: () => Math.floor(random() * 1_000) })
      return reopenable(
        () => openEventStore(kv, options),
        () => kv.close(),
      )
    },
  })
})

describe('one of two stores in a memory store', () => {
  storeConformance({ test, open: async (options) => besideAnother(options, await openMemory(options)) })
})

/** A store in a directory, beside another one that must not notice anything. */
async function besideAnother(options: StoreOpenOptions, kv: KeyValueStore): Promise<StoreFixture> {
  const neighbour = await openIn(kv, 'neighbour', {})
  await neighbour.stream('s').append({ type: 'Neighbour', data: 1 })
  const directory = await kv.createOrOpenDirectory(['apps', 'store'])
  const fixture = await reopenable(
    () => openEventStore(kv, { ...options, directory }),
    async () => {
      const events = await neighbour.all.read({ system: true }).toArray()
      assert.deepEqual(
        events.map(({ type }) => type),
        ['Neighbour'],
      )
      assert.deepEqual((await neighbour.check()).problems, [])
      await kv.close()
    },
  )
  return { ...fixture, directory }
}

async function openIn(kv: KeyValueStore, name: string, options: OpenEventStoreOptions): Promise<EventStore> {
  return openEventStore(kv, { ...options, directory: await kv.createOrOpenDirectory(['apps', name]) })
}
