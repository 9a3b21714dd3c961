import assert from 'node:assert/strict'
import { KEY_SWEEP_APPENDS } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import { Keyspace } from '../../store/keyspace.ts'
import {
  counted,
  dataIn,
  numbers,
  type SimulatedStoreScene,
  type StoreLaws,
  type StoreScene,
  uuidOf,
} from './laws.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const idempotencyKey = 'key'

/** How long idempotency keys are kept, and what is left of them. */
export function idempotencyExpiryLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a key is kept for seven days', async ({ store, runtime }) => {
    await store.stream('s').append(counted(1), { idempotencyKey })
    await runtime.advance(7 * 24 * HOUR_MS - MINUTE_MS)
    await store.scavenge()
    assert.equal((await store.stream('s').append(counted(1), { idempotencyKey })).idempotent, true)
    await runtime.advance(2 * MINUTE_MS)
    assert.equal((await store.stream('s').append(counted(1), { idempotencyKey })).idempotent, false)
    assert.deepEqual(await dataIn(store, 's'), [1, 1])
  })

  simulatedLaw('a key is kept for idempotencyKeyMs after it was used first', async (scene) => {
    const { store, runtime } = scene
    await using laid = await forAnHour(scene)
    await laid.stream('s').append(counted(1), { idempotencyKey })
    for (const _ of [1, 2]) {
      await runtime.advance(29 * MINUTE_MS)
      await laid.scavenge()
      assert.equal((await laid.stream('s').append(counted(1), { idempotencyKey })).idempotent, true)
    }
    await runtime.advance(3 * MINUTE_MS)
    assert.equal((await laid.stream('s').append(counted(1), { idempotencyKey })).idempotent, false)
    // What is kept is for who asks to judge: this store keeps keys for seven days.
    await runtime.advance(2 * HOUR_MS)
    assert.equal((await store.stream('s').append(counted(1), { idempotencyKey })).idempotent, true)
    assert.deepEqual(await dataIn(store, 's'), [1, 1])
  })

  simulatedLaw('a key that has expired can be used for another append', async (scene) => {
    await using laid = await forAnHour(scene)
    const parts = ['a', 'b', 'c'].map((streamId) => ({ streamId, events: counted(1) }))
    await laid.append(parts, { idempotencyKey })
    await scene.runtime.advance(HOUR_MS + MINUTE_MS)
    const other = await laid.stream('d').append(counted(1), { idempotencyKey })
    assert.equal(other.idempotent, false)
    for (const sweep of [false, true]) {
      if (sweep) assert.equal((await laid.scavenge()).others, 1)
      const again = await laid.stream('d').append(counted(1), { idempotencyKey })
      assert.deepEqual(again, { ...other, idempotent: true })
      await assert.rejects(laid.append(parts, { idempotencyKey }), { code: 'idempotency-conflict' })
    }
    assert.deepEqual(await keyRows(scene), { results: 1, expiries: 1 })
  })

  simulatedLaw('events with ids are recognised after their key has expired', async (scene) => {
    await using laid = await forAnHour(scene)
    const events = [{ type: 'A', id: uuidOf(1) }]
    const original = await laid.stream('s').append(events, { idempotencyKey })
    await laid.stream('s').append(counted(1))
    await scene.runtime.advance(HOUR_MS + MINUTE_MS)
    await laid.scavenge()
    for (const _ of [1, 2]) {
      const again = await laid.stream('s').append(events, { idempotencyKey })
      assert.deepEqual(again, { ...original, idempotent: true })
    }
  })

  simulatedLaw('scavenge() forgets the keys that have expired, and no other', async (scene) => {
    const { runtime } = scene
    await using laid = await forAnHour(scene)
    await useKeys(laid, 'old', 600)
    await laid.append(
      ['a', 'b'].map((streamId) => ({ streamId, events: counted(1) })),
      { idempotencyKey },
    )
    await runtime.advance(HOUR_MS / 2)
    await useKeys(laid, 'young', 5)
    await runtime.advance(HOUR_MS / 2 + MINUTE_MS)
    assert.equal((await laid.scavenge()).others, 601)
    assert.deepEqual(await keyRows(scene), { results: 5, expiries: 5 })
    assert.equal((await laid.scavenge()).others, 0)
    const results = await useKeys(laid, 'young', 5)
    assert.deepEqual(new Set(results), new Set([true]))
  })

  simulatedLaw('appends with keys forget those that have expired', async (scene) => {
    await using laid = await forAnHour(scene)
    await useKeys(laid, 'old', KEY_SWEEP_APPENDS)
    await scene.runtime.advance(HOUR_MS + MINUTE_MS)
    const writer = await forAnHour(scene)
    await useKeys(writer, 'young', KEY_SWEEP_APPENDS)
    await writer.close()
    assert.deepEqual(await keyRows(scene), { results: KEY_SWEEP_APPENDS, expiries: KEY_SWEEP_APPENDS })
    assert.deepEqual(new Set(await useKeys(laid, 'young', 3)), new Set([true]))
    assert.deepEqual(new Set(await useKeys(laid, 'old', 3)), new Set([false]))
  })
}

/** The same store with keys that are kept for an hour. */
function forAnHour({ store, directory, runtime }: SimulatedStoreScene): Promise<EventStore> {
  return openEventStore(store.kv, { directory, runtime, idempotencyKeyMs: HOUR_MS })
}

/** Appends with different keys. Returns which were recognised. */
async function useKeys(store: EventStore, name: string, count: number): Promise<boolean[]> {
  const results = await Promise.all(
    numbers(1, count).map((n) =>
      store.stream('keys').append(counted(1, n), { idempotencyKey: `${name}-${n}` }),
    ),
  )
  return results.map(({ idempotent }) => idempotent)
}

async function keyRows({ store, directory }: StoreScene): Promise<object> {
  const { keyResults } = new Keyspace(directory)
  const [results, expiries] = await store.kv.readTransact((tx) =>
    Promise.all(
      [keyResults.all(), keyResults.expiries()].map(
        async (range) => (await tx.getRange(range).toArray()).length,
      ),
    ),
  )
  return { results, expiries }
}
