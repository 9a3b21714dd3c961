import assert from 'node:assert/strict'
import { followAll, followLive, mark, SOURCES, shutDoor, take } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, dataOf, numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { marked } from './sights.ts'

const MIB = 1_024 * 1_024

/** Volatile subscriptions: what is committed from now on, at most once, whoever is slow. */
export function volatileLaws(laws: StoreLaws): void {
  newsLaws(laws)
  inboxLaws(laws)
  slownessLaws(laws)
  streamLifeLaws(laws)
}

function newsLaws({ simulatedLaw }: StoreLaws): void {
  for (const [kind, { of }] of Object.entries(SOURCES)) {
    simulatedLaw(
      `a volatile subscription by ${kind} sees event 101 on, of 100 none`,
      async ({ store, runtime }) => {
        await mark(store, 1, 100)
        const follower = await followLive(of(store))
        await mark(store, 101, 150)
        await waitUntil(runtime, 'it has seen event 150', () => follower.data.length >= 50)
        assert.deepEqual(follower.data, numbers(101, 150))
        assert.equal(follower.subscription.lagged, 0)
      },
    )
  }

  simulatedLaw(
    'a volatile subscription begins at once: nothing after subscribe() is missed',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(1))
      const follower = await followLive(store.all)
      const appends = numbers(2, 40).map((n) => store.stream('s').append(counted(1, n)))
      await Promise.all(appends)
      await waitUntil(runtime, 'it has seen all', () => follower.data.length >= 39)
      assert.deepEqual([1, ...follower.data], await dataOf(store.all.read()))
    },
  )

  simulatedLaw(
    'a volatile subscription sees system events of `all` if it asks for them',
    async ({ store, runtime }) => {
      const [plain, system] = [await followLive(store.all), await followLive(store.all, { system: true })]
      await store.stream('s').append(counted(1))
      await store.stream('s').setMetadata({ colour: 'blue' })
      await store.stream('s').delete()
      await store.stream('t').append(counted(1, 2))
      await waitUntil(runtime, 'both have seen the last', () => plain.seen.length + system.seen.length >= 6)
      assert.deepEqual(plain.data, [1, 2])
      const types = system.seen.map(({ type }) => type)
      assert.deepEqual(types, ['Counted', '$metadata-changed', '$stream-deleted', 'Counted'])
    },
  )

  simulatedLaw(
    'a volatile subscription to a system stream sees what happens to its stream',
    async ({ store, runtime }) => {
      await store.createStream('s')
      const follower = await followLive(store.stream('$$s'))
      await store.stream('s').append(counted(1))
      await store.stream('s').delete()
      await waitUntil(runtime, 'it has seen the deletion', () => follower.seen.length >= 1)
      assert.deepEqual(
        follower.seen.map(({ type }) => type),
        ['$stream-deleted'],
      )
    },
  )

  simulatedLaw(
    'a volatile subscription that begins again gets nothing of what was meanwhile',
    async ({ store, runtime }) => {
      const first = await followLive(store.all)
      await store.stream('s').append(counted(1))
      await waitUntil(runtime, 'it has seen the first', () => first.data.length === 1)
      await first.close()
      await store.stream('s').append(counted(1, 2))
      const second = await followLive(store.all)
      await store.stream('s').append(counted(1, 3))
      await waitUntil(runtime, 'it has seen the third', () => second.data.length >= 1)
      assert.deepEqual([first.data, second.data], [[1], [3]])
    },
  )

  simulatedLaw('a volatile subscription resolves links, or not', async ({ store, runtime }) => {
    await store.stream('s').append(counted(2))
    const resolved = await followLive(store.stream('links'), { mustExist: false })
    const raw = await followLive(store.stream('links'), { mustExist: false, resolveLinks: false })
    const hidden = await followLive(store.eventType('$link'))
    await store.stream('links').linkTo((await store.stream('s').event(2))!)
    await store.stream('s').truncateBefore(3)
    await store.stream('s').append(counted(1, 3))
    await store.stream('links').append({ type: 'Last' })
    await waitUntil(runtime, 'both have seen the last', () => resolved.seen.length + raw.seen.length >= 4)
    const places = resolved.seen.map(({ type, version, link }) => [
      type,
      version,
      link?.streamId,
      link?.version,
    ])
    assert.deepEqual(places, [
      ['Counted', 2, 'links', 1],
      ['Last', 2, undefined, undefined],
    ])
    assert.deepEqual(
      raw.seen.map(({ type, version }) => [type, version]),
      [
        ['$link', 1],
        ['Last', 2],
      ],
    )
    assert.deepEqual(hidden.data, [2])
  })
}

function inboxLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a volatile subscription takes a burst that is larger than any page',
    async ({ store, runtime }) => {
      const follower = await followLive(store.category('s'), { bufferSize: 20_000 })
      await store.append(
        [1, 2, 3].map((n) => ({ streamId: `s-${n}`, events: counted(3_000, 3_000 * n - 2_999) })),
      )
      await waitUntil(runtime, 'it has seen all', () => follower.data.length >= 9_000)
      assert.deepEqual(follower.data, numbers(1, 9_000))
    },
  )

  simulatedLaw(
    'bufferSize counts all events that wait: when there are more, the oldest go',
    async ({ store, runtime }) => {
      using door = shutDoor()
      const lags: number[] = []
      const onLagged = (count: number): unknown => lags.push(count)
      const follower = await followLive(store.all, { bufferSize: 3, onLagged }, () => door.passed)
      for (const from of [1, 4, 7, 10]) await appendSeen(store, runtime, from)
      await waitUntil(runtime, 'eight are left out', () => follower.subscription.lagged === 8)
      door.open()
      await waitUntil(runtime, 'it has the rest', () => follower.data.length >= 4)
      await store.stream('s').append(counted(1, 13))
      await waitUntil(runtime, 'it has the last', () => follower.data.includes(13))
      assert.deepEqual(follower.data, [1, 10, 11, 12, 13])
      assert.equal(
        lags.reduce((sum, count) => sum + count, 0),
        8,
      )
      assert.equal(follower.subscription.lagged, 8)
    },
  )

  simulatedLaw(
    'a volatile subscription that nobody iterates lets the oldest go',
    async ({ store, runtime }) => {
      const subscription = await store.all.subscribe({ type: 'volatile', bufferSize: 5 })
      const watching = await followLive(store.all)
      await store.stream('s').append(counted(12))
      await waitUntil(runtime, 'the others have it', () => watching.data.length === 12)
      await waitUntil(runtime, 'seven are left out', () => subscription.lagged === 7)
      const events = await take(subscription[Symbol.asyncIterator](), 5)
      assert.deepEqual(
        events.map(({ data }) => data),
        numbers(8, 12),
      )
      await subscription.close()
    },
  )

  simulatedLaw(
    'events that wait are bounded in bytes, too, but the newest stays',
    async ({ store, runtime }) => {
      using door = shutDoor()
      const follower = await followLive(store.all, {}, () => door.passed)
      for (const n of numbers(1, 4)) {
        await store.stream('s').append({ type: 'Large', data: new Uint8Array(15 * MIB).fill(n) })
        await waitUntil(runtime, 'the first is handed over', () => follower.seen.length === 1)
      }
      await waitUntil(runtime, 'one is left out', () => follower.subscription.lagged === 1)
      door.open()
      await waitUntil(runtime, 'it has the rest', () => follower.seen.length === 3)
      assert.deepEqual(
        follower.seen.map(({ data }) => (data as Uint8Array)[15 * MIB - 1]),
        [1, 3, 4],
      )
    },
  )
}

/** Appends three events and waits until others have seen them. */
async function appendSeen(
  store: SimulatedStoreScene['store'],
  runtime: SimulatedStoreScene['runtime'],
  from: number,
): Promise<void> {
  const seeing = await followAll(store.all)
  await store.stream('s').append(counted(3, from))
  await waitUntil(runtime, 'others have seen it', () => seeing.data.length === from + 2)
  await seeing.close()
}

function slownessLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a slow volatile subscription holds up neither writers nor others',
    async ({ store, runtime }) => {
      using door = shutDoor()
      const slow = await followLive(store.all, { bufferSize: 10 }, () => door.passed)
      const quick = [await followLive(store.all, { bufferSize: 9_000 }), await followAll(store.category('s'))]
      await store.stream('s').append(marked('s', 1, 0))
      await waitUntil(runtime, 'it is busy', () => slow.data.length === 1)
      for (const n of numbers(1, 200)) await store.stream('s').append(marked('s', 30, 30 * n - 29))
      await waitUntil(runtime, 'the others have all', () => quick.every(({ data }) => data.length === 6_001))
      assert.deepEqual(slow.data, [0])
      door.open()
      await waitUntil(runtime, 'it has the last', () => slow.data.includes(6_000))
      assert.equal(slow.data.length + slow.subscription.lagged, 6_001)
      assert.deepEqual(
        slow.data.toSorted((one, other) => Number(one) - Number(other)),
        slow.data,
      )
    },
  )
}

function streamLifeLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a volatile subscription stays while its stream is deleted, revived and truncated',
    async ({ store, runtime }) => {
      const stream = await store.createStream('s')
      const follower = await followLive(stream)
      const see = (data: number): Promise<void> =>
        waitUntil(runtime, `it has seen ${data}`, () => follower.data.includes(data))
      await stream.append(counted(1))
      await see(1)
      await stream.delete()
      await stream.append(counted(1, 2))
      await see(2)
      await stream.truncateBefore(3)
      await stream.append(counted(1, 3))
      await see(3)
      await store.scavenge()
      await stream.append(counted(1, 4))
      await see(4)
      assert.deepEqual(follower.data, numbers(1, 4))
    },
  )

  simulatedLaw(
    'a volatile subscription ends when its stream is tombstoned, others do not',
    async ({ store }) => {
      const stream = await store.createStream('s')
      const [follower, other] = [await followLive(stream), await followLive(store.category('s'))]
      await stream.tombstone()
      const { reason, error } = await follower.subscription.ended
      assert.deepEqual([reason, (error as { code?: string }).code], ['failed', 'stream-tombstoned'])
      await other.close()
      assert.equal((await other.subscription.ended).reason, 'closed')
    },
  )
}
