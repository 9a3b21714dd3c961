import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { RecordedEvent } from '../../store/event.ts'
import type { SimulatedRuntime } from '../simulated-runtime.ts'
import { type Followed, followAll, followLive, SOURCES } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'
import { below, happen, type Random, randomScan } from './random-history.ts'
import { placeOf } from './scan.ts'
import { marked } from './sights.ts'

/** What subscribers see of a stream that is deleted, revived, restored, truncated or tombstoned under them. */
export function followedStreamLaws(laws: StoreLaws): void {
  endLaws(laws)
  lifeLaws(laws)
  linkLaws(laws)
  historyLaws(laws)
}

function endLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a stream may be followed before it exists, if that is wanted', async ({ store, runtime }) => {
    for (const follow of [followAll, followLive]) {
      await failureOf('stream-not-found', () => follow(store.stream('s')))
    }
    const follower = await followAll(store.stream('s'), { mustExist: false })
    const live = await followLive(store.stream('s'), { mustExist: false })
    await waitUntil(runtime, 'it has caught up', () => follower.subscription.isCaughtUp)
    assert.equal(follower.subscription.checkpoint, undefined)
    await store.stream('s').append(counted(2))
    await waitUntil(runtime, 'both have it', () => follower.data.length + live.data.length >= 4)
    assert.deepEqual(
      [follower.data, live.data],
      [
        [1, 2],
        [1, 2],
      ],
    )
  })

  simulatedLaw(
    'a tombstoned stream cannot be followed, and one that becomes it ends with that',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(3))
      const follower = await followAll(store.stream('s'))
      const waiting = await followAll(store.stream('none'), { mustExist: false })
      await waitUntil(
        runtime,
        'they have caught up',
        () => follower.subscription.isCaughtUp && waiting.subscription.isCaughtUp,
      )
      await store.createStream('none')
      for (const id of ['s', 'none']) await store.stream(id).tombstone()
      for (const { subscription } of [follower, waiting]) {
        const { reason, error } = await subscription.ended
        assert.deepEqual([reason, (error as { code?: string }).code], ['failed', 'stream-tombstoned'])
      }
      assert.equal(follower.subscription.checkpoint, 3)
      for (const mustExist of [true, false]) {
        for (const follow of [followAll, followLive]) {
          await failureOf('stream-tombstoned', () => follow(store.stream('s'), { mustExist }))
        }
      }
    },
  )

  simulatedLaw('a deleted stream can be followed if it need not exist', async ({ store, runtime }) => {
    await store.stream('s').append(counted(3))
    await store.stream('s').delete()
    await failureOf('stream-not-found', () => store.stream('s').subscribe({ type: 'catch-up' }))
    const follower = await followAll(store.stream('s'), { mustExist: false })
    await store.stream('s').append(counted(1, 4))
    await waitUntil(runtime, 'it has the last', () => follower.data.includes(4))
    assert.deepEqual(follower.data, [4])
  })
}

function lifeLaws({ simulatedLaw }: StoreLaws): void {
  for (const [kind, { of }] of Object.entries(SOURCES)) {
    simulatedLaw(
      `a subscription by ${kind} stays while a stream is deleted, revived and truncated`,
      async ({ store, runtime }) => {
        const stream = await store.createStream('s')
        const follower = await followAll(of(store))
        const see = (data: number): Promise<void> =>
          waitUntil(runtime, `it has seen ${data}`, () => follower.data.includes(data))
        await stream.append(marked('s', 2))
        await see(2)
        await stream.delete()
        await stream.append(marked('s', 2, 3))
        await see(4)
        await stream.truncateBefore(5)
        await store.scavenge()
        await stream.append(marked('s', 1, 5))
        await see(5)
        await stream.delete()
        await stream.restore()
        await stream.append(marked('s', 1, 6))
        await see(6)
        assert.deepEqual(follower.data, numbers(1, 6))
      },
    )

    simulatedLaw(
      `a subscription by ${kind} does not see what is hidden when it reads`,
      async ({ store, runtime }) => {
        const stream = await store.createStream('s')
        await stream.append(marked('s', 5))
        await stream.truncateBefore(3)
        const [follower, live] = [await followAll(of(store)), await followLive(of(store))]
        await waitUntil(runtime, 'it has caught up', () => follower.subscription.isCaughtUp)
        await store.transact(async (tx) => {
          await tx.stream('s').append(marked('s', 2, 6))
          await tx.stream('s').delete()
        })
        await stream.append(marked('s', 1, 8))
        await waitUntil(
          runtime,
          'both have the last',
          () => follower.data.includes(8) && live.data.includes(8),
        )
        assert.deepEqual([follower.data, live.data], [[3, 4, 5, 8], [8]])
      },
    )
  }

  simulatedLaw(
    'a stream that is restored is delivered from where its subscriber was',
    async ({ store, runtime }) => {
      const stream = store.stream('s')
      await stream.append(counted(5))
      await stream.delete()
      const follower = await followAll(stream, { after: 3, mustExist: false })
      await waitUntil(runtime, 'it has caught up', () => follower.subscription.isCaughtUp)
      assert.deepEqual([follower.data, follower.subscription.checkpoint], [[], 3])
      await store.transact(async (tx) => {
        await tx.stream('s').restore()
        await tx.stream('s').append(counted(1, 6))
      })
      await waitUntil(runtime, 'it has the last', () => follower.data.includes(6))
      await store.transact(async (tx) => {
        await tx.stream('s').append(counted(2, 7))
        await tx.stream('s').delete()
      })
      await store.stream('t').append({ type: 'Other' })
      await stream.restore()
      await waitUntil(runtime, 'it has what was hidden', () => follower.data.includes(8))
      await stream.append(counted(1, 9))
      await waitUntil(runtime, 'it has the last', () => follower.data.includes(9))
      assert.deepEqual(follower.data, numbers(4, 9))
    },
  )
}

function linkLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('links are followed as they are read, at their own places', async ({ store, runtime }) => {
    await store.stream('a-1').append({ type: 'A', tags: ['x'], data: 1 })
    await store.stream('b-1').append({ type: 'B', data: 2 })
    const sources: Readonly<Record<string, Followed>> = {
      all: store.all,
      stream: store.stream('links-1'),
      category: store.category('links'),
      'category of targets': store.category('a'),
      'type of links': store.eventType('$link'),
      'type of targets': store.eventType('A'),
      tag: store.query({ items: [{ tags: ['x'] }] }),
    }
    const follow = (resolveLinks: boolean): Promise<Awaited<ReturnType<typeof followAll>>[]> =>
      Promise.all(
        Object.values(sources).map((source) => followAll(source, { resolveLinks, mustExist: false })),
      )
    const early = [await follow(true), await follow(false)]
    for (const id of ['a-1', 'b-1', 'a-1'])
      await store.stream('links-1').linkTo((await store.stream(id).event(1))!)
    await store.stream('b-1').tombstone()
    await store.stream('links-1').append({ type: 'A', tags: ['x'], data: 3 })
    const { position } = await store.stream('a-2').append({ type: 'End', data: 4 })
    const followers = [...early, await follow(true), await follow(false)]
    const ends = [4, position]
    await waitUntil(runtime, 'all have come to the end', () =>
      followers.flat().every(({ subscription }) => ends.includes(subscription.checkpoint ?? 0)),
    )
    for (const [index, followed] of followers.entries()) {
      const resolveLinks = index % 2 === 0
      for (const [which, [name, source]] of Object.entries(sources).entries()) {
        const expected = (await source.read({ resolveLinks }).toArray()).map(sight)
        const found = followed[which]!.seen.filter(({ streamId }) => streamId !== 'b-1').map(sight)
        assert.deepEqual(found, expected, `${index < 2 ? 'early' : 'late'}, ${name}, ${resolveLinks}`)
      }
    }
  })
}

function sight({ type, data, position, version, link }: RecordedEvent): unknown[] {
  return [type, data, position, version, link?.streamId, link?.version, link?.position]
}

/** Histories with a seed each. */
const HISTORIES = 4

function historyLaws({ simulatedLaw }: StoreLaws): void {
  for (const history of numbers(1, HISTORIES)) {
    simulatedLaw(
      `whatever happens, subscribers see each event that stays once, in order (${history})`,
      async ({ store, runtime, random }) => {
        const followed: Watched[] = []
        for (const _ of numbers(1, 6)) {
          for (const source of randomSources(store, random)) followed.push(await watch(source, random))
          await happen(store, runtime, random)
        }
        await store.stream('c0-0').append({ type: 'End' })
        await assertSeen(store, runtime, followed)
      },
    )
  }
}

interface Watched {
  readonly source: Followed
  readonly resolveLinks: boolean
  readonly isStream: boolean
  readonly seen: readonly RecordedEvent[]
  readonly checkpoint: () => unknown
  readonly isCaughtUp: () => boolean
}

function randomSources(
  store: EventStore,
  random: Random,
): { readonly source: Followed; readonly isStream: boolean }[] {
  const scanned = numbers(1, 4).map(() => ({
    source: randomScan(random).source(store) as Followed,
    isStream: false,
  }))
  const stream = store.stream(`c${below(random, 3)}-${below(random, 4)}`)
  return [...scanned, { source: store.all, isStream: false }, { source: stream, isStream: true }]
}

async function watch(
  { source, isStream }: { readonly source: Followed; readonly isStream: boolean },
  random: Random,
): Promise<Watched> {
  const resolveLinks = random() < 0.5
  const { seen, subscription } = await followAll(source, { resolveLinks, mustExist: false })
  const { isCaughtUp, checkpoint } = {
    isCaughtUp: () => subscription.isCaughtUp,
    checkpoint: () => subscription.checkpoint,
  }
  return { source, resolveLinks, isStream, seen, checkpoint, isCaughtUp }
}

/** What can be read now was seen, and nothing came twice. What was hidden when it was read and is restored now may be lacking, but not in a stream. */
async function assertSeen(
  store: EventStore,
  runtime: SimulatedRuntime,
  followed: readonly Watched[],
): Promise<void> {
  const system = await store.all.read({ system: true }).toArray()
  const restored = new Set(
    system.filter(({ type }) => type === '$stream-restored').map(({ streamId }) => streamId.slice(2)),
  )
  const { position } = system.at(-1)!
  const areThere = (): boolean =>
    followed.every(
      ({ isStream, checkpoint, isCaughtUp }) => isCaughtUp() && (isStream || checkpoint() === position),
    )
  await waitUntil(runtime, 'all have come to the end', areThere)
  for (const { source, resolveLinks, isStream, seen } of followed) {
    const places = seen.map(isStream ? ({ version, link }) => BigInt(link?.version ?? version) : placeOf)
    assert.ok(
      places.every((place, at) => at === 0 || place > places[at - 1]!),
      'in order, once',
    )
    const isLacking = ({ streamId, link }: RecordedEvent): boolean =>
      restored.has(streamId) || (link !== undefined && restored.has(link.streamId))
    const expected = (await source.read({ resolveLinks }).toArray()).filter(
      (event) => (isStream && event.link === undefined) || !isLacking(event),
    )
    const known = new Set(seen.map(placeOf))
    assert.deepEqual(expected.filter((event) => !known.has(placeOf(event))).map(sight), [])
  }
}
