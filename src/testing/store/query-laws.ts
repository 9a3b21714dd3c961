import assert from 'node:assert/strict'
import { QUERY_ITEMS_MAX, QUERY_TYPES_MAX, TAG_BYTES_MAX, TAGS_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import type { NewEvent } from '../../store/event.ts'
import { dataOf, failureOf, numbers, type StoreLaws } from './laws.ts'
import { dataBy } from './scan.ts'

const A: NewEvent = { type: 'A' }
const EVENTS: readonly NewEvent[] = [
  { ...A, data: 1, tags: ['x'] },
  { type: 'B', data: 2, tags: ['x', 'y'] },
  { ...A, data: 3, tags: ['y', 'x', 'z'] },
  { ...A, data: 4 },
  { type: 'C', data: 5, tags: ['y'] },
  { type: 'B', data: 6 },
  { type: 'x', data: 7, tags: ['A'] },
]

/** What queries mean, in terms of the events above. */
const MEANINGS: Readonly<Record<string, readonly [Query, readonly number[]]>> = {
  'without items means all': [{}, [1, 2, 3, 4, 5, 6, 7]],
  'with one type means events of the type': [{ items: [{ types: ['A'] }] }, [1, 3, 4]],
  'with types means events of any of them': [{ items: [{ types: ['A', 'C', 'none'] }] }, [1, 3, 4, 5]],
  'with one tag means events that have it': [{ items: [{ tags: ['x'] }] }, [1, 2, 3]],
  'with tags means events that have all of them': [{ items: [{ tags: ['y', 'x'] }] }, [2, 3]],
  'with tags that no event has together means none': [{ items: [{ tags: ['x', 'none'] }] }, []],
  'with types and tags means both': [{ items: [{ types: ['A', 'B'], tags: ['x', 'y'] }] }, [2, 3]],
  'with several items means any of them': [{ items: [{ types: ['C'] }, { tags: ['z'] }] }, [3, 5]],
  'whose items overlap means each event once': [
    { items: [{ types: ['A'] }, { tags: ['x'] }, { types: ['A'], tags: ['x'] }, { types: ['A'] }] },
    [1, 2, 3, 4],
  ],
  'with empty types is not filtered by them': [{ items: [{ types: [], tags: ['y'] }] }, [2, 3, 5]],
  'with empty tags is not filtered by them': [{ items: [{ types: ['B'], tags: [] }] }, [2, 6]],
  'with an item that says nothing means all': [
    { items: [{ types: ['C'] }, { types: [], tags: [] }] },
    [1, 2, 3, 4, 5, 6, 7],
  ],
  'with an empty item means all': [{ items: [{}] }, [1, 2, 3, 4, 5, 6, 7]],
  'with repeats is as without': [{ items: [{ types: ['A', 'A'], tags: ['x', 'x'] }] }, [1, 3]],
  'does not take types for tags': [{ items: [{ types: ['x'] }, { tags: ['B'] }] }, [7]],
}

const REFUSED: Readonly<Record<string, unknown>> = {
  'no items in the list': { items: [] },
  'items that are no list': { items: {} },
  'an unknown field': { item: [{ types: ['A'] }] },
  'an unknown field of an item': { items: [{ type: ['A'] }] },
  'types that are no list': { items: [{ types: 'A' }] },
  'tags that are no list': { items: [{ tags: 'x' }] },
  'an empty type': { items: [{ types: [''] }] },
  'an empty tag': { items: [{ tags: [''] }] },
  'a type that is no text': { items: [{ types: [1] }] },
  'a tag with NUL': { items: [{ tags: ['a\0'] }] },
  'an item that is nothing': { items: [null] },
  'a query that is nothing': null,
  'a query that is a text': 'A',
}

const TOO_LARGE: Readonly<Record<string, Query>> = {
  items: { items: numbers(0, QUERY_ITEMS_MAX).map((n) => ({ tags: [`t${n}`] })) },
  types: { items: [{ types: numbers(0, QUERY_TYPES_MAX).map((n) => `t${n}`) }] },
  tags: { items: [{ tags: numbers(0, TAGS_MAX).map((n) => `t${n}`) }] },
  'bytes of a tag': { items: [{ tags: ['x'.repeat(TAG_BYTES_MAX + 1)] }] },
}

/** Which events a query means, as dcb.events says. */
export function queryLaws({ law }: StoreLaws): void {
  for (const [name, [query, expected]] of Object.entries(MEANINGS)) {
    law(`query() ${name}`, async ({ store }) => {
      await fill(store)
      assert.deepEqual(await dataBy(store, query), expected)
      const backwards = expected.toReversed()
      assert.deepEqual(await dataBy(store, query, { direction: 'backwards' }), backwards)
      assert.deepEqual(
        await dataBy(store, query, { direction: 'backwards', limit: 1 }),
        backwards.slice(0, 1),
      )
      assert.deepEqual(await store.readTransact((tx) => dataBy(tx, query)), expected)
      await assertFailsIfAny(store, query, expected)
    })

    law(`query() in a transaction ${name}, own events last`, async ({ store }) => {
      await fill(store)
      await store.transact(async (tx) => {
        for (const { data, ...event } of EVENTS)
          await tx.stream('own').append({ ...event, data: Number(data) + 10 })
        const all = [...expected, ...expected.map((n) => n + 10)]
        assert.deepEqual(await dataBy(tx, query), all)
        assert.deepEqual(await dataBy(tx, query, { direction: 'backwards' }), all.toReversed())
        const limit = expected.length + 1
        assert.deepEqual(await dataBy(tx, query, { limit }), all.slice(0, limit))
        const newest = all.toReversed().slice(0, limit)
        assert.deepEqual(await dataBy(tx, query, { limit, direction: 'backwards' }), newest)
      })
    })
  }

  law('query() refuses what is none', async ({ store }) => {
    for (const [name, query] of Object.entries(REFUSED)) {
      await failureOf('invalid-argument', () => store.query(query as Query), name)
      const condition = { failIfEventsMatch: { query: query as Query } }
      await failureOf('invalid-argument', () => store.stream('s').append(A, condition), name)
    }
    for (const [name, query] of Object.entries(TOO_LARGE)) {
      await failureOf('limit-exceeded', () => store.query(query), name)
      const condition = { failIfEventsMatch: { query } }
      await failureOf('limit-exceeded', () => store.append([], condition), name)
    }
    assert.deepEqual(await store.all.read().toArray(), [])
  })

  law('query() takes as much as it may hold', async ({ store }) => {
    await fill(store)
    const types = numbers(1, QUERY_TYPES_MAX).map((n) => (n === 64 ? 'B' : `t${n}`))
    const items = numbers(1, QUERY_ITEMS_MAX).map((n) => ({ types, tags: n === 64 ? ['y'] : [`t${n}`] }))
    assert.deepEqual(await dataBy(store, { items }), [2])
    const tags = numbers(1, TAGS_MAX).map((n) => `many-${n}`)
    await store.stream('s').append({ type: 'M', data: 8, tags })
    assert.deepEqual(await dataBy(store, { items: [{ tags, types: ['M'] }] }), [8])
  })

  law('query() keeps what was asked for when it was called', async ({ store }) => {
    await fill(store)
    const query = { items: [{ types: ['A'], tags: ['x'] }] }
    const source = store.query(query)
    query.items[0]!.types[0] = 'B'
    query.items.push({ types: [], tags: [] })
    assert.deepEqual(await dataOf(source.read()), [1, 3])
  })

  law('tx shows own events in category() and eventType(), without a position', async ({ store }) => {
    await store.stream('c-1').append({ type: 'A', data: 1 })
    await store.transact(async (tx) => {
      await tx.stream('c-2').append({ type: 'A', data: 2 })
      await tx.stream('d').append({ type: 'A', data: 3, tags: ['t'] })
      await tx.stream('c').append({ type: 'B', data: 4 })
      assert.deepEqual(await dataOf(tx.category('c').read()), [1, 2, 4])
      assert.deepEqual(await dataOf(tx.eventType('A').read({ direction: 'backwards' })), [3, 2, 1])
      const own = await tx
        .query({ items: [{ tags: ['t'] }] })
        .read()
        .toArray()
      const seen = own.map(({ position, recordedAt, tags }) => [position, recordedAt, tags])
      assert.deepEqual(seen, [[undefined, undefined, ['t']]])
      assert.equal((await tx.category('c').read().last())?.data, 4)
      assert.equal((await tx.category('c').read().first())?.data, 1)
      const { position } = (await store.stream('c-1').event(1))!
      assert.deepEqual(await dataOf(tx.category('c').read({ to: position })), [1])
      assert.deepEqual(await dataOf(tx.category('c').read({ after: position })), [2, 4])
    })
  })

  law('tx does not show what it has hidden itself, in any index', async ({ store }) => {
    await fill(store)
    await store.transact(async (tx) => {
      await tx.stream('s-1').delete()
      assert.deepEqual(await dataBy(tx, { items: [{ tags: ['x'] }] }), [2])
      await tx.stream('s-1').append({ type: 'A', data: 8, tags: ['x'] })
      await tx.stream('s-0').truncateBefore(3)
      assert.deepEqual(await dataBy(tx, { items: [{ tags: ['x'] }] }), [8])
      assert.deepEqual(await dataOf(tx.eventType('A').read()), [8])
      await tx.stream('s-1').append([{ type: 'A', data: 9, tags: ['x'] }, A])
      await tx.stream('s-1').setRetention({ maxCount: 2 })
      assert.deepEqual(await dataBy(tx, { items: [{ tags: ['x'] }] }), [9])
    })
    assert.deepEqual(await dataBy(store, { items: [{ tags: ['x'] }] }), [9])
  })
}

/** Events of odd numbers in one stream, those of even numbers in another. */
async function fill(store: EventStore): Promise<void> {
  for (const event of EVENTS) await store.stream(`s-${Number(event.data) % 2}`).append(event)
}

/** An append that must not find what a query means agrees with the query, in a transaction and outside of one. */
async function assertFailsIfAny(store: EventStore, query: Query, expected: readonly number[]): Promise<void> {
  const failIfEventsMatch = { query }
  for (const append of [
    () => store.stream('out').append([], { failIfEventsMatch }),
    () => store.transact((tx) => tx.stream('out').append([], { failIfEventsMatch })),
  ]) {
    if (expected.length === 0) await append()
    else await failureOf('append-condition-failed', append)
  }
}
