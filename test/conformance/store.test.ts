import assert from 'node:assert/strict'
import { type EventStore, type OpenEventStoreOptions, openEventStore } from 'eventdb'
import type { KeyValueStore } from 'eventdb/kv'
import { openLmdb } from 'eventdb/lmdb'
import { openMemory } from 'eventdb/memory'
import { openSqlite } from 'eventdb/sqlite'
import { storeConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('memory', () => {
  storeConformance({
    test,
    open: async (options) => {
      const store = await openEventStore(':memory:', options)
      return { store, dispose: () => store.close() }
    },
  })
})

const openers: Readonly<Record<string, (folder: string) => Promise<KeyValueStore>>> = {
  memory: () => openMemory(),
  SQLite: (folder) => openSqlite(folder),
  LMDB: (folder) => openLmdb(folder),
}

const LARGEST = 16 * 1_024 * 1_024
/** What the record of an event of type `A` in stream `s` takes besides its data. */
const OVERHEAD = 28

for (const engine of ['memory', 'sqlite', 'lmdb'] as const) {
  test(`append() on ${engine} takes an event of 16 MiB, and refuses one more byte`, async () => {
    await using folder = await temporaryFolder()
    const place = engine === 'memory' ? ':memory:' : folder.path
    await using store = await openEventStore(place, engine === 'memory' ? {} : { engine })
    const data = new Uint8Array(LARGEST - OVERHEAD).map((_, index) => index * 7 + (index >> 12))
    await store.stream('s').append({ type: 'A', data })
    assert.equal(Buffer.compare((await store.stream('s').event(1))!.data as Uint8Array, data), 0)
    const tooLarge = store.stream('s').append({ type: 'A', data: new Uint8Array(LARGEST - OVERHEAD + 1) })
    await assert.rejects(tooLarge, {
      code: 'limit-exceeded',
      details: { what: 'An event', limit: LARGEST, actual: LARGEST + 1, unit: 'bytes' },
    })
    assert.deepEqual((await store.check()).problems, [])
  })
}

test.for(Object.entries(openers))(
  'two stores in two directories of one %s store do not see each other',
  async ([, open]) => {
    await using folder = await temporaryFolder()
    await using kv = await open(folder.path)
    const [one, other] = [await openIn(kv, 'one', {}), await openIn(kv, 'other', {})]
    for (const [store, data] of [
      [one, 1],
      [other, 2],
    ] as const) {
      await store.stream('s').append({ type: 'A', data }, { expectedVersion: 'no-stream' })
      await store.stream('s').setMetadata({ data })
      await store.transact((tx) => tx.kv.set(['k'], data))
    }
    await kv.transact(async (tx) => {
      await one.within(tx).stream('t').append({ type: 'A', data: 3 })
      await other.within(tx).stream('t').append({ type: 'A', data: 4 })
    })
    for (const [store, expected] of [
      [one, [1, 3]],
      [other, [2, 4]],
    ] as const) {
      const events = await store.all.read().toArray()
      assert.deepEqual(
        events.map(({ data }) => data),
        expected,
      )
      assert.deepEqual(await store.stream('s').metadata(), { data: expected[0] })
      assert.equal(await store.readTransact((tx) => tx.kv.get(['k'])), expected[0])
      assert.deepEqual((await store.check()).problems, [])
    }
    await one.close()
    await other.stream('s').append({ type: 'A' }, { expectedVersion: 1 })
  },
)

async function openIn(kv: KeyValueStore, name: string, options: OpenEventStoreOptions): Promise<EventStore> {
  return openEventStore(kv, { ...options, directory: await kv.createOrOpenDirectory(['apps', name]) })
}
