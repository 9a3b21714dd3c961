import assert from 'node:assert/strict'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import {
  added,
  assertSameSight,
  countedLists,
  type Lists,
  listIn,
  lists,
  ofAggregates,
  sightOf,
} from './aggregate-examples.ts'
import { failureOf, numbers, type StoreLaws, uuidOf } from './laws.ts'

/** What aggregates within transactions see of what their transaction has done before. */
export function aggregateTransactionStateLaws(laws: StoreLaws): void {
  const { law } = ofAggregates(laws)

  for (const [what, [change, expected]] of Object.entries(BEFORE)) {
    law(`a command within a transaction sees that it has ${what} before`, async ({ store }) => {
      for (const isWarm of [false, true]) {
        const id = `${isWarm}`
        const of = store.aggregate(lists())
        await store.stream(`list-${id}`).append([added('a'), added('b')])
        if (isWarm) await of.load(id)
        const outcome = await store
          .transact(async (tx) => {
            await change(tx, of, `list-${id}`, id)
            const loaded = await of.within(tx).load(id)
            const { state, version } = await of.within(tx).execute(id, 'count')
            assert.deepEqual(state.slice(0, -1), loaded.state)
            assert.deepEqual((await of.within(tx).load(id)).state, state)
            const again = await of.within(tx).execute(id, 'count')
            assert.deepEqual([again.state, again.version], [[...state, state.length], version + 1])
            return state
          })
          .catch((error: { readonly code?: string }) => error.code ?? error)
        assert.deepEqual(outcome, expected, `in memory: ${isWarm}`)
        await assertSameSight(of, store, id)
        if (Array.isArray(outcome))
          assert.equal((await of.execute(id, 'count')).state.length, outcome.length + 2)
      }
    })
  }

  law('a command within a transaction does not take what is left for the whole', async ({ store }) => {
    for (const maxCount of [1, 2, 3]) {
      const id = `${maxCount}`
      await store.createStream(`list-${id}`, { maxCount })
      const of = store.aggregate(lists())
      const outcome = await store
        .transact(async (tx) => {
          for (const n of numbers(0, 5)) {
            const { state, version } = await of.within(tx).execute(id, 'count')
            assert.deepEqual([state, version], [numbers(0, n), n + 1], `maxCount ${maxCount}`)
          }
        })
        .catch((error: { readonly code?: string }) => {
          assert.equal(error.code, 'history-missing', `${error}`)
        })
      assert.equal(outcome, undefined)
    }
  })

  law('load() within a transaction at a version and at a time', async ({ store }) => {
    await store.stream('list-1').append([10, 30].map((at) => ({ ...added(at), time: new Date(at) })))
    const of = store.aggregate(lists())
    await store.transact(async (tx) => {
      const within = of.within(tx)
      const own = [20, 50].map((at) => ({ ...added(at), time: new Date(at) }))
      await within.execute('1', 'decide', own)
      for (const version of numbers(0, 4)) {
        const state = [10, 30, 20, 50].slice(0, version)
        const expected = { state, version, exists: version > 0 }
        assert.deepEqual(await sightOf(within.load('1', { version })), expected)
      }
      await failureOf('event-not-found', () => within.load('1', { version: 5 }))
      for (const [at, length] of [
        [9, 0],
        [29, 1],
        [30, 3],
        [49, 3],
        [50, 4],
      ] as const) {
        const { state } = await within.load('1', { asOf: new Date(at) })
        assert.deepEqual(state, [10, 30, 20, 50].slice(0, length), `as of ${at}`)
      }
      const both = await within.load('1', { asOf: new Date(49), version: 2 })
      assert.equal(both.version, 2)
      assert.equal((await within.load('new')).exists, false)
      assert.equal(await tx.stream('list-new').exists(), false)
    })
  })

  law('create() within a transaction is for aggregates without events', async ({ store }) => {
    const of = store.aggregate(lists())
    await store.stream('list-old').append(added(1))
    await store.stream('list-deleted').append(added(1))
    await store.stream('list-deleted').delete()
    await store.transact(async (tx) => {
      const within = of.within(tx)
      await failureOf('stream-exists', () => within.create('old', 'add', 2))
      assert.equal((await within.create('deleted', 'add', 2)).version, 2)
      await within.create('new', 'add', 1)
      await failureOf('stream-exists', () => within.create('new', 'add', 2))
      await failureOf('invalid-argument', () =>
        within.create('x', 'add', 1, { expectedVersion: 0 } as object),
      )
    })
    assert.deepEqual(await listIn(store, 'list-new'), [1])
  })

  law('events with known ids are written once, also within a transaction', async ({ store }) => {
    const of = store.aggregate(lists())
    const events = [{ ...added(1), id: uuidOf(1) }]
    await of.execute('1', 'decide', events)
    await of.execute('1', 'add', 2)
    await store.transact(async (tx) => {
      const again = await of.within(tx).execute('1', 'decide', events)
      assert.deepEqual([again.idempotent, again.state, again.version, again.events], [true, [1, 2], 2, []])
      const fresh = await of.within(tx).execute('1', 'decide', [{ ...added(3), id: uuidOf(3) }])
      const twice = await of.within(tx).execute('1', 'decide', [{ ...added(3), id: uuidOf(3) }])
      assert.deepEqual([fresh.idempotent, twice.idempotent, twice.state], [false, true, [1, 2, 3]])
    })
    assert.deepEqual(await listIn(store), [1, 2, 3])
  })

  law('the state that a transaction has written is in memory then', async ({ store }) => {
    const { definition, folded } = countedLists()
    const of = store.aggregate(definition)
    await store.stream('list-1').append(numbers(1, 50).map(added))
    await store.transact((tx) => of.within(tx).execute('1', 'add', 51))
    folded()
    assert.equal((await of.load('1')).version, 51)
    assert.equal(folded(), 0)
    await store.transact(async (tx) => {
      await of.within(tx).execute('1', 'add', 52)
      await tx.stream('list-1').append(added(53))
      await of.within(tx).execute('1', 'add', 54)
      await tx.stream('list-1').append(added(55))
    })
    await assertSameSight(of, store)
    await store.transact(async (tx) => {
      await of.within(tx).execute('1', 'add', 56)
      await tx.stream('list-1').delete()
    })
    assert.deepEqual((await of.execute('1', 'count')).state, [0])
    await assertSameSight(of, store)
  })
}

