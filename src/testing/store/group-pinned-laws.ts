import assert from 'node:assert/strict'
import { type Runtime, sleep } from '../../runtime.ts'
import type { DeliveryHandler, GroupSettings } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { type Consumer, consume, gate, parkedIn, QUICK, waitUntil, waitUntilDone } from './group-consumers.ts'
import { numbers, type StoreLaws } from './laws.ts'
import {
  appendKeyed,
  appendOne,
  type Keyed,
  keyOf,
  keysOf,
  nameOf,
  OrderWatch,
  orderOf,
  PINNED_GROUPS,
} from './order-watch.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Groups that keep the order of a key: of a stream, or of a correlation. */
export function groupPinnedLaws(laws: StoreLaws): void {
  for (const settings of PINNED_GROUPS) {
    orderLaws(laws, settings)
    comingAndGoingLaws(laws, settings)
  }
  keyLaws(laws)
}

function orderLaws({ simulatedLaw }: StoreLaws, settings: GroupSettings): void {
  const { strategy } = settings
  simulatedLaw(`${strategy}: events of a key are handed over in order, one at a time`, async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', { ...settings, bufferSize: 20 })
    const watch = new OrderWatch()
    const react = watch.watching(() => sleep(runtime, Math.floor(scene.random() * 20)))
    const consumers = await Promise.all(
      [1, 2, 3].map(() => consume(store.all, 'g', react, { concurrency: 8 })),
    )
    await appendKeyed(store, 20, 10)
    await waitUntilDone(runtime, group)
    await appendKeyed(store, 20, 10, 10)
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished, orderOf(20, 20))
    for (const { seen } of consumers) assert.ok(seen.length > 0, 'each has some of the keys')
    assert.ok(watch.busyMost > 3, `only ${watch.busyMost} at a time`)
    for (const key of keysOf(20)) {
      const owners = consumers.filter((consumer) => consumer.seen.some(({ event }) => keyOf(event) === key))
      assert.equal(owners.length, 1, 'nobody came or went')
    }
  })

  simulatedLaw(
    `${strategy}: later events of a key wait for one that is retried, other keys go on`,
    async (scene) => {
      const { store, runtime } = scene
      const group = await store.all.createSubscription('g', settings)
      const watch = new OrderWatch()
      const failing = new Set(['k1/2', 'k1/3', 'k3/1'])
      const react = watch.watching((event, { attempt }) => {
        if (failing.has(nameOf(event)) && attempt < 3) throw new Error('not yet')
      })
      await appendKeyed(store, 5, 6)
      await consume(store.all, 'g', react, { concurrency: 4 })
      await consume(store.all, 'g', react)
      await waitUntilDone(runtime, group)
      assert.deepEqual(watch.finished, orderOf(5, 6))
      const { begun } = watch
      assert.ok(begun.indexOf('k2/6') < begun.lastIndexOf('k1/2'), 'other keys do not wait')
      assert.equal(begun.filter((name) => name === 'k1/2').length, 3)
      assert.ok(begun.indexOf('k1/3') > begun.lastIndexOf('k1/2'))
      assert.equal((await group.info()).parked, 0)
    },
  )

  simulatedLaw(`${strategy}: what stood behind a retried event follows at once`, async (scene) => {
    const { store, runtime } = scene
    await store.all.createSubscription('g', { strategy, retryBackoff: { initialMs: 100 } })
    const times = new Map<string, number>()
    const consumer = await consume(store.all, 'g', (event, { attempt }) => {
      if (nameOf(event) === 'k1/1' && attempt === 1) throw new Error('not yet')
      times.set(nameOf(event), runtime.monotonic())
    })
    for (const number of numbers(1, 4)) await appendOne(store, ['k1', number])
    await waitUntil(runtime, 'all came', () => times.size === 4)
    const tookMs = times.get('k1/4')! - times.get('k1/1')!
    assert.ok(tookMs < 1_000, `it took ${tookMs} ms`)
    assert.equal(consumer.seen.length, 5)
  })

  simulatedLaw(
    `${strategy}: what comes while a key waits stands behind, across everything`,
    async (scene) => {
      const { store, runtime } = scene
      const retryBackoff = { initialMs: 5_000, maxMs: 5_000 }
      const group = await store.all.createSubscription('g', { ...settings, retryBackoff })
      const watch = new OrderWatch()
      let isFixed = false
      const react = watch.watching(() => {
        if (!isFixed) throw new Error('not yet')
      })
      const first = await consume(store.all, 'g', react)
      await appendOne(store, ['k1', 1])
      await waitUntil(runtime, 'it has failed', async () => (await group.info()).retrying === 1)
      for (const number of numbers(2, 5)) await appendOne(store, ['k1', number])
      await runtime.advance(1_000)
      assert.deepEqual(watch.begun, ['k1/1'])
      const { held, retrying, lag } = await group.info()
      assert.deepEqual([held, retrying, lag], [4, 1, 5])
      await first.close()
      isFixed = true
      await consume(store.all, 'g', react)
      await waitUntilDone(runtime, group)
      assert.deepEqual(watch.finished, new Map([['k1', numbers(1, 5)]]))
      assert.equal((await group.info()).held, 0)
    },
  )
}

