/**
 * Follows sources of a store that others write to: `following-child.ts <folder> <engine> <seed> <how> [source=place …]`. With `lives`, it
 * follows each in many lives, each aborted at a random moment, and reports what it has seen at the end. With `once`, it begins behind the
 * places, and reports what it sees before its handlers return. With `live`, it sees what comes. Reports `done` when it has come to the last
 * event, and ends by itself: closed subscriptions keep no process alive, even with the store open, as it is after `live`.
 */
import { type EventStore, openEventStore, type RecordedEvent } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { followInLives } from '../../src/testing/store/follower-lives.ts'
import { shutDoor } from '../../src/testing/store/following.ts'
import {
  FOLLOWED_SOURCES,
  type FollowedSource,
  followedPlace,
  followedSource,
  isLast,
} from './followed-sources.ts'
import { report } from './told.ts'

const BATCH = 100
const BUFFER = 100_000

const [folder, engine, seed, how, ...beginnings] = process.argv.slice(2) as [
  string,
  'sqlite' | 'lmdb',
  string,
  string,
  ...string[],
]
const places = new Map(beginnings.map((beginning) => beginning.split('=') as [string, string]))
const store = await openEventStore(folder, { engine })
const FOLLOW = { lives: followLives, once: followOnce, live: followLive }[how]!
const following = FOLLOWED_SOURCES.map((name) => FOLLOW(store, name))
await Promise.all(following.map(({ begun }) => begun))
report({ event: 'ready' })
await Promise.all(following.map(({ over }) => over))
if (how !== 'live') await store.close()
report({ event: 'done' })

interface Following {
  readonly begun: Promise<unknown>
  readonly over: Promise<unknown>
}

function followLives(from: EventStore, name: FollowedSource): Following {
  const random = seededRandom(Number(seed) + FOLLOWED_SOURCES.indexOf(name))
  const over = followInLives(followedSource(from, name), random, isLast).then((seen) => tellAll(name, seen))
  return { begun: Promise.resolve(), over }
}

function followOnce(from: EventStore, name: FollowedSource): Following {
  const place = places.get(name)
  const after = place === undefined ? undefined : name === 'stream' ? Number(place) : BigInt(place)
  const door = shutDoor()
  const options = { type: 'catch-up', after, batchSize: BATCH } as const
  const begun = followedSource(from, name).subscribe(options, (events) => {
    tell(name, events)
    if (events.some(isLast)) door.open()
  })
  return { begun, over: door.passed.then(async () => (await begun).close()) }
}

function followLive(from: EventStore, name: FollowedSource): Following {
  const seen: RecordedEvent[] = []
  const door = shutDoor()
  const begun = followedSource(from, name).subscribe({ type: 'volatile', bufferSize: BUFFER }, (event) => {
    seen.push(event)
    if (isLast(event)) door.open()
  })
  const end = async (): Promise<void> => {
    await (await begun).close()
    await tellAll(name, seen)
  }
  return { begun, over: door.passed.then(end) }
}

function tell(name: FollowedSource, events: readonly RecordedEvent[]): void {
  report({ event: 'seen', name, places: events.map((event) => followedPlace(name, event)) })
}

/** Tells it bit by bit, as fast as it is heard. */
async function tellAll(name: FollowedSource, events: readonly RecordedEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += BATCH) {
    const places = events.slice(at, at + BATCH).map((event) => followedPlace(name, event))
    const line = `${JSON.stringify({ event: 'seen', name, places })}\n`
    await new Promise((resolve) => process.stdout.write(line, resolve))
  }
}
