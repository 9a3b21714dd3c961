import assert from 'node:assert/strict'
import { INDEX_PAGE_ROWS_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import type { NewEvent } from '../../store/event.ts'
import { dataOf, numbers, type StoreLaws } from './laws.ts'
import { dataBy } from './scan.ts'

/** More than a page of a search looks at. */
const COUNT = INDEX_PAGE_ROWS_MAX + 808
const RARE = [2, 4_500, COUNT - 1]
const APPEND_EVENTS = 3_000

const both = (...tags: string[]): Query => ({ items: [{ tags }] })

/** Queries over the events of `fill`, and the numbers of those that they mean. */
const SEARCHES: Readonly<Record<string, readonly [Query, readonly number[]]>> = {
  'a rare tag among events that all have another': [both('frequent', 'rare'), RARE],
  'a rare tag and a type that all events have': [{ items: [{ types: ['A'], tags: ['rare'] }] }, RARE],
  'two frequent tags that no event has together': [both('odd', 'even'), []],
  'two frequent tags that few events have together': [both('low', 'high'), [COUNT / 2, COUNT / 2 + 1]],
  'tags that alternate, or a rare one': [{ items: [{ tags: ['odd', 'even'] }, { tags: ['rare'] }] }, RARE],
  'tags that alternate, as two items': [
    { items: [{ tags: ['odd'] }, { tags: ['even'] }] },
    numbers(1, COUNT),
  ],
  'a frequent tag twice over': [
    { items: [{ tags: ['frequent'] }, { types: ['A'] }, { tags: ['odd', 'frequent'] }] },
    numbers(1, COUNT),
  ],
}

/** Searches that look at more rows than a page may. */
export function indexPagingLaws({ law }: StoreLaws): void {
  law(`query() over ${COUNT} events finds each once, in both directions`, async ({ store }) => {
    await fill(store, 's')
    for (const [name, [query, expected]] of Object.entries(SEARCHES)) {
      const down = expected.toReversed()
      assert.deepEqual(await dataBy(store, query), expected, name)
      assert.deepEqual(await dataBy(store, query, { direction: 'backwards' }), down, name)
      assert.deepEqual(await dataBy(store, query, { limit: 2 }), expected.slice(0, 2), name)
      const read = store.query(query).read()
      assert.equal((await read.first())?.data, expected[0], name)
      assert.equal((await read.last())?.data, expected.at(-1), name)
      for await (const batch of read.batches()) assert.ok(batch.length > 0, name)
    }
  })

  law(`tx.query() and failIfEventsMatch look through ${COUNT} events`, async ({ store }) => {
    await fill(store, 's')
    const last = (await store.all.read().last())!.position
    const [rare, alternating, overlapping] = [
      both('rare', 'frequent'),
      both('odd', 'even'),
      both('low', 'high'),
    ]
    await store.transact(async (tx) => {
      await tx.stream('out').append([], { failIfEventsMatch: { query: alternating } })
      await tx.stream('out').append([], { failIfEventsMatch: { query: both('frequent'), after: last } })
      for (const query of [rare, overlapping]) {
        const append = tx.stream('out').append([], { failIfEventsMatch: { query } })
        const { position } = (await tx.query(query).read().first())!
        await assert.rejects(append, ({ details }) => details.violations[0].position === position)
      }
      const tags = ['rare', 'frequent', 'odd', 'even', 'low', 'high']
      await tx.stream('own').append({ type: 'A', data: 0, tags })
      for (const [name, [query, expected]] of Object.entries(SEARCHES)) {
        if (expected.length < COUNT) assert.deepEqual(await dataBy(tx, query), [...expected, 0], name)
        const newest = [0, ...expected.toReversed()].slice(0, 3)
        assert.deepEqual(await dataBy(tx, query, { direction: 'backwards', limit: 3 }), newest, name)
      }
    })
  })

  law(`query() passes over ${COUNT} events that are hidden`, async ({ store }) => {
    await store.stream('before').append({ type: 'A', data: -1, tags: ['frequent'] })
    await fill(store, 's')
    await store.stream('after').append({ type: 'A', data: -2, tags: ['frequent'] })
    await store.stream('s').delete()
    const source = store.query(both('frequent'))
    assert.deepEqual(await dataOf(source.read()), [-1, -2])
    assert.deepEqual(await dataOf(source.read({ direction: 'backwards' })), [-2, -1])
    assert.deepEqual(await store.category('s').read().toArray(), [])
    assert.equal(await store.category('s').read().first(), undefined)
  })
}

/** Events with tags that they all have, few have, and that halves of them have. */
async function fill(store: EventStore, streamId: string): Promise<void> {
  for (let from = 1; from <= COUNT; from += APPEND_EVENTS) {
    const upTo = Math.min(COUNT, from + APPEND_EVENTS - 1)
    await store.stream(streamId).append(numbers(from, upTo).map(event))
  }
}

function event(data: number): NewEvent {
  const tags = ['frequent', data % 2 === 0 ? 'even' : 'odd']
  if (data <= COUNT / 2 + 1) tags.push('low')
  if (data >= COUNT / 2) tags.push('high')
  if (RARE.includes(data)) tags.push('rare')
  return { type: 'A', data, tags }
}