function comingAndGoingLaws({ simulatedLaw }: StoreLaws, settings: GroupSettings): void {
  const { strategy } = settings
  simulatedLaw(`${strategy}: order holds while consumers come and go`, async (scene) => {
    const { store, runtime, random } = scene
    const group = await store.all.createSubscription('g', { ...settings, bufferSize: 6 })
    const watch = new OrderWatch()
    const react = watch.watching(() => sleep(runtime, Math.floor(random() * 12)))
    const consumers: Consumer[] = []
    for (const round of numbers(0, 14)) {
      await appendKeyed(store, 8, 4, round * 4)
      const options = { concurrency: 1 + Math.floor(random() * 4) }
      if (consumers.length < 4) consumers.push(await consume(store.all, 'g', react, options))
      await sleep(runtime, Math.floor(random() * 60))
      if (random() < 0.6) await consumers.splice(Math.floor(random() * consumers.length), 1)[0]!.close()
    }
    if (consumers.length === 0) consumers.push(await consume(store.all, 'g', react))
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished, orderOf(8, 60))
    assert.equal(watch.begun.length, 8 * 60, 'nothing comes twice')
  })

  simulatedLaw(`${strategy}: order holds while events fail, and consumers come and go`, async (scene) => {
    const { store, runtime, random } = scene
    const group = await store.all.createSubscription('g', { ...settings, bufferSize: 5, maxRetryCount: 50 })
    const watch = new OrderWatch()
    const react = watch.watching(async () => {
      await sleep(runtime, Math.floor(random() * 8))
      if (random() < 0.25) throw new Error('bad luck')
    })
    const consumers: Consumer[] = []
    for (const round of numbers(0, 9)) {
      await appendKeyed(store, 6, 3, round * 3)
      consumers.push(await consume(store.all, 'g', react, { concurrency: 3 }))
      await sleep(runtime, Math.floor(random() * 100))
      if (consumers.length > 2) await consumers.shift()!.close()
    }
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished, orderOf(6, 30))
    assert.equal((await group.info()).parked, 0)
  })

  simulatedLaw(`${strategy}: a busy key stays where it is until it is finished`, async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', { ...settings, messageTimeoutMs: 60_000 })
    const held = gate()
    const watch = new OrderWatch()
    const first = await consume(
      store.all,
      'g',
      watch.watching(() => held.passed),
      { concurrency: 50 },
    )
    await appendKeyed(store, 30, 1)
    await waitUntil(runtime, 'all keys are busy', () => first.seen.length === 30)
    const second = await consume(
      store.all,
      'g',
      watch.watching(() => {}),
    )
    await appendKeyed(store, 30, 2, 1)
    await runtime.advance(5_000)
    assert.equal(second.seen.length, 0, 'no later event overtakes')
    held.open()
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished, orderOf(30, 3))
    assert.ok(second.seen.length > 0, 'then keys move')
  })

  simulatedLaw(`${strategy}: order holds while processes die`, async (scene) => {
    const { store, runtime, random } = scene
    const group = await store.all.createSubscription('g', {
      ...settings,
      messageTimeoutMs: 1_000,
      bufferSize: 6,
      maxRetryCount: 50,
    })
    const done = new Set<string>()
    const early: string[] = []
    const work = async (event: RecordedEvent, time: Runtime): Promise<void> => {
      const [key, number] = event.data as Keyed
      if (number > 1 && !done.has(`${key}/${number - 1}`)) early.push(nameOf(event))
      await sleep(time, Math.floor(random() * 10))
      if (random() < 0.1) throw new Error('bad luck')
      done.add(nameOf(event))
    }
    for (const round of numbers(0, 5)) {
      await appendKeyed(store, 5, 4, round * 4)
      const other = await vanishingStore(scene)
      await consume(other.store.all, 'g', (event) => work(event, other.runtime), { concurrency: 3 })
      await sleep(runtime, 20 + Math.floor(random() * 1_500))
      other.kill()
    }
    await consume(store.all, 'g', (event) => work(event, runtime), { concurrency: 3 })
    await waitUntilDone(runtime, group)
    assert.deepEqual(early, [], 'no event is handed over before the one before it was done')
    assert.equal(done.size, 5 * 24)
    assert.equal((await group.info()).parked, 0)
  })
}

function keyLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'pinned-by-correlation: events of one correlation are in order across streams',
    async (scene) => {
      const { store, runtime } = scene
      const group = await store.all.createSubscription('g', { ...QUICK, strategy: 'pinned-by-correlation' })
      const begun: unknown[] = []
      const react: DeliveryHandler<RecordedEvent> = (event, { attempt }) => {
        begun.push(event.data)
        if (event.data === 1 && attempt < 3) throw new Error('not yet')
      }
      const metadata = { $correlationId: 'order 7' }
      await store.stream('a').append({ type: 'A', data: 1, metadata })
      await store.stream('b').append({ type: 'A', data: 2, metadata })
      await store.stream('a').append({ type: 'A', data: 3 })
      await store.stream('c').append({ type: 'A', data: 4, metadata: { $correlationId: 'order 8' } })
      await consume(store.all, 'g', react, { concurrency: 4 })
      await consume(store.all, 'g', react, { concurrency: 4 })
      await waitUntilDone(runtime, group)
      assert.equal(begun.filter((data) => data === 1).length, 3)
      assert.ok(begun.indexOf(2) > begun.lastIndexOf(1), 'the same correlation waits')
      assert.ok(begun.indexOf(3) < begun.lastIndexOf(1), 'the same stream with none does not')
      assert.ok(begun.indexOf(4) < begun.lastIndexOf(1), 'another correlation does not')
    },
  )

  simulatedLaw('pinned-by-correlation: what is no text correlates nothing', async ({ store, runtime }) => {
    const group = await store.all.createSubscription('g', { ...QUICK, strategy: 'pinned-by-correlation' })
    const odd = [{ $correlationId: 5 }, { $correlationId: null }, 'text', [1], null, new Uint8Array([1, 2])]
    for (const [index, metadata] of odd.entries()) {
      await store.stream(`s-${index}`).append({ type: 'A', data: index, metadata })
    }
    const consumer = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data.toSorted(), [0, 1, 2, 3, 4, 5])
  })

  simulatedLaw('pinned: the key of an event that was found through a link is its own', async (scene) => {
    const { store, runtime } = scene
    for (const number of [1, 2, 3]) await appendOne(store, ['k1', number])
    await appendOne(store, ['k2', 1])
    for (const number of [1, 2, 3]) await store.stream('links').linkTo({ streamId: 'k1', version: number })
    await store.stream('links').linkTo({ streamId: 'k2', version: 1 })
    const group = await store.stream('links').createSubscription('g', { ...QUICK, strategy: 'pinned' })
    const watch = new OrderWatch()
    const react = watch.watching((event, { attempt }) => {
      if (nameOf(event) === 'k1/1' && attempt < 3) throw new Error('not yet')
    })
    await consume(store.stream('links'), 'g', react, { concurrency: 5 })
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished.get('k1'), [1, 2, 3])
    assert.ok(watch.begun.indexOf('k2/1') < watch.begun.lastIndexOf('k1/1'), 'another key goes on')
  })

  simulatedLaw('pinned: a group of one stream is one sequence', async ({ store, runtime }) => {
    const group = await store.stream('k1').createSubscription('g', {
      ...QUICK,
      strategy: 'pinned',
      mustExist: false,
    })
    const watch = new OrderWatch()
    const react = watch.watching(() => sleep(runtime, 2))
    await consume(store.stream('k1'), 'g', react, { concurrency: 10 })
    await consume(store.stream('k1'), 'g', react, { concurrency: 10 })
    for (const number of numbers(1, 40)) await appendOne(store, ['k1', number])
    await waitUntilDone(runtime, group)
    assert.deepEqual(watch.finished, orderOf(1, 40))
  })

  simulatedLaw('round-robin: parked events have no key, and park nothing behind them', async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 0 })
    await consume(store.all, 'g', (event) => {
      if (nameOf(event) === 'k1/2') throw new Error('broken')
    })
    await appendKeyed(store, 2, 4)
    await waitUntilDone(runtime, group)
    assert.deepEqual(
      (await parkedIn(group)).map(({ event, key, isBehind }) => [nameOf(event!), key, isBehind]),
      [['k1/2', undefined, false]],
    )
  })
}
