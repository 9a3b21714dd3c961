import assert from 'node:assert/strict'
import { EVENT_TYPE_BYTES_MAX, STREAM_ID_BYTES_MAX, TAG_BYTES_MAX } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import type { PositionReadOptions } from '../../store/contract-reading.ts'
import { counted, dataOf, failureOf, numbers, type StoreLaws } from './laws.ts'

/** Ids of streams, by the category that they are of. */
const CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  cart: ['cart-1', 'cart-2', 'cart', 'cart-1-x', 'cart-', 'cart--'],
  cart2: ['cart2-1'],
  Cart: ['Cart-1'],
  car: ['car-t-1'],
  'two words': ['two words-1'],
  é: ['é-1'],
  '😀': ['😀-😀'],
  '-cart': ['-cart'],
  '-cart-1': ['-cart-1'],
  '-': ['-'],
  '--': ['--'],
}

/** Reading by category and by type. */
export function indexLaws(laws: StoreLaws): void {
  categoryLaws(laws)
  typeLaws(laws)
  boundLaws(laws)
}

function categoryLaws({ law }: StoreLaws): void {
  law(
    'category() reads the streams whose ids begin with it and a separator, or are it',
    async ({ store }) => {
      for (const streamId of Object.values(CATEGORIES).flat())
        await store.stream(streamId).append([{ type: 'A', data: streamId }, { type: 'B' }])
      for (const [category, streamIds] of Object.entries(CATEGORIES)) {
        const events = await store.category(category).read().toArray()
        const found = events.filter(({ type }) => type === 'A').map(({ data }) => data)
        assert.deepEqual(found, streamIds, category)
        assert.equal(events.length, streamIds.length * 2, category)
      }
      for (const none of ['ca', 'cart-1', 'cart2-1', 'two', 'x'])
        assert.deepEqual(await store.category(none).read().toArray(), [], none)
    },
  )

  law(
    'category() goes by the separator that the store was made with',
    async ({ store }) => {
      const ids = ['a::b::c', 'a-1', 'a', '::a', 'a:b', 'a:', 'a:::b', '::']
      for (const id of ids) await store.stream(id).append({ type: 'A', data: id })
      const idsOf = (category: string): Promise<unknown[]> => dataOf(store.category(category).read())
      assert.deepEqual(await idsOf('a'), ['a::b::c', 'a', 'a:::b'])
      for (const id of ['a-1', '::a', 'a:b', 'a:', '::']) assert.deepEqual(await idsOf(id), [id])
      for (const none of ['a:', ':', 'b', '-']) assert.ok(!(await idsOf(none)).includes('a:::b'), none)
      assert.equal((await store.info()).categorySeparator, '::')
    },
    { open: { categorySeparator: '::' } },
  )

  law('categorySeparator must be well-formed text of 1 to 8 characters', async ({ store }) => {
    for (const categorySeparator of ['', '123456789', '\ud83d', '\ude00', 1, null] as string[]) {
      const open = (): Promise<EventStore> => openEventStore(':memory:', { categorySeparator })
      await failureOf('invalid-argument', open, JSON.stringify(categorySeparator))
    }
    assert.equal((await store.info()).categorySeparator, '-')
  })

  law('category() refuses what cannot be one', async ({ store }) => {
    for (const category of ['', 'a\0', '\ud800', 1, undefined] as string[])
      await failureOf('invalid-argument', () => store.category(category))
    await failureOf('limit-exceeded', () => store.category('x'.repeat(STREAM_ID_BYTES_MAX + 1)))
    for (const type of ['', 'a\0', '\ud800', 1, undefined] as string[])
      await failureOf('invalid-argument', () => store.eventType(type))
    await failureOf('limit-exceeded', () => store.eventType('x'.repeat(EVENT_TYPE_BYTES_MAX + 1)))
  })
}

function typeLaws({ law }: StoreLaws): void {
  law('eventType() reads the events of a type in all streams, in the order of all', async ({ store }) => {
    const types = ['A', 'AB', 'B', 'a', 'A B', 'Ä']
    for (const n of numbers(1, 30)) {
      const type = types[n % types.length]!
      await store.stream(`s-${n % 4}`).append({ type, data: n })
    }
    for (const [at, type] of types.entries()) {
      const expected = numbers(1, 30).filter((n) => n % types.length === at)
      assert.deepEqual(await dataOf(store.eventType(type).read()), expected, type)
    }
    assert.deepEqual(await store.eventType('C').read().toArray(), [])
  })

  law('indexes lead to events with the longest names that there may be', async ({ store }) => {
    const [id, type, tag] = [
      '\u{10ffff}'.repeat(STREAM_ID_BYTES_MAX / 4),
      'é'.repeat(EVENT_TYPE_BYTES_MAX / 2),
      '\u0001'.repeat(TAG_BYTES_MAX),
    ]
    await store.stream(id).append({ type, data: 1, tags: [tag, 't'] })
    assert.deepEqual(await dataOf(store.category(id).read()), [1])
    assert.deepEqual(await dataOf(store.eventType(type).read()), [1])
    assert.deepEqual(await dataOf(store.query({ items: [{ types: [type], tags: [tag] }] }).read()), [1])
  })

  law('indexes do not lead to events of system streams', async ({ store }) => {
    const stream = await store.createStream('s', { metadata: { a: 1 } })
    await stream.append(counted(2))
    await stream.setMetadata({ b: 1 })
    await stream.truncateBefore(2)
    const system = await store.stream('$$s').read().toArray()
    assert.equal(system.length, 3)
    for (const { type } of system) {
      assert.deepEqual(await store.eventType(type).read().toArray(), [], type)
      assert.deepEqual(
        await store
          .query({ items: [{ types: [type] }] })
          .read()
          .toArray(),
        [],
        type,
      )
    }
    for (const category of ['$$s', '$', '$$']) {
      assert.deepEqual(await store.category(category).read().toArray(), [])
    }
    assert.deepEqual(await dataOf(store.query({}).read()), [2])
    await store.transact(async (tx) => {
      await tx.stream('t').setMetadata({ c: 1 })
      assert.deepEqual(await tx.eventType('$metadata-changed').read().toArray(), [])
      assert.deepEqual(await dataOf(tx.query({}).read()), [2])
    })
  })
}

