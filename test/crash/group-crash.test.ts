import { join } from 'node:path'
import { type EventStore, openEventStore, type SubscriptionGroup } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { eventually } from '../support/eventually.ts'
import { type Handed, readHanded } from '../support/handed.ts'
import { KEPT_GROUPS, type KeptGroup } from '../support/kept-groups.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** How often a process is killed, all on one store. */
const KILLS = 25
/** Before it is killed, it was handed less than this. */
const HANDED_MOST = 100

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_401)

type GroupingChild = Child<
  { readonly event: 'ready' | 'open' } | { readonly event: 'handed'; readonly count: number }
>

test.each(['sqlite', 'lmdb'] as const)(
  'groups of a %s store lose nothing when the process that consumes and changes them is killed',
  async (engine) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'store')
    const files = join(folder.path, 'handed')
    const random = seededRandom(seed)
    await createGroups(path, engine)
    const start = (kill: number): GroupingChild =>
      startChild('grouping-child.ts', path, engine, String(seed + kill), files)
    const seen = { unfinished: 0, parked: 0, checkpoints: 0, handed: 0, events: 0 }
    // The next child loads its program while the one before it works.
    let next = start(1)
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const child = next
      next = start(kill + 1)
      try {
        await killSomewhere(child, random)
        await using store = await openEventStore(path, { engine })
        expect((await store.check()).problems).toEqual([])
        for (const name of KEPT_GROUPS) {
          const handed = await readHanded([`${files}-${name}`])
          const { lag, parked, upToCheckpoint } = await lookAt(store, name, handed)
          if (lag > 0) seen.unfinished += 1
          if (upToCheckpoint > 0) seen.checkpoints += 1
          seen.parked += parked
        }
      } catch (cause) {
        next.signal('SIGKILL')
        throw new Error(`Kill ${kill} of seed ${seed} has damaged the store`, { cause })
      }
    }
    next.signal('SIGKILL')
    await next.ended
    await using store = await openEventStore(path, { engine })
    for (const name of KEPT_GROUPS) {
      seen.handed += (await readHanded([`${files}-${name}`])).length
      seen.events += await finish(store, name, `${files}-${name}`)
    }
    expect((await store.check()).problems).toEqual([])
    console.log(`${engine}, seed ${seed}: ${JSON.stringify(seen)}`)
    // The kills must have hit what they were meant to hit.
    expect(seen.unfinished).toBeGreaterThan(KILLS / 2)
    expect(seen.parked).toBeGreaterThan(0)
    expect(seen.checkpoints).toBeGreaterThan(KILLS / 2)
    expect(seen.handed).toBeGreaterThan(KILLS * 20)
  },
  300_000,
)

async function createGroups(path: string, engine: 'sqlite' | 'lmdb'): Promise<void> {
  await using store = await openEventStore(path, { engine })
  for (const strategy of KEPT_GROUPS) {
    await store.all.createSubscription(strategy, {
      strategy,
      bufferSize: 10,
      maxRetryCount: 2,
      messageTimeoutMs: 400,
      retryBackoff: { initialMs: 5, maxMs: 20 },
    })
  }
}

async function killSomewhere(child: GroupingChild, random: () => number): Promise<void> {
  await child.reported(({ event }) => event === 'ready')
  child.tell('go')
  await child.reported(({ event }) => event === 'open')
  const enough = Math.floor(HANDED_MOST * random())
  if (enough > 0) await child.reported((report) => report.event === 'handed' && report.count >= enough)
  await new Promise((resolve) => setTimeout(resolve, 60 * random()))
  child.signal('SIGKILL')
  await child.ended
}

/** What is up to the checkpoint was handled, or is parked; nothing of a pinned key was handed over before what comes before it was done. */
async function lookAt(
  store: EventStore,
  name: KeptGroup,
  handed: readonly Handed[],
): Promise<{ readonly lag: number; readonly parked: number; readonly upToCheckpoint: number }> {
  const group = store.all.subscription(name)
  const { lag, parked, checkpoint = 0n } = await group.info()
  const settled = new Set(handed.flatMap(({ position, isDone }) => (isDone ? [position] : [])))
  for await (const { place } of group.parked()) settled.add(place)
  const events = await store.all.read().toArray()
  const upTo = events.filter(({ position }) => position <= checkpoint)
  const lost = upTo.filter(({ position }) => !settled.has(position))
  expect(lost, `${name}: lost up to the checkpoint`).toEqual([])
  if (name === 'pinned') expect(undoneBefore(handed)).toEqual([])
  return { lag, parked, upToCheckpoint: upTo.length }
}

/** Where an event was handed over though one before it in its stream was never done. */
function undoneBefore(handed: readonly Handed[]): string[] {
  const doneOf = new Map<string, number>()
  return handed.flatMap(({ streamId, version, isDone }) => {
    const done = doneOf.get(streamId) ?? 0
    if (isDone && version === done + 1) doneOf.set(streamId, version)
    return version <= done + 1 ? [] : [`${streamId}: ${version}, but only ${done} were done`]
  })
}

/** Handles all that is left, and finds that everything was handled. Returns how many events that are. */
async function finish(store: EventStore, name: KeptGroup, file: string): Promise<number> {
  const group: SubscriptionGroup = store.all.subscription(name)
  const done = new Set(
    (await readHanded([file])).flatMap(({ position, isDone }) => (isDone ? [position] : [])),
  )
  await group.resume()
  const consumer = await store.all.subscribe({ type: 'persistent', group: name }, ({ position }) => {
    done.add(position)
  })
  await eventually(
    'everything is done',
    async () => {
      // What the process had alone when it was killed is parked when its lease has run out, if there are to be no retries.
      await group.replay('all')
      return group.info()
    },
    ({ lag, parked }) => lag + parked === 0,
  )
  await consumer.close()
  const events = await store.all.read().toArray()
  expect(events.filter(({ position }) => !done.has(position))).toEqual([])
  return events.length
}
