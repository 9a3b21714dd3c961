import { openEventStore, type SubscriptionInfo } from 'eventdb'
import { describe, expect, test } from 'vitest'
import type { Worker } from '../support/crew.ts'
import { eventually } from '../support/eventually.ts'
import { type GroupScene, groupScene } from '../support/group-scene.ts'
import { ENGINES, type Engine } from './history.ts'

/** Events that one consumer may have: all that there are. */
const EVENTS = 20
const TIMEOUT_MS = 2_000
/** What changes while nothing happens. */
const LIVELY = { consumers: expect.anything(), finishedPerSecond: expect.anything() } as const

const CASES = ENGINES.flatMap((engine) =>
  (['round-robin', 'pinned'] as const).map((strategy) => ({ engine, strategy })),
)

describe.each(CASES)(
  'a consumer that stood still for longer than its lease, on $engine, $strategy',
  ({ engine, strategy }) => {
    test('cannot acknowledge, nor move the checkpoint, before others have its events', async () => {
      await using scene = await sceneOn(engine, strategy)
      const { group, crew } = scene
      const sleeper = await sleeperIn(scene)
      const { checkpoint } = await group.info()
      await group.pause()
      await crew.hireNew(1, 'handle')
      const isBuried = ({ retrying, held, inFlight }: SubscriptionInfo): boolean =>
        retrying + held === EVENTS && inFlight === 0
      const before = await eventually('its events are taken from it', () => crew.look(group), isBuried)
      expect(before.checkpoint).toBe(checkpoint)

      await expectFenced(sleeper, 'ack')
      expect(await group.info()).toEqual({ ...before, ...LIVELY })
      await group.resume()
      await othersDone(scene)
      await expectHanded(scene, sleeper)
    })

    test('cannot park what others have handled meanwhile', async () => {
      await using scene = await sceneOn(engine, strategy)
      const { group, crew } = scene
      const sleeper = await sleeperIn(scene)
      await crew.hireNew(1, 'handle')
      const before = await othersDone(scene)

      await expectFenced(sleeper, 'park')
      expect(await group.info()).toEqual({ ...before, ...LIVELY })
      await expectHanded(scene, sleeper)
    })
  },
)

/** A consumer that has all events in its hand, the first of them handed over, and stands still. */
async function sleeperIn({ crew, group }: GroupScene): Promise<Worker> {
  const sleeper = await crew.hire(crew.train('hold'))
  await sleeper.child.reported(({ event }) => event === 'holding')
  expect((await group.info()).inFlight).toBe(EVENTS)
  sleeper.child.signal('SIGSTOP')
  return sleeper
}

/** It wakes up and gives its verdict, which does not count, and its subscription ends. */
async function expectFenced({ child }: Worker, verdict: 'ack' | 'park'): Promise<void> {
  child.tell(verdict)
  child.signal('SIGCONT')
  expect(await child.reported(({ event }) => event === 'settled')).toMatchObject({ isAccepted: false })
  expect(await child.reported(({ event }) => event === 'ended')).toMatchObject({ reason: 'lease-lost' })
}

function sceneOn(engine: Engine, strategy: 'round-robin' | 'pinned'): Promise<GroupScene> {
  const settings = { strategy, bufferSize: EVENTS, messageTimeoutMs: TIMEOUT_MS }
  return groupScene(engine, settings, async (folder) => {
    await using store = await openEventStore(folder, { engine })
    await store.stream('s').append(Array.from({ length: EVENTS }, () => ({ type: 'T' })))
  })
}

/** Waits until others have done everything. */
function othersDone({ crew, group }: GroupScene): Promise<SubscriptionInfo> {
  return eventually(
    'what it had went to another',
    () => crew.look(group),
    ({ lag, consumers }) => lag === 0 && consumers.length === 1,
  )
}

/** The sleeper was handed the first event, and nothing else when it woke up; the other got all. */
async function expectHanded({ crew, store }: GroupScene, sleeper: Worker): Promise<void> {
  await crew.dismiss()
  crew.assertWell()
  const handed = await crew.handed()
  const versionsOf = (isSleeper: boolean): number[] =>
    handed.filter(({ file }) => (file === sleeper.file) === isSleeper).map(({ version }) => version)
  expect(versionsOf(true)).toEqual([1])
  const others = [...new Set(versionsOf(false))].sort((one, other) => one - other)
  expect(others).toEqual(Array.from({ length: EVENTS }, (_, at) => at + 1))
  expect((await store.check()).problems).toEqual([])
}
