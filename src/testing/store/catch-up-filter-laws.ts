import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { EventFilter } from '../../store/contract-subscribing.ts'
import type { NewEvent, RecordedEvent } from '../../store/event.ts'
import { followAll, followLive, mark, SOURCES, shutDoor } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

const TYPES = ['Opened', 'Closed', 'opened late', 'Öffnung']
const STREAMS = ['cart-1', 'cart-2', 'order-1', 'orders', 'Cart-1']
const TAGS = [[], ['red'], ['red', 'large'], ['large']]

interface FilterCase {
  readonly name: string
  readonly filter: EventFilter<RecordedEvent>
  readonly isWanted: (event: RecordedEvent) => boolean
}

const FILTERS: readonly FilterCase[] = [
  { name: 'nothing', filter: {}, isWanted: () => true },
  {
    name: 'types',
    filter: { types: ['Closed', 'Öffnung', 'Closed', 'Other'] },
    isWanted: ({ type }) => type === 'Closed' || type === 'Öffnung',
  },
  { name: 'no types', filter: { types: [] }, isWanted: () => false },
  { name: 'typePattern', filter: { typePattern: /^opened/i }, isWanted: ({ type }) => /^opened/i.test(type) },
  {
    name: 'typePattern that remembers where it was',
    filter: { typePattern: /e/gy },
    isWanted: ({ type }) => type.includes('e'),
  },
  {
    name: 'typePattern as text',
    filter: { typePattern: '^.ff\\p{L}+$' },
    isWanted: ({ type }) => type === 'Öffnung',
  },
  {
    name: 'streamPrefixes',
    filter: { streamPrefixes: ['cart-', 'orders'] },
    isWanted: ({ streamId }) => streamId.startsWith('cart-') || streamId === 'orders',
  },
  { name: 'no streamPrefixes', filter: { streamPrefixes: [] }, isWanted: () => false },
  {
    name: 'streamPattern',
    filter: { streamPattern: /-1$/ },
    isWanted: ({ streamId }) => streamId.endsWith('-1'),
  },
  { name: 'tags', filter: { tags: ['large', 'red'] }, isWanted: ({ tags }) => tags.length === 2 },
  { name: 'no tags', filter: { tags: [] }, isWanted: () => true },
  { name: 'where', filter: { where: isEven }, isWanted: isEven },
  {
    name: 'everything at once',
    filter: {
      types: TYPES,
      typePattern: 'o',
      streamPrefixes: ['c'],
      streamPattern: /t/,
      tags: ['red'],
      where: isEven,
    },
    isWanted: (event) =>
      event.type.includes('o') &&
      event.streamId.startsWith('c') &&
      event.tags.includes('red') &&
      isEven(event),
  },
]

/** Which events a filter lets through, and that the checkpoint does not wait for them. */
export function catchUpFilterLaws(laws: StoreLaws): void {
  choiceLaws(laws)
  checkpointLaws(laws)
  predicateLaws(laws)
  refusalLaws(laws)
}

