import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import {
  added,
  besideIt,
  countedLists,
  type Lists,
  lists,
  ofAggregates,
  savedIn,
  sightOf,
  through,
} from './aggregate-examples.ts'
import { waitUntil } from './group-consumers.ts'
import { failureOf, numbers, refuses, type StoreLaws } from './laws.ts'

/** Aggregates whose first events are hidden. */
export function aggregateHiddenLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  for (const [what, hide] of Object.entries(HIDING)) {
    law(`a beginning that is hidden by ${what} is missed, not passed over`, async ({ store }) => {
      await store.stream('list-1').append(numbers(1, 5).map(added))
      const warm = store.aggregate(lists())
      await warm.load('1')
      await hide(store)
      const of = store.aggregate(lists())
      for (const options of [{}, { version: 5 }, { version: 1 }, { asOf: new Date(0) }]) {
        const error = await failureOf('history-missing', () => of.load('1', options))
        const { streamId, from, to } = error.details as { streamId: string; from: number; to: number }
        assert.deepEqual([streamId, from, to], ['list-1', 1, 3])
      }
      await refuses(store, 'history-missing', () => of.execute('1', 'add', 6))
      await refuses(store, 'history-missing', () => of.create('1', 'add', 6))
      await assert.rejects(
        store.transact((tx) => of.within(tx).execute('1', 'add', 6)),
        { code: 'history-missing' },
      )
      // A state in memory covers them.
      assert.deepEqual(await sightOf(warm.load('1')), { state: numbers(1, 5), version: 5, exists: true })
      assert.deepEqual((await warm.execute('1', 'count')).state, [...numbers(1, 5), 5])
      await store.transact((tx) => warm.within(tx).execute('1', 'count'))
      assert.deepEqual((await warm.load('1')).state, [...numbers(1, 5), 5, 6])
    })

    law(`what is left by ${what} is folded if the kind says so`, async ({ store }) => {
      await store.stream('list-1').append(numbers(1, 5).map(added))
      const of = store.aggregate(lists({ hidden: 'skip' }))
      assert.deepEqual((await of.load('1')).state, numbers(1, 5))
      await hide(store)
      assert.deepEqual(await sightOf(of.load('1')), { state: [4, 5], version: 5, exists: true })
      assert.deepEqual((await of.load('1', { version: 4 })).state, [4])
      assert.deepEqual(await sightOf(of.load('1', { version: 3 })), { state: [], version: 3, exists: true })
      const { state, version } = await of.execute('1', 'count')
      assert.deepEqual([state, version], [[4, 5, 2], 6])
    })
  }

  law('all that a stream holds may be hidden', async ({ store }) => {
    await store.stream('list-1').append([1, 2].map(added))
    await store.stream('list-1').truncateBefore(3)
    const error = await failureOf('history-missing', () => store.aggregate(lists()).load('1'))
    assert.deepEqual(error.details, { streamId: 'list-1', from: 1, to: 2 })
    const skipping = store.aggregate(lists({ hidden: 'skip' }))
    assert.deepEqual(await sightOf(skipping.load('1')), { state: [], version: 2, exists: true })
    assert.deepEqual((await skipping.execute('1', 'count')).state, [0])
  })

  law('nothing of what is left is kept in memory', async ({ store }) => {
    const { definition, folded } = countedLists({ hidden: 'skip' })
    const of = store.aggregate(definition)
    for (const n of numbers(1, 4)) await of.execute('1', 'add', n)
    await store.stream('list-1').setRetention({ maxCount: 2 })
    folded()
    assert.deepEqual((await of.load('1')).state, [3, 4])
    assert.equal(folded(), 2)
    assert.deepEqual((await of.load('1')).state, [3, 4])
    assert.equal(folded(), 2)
    await of.execute('1', 'add', 5)
    assert.deepEqual((await of.load('1')).state, [4, 5])
  })

  law('a beginning that is hidden in an earlier life is none of the present one', async ({ store }) => {
    const stream = store.stream('list-1')
    await stream.append(numbers(1, 5).map(added))
    await stream.truncateBefore(4)
    await stream.delete()
    const of = store.aggregate(lists())
    assert.deepEqual(await sightOf(of.load('1')), { state: [], version: 5, exists: false })
    assert.deepEqual((await of.execute('1', 'add', 'new')).state, ['new'])
    await stream.append([7, 8].map(added))
    await stream.truncateBefore(8)
    const error = await failureOf('history-missing', () => store.aggregate(lists()).load('1'))
    assert.deepEqual(error.details, { streamId: 'list-1', from: 6, to: 7 })
  })

  simulatedLaw('events that are too old are missed, and a state in memory covers them', async (scene) => {
    const { store, runtime } = scene
    await using other = await besideIt(scene)
    await store.createStream('list-1', { maxAgeMs: 60_000 })
    const [warm, cold, skipping] = [
      store.aggregate(lists()),
      (): Lists => other.aggregate(lists()),
      other.aggregate(lists({ hidden: 'skip' })),
    ]
    await warm.execute('1', 'addAll', [1, 2])
    await runtime.advance(40_000)
    await warm.execute('1', 'add', 3)
    assert.deepEqual((await cold().load('1')).state, [1, 2, 3])
    await runtime.advance(40_000)
    assert.deepEqual((await warm.load('1')).state, [1, 2, 3])
    assert.deepEqual((await skipping.load('1')).state, [3])
    await failureOf('history-missing', () => cold().load('1'))
    assert.deepEqual((await warm.execute('1', 'count')).state, [1, 2, 3, 3])
    await runtime.advance(40_000)
    assert.deepEqual((await skipping.load('1')).state, [3])
    assert.deepEqual((await warm.execute('1', 'count')).state, [1, 2, 3, 3, 4])
  })

  simulatedLaw('snapshots keep up with a bound on the number of events', async (scene) => {
    const { store, runtime } = scene
    await store.createStream('list-1', { maxCount: 10 })
    const kind = lists({ snapshots: { every: 3 } })
    for (const n of numbers(0, 39)) {
      await through(scene, kind, async (of) => {
        assert.deepEqual((await of.execute('1', 'count')).state, numbers(0, n))
        if (n % 3 === 2) {
          await waitUntil(runtime, 'it is saved', async () => (await savedIn(store))[0] === n + 1)
        }
      })
    }
    await failureOf('history-missing', () => store.aggregate(lists()).load('1'))
  })

  law('a state in memory covers what is hidden only up to where it is', async ({ store }) => {
    const warm = store.aggregate(lists({ snapshots: { every: 99 } }))
    await warm.execute('1', 'addAll', [1, 2, 3])
    await store.stream('list-1').append(numbers(4, 8).map(added))
    await store.stream('list-1').truncateBefore(4)
    assert.deepEqual((await warm.load('1')).state, numbers(1, 8))
    await store.stream('list-1').append(numbers(9, 12).map(added))
    await store.stream('list-1').truncateBefore(10)
    const error = await failureOf('history-missing', () => warm.load('1'))
    assert.deepEqual(error.details, { streamId: 'list-1', from: 1, to: 9 })
    await failureOf('history-missing', () => warm.execute('1', 'add', 13))
    // A snapshot of somebody else leads on.
    await store.stream('list-1').delete()
    await warm.execute('1', 'addAll', ['a', 'b'])
    assert.deepEqual((await warm.load('1')).state, ['a', 'b'])
  })

  law('a scavenged beginning is missed as a hidden one is', async ({ store }) => {
    await store.stream('list-1').append(numbers(1, 5).map(added))
    await store.stream('list-1').truncateBefore(4)
    const warm = store.aggregate(lists({ snapshots: { every: 99 } }))
    await store.scavenge()
    await failureOf('history-missing', () => warm.load('1'))
    const skipping = store.aggregate(lists({ hidden: 'skip' }))
    assert.deepEqual((await skipping.load('1')).state, [4, 5])
  })
}

/** Ways to hide the first three of five events. */
const HIDING: Readonly<Record<string, (store: EventStore) => Promise<unknown>>> = {
  truncateBefore: (store) => store.stream('list-1').truncateBefore(4),
  maxCount: (store) => store.stream('list-1').setRetention({ maxCount: 2 }),
}
