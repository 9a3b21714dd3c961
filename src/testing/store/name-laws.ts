import assert from 'node:assert/strict'
import { EVENT_TYPE_BYTES_MAX, STREAM_ID_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import { dataIn, failureOf, numbers, refuses, type StoreLaws } from './laws.ts'

const NAMES = [
  'a',
  'A',
  'é',
  'e\u0301',
  '漢字',
  '😀',
  '\uffff',
  '\ufeffbom',
  '\u0001',
  '\u007f',
  ' ',
  'a b',
  'a/b',
  '..',
  '\n',
  '__proto__',
  'constructor',
  'a$b',
  '0',
]

/** Longest names of one, two, three and four bytes a character. */
const longest = (bytes: number): readonly string[] => [
  'x'.repeat(bytes),
  'é'.repeat(bytes / 2),
  `${'漢'.repeat(Math.floor(bytes / 3))}${'x'.repeat(bytes % 3)}`,
  '😀'.repeat(bytes / 4),
]

const MALFORMED = [
  '',
  '\0',
  'a\0',
  '\0b',
  '\ud800',
  'a\udc00b',
  '\udc00\ud800',
  undefined,
  null,
  7,
  {},
  ['a'],
]

/** What streams, event types and tags may be called. */
export function nameLaws({ law }: StoreLaws): void {
  law('stream() takes any well-formed text as an id, and no two are the same', async ({ store }) => {
    const ids = [...NAMES, ...longest(STREAM_ID_BYTES_MAX)]
    for (const [index, id] of ids.entries()) await store.stream(id).append({ type: 'A', data: index })
    for (const [index, id] of ids.entries()) {
      const event = (await store.stream(id).event(1))!
      assert.deepEqual([event.streamId, event.data, event.toJSON().streamId], [id, index, id])
      assert.deepEqual(await dataIn(store, id), [index])
      assert.equal((await store.stream(id).info()).streamId, id)
    }
  })

  law('stream() refuses ids that are malformed or too long, before anything is read', async ({ store }) => {
    for (const id of MALFORMED) {
      for (const [name, call] of usesOf(store, id as string)) {
        await failureOf('invalid-argument', call, `${name} ${JSON.stringify(id)}`)
      }
    }
    for (const id of longest(STREAM_ID_BYTES_MAX)) {
      for (const [name, call] of usesOf(store, `${id}x`)) {
        const error = await failureOf('limit-exceeded', call, name)
        assert.deepEqual(error.details, {
          what: 'A stream id',
          limit: STREAM_ID_BYTES_MAX,
          actual: STREAM_ID_BYTES_MAX + 1,
          unit: 'bytes',
        })
      }
    }
  })

  law('ids that begin with $ can be read, and are refused for writing', async ({ store }) => {
    await store.stream('s').setMetadata({ a: 1 })
    for (const id of ['$', '$x', '$$s', '$$new']) {
      const writes: readonly (() => unknown)[] = [
        () => store.stream(id).append({ type: 'A' }),
        () => store.append([{ streamId: id, events: [] }]),
        () => store.createStream(id),
        () => store.stream(id).setMetadata({ b: 1 }),
        () => store.transact((tx) => tx.stream(id).append({ type: 'A' })),
        () => store.transact((tx) => tx.createStream(id)),
        () => store.transact((tx) => tx.stream(id).setMetadata({ b: 1 })),
        () => store.stream(id).setRetention({ maxCount: 1 }),
        () => store.stream(id).truncateBefore(1),
        () => store.stream(id).delete(),
        () => store.stream(id).restore(),
        () => store.stream(id).tombstone(),
        () => store.transact((tx) => tx.stream(id).delete()),
      ]
      for (const write of writes) await refuses(store, 'invalid-argument', write, id)
    }
    assert.equal((await store.stream('$$s').read().toArray()).length, 1)
    await store.append([], { conditions: [{ streamId: '$$s', expectedVersion: 1 }] })
  })

  law('metadata and its events work for the longest ids', async ({ store }) => {
    for (const id of longest(STREAM_ID_BYTES_MAX)) {
      await store.createStream(id, { metadata: { a: 1 } })
      assert.deepEqual(await store.stream(id).setMetadata({ b: 2 }), { a: 1, b: 2 })
      assert.equal((await store.stream(`$$${id}`).read().toArray()).length, 2)
    }
  })

  law('type is any well-formed text up to its limit', async ({ store }) => {
    const types = [...NAMES, '$type', ...longest(EVENT_TYPE_BYTES_MAX)]
    await store.stream('s').append(types.map((type) => ({ type })))
    assert.deepEqual(
      (await store.stream('s').read().toArray()).map(({ type }) => type),
      types,
    )
    for (const type of MALFORMED) {
      await refuses(store, 'invalid-argument', () => store.stream('s').append({ type: type as string }))
    }
    for (const type of longest(EVENT_TYPE_BYTES_MAX)) {
      const error = await refuses(store, 'limit-exceeded', () =>
        store.stream('s').append({ type: `${type}x` }),
      )
      assert.deepEqual(error.details, {
        what: 'The type of an event',
        limit: EVENT_TYPE_BYTES_MAX,
        actual: EVENT_TYPE_BYTES_MAX + 1,
        unit: 'bytes',
      })
    }
  })

  law('tags are a set, in order of their bytes', async ({ store }) => {
    await store.stream('s').append({ type: 'A', tags: ['b', 'a', '😀', '\uffff', 'b', 'é', 'a'] })
    assert.deepEqual((await store.stream('s').event(1))!.tags, ['a', 'b', 'é', '\uffff', '😀'])
  })

  law(`tags are any well-formed texts up to ${TAG_BYTES_MAX} bytes`, async ({ store }) => {
    const tags = [...NAMES, ...longest(TAG_BYTES_MAX)].toSorted((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    )
    await store.stream('s').append({ type: 'A', tags })
    assert.deepEqual((await store.stream('s').event(1))!.tags, tags)
    for (const tag of MALFORMED) {
      await refuses(store, 'invalid-argument', () =>
        store.stream('s').append({ type: 'A', tags: ['a', tag as string] }),
      )
    }
    for (const tag of longest(TAG_BYTES_MAX)) {
      await refuses(store, 'limit-exceeded', () => store.stream('s').append({ type: 'A', tags: [`${tag}x`] }))
    }
    for (const none of ['a', null, {}, 7]) {
      await refuses(store, 'invalid-argument', () =>
        store.stream('s').append({ type: 'A', tags: none as unknown as string[] }),
      )
    }
  })

  law(`tags may be ${TAGS_MAX}, and one more is refused`, async ({ store }) => {
    const tags = numbers(1, TAGS_MAX).map((n) => `tag-${n}`)
    await store.stream('s').append({ type: 'A', tags: [...tags, ...tags] })
    assert.equal((await store.stream('s').event(1))!.tags.length, TAGS_MAX)
    const error = await refuses(store, 'limit-exceeded', () =>
      store.stream('s').append({ type: 'A', tags: [...tags, 'more'] }),
    )
    assert.deepEqual(error.details, {
      what: 'The set of tags',
      limit: TAGS_MAX,
      actual: TAGS_MAX + 1,
      unit: 'tags',
    })
  })
}

/** Every way to name a stream. */
function usesOf(store: EventStore, id: string): readonly (readonly [string, () => unknown])[] {
  return [
    ['stream', () => store.stream(id)],
    ['createStream', () => store.createStream(id)],
    ['append', () => store.append([{ streamId: id, events: { type: 'A' } }])],
    ['conditions', () => store.append([], { conditions: [{ streamId: id, expectedVersion: 'any' }] })],
    ['tx.stream', () => store.transact((tx) => tx.stream(id))],
    ['tx.createStream', () => store.transact((tx) => tx.createStream(id))],
    ['readTransact', () => store.readTransact((tx) => tx.stream(id))],
  ]
}
