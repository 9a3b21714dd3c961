import assert from 'node:assert/strict'
import { READ_PAGE_EVENTS, READ_PAGE_EVENTS_FIRST } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import { counted, dataOf, nextTurn, numbers, type StoreLaws } from './laws.ts'

const BOUNDARY = READ_PAGE_EVENTS_FIRST + READ_PAGE_EVENTS
const COUNTS = [63, 64, 65, 512, BOUNDARY - 1, BOUNDARY, BOUNDARY + 1, 600, 1_100]

/** Reads that take several pages, and what happens between two of them. */
export function pagingLaws({ law }: StoreLaws): void {
  for (const count of COUNTS) {
    law(`read() sees each of ${count} events once, in both directions`, async ({ store }) => {
      await store.stream('s').append(counted(count))
      const [up, down] = [numbers(1, count), numbers(1, count).reverse()]
      for (const source of Object.values(SOURCES).map((of) => of(store))) {
        assert.deepEqual(await dataOf(source.read()), up)
        assert.deepEqual(await dataOf(source.read({ direction: 'backwards' })), down)
        assert.deepEqual(await dataOf(source.read({ limit: count - 1 })), up.slice(0, -1))
        assert.equal((await source.read().last())?.data, count)
      }
      const inTransaction = await store.transact(async (tx) => {
        await tx.stream('s').append(counted(2, count + 1))
        const sources = [tx.stream('s'), tx.all, tx.category('s'), tx.eventType('Counted'), tx.query(MEANT)]
        return Promise.all(sources.map((source) => dataOf(source.read())))
      })
      for (const data of inTransaction) assert.deepEqual(data, numbers(1, count + 2))
    })
  }

  law('batches() gives many events at a time', async ({ store }) => {
    await store.stream('s').append(counted(1_100))
    for (const source of Object.values(SOURCES).map((of) => of(store))) {
      const sizes: number[] = []
      for await (const batch of source.read().batches()) sizes.push(batch.length)
      assert.ok(sizes.length <= 5, `batches of ${sizes}`)
    }
  })

  for (const [name, sourceOf] of Object.entries(SOURCES)) {
    law(`${name} forwards sees what is appended meanwhile, each once and in order`, async ({ store }) => {
      await store.stream('s').append(counted(600))
      const seen: unknown[] = []
      let appended = 600
      for await (const { data } of sourceOf(store).read()) {
        seen.push(data)
        if (appended < 900 && seen.length % 7 === 0) {
          await store.stream('s').append(counted(3, appended + 1))
          appended += 3
        }
      }
      assert.deepEqual(seen.slice(0, 600), numbers(1, 600))
      assert.deepEqual(seen, numbers(1, seen.length))
    })

    law(`${name} backwards is not disturbed by what is appended meanwhile`, async ({ store }) => {
      await store.stream('s').append(counted(600))
      const seen: unknown[] = []
      for await (const { data } of sourceOf(store).read({ direction: 'backwards' })) {
        if (seen.push(data) % 50 === 0) await store.stream('s').append(counted(3, 1_000))
      }
      assert.deepEqual(seen, numbers(1, 600).reverse())
    })

    law(
      `${name} with a writer that never pauses is in order, and complete up to where it began`,
      async ({ store }) => {
        let acknowledged = 0
        const writing = (async () => {
          for (const n of numbers(1, 100)) {
            await store.stream('s').append(counted(5, acknowledged + 1))
            acknowledged = n * 5
          }
        })()
        for (let done = false; !done; ) {
          const before = acknowledged
          await nextTurn()
          const data = await dataOf(sourceOf(store).read())
          assert.deepEqual(data, numbers(1, data.length))
          assert.ok(data.length >= before, `${data.length} of ${before}`)
          done = data.length === 500
        }
        await writing
      },
    )
  }

  law(
    'tx.stream.read() sees what its own body appends to the stream meanwhile, each once and in order',
    async ({ store }) => {
      await store.stream('s').append(counted(600))
      const seen = await store.transact(async (tx) => {
        const data: unknown[] = []
        for await (const event of tx.stream('s').read()) {
          data.push(event.data)
          if (event.version === 10 || event.version === 100)
            await tx.stream('s').append(counted(2, event.version === 10 ? 601 : 603))
        }
        return data
      })
      assert.deepEqual(seen, numbers(1, 604))
      const backwards = await store.transact(async (tx) => {
        const data: unknown[] = []
        for await (const event of tx.stream('s').read({ direction: 'backwards' })) {
          data.push(event.data)
          if (event.version === 590) await tx.stream('s').append(counted(2, 605))
        }
        return data
      })
      assert.deepEqual(backwards, numbers(1, 604).reverse())
    },
  )
}

const MEANT: Query = { items: [{ types: ['Counted', 'A'] }, { types: ['Counted'] }] }

const SOURCES: Readonly<Record<string, (store: EventStore) => Pick<EventStore['all'], 'read'>>> = {
  'all.read()': (store) => store.all,
  'stream.read()': (store) => ({
    read: ({ direction, limit } = {}) =>
      store.stream('s').read({ ...(direction && { direction }), ...(limit !== undefined && { limit }) }),
  }),
  'category.read()': (store) => store.category('s'),
  'eventType.read()': (store) => store.eventType('Counted'),
  'query.read()': (store) => store.query(MEANT),
}
