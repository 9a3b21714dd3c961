import { type EventStore, openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { describe, expect, test } from 'vitest'
import { followInLives } from '../../src/testing/store/follower-lives.ts'
import { type Child, startChild } from '../support/child-process.ts'
import { firstDifference } from '../support/first-difference.ts'
import {
  eventsOf,
  FOLLOWED_SOURCES,
  FOLLOWED_STREAM,
  type FollowedSource,
  type FollowerReport,
  followedPlace,
  followedSource,
  isLast,
  LAST_EVENT,
} from '../support/followed-sources.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES, type Engine } from './history.ts'

/** Appends of each writer. */
const APPENDS = 400
/** How often a follower is killed. */
const KILLS = 4
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_101)

type Writer = Child<{ readonly event: 'ready' | 'done' }>
type Follower = Child<FollowerReport>
type Seen = ReadonlyMap<FollowedSource, readonly string[]>

describe.each(ENGINES)('those who follow one %s store that two other processes write to', (engine) => {
  test('see each event once, in order, at home and abroad, in however many lives', async () => {
    await using scene = await sceneOn(engine)
    await using abroad = startFollower(scene, engine, 'lives')
    await reported(abroad, 'ready')
    const atHome = FOLLOWED_SOURCES.map(async (name, at) => {
      const seen = await followInLives(followedSource(scene.store, name), seededRandom(seed + at), isLast)
      return [name, seen.map((event) => followedPlace(name, event))] as const
    })
    await scene.write()
    await scene.end()
    await reported(abroad, 'done')
    await expectSeen(scene.store, seenBy([abroad]))
    await expectSeen(scene.store, new Map(await Promise.all(atHome)))
    await abroad.ended
  })

  test('lose nothing when they are killed, and go on behind what they have handled', async () => {
    await using scene = await sceneOn(engine)
    const random = seededRandom(seed)
    const lives: Follower[] = []
    const writing = scene.write()
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await using life = startFollower(scene, engine, 'once', seenBy(lives))
      lives.push(life)
      const enough = Math.floor(1 + 100 * random())
      await Promise.race([life.reported(() => life.reports.length > enough), writing])
      life.signal('SIGKILL')
      await life.ended
    }
    await writing
    await scene.end()
    await using last = startFollower(scene, engine, 'once', seenBy(lives))
    lives.push(last)
    await reported(last, 'done')
    await last.ended
    await expectSeen(scene.store, seenBy(lives))
  })

  test('see everything from when they have begun, if they keep no place', async () => {
    await using scene = await sceneOn(engine)
    await using live = startFollower(scene, engine, 'live')
    await reported(live, 'ready')
    await scene.write()
    await scene.end()
    await reported(live, 'done')
    await expectSeen(scene.store, seenBy([live]), scene.past)
    await live.ended
  })
})

interface Scene extends AsyncDisposable {
  readonly path: string
  readonly store: EventStore
  /** Where each source ended at first. */
  readonly past: ReadonlyMap<FollowedSource, string>
  /** Lets both writers write. */
  write(): Promise<void>
  /** Appends the last event. */
  end(): Promise<unknown>
}

/** A store with a past, and two processes that are ready to write to it. */
async function sceneOn(engine: Engine): Promise<Scene> {
  const folder = await temporaryFolder()
  const { path } = folder
  const store = await openEventStore(path, { engine })
  await store.stream(FOLLOWED_STREAM).append(eventsOf(20))
  const writers = ['first', 'second'].map(
    (name): Writer =>
      startChild('flooding-child.ts', path, engine, name, String(seed + name.length), String(APPENDS)),
  )
  const write = async (): Promise<void> => {
    await Promise.all(writers.map((writer) => reported(writer, 'ready')))
    for (const writer of writers) writer.tell('go')
    await Promise.all(writers.map((writer) => reported(writer, 'done')))
  }
  const end = (): Promise<unknown> => store.stream(FOLLOWED_STREAM).append(LAST_EVENT)
  const past = new Map<FollowedSource, string>()
  for (const name of FOLLOWED_SOURCES) past.set(name, (await placesIn(store, name)).at(-1)!)
  const dispose = async (): Promise<void> => {
    for (const used of [...writers, store, folder]) await used[Symbol.asyncDispose]()
  }
  return { path, store, past, write, end, [Symbol.asyncDispose]: dispose }
}

function startFollower({ path }: Scene, engine: Engine, how: string, seen: Seen = new Map()): Follower {
  const beginnings = [...seen].map(([name, places]) => `${name}=${places.at(-1)}`)
  return startChild('following-child.ts', path, engine, String(seed), how, ...beginnings)
}

async function reported(child: Child<{ readonly event: string }>, event: string): Promise<void> {
  await child.reported((report) => report.event === event)
}

function seenBy(followers: readonly Follower[]): Seen {
  const seen = new Map<FollowedSource, string[]>()
  for (const report of followers.flatMap(({ reports }) => reports)) {
    if (report.event === 'seen') seen.set(report.name, [...(seen.get(report.name) ?? []), ...report.places])
  }
  return seen
}

async function expectSeen(
  store: EventStore,
  seen: Seen,
  past: ReadonlyMap<FollowedSource, string> = new Map(),
): Promise<void> {
  for (const name of FOLLOWED_SOURCES) {
    const places = await placesIn(store, name)
    const expected = places.slice(places.indexOf(past.get(name) ?? '') + 1)
    expect(firstDifference(seen.get(name) ?? [], expected), name).toBeUndefined()
  }
  expect((await store.check()).problems).toEqual([])
}

async function placesIn(store: EventStore, name: FollowedSource): Promise<string[]> {
  const events = await followedSource(store, name).read().toArray()
  return events.map((event) => followedPlace(name, event))
}
