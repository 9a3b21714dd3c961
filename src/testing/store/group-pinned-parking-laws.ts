import assert from 'node:assert/strict'
import type { GroupSettings, SubscriptionGroup } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import {
  type Consumer,
  consume,
  type Gate,
  gate,
  parkedDataIn,
  parkedIn,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { failureOf, numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { appendKeyed, appendOne, nameOf, OrderWatch, PINNED_GROUPS } from './order-watch.ts'

/** Parked events of groups that keep the order of a key. */
export function groupPinnedParkingLaws(laws: StoreLaws): void {
  for (const settings of PINNED_GROUPS) {
    parkedSequenceLaws(laws, settings)
    replayLaws(laws, settings)
    overtakenLaws(laws, settings)
  }
}

function parkedSequenceLaws({ simulatedLaw }: StoreLaws, settings: GroupSettings): void {
  const { strategy } = settings
  simulatedLaw(`${strategy}: later events of a key are parked behind a parked one`, async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', { ...settings, maxRetryCount: 1 })
    const watch = new OrderWatch()
    const react = watch.watching((event) => {
      if (nameOf(event) === 'k1/2') throw new Error('broken')
    })
    await consume(store.all, 'g', react, { concurrency: 4 })
    await appendKeyed(store, 3, 4)
    await waitUntilDone(runtime, group)
    await appendOne(store, ['k1', 5])
    await appendOne(store, ['k2', 5])
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished.get('k1'), [1])
    assert.deepEqual(watch.finished.get('k2'), numbers(1, 5))
    assert.deepEqual(watch.finished.get('k3'), numbers(1, 4))
    const parked = await parkedIn(group)
    const events = await store.all.read().toArray()
    assert.deepEqual(
      parked.map(({ event, isBehind, place }) => [nameOf(event!), isBehind, place]),
      [2, 3, 4, 5].map((number) => [
        `k1/${number}`,
        number > 2,
        events.find((event) => nameOf(event) === `k1/${number}`)!.position,
      ]),
    )
    assert.match(parked[0]!.reason, /broken/)
    assert.deepEqual(
      parked.map(({ attempts }) => attempts),
      [2, 0, 0, 0],
    )
    assert.equal(new Set(parked.map(({ key }) => key)).size, 1)
    for (const { reason, key } of parked) assert.ok(reason.length > 0 && key !== undefined)
    const info = await group.info()
    assert.deepEqual([info.parked, info.held, info.retrying, info.lag], [4, 0, 0, 0])
    assert.equal(info.checkpoint, events.at(-1)!.position)
  })

  simulatedLaw(`${strategy}: with parkMode single, a key goes on without what is parked`, async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', {
      ...settings,
      maxRetryCount: 1,
      parkMode: 'single',
    })
    const watch = new OrderWatch()
    const react = watch.watching((event) => {
      if (nameOf(event) === 'k1/2' || nameOf(event) === 'k1/3') throw new Error('broken')
    })
    await consume(store.all, 'g', react)
    await appendKeyed(store, 2, 5)
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished.get('k1'), [1, 4, 5])
    assert.deepEqual(watch.finished.get('k2'), numbers(1, 5))
    assert.ok(watch.begun.indexOf('k1/4') > watch.begun.lastIndexOf('k1/3'), 'retries come before')
    assert.deepEqual(await parkedDataIn(group), [
      ['k1', 2],
      ['k1', 3],
    ])
    for (const { isBehind } of await parkedIn(group)) assert.equal(isBehind, false)
  })

  simulatedLaw(`${strategy}: a skip or a nack to park is like any other end of an event`, async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', settings)
    const watch = new OrderWatch()
    const react = watch.watching(async (event, delivery) => {
      if (nameOf(event) === 'k1/2') await delivery.nack('skip')
      if (nameOf(event) === 'k2/2') await delivery.nack('park', 'by hand')
    })
    await consume(store.all, 'g', react, { concurrency: 3 })
    await appendKeyed(store, 3, 4)
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished.get('k1'), numbers(1, 4))
    assert.deepEqual(watch.finished.get('k2'), [1, 2])
    assert.deepEqual(await parkedDataIn(group), [
      ['k2', 2],
      ['k2', 3],
      ['k2', 4],
    ])
  })
}

