import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { VolatileSubscription } from '../../store/contract-subscribing.ts'
import type { NewEvent, RecordedEvent } from '../../store/event.ts'
import { followInLives } from './follower-lives.ts'
import { type Follower, followLive, mark, SOURCES, type SourceCase, shutDoor } from './following.ts'
import { nextTurn, numbers, type StoreLaws } from './laws.ts'
import { below, type Random } from './random-history.ts'
import { marked } from './sights.ts'

/** The last event of all. */
const LAST = 999_999
const PAST = 600
const WRITERS = 3
const APPENDS = 30
const FOLLOWERS = 3

/** Whenever subscribers come and go while others write, nothing is lost and nothing comes twice. */
export function noLossLaws({ law }: StoreLaws): void {
  for (const [kind, { of, placeOf }] of Object.entries(SOURCES)) {
    law(
      `subscribers by ${kind} that go on at their checkpoints see each event once, in order, while writers write`,
      async ({ store, random }) => {
        await mark(store, 1, PAST, 30)
        const following = numbers(1, FOLLOWERS).map(() =>
          followInLives(of(store), random, ({ data }) => data === LAST),
        )
        await Promise.all(numbers(1, WRITERS).map((writer) => write(store, writer, random)))
        await store.stream('s').append(marked('s', 1, LAST))
        const expected = (await of(store).read().toArray()).map(placeOf)
        for (const seen of await Promise.all(following)) assert.deepEqual(seen.map(placeOf), expected)
      },
    )
  }

  law(
    'volatile subscribers see each event since they began once, in order, while writers write',
    async ({ store, random }) => {
      await mark(store, 1, PAST, 30)
      const writing = Promise.all(numbers(1, WRITERS).map((writer) => write(store, writer, random)))
      const cases = [...Object.values(SOURCES), ...Object.values(SOURCES)]
      const followers = await Promise.all(cases.map((source) => begin(store, source, random)))
      await writing
      await store.stream('s').append(marked('s', 1, LAST))
      for (const { source, before, after, finished, follower } of followers) {
        await finished
        const all = (await source.of(store).read().toArray()).map(source.placeOf)
        const seen = follower.seen.map(source.placeOf)
        assert.deepEqual(seen, all.slice(all.length - seen.length))
        assert.ok(seen.length <= all.length - before && seen.length >= all.length - after)
        await follower.close()
      }
    },
  )
}

interface Begun {
  readonly source: SourceCase
  /** How many events were there before it subscribed, and when it had. */
  readonly before: number
  readonly after: number
  readonly finished: Promise<void>
  readonly follower: Follower<VolatileSubscription<RecordedEvent>>
}

async function begin(store: EventStore, source: SourceCase, random: Random): Promise<Begun> {
  for (const _ of numbers(1, below(random, 40))) await nextTurn()
  const count = async (): Promise<number> => (await source.of(store).read().toArray()).length
  const before = await count()
  const door = shutDoor()
  const follower = await followLive(source.of(store), { bufferSize: 100_000 }, ({ data }) => {
    if (data === LAST) door.open()
  })
  return { source, before, after: await count(), finished: door.passed, follower }
}

/** Appends to the stream that all sources have, between noise, sometimes many at a time. */
async function write(store: EventStore, writer: number, random: Random): Promise<void> {
  for (const n of numbers(1, APPENDS)) {
    const count = random() < 0.04 ? 700 : 1 + below(random, 8)
    const noise: NewEvent = { type: 'Noise', data: 'noise' }
    const appends = [{ streamId: 's', events: marked('s', count, 10_000 * writer + 100 * n) }]
    if (random() < 0.5) appends.push({ streamId: `noise-${writer}`, events: [noise] })
    await store.append(appends)
    if (random() < 0.1) await nextTurn()
  }
}
