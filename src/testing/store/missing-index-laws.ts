import assert from 'node:assert/strict'
import type { OpenEventStoreOptions } from '../../opening/open-event-store.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import type { IndexName } from '../../store/contract-reading.ts'
import { dataOf, failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import { dataBy } from './scan.ts'

const SETS: readonly (readonly IndexName[])[] = [
  [],
  ['type'],
  ['tag'],
  ['category'],
  ['type', 'category'],
  ['category', 'type', 'tag'],
]

const byType: Query = { items: [{ types: ['A'] }] }
const byTag: Query = { items: [{ tags: ['x'] }] }
const byBoth: Query = { items: [{ types: ['A', 'B'], tags: ['x', 'y'] }] }

/** Stores that were made with fewer indexes. */
export function missingIndexLaws({ law }: StoreLaws): void {
  for (const indexes of SETS) {
    law(
      `a store with the indexes [${indexes}] reads through these, and says what is missing for others`,
      async ({ store }) => {
        await fill(store)
        const has = (...names: IndexName[]): boolean => names.some((name) => indexes.includes(name))
        assert.deepEqual((await store.info()).indexes.toSorted(), indexes.toSorted())
        await reads(
          store,
          has('category'),
          ['category'],
          (of) => dataOf(of.category('s').read()),
          [1, 2, 3, 4],
        )
        await reads(store, has('type'), ['type'], (of) => dataOf(of.eventType('A').read()), [1, 3])
        await reads(store, has('type'), ['type'], (of) => dataBy(of, byType), [1, 3])
        await reads(store, has('tag'), ['tag'], (of) => dataBy(of, byTag), [1, 2, 4])
        await reads(store, has('tag', 'type'), ['tag', 'type'], (of) => dataBy(of, byBoth), [2, 4])
        await reads(store, true, [], (of) => dataBy(of, {}), [1, 2, 3, 4])
        await appends(store, has('tag', 'type'), byBoth)
        await appends(store, has('tag'), byTag)
      },
      { open: { indexes } },
    )
  }

  law(
    'a query that can use only one of its indexes conflicts with what matches it, and finds it',
    async ({ store }) => {
      await fill(store)
      const seen: unknown[] = []
      await store.transact(async (tx) => {
        seen.push(await dataBy(tx, byBoth))
        if (seen.length === 1) await store.stream('s-9').append({ type: 'B', data: 5, tags: ['y', 'x'] })
        await tx.stream('out').append({ type: 'Out' })
      })
      assert.deepEqual(seen, [
        [2, 4],
        [2, 4, 5],
      ])
    },
    { open: { indexes: ['type'] } },
  )

  law(
    'a query that can use only one of its indexes finds few among many',
    async ({ store }) => {
      const events = numbers(1, 1_300).map((data) => ({
        type: 'A',
        data,
        tags: data % 649 === 0 ? ['x'] : [],
      }))
      await store.stream('s').append(events)
      const query: Query = { items: [{ types: ['A'], tags: ['x'] }, { types: ['B'] }] }
      assert.deepEqual(await dataBy(store, query), [649, 1_298])
      assert.deepEqual(await dataBy(store, query, { direction: 'backwards', limit: 1 }), [1_298])
      assert.equal((await store.query(query).read({ limit: 5 }).first())?.data, 649)
    },
    { open: { indexes: ['type'] } },
  )

  law('an existing store is not opened with other indexes, or another separator', async (scene) => {
    const { store, directory } = scene
    await fill(store)
    const open = (options: OpenEventStoreOptions): Promise<EventStore> =>
      openEventStore(store.kv, { ...options, directory })
    const others: OpenEventStoreOptions[] = [
      { indexes: [] },
      { indexes: ['type', 'tag'] },
      { indexes: ['type', 'type', 'tag'] },
      { categorySeparator: '/' },
      { indexes: ['category', 'type', 'tag'], categorySeparator: '--' },
    ]
    for (const options of others) await refuses(store, 'invalid-argument', () => open(options))
    for (const indexes of ['type', ['types'], [1], null] as unknown as IndexName[][])
      await refuses(store, 'invalid-argument', () => open({ indexes }))
    const same: OpenEventStoreOptions[] = [
      {},
      { indexes: ['tag', 'type', 'category'] },
      { indexes: ['tag', 'type', 'category', 'tag'], categorySeparator: '-' },
    ]
    for (const options of same) {
      await using again = await open(options)
      assert.deepEqual(await dataBy(again, byTag), [1, 2, 4])
    }
  })

  law(
    'indexes and separator are remembered by the store',
    async ({ store, reopen, directory }) => {
      await store.stream('s/1').append({ type: 'A', data: 1 })
      const { kv } = await reopen()
      await using again = await openEventStore(kv, { directory })
      await again.stream('s/2').append({ type: 'A', data: 2 })
      const { indexes, categorySeparator } = await again.info()
      assert.deepEqual([indexes, categorySeparator], [['category'], '/'])
      assert.deepEqual(await dataOf(again.category('s').read()), [1, 2])
      await failureOf('index-missing', () => again.eventType('A').read().first())
      await failureOf('invalid-argument', () => openEventStore(kv, { directory, categorySeparator: '-' }))
    },
    { needs: 'reopen', open: { indexes: ['category'], categorySeparator: '/' } },
  )
}

/** Makes sure that a read gives these, or says which indexes are missing, wherever it is made. */
async function reads(
  store: EventStore,
  works: boolean,
  missing: readonly IndexName[],
  look: (of: EventStore) => Promise<unknown[]>,
  expected: readonly number[],
): Promise<void> {
  for (const run of [
    () => look(store),
    () => store.readTransact((tx) => look(tx as unknown as EventStore)),
    () => store.transact((tx) => look(tx as unknown as EventStore)),
  ]) {
    if (works) assert.deepEqual(await run(), expected)
    else {
      const { details } = await failureOf('index-missing', run)
      const { indexes } = await store.info()
      assert.deepEqual(details, { missing, indexes })
    }
  }
}

/** Makes sure that an append on the condition of a query finds what matches, or says that an index is missing. */
async function appends(store: EventStore, works: boolean, query: Query): Promise<void> {
  const code = works ? 'append-condition-failed' : 'index-missing'
  const failIfEventsMatch = { query }
  const event = { type: 'Out' }
  await refuses(store, code, () => store.stream('out').append(event, { failIfEventsMatch }))
  await refuses(store, code, () =>
    store.transact((tx) => tx.stream('out').append(event, { failIfEventsMatch })),
  )
  if (!works) return
  const after = (await store.all.read().last())!.position
  await store.stream('out').append([], { failIfEventsMatch: { query, after } })
}

async function fill(store: EventStore): Promise<void> {
  await store.stream('s-1').append([
    { type: 'A', data: 1, tags: ['x'] },
    { type: 'B', data: 2, tags: ['x', 'y'] },
  ])
  await store.stream('s').append([
    { type: 'A', data: 3 },
    { type: 'B', data: 4, tags: ['y', 'x'] },
  ])
}
