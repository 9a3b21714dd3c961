import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { Stream } from '../../store/contract-streams.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import type { EventShape } from '../../store/event.ts'
import { counted, dataIn, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'
import { assertSeen, assertSees, marked, type Sight } from './sights.ts'

/** A stream, within a transaction or not. */
type AnyStream = Pick<
  Stream<EventShape, unknown, unknown>,
  'append' | 'delete' | 'restore' | 'tombstone' | 'truncateBefore' | 'setRetention' | 'setMetadata'
>

/** Changes one after the other of a stream that begins with three events, and what can be read of it after each. */
const HISTORY: readonly (readonly [string, (stream: AnyStream) => Promise<unknown>, Sight])[] = [
  ['delete()', (stream) => stream.delete(), []],
  ['restore()', (stream) => stream.restore(), [1, 2, 3]],
  ['delete() again', (stream) => stream.delete(), []],
  ['append() to a deleted stream', (stream) => stream.append(marked('s', 2, 4)), [4, 5]],
  ['delete() of the second life', (stream) => stream.delete(), []],
  ['restore() of the second life', (stream) => stream.restore(), [4, 5]],
  ['setMetadata()', (stream) => stream.setMetadata({ a: 1 }), [4, 5]],
  ['append() to the second life', (stream) => stream.append(marked('s', 3, 6)), [4, 5, 6, 7, 8]],
  ['truncateBefore(6)', (stream) => stream.truncateBefore(6), [6, 7, 8]],
  ['setRetention() of two', (stream) => stream.setRetention({ maxCount: 2 }), [7, 8]],
  ['append() beyond the retention', (stream) => stream.append(marked('s', 1, 9)), [8, 9]],
  ['setRetention() of more', (stream) => stream.setRetention({ maxCount: 4 }), [8, 9]],
  ['delete() under a retention', (stream) => stream.delete(), []],
  ['restore() under a retention', (stream) => stream.restore(), [8, 9]],
  ['delete() before a third life', (stream) => stream.delete(), []],
  ['append() of a third life', (stream) => stream.append(marked('s', 1, 10)), [10]],
  ['truncateBefore() everything', (stream) => stream.truncateBefore(11), []],
  ['append() to a stream of which all is hidden', (stream) => stream.append(marked('s', 1, 11)), [11]],
  ['tombstone()', (stream) => stream.tombstone(), 'tombstoned'],
]

/** What becomes of streams: deleted, restored, brought back by an append, tombstoned. */
export function lifecycleLaws({ law }: StoreLaws): void {
  law('each change of a stream shows in every source at once, for every reader', async ({ store }) => {
    await prepare(store)
    for (const [, change, sight] of HISTORY) {
      await change(store.stream('s'))
      await assertSeen(store, 's', sight)
    }
    await assertSeen(store, 'other', [1, 2])
  })

  law(
    'each change of a stream shows in every source of its own transaction, before it is committed',
    async ({ store }) => {
      await prepare(store)
      await store.transact(async (tx) => {
        for (const [name, change, sight] of HISTORY) {
          await change(tx.stream('s'))
          await assertSees(tx, 's', sight, `after ${name}`)
        }
      })
      await assertSeen(store, 's', 'tombstoned')
      await assertSeen(store, 'other', [1, 2])
    },
  )

  law(
    'changes of a stream that are not committed show to nobody else, and leave nothing',
    async ({ store }) => {
      await prepare(store)
      for (let steps = 1; steps <= HISTORY.length; steps += 1) {
        const cancelled = store.transact(async (tx) => {
          for (const [, change] of HISTORY.slice(0, steps)) await change(tx.stream('s'))
          await assertSees(store, 's', [1, 2, 3], 'beside the transaction')
          throw new Error('cancelled')
        })
        await assert.rejects(cancelled, { message: 'cancelled' })
      }
      await assertSeen(store, 's', [1, 2, 3])
      assert.equal(await store.stream('$$s').exists(), false)
    },
  )

  law(
    'changes of a stream survive',
    async ({ store, reopen }) => {
      await prepare(store)
      let open = store
      for (const [, change, sight] of HISTORY) {
        await change(open.stream('s'))
        open = await reopen()
        await assertSees(open, 's', sight, 'after reopening')
      }
    },
    { needs: 'reopen' },
  )

  law('versions are never used again, whatever happens to a stream', async ({ store }) => {
    const append = async (): Promise<number> => (await store.stream('s').append(marked('s', 1))).lastVersion
    for (const version of numbers(1, 4)) {
      assert.equal(await append(), 3 * version - 2)
      await store.stream('s').delete()
      if (version === 2) await store.scavenge()
      assert.equal(await append(), 3 * version - 1)
      await store.stream('s').delete()
      await store.stream('s').restore()
      await store.stream('s').truncateBefore(3 * version)
      if (version === 3) await store.scavenge()
      assert.equal(await append(), 3 * version)
    }
    await store.stream('s').tombstone()
    await store.scavenge()
    await refuses(store, 'wrong-expected-version', append)
  })

  law('append() brings a deleted stream back in one commit with its first event', async ({ store }) => {
    for (const id of ['a', 'b', 'c']) await store.stream(id).append(marked(id, 2))
    await store.transact(async (tx) => {
      for (const id of ['a', 'b', 'c']) await tx.stream(id).delete()
    })
    const before = (await store.all.read({ system: true }).toArray()).length
    await store.stream('a').append(marked('a', 2))
    await store.append([
      { streamId: 'b', events: marked('b', 1), expectedVersion: 'deleted' },
      { streamId: 'c', events: [] },
    ])
    for (const [id, sight] of Object.entries({ a: [3, 4], b: [3], c: [] })) await assertSeen(store, id, sight)
    assert.equal((await store.all.read({ system: true }).toArray()).length, before + 3)
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((id) => store.stream(id).exists())), [
      true,
      true,
      false,
    ])
  })

  law('restore() brings back only the last life of a stream', async ({ store }) => {
    const stream = store.stream('s')
    for (const life of numbers(1, 4)) {
      await stream.append(marked('s', 2))
      await stream.delete()
      await stream.restore()
      await assertSeen(store, 's', [2 * life - 1, 2 * life])
      await stream.delete()
    }
    await stream.restore()
    await assertSeen(store, 's', [7, 8])
    await refuses(store, 'stream-not-restorable', () => stream.restore())
  })

  law('restore() of a stream that was created and deleted without events', async ({ store }) => {
    const stream = await store.createStream('s', { metadata: { a: 1 } })
    await stream.delete()
    assert.equal(await stream.exists(), false)
    await stream.restore()
    assert.deepEqual([await stream.exists(), await stream.metadata()], [true, { a: 1 }])
    await stream.delete()
    await stream.append(marked('s', 1))
    await stream.delete()
    await stream.restore()
    await assertSeen(store, 's', [1])
  })

  law('metadata can be changed while a stream is deleted, and does not bring it back', async ({ store }) => {
    await store.stream('s').append(marked('s', 2))
    await store.stream('s').delete()
    assert.deepEqual(await store.stream('s').setMetadata({ a: 1 }), { a: 1 })
    assert.equal(await store.stream('s').exists(), false)
    await assertSeen(store, 's', [])
    await store.stream('s').restore()
    assert.deepEqual(await store.stream('s').metadata(), { a: 1 })
    await assertSeen(store, 's', [1, 2])
  })

  law('append() knows at once what has happened to its stream', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(marked('s', 3), { expectedVersion: 'no-stream' })
    await stream.delete({ expectedVersion: 3 })
    await refuses(store, 'wrong-expected-version', () =>
      stream.append(marked('s', 1), { expectedVersion: 'stream-exists' }),
    )
    await stream.restore()
    await refuses(store, 'wrong-expected-version', () =>
      stream.append(marked('s', 1), { expectedVersion: 'deleted' }),
    )
    await stream.delete()
    await stream.append(marked('s', 1), { expectedVersion: 'deleted' })
    await stream.append(marked('s', 1), { expectedVersion: 4 })
    await stream.tombstone()
    await refuses(store, 'wrong-expected-version', () => stream.append(marked('s', 1)))
    await assertSeen(store, 's', 'tombstoned')
  })

  law(
    'delete(), restore() and append() side by side lose and repeat no version',
    async ({ store, random }) => {
      await store.stream('s').append(marked('s', 1))
      const outcomes = await Promise.allSettled(
        numbers(2, 60).map((n) => {
          const chance = random()
          if (chance < 0.2) return store.stream('s').delete()
          if (chance < 0.4) return store.stream('s').restore()
          if (chance < 0.7) return store.transact((tx) => tx.stream('s').append(marked('s', 1, n)))
          return store.stream('s').append(marked('s', 1, n))
        }),
      )
      const appended = outcomes.flatMap((outcome) => {
        if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'stream-not-restorable')
        return outcome.status === 'fulfilled' && outcome.value ? [outcome.value.lastVersion] : []
      })
      assert.deepEqual(
        appended.toSorted((a, b) => a - b),
        numbers(2, appended.length + 1),
      )
      await store.stream('s').append(marked('s', 1))
      const versions = (await store.stream('s').read().toArray()).map(({ version }) => version)
      assert.deepEqual(versions, numbers(versions[0]!, appended.length + 2))
      await assertSeen(store, 's', versions)
    },
  )

  law(
    'an append that was made before is recognised in a stream that is deleted or tombstoned',
    async ({ store }) => {
      const events = [
        { type: 'A', id: uuidOf(1) },
        { type: 'A', id: uuidOf(2) },
      ]
      const first = await store.stream('s').append(events)
      for (const change of [(s: AnyStream) => s.delete(), (s: AnyStream) => s.tombstone()]) {
        await change(store.stream('s'))
        for (const expectedVersion of ['any', 'no-stream', 0, 7] as const) {
          const again = await store.stream('s').append(events, { expectedVersion })
          assert.deepEqual(again, { ...first, idempotent: true })
        }
        assert.equal(await store.stream('s').exists(), false)
      }
    },
  )

  law('a link yields nothing while its event is hidden', async ({ store }) => {
    await store.stream('s').append(counted(2))
    await store.stream('links').linkTo({ streamId: 's', version: 1 })
    await store.stream('links').linkTo({ streamId: 's', version: 2 })
    const steps: readonly (readonly [(tx: StoreTransaction) => Promise<unknown>, readonly unknown[]])[] = [
      [(tx) => tx.stream('s').delete(), []],
      [(tx) => tx.stream('s').restore(), [1, 2]],
      [(tx) => tx.stream('s').truncateBefore(2), [2]],
      [(tx) => tx.stream('s').tombstone(), []],
    ]
    for (const [step, data] of steps) {
      await store.transact(step)
      assert.deepEqual(await dataIn(store, 'links'), data)
      assert.equal((await store.stream('links').read({ resolveLinks: false }).toArray()).length, 2)
    }
  })
}

async function prepare(store: EventStore): Promise<void> {
  await store.append([
    { streamId: 'other', events: marked('other', 1) },
    { streamId: 's', events: marked('s', 3) },
    { streamId: 'other2', events: counted(1) },
  ])
  await store.stream('other').append(marked('other', 1, 2))
}