/** The same events through each kind of index. */
const SOURCES: Readonly<Record<string, (store: EventStore) => Pick<EventStore['all'], 'read'>>> = {
  'category()': (store) => store.category('s'),
  'eventType()': (store) => store.eventType('A'),
  'query() by tag': (store) => store.query({ items: [{ tags: ['t'] }] }),
  'query() by type and tag': (store) => store.query({ items: [{ types: ['A', 'C'], tags: ['t'] }] }),
}

function boundLaws({ law }: StoreLaws): void {
  for (const [name, sourceOf] of Object.entries(SOURCES)) {
    law(`${name} reads what bounds, limit and direction say`, async ({ store }) => {
      await fill(store)
      const at = (await sourceOf(store).read().toArray()).map(({ position }) => position)
      const read = (options: PositionReadOptions): Promise<unknown[]> => dataOf(sourceOf(store).read(options))
      assert.deepEqual(await read({ from: at[1]!, to: at[3]! }), [2, 3, 4])
      assert.deepEqual(await read({ after: at[1]!, before: at[3]! }), [3])
      assert.deepEqual(await read({ after: at[0]!, limit: 2 }), [2, 3])
      assert.deepEqual(await read({ direction: 'backwards', limit: 2 }), [5, 4])
      assert.deepEqual(await read({ direction: 'backwards', before: at[4]!, from: at[1]! }), [4, 3, 2])
      assert.deepEqual(await read({ from: new Date(0), before: new Date(8.64e15) }), [1, 2, 3, 4, 5])
      assert.deepEqual(await read({ before: new Date(0) }), [])
      assert.deepEqual(await read({ from: at[3]!, to: at[1]! }), [])
      assert.deepEqual(await read({ limit: 0 }), [])
      assert.deepEqual(await read({ from: at[4]! + 1n }), [])
    })

    law(`${name} offers first(), last() and batches(), and can be read again`, async ({ store }) => {
      const read = sourceOf(store).read()
      assert.deepEqual(
        [await read.first(), await read.last(), await read.toArray()],
        [undefined, undefined, []],
      )
      await fill(store)
      assert.deepEqual([(await read.first())?.data, (await read.last())?.data], [1, 5])
      const backwards = sourceOf(store).read({ direction: 'backwards', limit: 3 })
      assert.deepEqual([(await backwards.first())?.data, (await backwards.last())?.data], [5, 3])
      const batches: unknown[] = []
      for await (const batch of read.batches()) batches.push(...batch.map(({ data }) => data))
      assert.deepEqual(batches, [1, 2, 3, 4, 5])
    })

    law(`${name} refuses options that make no sense`, async ({ store }) => {
      for (const options of [
        { from: 1 },
        { form: 1n },
        { limit: -1 },
        { direction: 'up' },
        { system: true },
      ]) {
        const call = (): unknown => sourceOf(store).read(options as unknown as PositionReadOptions)
        await failureOf(
          'invalid-argument',
          call,
          JSON.stringify(options, (_, value) => String(value)),
        )
      }
    })

    law(`${name} throws the reason of its signal`, async ({ store }) => {
      for (const _ of numbers(1, 2))
        await store.stream('s').append(numbers(1, 100).map(() => ({ type: 'A', tags: ['t'] })))
      const [reason, controller] = [new Error('given up'), new AbortController()]
      const signal = AbortSignal.abort(reason)
      await assert.rejects(sourceOf(store).read({ signal }).toArray(), reason)
      let seen = 0
      const reading = async (): Promise<void> => {
        for await (const _ of sourceOf(store).read({ signal: controller.signal })) {
          seen += 1
          if (seen === 10) controller.abort(reason)
        }
      }
      await assert.rejects(reading(), reason)
      assert.ok(seen < 200)
    })

    law(`${name} within readTransact() reads one snapshot`, async ({ store }) => {
      await fill(store)
      await store.readTransact(async (tx) => {
        assert.equal(
          (
            await sourceOf(tx as unknown as EventStore)
              .read()
              .last()
          )?.data,
          5,
        )
        await store.stream('s-9').append({ type: 'A', data: 6, tags: ['t'] })
        assert.deepEqual(await dataOf(sourceOf(tx as unknown as EventStore).read()), [1, 2, 3, 4, 5])
      })
      assert.equal((await sourceOf(store).read().last())?.data, 6)
    })
  }
}

/** Five events that all sources of this file lead to, between others. */
async function fill(store: EventStore): Promise<void> {
  for (const data of numbers(1, 5)) {
    await store.stream(`s-${data % 2}`).append({ type: 'A', data, tags: ['t', 'u'] })
    await store.stream('other').append({ type: 'B', data: -data, tags: ['u'] })
  }
}
