import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { ExpectedVersion } from '../../store/contract-appending.ts'
import type { NewEvent } from '../../store/event.ts'
import { counted, dataIn, everythingIn, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

const EXPECTATIONS: readonly ExpectedVersion[] = [
  'any',
  'no-stream',
  'stream-exists',
  'deleted',
  0,
  1,
  3,
  5,
  99,
]

/** Appending again: recognised by the ids that the caller supplied, for ever. */
export function idempotencyLaws({ law }: StoreLaws): void {
  law(
    'append() of the same events again returns the original result, whatever expected version',
    async ({ store }) => {
      await store.stream('s').append(counted(2))
      const original = await store.stream('s').append(withIds(1, 2, 3), { expectedVersion: 2 })
      await store.stream('s').append(counted(2))
      await sameAgain(store, original)
    },
  )

  law(
    'append() recognises the same events after the store was opened again',
    async ({ store, reopen }) => {
      const original = await store.stream('s').append(withIds(1, 2, 3))
      await store.stream('s').append(counted(1))
      await sameAgain(await reopen(), original)
    },
    { needs: 'reopen' },
  )

  law('append() recognises what is hidden, as long as it is not scavenged', async ({ store }) => {
    const stream = store.stream('s')
    const original = await stream.append(withIds(1, 2, 3))
    for (const hide of [
      () => stream.setRetention({ maxCount: 1 }),
      () => stream.truncateBefore(4),
      () => stream.delete(),
      () => stream.append(counted(1)),
      () => stream.delete(),
      () => stream.restore(),
      () => stream.tombstone(),
    ]) {
      await hide()
      await sameAgain(store, original)
    }
  })

  law('append() of ids that were scavenged is a new append', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(withIds(1, 2, 3))
    await stream.truncateBefore(3)
    await store.scavenge()
    const error = await refuses(store, 'idempotency-conflict', () => stream.append(withIds(1, 2, 3)))
    assert.deepEqual(error.details, { streamId: 's', recordedIds: [uuidOf(3)] })
    const again = await stream.append(withIds(1, 2), { expectedVersion: 3 })
    assert.deepEqual([again.idempotent, again.firstVersion, again.lastVersion], [false, 4, 5])
    assert.deepEqual(await dataIn(store, 's'), [3, 1, 2])
    assert.equal((await stream.append(withIds(1, 2))).position, again.position)
  })

  law('append() of ids that were scavenged from a deleted stream revives it', async ({ store }) => {
    const [deleted, gone] = [store.stream('deleted'), store.stream('gone')]
    for (const stream of [deleted, gone]) await stream.append(withIds(1, 2, 3))
    await deleted.delete()
    await gone.tombstone()
    await store.scavenge()
    const again = await deleted.append(withIds(1, 2, 3), { expectedVersion: 'deleted' })
    assert.deepEqual([again.idempotent, again.firstVersion, again.lastVersion], [false, 4, 6])
    await refuses(store, 'wrong-expected-version', () => gone.append(withIds(1, 2, 3)))
  })

  law(
    'append() recognises a part that was appended together, or what was appended one by one',
    async ({ store }) => {
      const stream = store.stream('s')
      await stream.append(withIds(1, 2, 3))
      await stream.append(withIds(4))
      const before = await everythingIn(store)
      for (const ids of [[1], [2], [2, 3], [3, 4], [1, 2, 3, 4]]) {
        const result = await stream.append(withIds(...ids), { expectedVersion: 'no-stream' })
        const [first, last] = [ids[0]!, ids.at(-1)!]
        assert.deepEqual([result.idempotent, result.firstVersion, result.lastVersion], [true, first, last])
        assert.equal(result.position, (await stream.event(last))!.position)
      }
      assert.equal(await everythingIn(store), before)
    },
  )

  law(
    'append() of events of which only some are recorded, or in another order, is a conflict',
    async ({ store }) => {
      const stream = store.stream('s')
      await stream.append(withIds(1, 2, 3))
      await stream.append(counted(1))
      await stream.append(withIds(5))
      for (const ids of [
        [1, 2, 3, 4],
        [4, 1],
        [2, 1],
        [3, 2, 1],
        [1, 3],
        [3, 5],
        [1, 2, 3, 5],
      ]) {
        for (const expectedVersion of EXPECTATIONS) {
          const error = await refuses(store, 'idempotency-conflict', () =>
            stream.append(withIds(...ids), { expectedVersion }),
          )
          const recordedIds = ids.filter((id) => id !== 4).map(uuidOf)
          assert.deepEqual(error.details, { streamId: 's', recordedIds })
        }
      }
    },
  )

  law('append() of recorded events together with one that has no id is a conflict', async ({ store }) => {
    await store.stream('s').append([...withIds(1), { type: 'A' }])
    await refuses(store, 'idempotency-conflict', () =>
      store.stream('s').append([...withIds(1), { type: 'A' }]),
    )
    await refuses(store, 'idempotency-conflict', () =>
      store.stream('s').append([{ type: 'A' }, ...withIds(1)]),
    )
  })

  law('append() of ids that are in another stream is a new append', async ({ store }) => {
    await store.stream('s').append(withIds(1, 2, 3))
    const other = await store.stream('t').append(withIds(3, 1), { expectedVersion: 'no-stream' })
    assert.deepEqual([other.idempotent, other.lastVersion], [false, 2])
    await refuses(store, 'idempotency-conflict', () => store.stream('t').append(withIds(1, 3)))
  })

  law('append() of events without ids is never taken for a repetition', async ({ store }) => {
    for (const _ of [1, 2]) await store.stream('s').append(counted(2))
    assert.deepEqual(await dataIn(store, 's'), [1, 2, 1, 2])
  })

  law(
    'append() refuses recorded ids only by the ids: the rest of the event is not compared',
    async ({ store }) => {
      await store.stream('s').append({ type: 'A', data: 1, id: uuidOf(1) })
      const again = await store.stream('s').append({ type: 'B', data: 2, id: uuidOf(1) })
      assert.equal(again.idempotent, true)
      assert.deepEqual(await dataIn(store, 's'), [1])
    },
  )

  law('append() with new ids checks the expected version as ever', async ({ store }) => {
    await store.stream('s').append(withIds(1))
    await refuses(store, 'wrong-expected-version', () =>
      store.stream('s').append(withIds(2), { expectedVersion: 0 }),
    )
    await store.stream('s').append(withIds(2), { expectedVersion: 1 })
    assert.deepEqual(await dataIn(store, 's'), [1, 2])
  })

  law('append() that was refused can be made again with the same ids', async ({ store }) => {
    await store.stream('s').append(counted(1))
    const append = (expectedVersion: number): Promise<unknown> =>
      store.stream('s').append(withIds(1, 2), { expectedVersion })
    await refuses(store, 'wrong-expected-version', () => append(0))
    await append(1)
    assert.equal((await store.stream('s').append(withIds(1, 2))).idempotent, true)
  })

  law('append() recognises its events also when it is made twice at the same time', async ({ store }) => {
    const results = await Promise.all(numbers(1, 10).map(() => store.stream('s').append(withIds(1, 2))))
    assert.equal(results.filter(({ idempotent }) => !idempotent).length, 1)
    assert.equal(new Set(results.map(({ position }) => position)).size, 1)
    assert.deepEqual(await dataIn(store, 's'), [1, 2])
  })

  law('tx.stream.append() recognises what the same transaction has appended', async ({ store }) => {
    await store.transact(async (tx) => {
      await tx.stream('s').append(counted(1, 0))
      const first = await tx.stream('s').append(withIds(1, 2))
      const again = await tx.stream('s').append(withIds(1, 2), { expectedVersion: 0 })
      assert.deepEqual(again, { ...first, idempotent: true })
      await assert.rejects(tx.stream('s').append(withIds(2, 3)), { code: 'idempotency-conflict' })
      const other = await tx.stream('t').append(withIds(1, 2))
      assert.equal(other.idempotent, false)
    })
    assert.deepEqual(await dataIn(store, 's'), [0, 1, 2])
    assert.deepEqual(await dataIn(store, 't'), [1, 2])
  })

  law(
    'tx.stream.append() recognises what is recorded, and what it recognises is no event of its own',
    async ({ store }) => {
      await store.stream('s').append(withIds(1, 2))
      let position: bigint | undefined = 0n
      await store.transact(async (tx) => {
        tx.afterCommit((commit) => {
          position = commit.position
        })
        const { idempotent, firstVersion } = await tx.stream('s').append(withIds(1, 2))
        assert.deepEqual([idempotent, firstVersion], [true, 1])
        assert.equal((await tx.stream('s').read().toArray()).length, 2)
        tx.kv.set(['x'], 1)
      })
      assert.equal(position, undefined)
    },
  )

  law('store.append() recognises each stream on its own', async ({ store }) => {
    const original = await store.stream('a').append(withIds(1))
    const [a, b] = await store.append([
      { streamId: 'a', events: withIds(1), expectedVersion: 0 },
      { streamId: 'b', events: withIds(1), expectedVersion: 0 },
    ])
    assert.deepEqual(a, { ...original, idempotent: true })
    assert.deepEqual([b!.idempotent, b!.lastVersion], [false, 1])
    await refuses(store, 'wrong-expected-version', () =>
      store.append([
        { streamId: 'a', events: withIds(1), expectedVersion: 0 },
        { streamId: 'b', events: withIds(2), expectedVersion: 0 },
      ]),
    )
  })
}

function withIds(...ids: number[]): NewEvent[] {
  return ids.map((id) => ({ type: 'A', data: id, id: uuidOf(id) }))
}

async function sameAgain(
  store: EventStore,
  original: { readonly firstVersion: number; readonly position: bigint | undefined },
): Promise<void> {
  const before = await everythingIn(store)
  for (const expectedVersion of EXPECTATIONS) {
    const again = await store.stream('s').append(withIds(1, 2, 3), { expectedVersion })
    assert.deepEqual(again, { ...original, idempotent: true }, String(expectedVersion))
    const [among] = await store.append([{ streamId: 's', events: withIds(1, 2, 3), expectedVersion }], {
      conditions: [{ streamId: 'other', expectedVersion: 7 }],
      failIfEventsMatch: { query: {} },
    })
    assert.deepEqual(among, { ...original, idempotent: true })
  }
  assert.equal(await everythingIn(store), before)
}
