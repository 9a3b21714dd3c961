import { openEventStore, type ParkedEvent, type SubscriptionGroup } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { Crew } from '../support/crew.ts'
import { eventually } from '../support/eventually.ts'
import { type GroupScene, groupScene } from '../support/group-scene.ts'
import { disorderIn, type Handed } from '../support/handed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES, type Engine } from './history.ts'

const STREAMS = ['one', 'two', 'three']
/** Events of each stream. */
const EVENTS = 40
/** The stream of the event that kills whoever handles it, and its version. */
const POISONED = 'two'
const POISON = 20
const RETRIES = 2
const BUFFER = 10
/** Short, so that what the dead had in their hands does not have to be waited for. */
const TIMEOUT_MS = 1_500

describe.each(ENGINES)('an event that kills its process, on %s', (engine) => {
  test('is parked after its retries, and all others are handled', async () => {
    await using scene = await sceneOn(engine, 'round-robin')
    const { store, crew, group } = scene
    await workUntilParked(scene, 1)
    const [parked, ...others] = await parkedIn(group)
    expect(others).toEqual([])
    expect(parked).toMatchObject({
      event: { type: 'Poison', streamId: POISONED, version: POISON },
      attempts: 1 + RETRIES,
      isBehind: false,
    })
    const handed = await crew.handed()
    expectKilled(handed, crew)
    for (const streamId of STREAMS)
      expect(handledIn(handed, streamId)).toEqual(versionsOf(streamId, [POISON]))
    expectFewAgain(handed, crew)
    expect((await group.info()).parked).toBe(1)
    expect((await store.check()).problems).toEqual([])
  })

  test('is parked with all that follow it, if they are pinned, and they come in order when replayed', async () => {
    await using scene = await sceneOn(engine, 'pinned')
    const { store, crew, group } = scene
    const behind = Array.from({ length: EVENTS - POISON }, (_, at) => POISON + 1 + at)
    await workUntilParked(scene, 1 + behind.length)
    const parked = await parkedIn(group)
    expect(parked.map(({ event, isBehind }) => [event?.version, isBehind])).toEqual([
      [POISON, false],
      ...behind.map((version) => [version, true]),
    ])
    const before = await crew.handed()
    expectKilled(before, crew)
    for (const streamId of STREAMS) {
      expect(handledIn(before, streamId)).toEqual(versionsOf(streamId, [POISON, ...behind]))
    }
    expectFewAgain(before, crew)
    expect(disorderIn(before)).toEqual([])
    await using other = await temporaryFolder()
    await using healed = new Crew({ ...scene.place, folder: other.path })
    await healed.hireNew(2, 'handle')
    expect(await group.replay('all')).toBe(1 + behind.length)
    await eventually(
      'all is done',
      () => healed.look(group),
      ({ lag, parked: left }) => lag + left === 0,
    )
    await healed.dismiss()
    const after = (await healed.handed()).map(({ streamId, version }) => [streamId, version])
    expect(after).toEqual([POISON, ...behind].map((version) => [POISONED, version]))
    expect((await store.check()).problems).toEqual([])
  })
})

function sceneOn(engine: Engine, strategy: 'round-robin' | 'pinned'): Promise<GroupScene> {
  const settings = { strategy, bufferSize: BUFFER, maxRetryCount: RETRIES, messageTimeoutMs: TIMEOUT_MS }
  return groupScene(engine, settings, async (folder) => {
    await using store = await openEventStore(folder, { engine })
    for (let version = 1; version <= EVENTS; version += 1) {
      for (const streamId of STREAMS) {
        const type = streamId === POISONED && version === POISON ? 'Poison' : 'Food'
        await store.stream(streamId).append({ type })
      }
    }
  })
}

/** Lets two consumers work, and others take the places of those that die, until so many events are parked and all others done. */
async function workUntilParked({ crew, group }: GroupScene, number: number): Promise<void> {
  crew.supervise(await crew.hireNew(2, 'die'), 'die')
  await eventually(
    `${number} events are parked, and the others done`,
    () => crew.look(group),
    ({ parked, lag }) => parked === number && lag === 0,
  )
  await crew.dismiss()
}

async function parkedIn(group: SubscriptionGroup): Promise<readonly ParkedEvent[]> {
  const parked: ParkedEvent[] = []
  for await (const one of group.parked()) parked.push(one)
  return parked
}

/** It has killed once among others, and then alone, once for each retry. A lease that was lost meanwhile may have spared one its death. */
function expectKilled(handed: readonly Handed[], { lostLeases }: Crew): void {
  const deaths = handed.filter(({ isDone }) => !isDone)
  expect(deaths.every(({ streamId, version }) => streamId === POISONED && version === POISON)).toBe(true)
  if (lostLeases === 0) expect(deaths.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  expect(deaths.at(-1)!.attempt).toBe(1 + RETRIES)
}

/** Only what was in the hands of those that died came again. */
function expectFewAgain(handed: readonly Handed[], { lostLeases }: Crew): void {
  const done = handed.filter(({ isDone }) => isDone)
  const again = done.length - new Set(done.map(({ position }) => position)).size
  expect(again).toBeLessThanOrEqual((1 + RETRIES + lostLeases) * BUFFER)
}

/** The versions of a stream that were handled. */
function handledIn(handed: readonly Handed[], streamId: string): number[] {
  const done = handed.filter((one) => one.isDone && one.streamId === streamId)
  return [...new Set(done.map(({ version }) => version))].sort((one, other) => one - other)
}

/** The versions of a stream, without those in trouble. */
function versionsOf(streamId: string, without: readonly number[]): number[] {
  const versions = Array.from({ length: EVENTS }, (_, at) => at + 1)
  return streamId === POISONED ? versions.filter((version) => !without.includes(version)) : versions
}