function choiceLaws({ simulatedLaw }: StoreLaws): void {
  for (const { name, filter, isWanted } of FILTERS) {
    simulatedLaw(
      `a filter by ${name} lets through what it says, of what is there and of what comes`,
      async ({ store, runtime }) => {
        const live = await followLive(store.all, { filter })
        await appendVarious(store)
        const followers = [
          await followAll(store.all, { filter }),
          await followAll(store.category('cart'), { filter }),
        ]
        const later = await followAll(store.all, { from: 'end', filter })
        const end = await followAll(store.all, { from: 'end' })
        await appendVarious(store)
        const { position } = await store.stream('end').append({ type: '-', data: 0 })
        const expected = (await store.all.read({ before: position }).toArray()).filter(isWanted)
        await waitUntil(runtime, 'the end is seen', () => end.seen.at(-1)?.position === position)
        await waitUntil(runtime, 'all have come as far', () =>
          [...followers, later].every(({ subscription }) => subscription.checkpoint === position),
        )
        const [all, cart] = followers.map(({ seen }) => seen.filter((event) => event.streamId !== 'end'))
        assert.deepEqual(placesOf(all!), placesOf(expected))
        assert.deepEqual(
          placesOf(cart!),
          placesOf(expected.filter(({ streamId }) => streamId.startsWith('cart-'))),
        )
        const isOld = await firstHalf(store)
        const news = expected.filter((event) => !isOld(event))
        assert.deepEqual(placesOf(later.seen.filter(({ streamId }) => streamId !== 'end')), placesOf(news))
        await waitUntil(runtime, 'the volatile one has all', () => live.seen.length >= expected.length)
        assert.deepEqual(placesOf(live.seen.slice(0, expected.length)), placesOf(expected))
      },
    )
  }

  simulatedLaw(
    'a filter looks at what a link points to, or at the link if links are not resolved',
    async ({ store, runtime }) => {
      await store.stream('s').append({ type: 'A', tags: ['red'], data: 1 })
      const followers = [
        await followAll(store.all, { filter: { types: ['A'] } }),
        await followAll(store.all, { filter: { types: ['$link'] } }),
        await followAll(store.all, { filter: { types: ['$link'] }, resolveLinks: false }),
        await followAll(store.stream('links'), { filter: { streamPrefixes: ['s'] }, mustExist: false }),
      ]
      await store.stream('links').linkTo((await store.stream('s').event(1))!)
      const { position } = await store.stream('links').append({ type: 'End' })
      await waitUntil(runtime, 'all have come to the end', () =>
        followers.every(({ subscription }) => [position, 2].includes(subscription.checkpoint ?? 0)),
      )
      const seen = followers.map((follower) =>
        follower.seen.map(({ type, link }) => [type, link !== undefined]),
      )
      assert.deepEqual(seen, [
        [
          ['A', false],
          ['A', true],
        ],
        [],
        [['$link', false]],
        [['A', true]],
      ])
    },
  )
}

function checkpointLaws({ simulatedLaw }: StoreLaws): void {
  for (const [kind, { of, placeOf }] of Object.entries(SOURCES)) {
    simulatedLaw(
      `the checkpoint of a subscription by ${kind} moves on although nothing is wanted`,
      async ({ store, runtime }) => {
        await mark(store, 1, 1_800, 60)
        const none = await followAll(of(store), { filter: { types: ['Of nobody'] } })
        await waitUntil(runtime, 'it has caught up', () => none.subscription.isCaughtUp)
        const last = async (): Promise<RecordedEvent> => (await of(store).read().toArray()).at(-1)!
        assert.ok(none.subscription.checkpoint! >= placeOf(await last()))
        await mark(store, 1_801, 1_806)
        const end = placeOf(await last())
        await waitUntil(runtime, 'it moves on', () => none.subscription.checkpoint! >= end)
        await none.close()
        let looked = 0
        const where = (): boolean => {
          looked += 1
          return true
        }
        const again = await followAll(of(store), { after: none.subscription.checkpoint, filter: { where } })
        await mark(store, 1_807, 1_807)
        await waitUntil(runtime, 'it has the new one', () => again.data.includes(1_807))
        assert.deepEqual(again.data, [1_807])
        assert.ok(looked <= 2, `it has looked at ${looked}`)
      },
    )
  }

  simulatedLaw(
    'the checkpoint moves on within what was read together, from one that is wanted to the next',
    async ({ store, runtime }) => {
      using door = shutDoor()
      await store.stream('s').append(counted(100))
      const wait = ({ data }: RecordedEvent): unknown => (data === 50 ? door.passed : undefined)
      const where = ({ data }: RecordedEvent): boolean => Number(data) % 10 === 0
      const follower = await followAll(store.stream('s'), { filter: { where } }, wait)
      await waitUntil(runtime, 'it is busy', () => follower.data.includes(50))
      assert.equal(follower.subscription.checkpoint, 40)
      door.open()
      await waitUntil(runtime, 'it has caught up', () => follower.subscription.isCaughtUp)
      assert.equal(follower.subscription.checkpoint, 100)
      assert.deepEqual(
        follower.data,
        numbers(1, 10).map((n) => 10 * n),
      )
    },
  )
}

function predicateLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a predicate that throws ends a subscription with `handler-failed`, at its event',
    async ({ store }) => {
      const error = new Error('no')
      const where = ({ data }: RecordedEvent): boolean => {
        if (data === 5) throw error
        return true
      }
      const live = await followLive(store.all, { filter: { where } })
      await store.stream('s').append(counted(9))
      const caughtUp = await followAll(store.all, { filter: { where } })
      for (const { subscription } of [live, caughtUp]) {
        assert.deepEqual(await subscription.ended, { reason: 'handler-failed', error })
      }
      const { position } = (await store.stream('s').event(5))!
      const { checkpoint = 0n } = caughtUp.subscription
      assert.ok(checkpoint < position)
      for (const type of ['catch-up', 'volatile'] as const) {
        const loop = await (type === 'volatile'
          ? store.all.subscribe({ type, filter: { where } })
          : store.all.subscribe({ type, filter: { where } }))
        await store.stream('s').append(counted(9))
        await assert.rejects(async () => {
          for await (const { data } of loop) assert.notEqual(data, 5)
        }, error)
        assert.deepEqual(await loop.ended, { reason: 'handler-failed', error })
      }
    },
  )
}

function refusalLaws({ law }: StoreLaws): void {
  law('a filter that makes no sense is refused by name', async ({ store }) => {
    await store.stream('s').append(counted(1))
    const long = 'x'.repeat(513)
    const wrong: readonly (readonly [string, unknown, string?])[] = [
      ['filter', null],
      ['filter', 'types'],
      ['type', { type: 'A' }],
      ['streamPrefix', { streamPrefix: 'a' }],
      ...['', 'A', null, 0, false, {}, new Set(['A'])].flatMap((value) =>
        ['types', 'streamPrefixes', 'tags'].map((name) => [name, { [name]: value }] as const),
      ),
      ...[[''], [1], ['\uD800'], ['a\0'], [null]].flatMap((value) =>
        ['types', 'streamPrefixes', 'tags'].map((name) => [name, { [name]: value }] as const),
      ),
      ...[null, 1, '(', '[', {}, ['a']].flatMap((value) =>
        ['typePattern', 'streamPattern'].map((name) => [name, { [name]: value }] as const),
      ),
      ...[null, true, 'x', {}].map((where) => ['where', { where }] as const),
      ['types', { types: [long] }, 'limit-exceeded'],
      ['streamPrefixes', { streamPrefixes: [long] }, 'limit-exceeded'],
      ['tags', { tags: [long] }, 'limit-exceeded'],
      ['types', { types: numbers(1, 65).map(String) }, 'limit-exceeded'],
      ['streamPrefixes', { streamPrefixes: numbers(1, 65).map(String) }, 'limit-exceeded'],
      ['tags', { tags: numbers(1, 65).map(String) }, 'limit-exceeded'],
    ]
    for (const [name, given, code = 'invalid-argument'] of wrong) {
      const filter = given as EventFilter<RecordedEvent>
      for (const follow of [followAll, followLive]) {
        const { message } = await failureOf(
          code,
          () => follow(store.all, { filter }),
          `${name}: ${String(given)}`,
        )
        assert.ok(message.includes(name), message)
      }
    }
    for (const name of ['types', 'streamPrefixes', 'tags']) {
      await (await followAll(store.all, { filter: { [name]: numbers(1, 64).map(String) } })).close()
    }
  })
}

function isEven({ data }: RecordedEvent): boolean {
  return Number(data) % 2 === 0
}

/** Appends an event of each type, in each stream, with all tags. */
async function appendVarious(store: EventStore): Promise<void> {
  let data = 0
  for (const streamId of STREAMS) {
    const events: NewEvent[] = []
    for (const type of TYPES) {
      for (const tags of TAGS) {
        data += 1
        events.push({ type, tags, data })
      }
    }
    await store.stream(streamId).append(events)
  }
}

/** Whether an event is of the first call of `appendVarious`. */
async function firstHalf(store: EventStore): Promise<(event: RecordedEvent) => boolean> {
  const { position } = (await store.stream(STREAMS.at(-1)!).event(TYPES.length * TAGS.length))!
  return (event) => event.position <= position
}

function placesOf(events: readonly RecordedEvent[]): string[] {
  return events.map(({ streamId, version }) => `${streamId} ${version}`)
}
