import assert from 'node:assert/strict'
import { type Runtime, sleep } from '../../runtime.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { type AppendsHold, readSettings } from '../../store/settings.ts'
import { waitUntil } from './group-consumers.ts'
import { numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { a } from './projection-examples.ts'
import { assertAllHandled, inForce, inlineDoing, ofInlineProjections } from './projection-inline-examples.ts'

/** How long the handler takes for an event, in milliseconds. */
const HANDLING_MS = 4
/** How often something is appended, in milliseconds: more often than an event can be handled. */
const APPENDING_MS = 2
/** Of so many appends, one is for the projection, so that it keeps up. */
const APPENDS_PER_EVENT = 4

/** Inline projections that catch up with a log which grows all the time. */
export function projectionInlineDoorLaws(laws: StoreLaws): void {
  const { simulatedLaw } = ofInlineProjections(laws)

  for (const writers of [1, 3]) {
    simulatedLaw(`one that is slow comes into force while ${writers} append all the time`, async (scene) => {
      const { store, runtime } = scene
      await store.stream('s-0').append(numbers(1, 300).map((n) => a(n)))
      const busy = keepAppending(scene, writers)
      await using running = await store.project(slow(runtime))
      await inForce(runtime, running)
      await running.reset()
      await inForce(runtime, running)
      await busy.stop()
      await assertAllHandled(store)
      assert.equal(await holdIn(scene), undefined)
    })
  }

  simulatedLaw(
    'a new version that is slow takes the place of one in force while others append',
    async (scene) => {
      const { store, runtime } = scene
      await using first = await store.project(inlineDoing(() => {}))
      await store.stream('s-0').append(numbers(1, 300).map((n) => a(n)))
      const busy = keepAppending(scene, 2)
      await using second = await store.project(slow(runtime, 2))
      await inForce(runtime, second, 2)
      await busy.stop()
      await first.close()
      await assertAllHandled(store)
    },
  )

  simulatedLaw('appends wait no longer than they were asked to for one that comes no more', async (scene) => {
    const { store, runtime } = scene
    const { untilMs } = await leaveHold(scene)
    assert.ok(untilMs > runtime.now(), 'they are asked to wait')
    await store.stream('s-1').append(a('held'))
    assert.ok(runtime.now() >= untilMs && runtime.now() < untilMs + 100, `at ${runtime.now() - untilMs}`)
    await store.transact((tx) => tx.stream('s-1').append(a('free')))
    assert.ok(runtime.now() < untilMs + 200)
  })

  simulatedLaw('appends do not wait by a clock that has jumped', async (scene) => {
    const { store, runtime } = scene
    await leaveHold(scene)
    runtime.jumpClock(-60_000)
    const beforeMs = runtime.monotonic()
    await store.stream('s-1').append(a('free'))
    assert.ok(runtime.monotonic() - beforeMs < 100)
  })
}

const slow = (runtime: Runtime, version = 1) => inlineDoing(() => sleep(runtime, HANDLING_MS), { version })

/** Appends all the time, also to streams that the projection has nothing to do with. */
function keepAppending({ store, runtime }: SimulatedStoreScene, writers: number) {
  let [isOver, count] = [false, 0]
  const done = Promise.all(
    numbers(1, writers).map(async (writer) => {
      while (!isOver) {
        count += 1
        const isForIt = count % APPENDS_PER_EVENT === 0
        await store.stream(`${isForIt ? 's' : 'other'}-${writer}`).append(a(count))
        await sleep(runtime, APPENDING_MS * writers)
      }
    }),
  )
  return {
    stop: () => {
      isOver = true
      return done
    },
  }
}

/** Lets a projection be outrun until it asks others to wait, and then goes away. */
async function leaveHold(scene: SimulatedStoreScene): Promise<AppendsHold> {
  const { store, runtime } = scene
  await store.stream('s-0').append(numbers(1, 300).map((n) => a(n)))
  const busy = keepAppending(scene, 1)
  const ending = new AbortController()
  const ended = store.project(slow(runtime), { signal: ending.signal }).catch(() => {})
  let hold: AppendsHold | undefined
  await waitUntil(runtime, 'others are asked to wait', async () => {
    hold = await holdIn(scene)
    return hold !== undefined
  })
  ending.abort()
  const stopped = busy.stop()
  await ended
  void stopped
  return hold!
}

async function holdIn({ store, directory }: SimulatedStoreScene): Promise<AppendsHold | undefined> {
  return (await store.kv.readTransact((tx) => readSettings(tx, new Keyspace(directory)))).hold
}