function replayLaws({ simulatedLaw }: StoreLaws, settings: GroupSettings): void {
  const { strategy } = settings
  for (const how of ['key', 'place', 'all'] as const) {
    simulatedLaw(`${strategy}: a key that is replayed by ${how} goes on in order`, async (scene) => {
      const { store, runtime } = scene
      const { group, watch } = await brokenKey(scene, settings)
      const [head] = await parkedIn(group)
      watch.isFixed = true
      const which = how === 'all' ? 'all' : how === 'key' ? { key: head!.key! } : { place: head!.place }
      const count = await group.replay(which)
      assert.equal(count, 4, 'with what is behind')
      await appendOne(store, ['k1', 6])
      await waitUntilDone(runtime, group)
      assert.deepEqual(watch.finished.get('k1'), numbers(1, 6))
      assert.deepEqual(await parkedIn(group), [])
      assert.equal((await group.info()).parked, 0)
    })
  }

  simulatedLaw(`${strategy}: a replayed head that fails again parks its key again`, async (scene) => {
    const { runtime } = scene
    const { group, watch } = await brokenKey(scene, settings)
    const before = await parkedIn(group)
    const begun = watch.begun.length
    assert.equal(await group.replay({ key: before[0]!.key! }), 4)
    await waitUntilDone(runtime, group)
    assert.deepEqual(
      (await parkedIn(group)).map(({ event, isBehind, attempts }) => [nameOf(event!), isBehind, attempts]),
      before.map(({ event, isBehind, attempts }) => [nameOf(event!), isBehind, attempts]),
    )
    assert.deepEqual(watch.begun.slice(begun), ['k1/2', 'k1/2'], 'it has its retries again')
  })

  simulatedLaw(`${strategy}: an event behind a parked one cannot be replayed alone`, async (scene) => {
    const { group } = await brokenKey(scene, settings)
    const [, behind] = await parkedIn(group)
    await failureOf('invalid-argument', () => group.replay({ place: behind!.place }))
    assert.equal((await parkedIn(group)).length, 4)
  })

  simulatedLaw(
    `${strategy}: skip() of a parked key drops everything of it, and later events go on`,
    async (scene) => {
      const { store, runtime } = scene
      const { group, watch } = await brokenKey(scene, settings)
      const [head] = await parkedIn(group)
      assert.equal(await group.skip({ key: head!.key! }), 4)
      assert.deepEqual(await parkedIn(group), [])
      await appendOne(store, ['k1', 6])
      await waitUntilDone(runtime, group)
      assert.deepEqual(watch.finished.get('k1'), [1, 6])
      assert.equal(await group.skip({ key: head!.key! }), 0)
    },
  )

  simulatedLaw(`${strategy}: skip('all') drops every key`, async (scene) => {
    const { store, runtime } = scene
    const { group, watch } = await brokenKey(scene, settings)
    assert.equal(await group.skip('all'), 4)
    await appendOne(store, ['k1', 6])
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished.get('k1'), [1, 6])
  })

  simulatedLaw(`${strategy}: skip() of a parked head alone lets what is behind go on`, async (scene) => {
    const { runtime } = scene
    const { group, watch } = await brokenKey(scene, settings)
    const [head] = await parkedIn(group)
    assert.equal(await group.skip({ place: head!.place }), 1)
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished.get('k1'), [1, 3, 4, 5])
    assert.deepEqual(await parkedIn(group), [])
  })
}