type Before = (tx: StoreTransaction, of: Lists, streamId: string, id: string) => Promise<unknown>

/** What a transaction does to a list of `a` and `b` before a command, and what that comes to. */
const BEFORE: Readonly<Record<string, readonly [Before, unknown]>> = {
  'done nothing': [async () => {}, ['a', 'b', 2]],
  appended: [(tx, _, streamId) => tx.stream(streamId).append(added('c')), ['a', 'b', 'c', 3]],
  'run another command': [(tx, of, _, id) => of.within(tx).execute(id, 'add', 'c'), ['a', 'b', 'c', 3]],
  'appended a link': [
    async (tx, _, streamId) => tx.stream(streamId).linkTo({ streamId, version: 1 }),
    ['a', 'b', 2],
  ],
  deleted: [(tx, _, streamId) => tx.stream(streamId).delete(), [0]],
  'deleted and appended': [
    async (tx, _, streamId) => {
      await tx.stream(streamId).delete()
      await tx.stream(streamId).append([added('x'), added('y')])
    },
    ['x', 'y', 2],
  ],
  'deleted and restored': [
    async (tx, _, streamId) => {
      await tx.stream(streamId).delete()
      await tx.stream(streamId).restore()
    },
    ['a', 'b', 2],
  ],
  'appended and deleted': [
    async (tx, _, streamId) => {
      await tx.stream(streamId).append(added('c'))
      await tx.stream(streamId).delete()
    },
    [0],
  ],
  'run a command and deleted': [
    async (tx, of, streamId, id) => {
      await of.within(tx).execute(id, 'add', 'c')
      await tx.stream(streamId).delete()
    },
    [0],
  ],
  'run a command, deleted and run another': [
    async (tx, of, streamId, id) => {
      await of.within(tx).execute(id, 'add', 'c')
      await tx.stream(streamId).delete()
      await of.within(tx).execute(id, 'add', 'd')
    },
    ['d', 1],
  ],
  'appended, deleted and restored': [
    async (tx, _, streamId) => {
      await tx.stream(streamId).append(added('c'))
      await tx.stream(streamId).delete()
      await tx.stream(streamId).restore()
    },
    ['a', 'b', 'c', 3],
  ],
  tombstoned: [(tx, _, streamId) => tx.stream(streamId).tombstone(), 'stream-tombstoned'],
  'changed its metadata': [(tx, _, streamId) => tx.stream(streamId).setMetadata({ a: 1 }), ['a', 'b', 2]],
}