function overtakenLaws({ simulatedLaw }: StoreLaws, settings: GroupSettings): void {
  const { strategy } = settings
  simulatedLaw(
    `${strategy}: what is parked behind a later event of its key stays there when the cursor passes it again`,
    async (scene) => {
      const { runtime } = scene
      const { group, consumer, failures, third } = await overtakenKey(scene, settings)
      third.open()
      await waitUntilDone(runtime, group)
      const parked = [4, 2, 5].map((number) => ['k1', number])
      assert.deepEqual(await parkedDataIn(group), parked)
      await group.reset({ to: 'start' })
      await waitUntilDone(runtime, group)
      assert.deepEqual(namesOf(consumer).slice(2), ['k1/1', 'k1/3'], 'what is parked does not come')
      assert.deepEqual(await parkedDataIn(group), parked)
      failures.clear()
      assert.equal(await group.replay('all'), 3)
      await waitUntilDone(runtime, group)
      assert.deepEqual(namesOf(consumer).slice(4), ['k1/4', 'k1/2', 'k1/5'])
      assert.deepEqual(await parkedIn(group), [])
    },
  )

  simulatedLaw(
    `${strategy}: an event that fails parks none behind it that comes before it and was not delivered yet`,
    async (scene) => {
      const { runtime } = scene
      const { group, consumer, failures, third } = await overtakenKey(scene, settings)
      const [head] = await parkedIn(group)
      assert.equal(await group.skip({ place: head!.place }), 1)
      failures.set('k1/3', 1)
      third.open()
      await waitUntilDone(runtime, group)
      assert.deepEqual(namesOf(consumer).slice(2), ['k1/2', 'k1/3', 'k1/5'])
      assert.deepEqual(await parkedIn(group), [])
    },
  )

  simulatedLaw(
    `${strategy}: what is parked behind a later event comes when that is replayed, wherever the cursor is`,
    async (scene) => {
      const { runtime } = scene
      const { group, consumer, failures, third } = await overtakenKey(scene, settings)
      third.open()
      await waitUntilDone(runtime, group)
      const [fourth, second] = await parkedIn(group)
      await group.pause()
      await group.reset({ to: second!.place })
      assert.equal(await group.replay({ place: fourth!.place }), 3)
      failures.clear()
      await group.resume()
      await waitUntilDone(runtime, group)
      assert.deepEqual(namesOf(consumer).slice(2), ['k1/2', 'k1/3', 'k1/4', 'k1/5'])
      assert.deepEqual(await parkedIn(group), [])
    },
  )
}

/**
 * A group in which the fourth of five events of `k1` is parked, and behind it the fifth and, since it was replayed after a reset and while the
 * second was on its way, the second. A consumer with room for one event was handed the fourth, and has the third in its handler until
 * the door is opened.
 */
async function overtakenKey(
  { store, runtime }: SimulatedStoreScene,
  settings: GroupSettings,
): Promise<{
  readonly group: SubscriptionGroup
  readonly consumer: Consumer
  readonly failures: Map<string, number>
  readonly third: Gate
}> {
  const group: SubscriptionGroup = await store.all.createSubscription('g', { ...settings, maxRetryCount: 0 })
  const [first, third] = [gate(), gate()]
  /** How often events will fail. */
  const failures = new Map([['k1/4', Number.POSITIVE_INFINITY]])
  const react = (event: RecordedEvent): void => {
    const left = failures.get(nameOf(event)) ?? 0
    failures.set(nameOf(event), left - 1)
    if (left > 0) throw new Error('broken')
  }
  const before = await consume(store.all, 'g', react)
  await appendKeyed(store, 1, 5)
  await waitUntilDone(runtime, group)
  await before.close()
  await group.reset({ to: 'start' })
  const busy = await consume(store.all, 'g', () => first.passed, { bufferSize: 2 })
  await waitUntil(runtime, 'two are in its hand', async () => (await group.info()).inFlight === 2)
  const consumer = await consume(
    store.all,
    'g',
    async (event) => {
      if (nameOf(event) === 'k1/3') await third.passed
      react(event)
    },
    { bufferSize: 1 },
  )
  await waitUntil(runtime, 'the third is held', async () => (await group.info()).held === 1)
  const [head] = await parkedIn(group)
  await group.replay({ place: head!.place })
  const closing = busy.close()
  first.open()
  await closing
  await waitUntil(runtime, 'the third is handed over', () => consumer.seen.length === 2)
  assert.deepEqual([...namesOf(busy), ...namesOf(consumer)], ['k1/1', 'k1/4', 'k1/3'])
  assert.deepEqual(
    await parkedDataIn(group),
    [4, 2, 5].map((number) => ['k1', number]),
  )
  return { group, consumer, failures, third }
}

function namesOf({ seen }: Consumer): string[] {
  return seen.map(({ event }) => nameOf(event))
}

/** A group in which the second of five events of `k1` is parked, and three are behind it. */
async function brokenKey(
  { store, runtime }: SimulatedStoreScene,
  settings: GroupSettings,
): Promise<{ readonly group: SubscriptionGroup; readonly watch: OrderWatch }> {
  const group = await store.all.createSubscription('g', { ...settings, maxRetryCount: 1 })
  const watch = new OrderWatch()
  const react = watch.watching((event) => {
    if (nameOf(event) === 'k1/2' && !watch.isFixed) throw new Error('broken')
  })
  await consume(store.all, 'g', react, { concurrency: 3 })
  await appendKeyed(store, 2, 5)
  await waitUntilDone(runtime, group)
  assert.equal((await parkedIn(group)).length, 4)
  return { group, watch }
}
