import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import {
  companion,
  consume,
  dataOfAll,
  gate,
  parkedDataIn,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, numbers, refuses, type StoreLaws } from './laws.ts'

/** How a group is administered while it delivers. */
export function groupControlLaws(laws: StoreLaws): void {
  pauseLaws(laws)
  resetLaws(laws)
  updateLaws(laws)
}

function pauseLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('pause() stops delivery in all processes; what is in a handler is finished', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    await store.stream('s').append(counted(60))
    const group = await store.stream('s').createSubscription('g', QUICK)
    const held = gate()
    const told: unknown[] = []
    const slow = await consume(other.stream('s'), 'g', async (_, delivery) => {
      await held.passed
      told.push(await delivery.ack())
    })
    await waitUntil(runtime, 'it is busy', () => slow.seen.length === 1)
    const busy = await consume(store.stream('s'), 'g', () => sleep(runtime, 5))
    await group.pause()
    await sleep(runtime, 100)
    const seen = busy.seen.length
    assert.ok(seen < 60)
    await store.stream('s').append(counted(5, 61))
    await sleep(runtime, 1_000)
    held.open()
    await sleep(runtime, 1_000)
    assert.deepEqual([busy.seen.length, slow.seen.length], [seen, 1])
    assert.deepEqual(told, [true], 'what was in a handler is acknowledged')
    const info = await group.info()
    assert.deepEqual([info.state, info.stopped, info.consumers.length], ['paused', undefined, 2])
    assert.equal(info.lag, 65 - seen - 1)
    await other.stream('s').subscription('g').resume()
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(busy, slow), numbers(1, 65))
    assert.equal((await group.info()).state, 'running')
  })

  simulatedLaw('a paused group takes consumers, which wait', async ({ store, runtime }) => {
    await store.stream('s').append(counted(3))
    const group = await store.all.createSubscription('g', QUICK)
    await group.pause()
    await group.pause()
    const consumer = await consume(store.all, 'g')
    await runtime.advance(10_000)
    assert.deepEqual(consumer.data, [])
    assert.equal((await group.info()).consumers.length, 1)
    await group.resume()
    await group.resume()
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [1, 2, 3])
  })

  simulatedLaw('retries wait while a group is paused', async ({ store, runtime }) => {
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', QUICK)
    const consumer = await consume(store.all, 'g', () => {
      throw new Error('no')
    })
    await waitUntil(runtime, 'it has failed', async () => (await group.info()).retrying === 1)
    await group.pause()
    await runtime.advance(100)
    const seen = consumer.seen.length
    await runtime.advance(30_000)
    assert.equal(consumer.seen.length, seen)
    await group.resume()
    await waitUntil(runtime, 'it comes again', () => consumer.seen.length > seen)
  })

  simulatedLaw('pause() leaves a stopped group stopped', async ({ store, runtime }) => {
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', QUICK)
    await consume(store.all, 'g', (_, delivery) => delivery.nack('stop', 'broken'))
    await waitUntil(runtime, 'it is stopped', async () => (await group.info()).state === 'stopped')
    await group.pause()
    const { state, stopped } = await group.info()
    assert.deepEqual([state, stopped?.reason], ['stopped', 'broken'])
  })
}

function resetLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('reset() goes on behind another place', async ({ store, runtime }) => {
    await store.stream('s').append(counted(3))
    await runtime.advance(1_000)
    await store.stream('s').append(counted(3, 4))
    const events = await store.all.read().toArray()
    const group = await store.all.createSubscription('g', QUICK)
    const consumer = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    let seen = 6
    for (const [to, expected] of [
      ['start', numbers(1, 6)],
      [events[1]!.position, numbers(3, 6)],
      [events[3]!.recordedAt, numbers(4, 6)],
      [events[5]!.position, []],
      ['end', []],
      ['start', numbers(1, 6)],
    ] as const) {
      await group.reset({ to })
      await waitUntilDone(runtime, group)
      assert.deepEqual(consumer.data.slice(seen), expected, String(to))
      for (const { attempt } of consumer.seen.slice(seen)) assert.equal(attempt, 1)
      seen = consumer.seen.length
    }
    assert.equal((await group.info()).checkpoint, events[5]!.position)
  })

  simulatedLaw('reset() takes a version for a group of a stream', async ({ store, runtime }) => {
    await store.stream('s').append(counted(5))
    const group = await store.stream('s').createSubscription('g', { ...QUICK, startFrom: 'end' })
    const consumer = await consume(store.stream('s'), 'g')
    await group.reset({ to: 3 })
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [4, 5])
  })

  simulatedLaw('after reset() nothing that was handed over before can be acknowledged', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(6))
    const group = await store.stream('s').createSubscription('g', QUICK)
    const held = gate()
    const told: unknown[] = []
    const consumer = await consume(
      store.stream('s'),
      'g',
      async (event, delivery) => {
        if (told.length >= 3 || event.data === 2) return
        await held.passed
        told.push(await delivery.ack())
      },
      { concurrency: 3 },
    )
    await waitUntil(runtime, 'three are busy', () => consumer.seen.length >= 3)
    await runtime.advance(500)
    const before = consumer.seen.length
    await group.reset({ to: 'end' })
    held.open()
    await runtime.advance(1_000)
    assert.deepEqual(told, [false, false, false])
    assert.equal(consumer.seen.length, before, 'nothing of before comes again')
    const { checkpoint, inFlight, retrying, lag } = await group.info()
    assert.deepEqual([checkpoint, inFlight, retrying, lag], [6, 0, 0, 0])
    await store.stream('s').append(counted(1, 7))
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data.slice(before), [7])
  })

  simulatedLaw(
    'reset() to before an event in a handler delivers it again, although that returns',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(4))
      const group = await store.all.createSubscription('g', QUICK)
      const held = gate()
      const first = await consume(store.all, 'g', () => held.passed)
      await waitUntil(runtime, 'it is busy', () => first.seen.length === 1)
      await group.reset({ to: 'start' })
      await runtime.advance(100)
      held.open()
      await waitUntilDone(runtime, group)
      assert.deepEqual(first.data, [1, 1, 2, 3, 4])
      assert.deepEqual(first.attempts(1), [1, 1])
    },
  )

  simulatedLaw('reset() forgets retries, and leaves parked events parked', async ({ store, runtime }) => {
    await store.stream('s').append(counted(5))
    const group = await store.all.createSubscription('g', {
      ...QUICK,
      retryBackoff: { initialMs: 30_000 },
    })
    const consumer = await consume(store.all, 'g', async (event, delivery) => {
      if (event.data === 2) await delivery.nack('park', 'by hand')
      if (event.data === 4 && delivery.attempt === 1) throw new Error('later')
    })
    await waitUntil(runtime, 'all came', async () => (await group.info()).lag === 1)
    await group.reset({ to: 'end' })
    assert.equal((await group.info()).retrying, 0)
    await runtime.advance(70_000)
    assert.deepEqual(consumer.data, numbers(1, 5))
    await group.reset({ to: 'start' })
    await waitUntil(runtime, 'all came again', async () => (await group.info()).lag === 1)
    assert.deepEqual(consumer.data.slice(5), [1, 3, 4, 5], 'what is parked does not come')
    assert.deepEqual(await parkedDataIn(group), [2])
    assert.equal((await group.info()).parked, 1)
  })

  simulatedLaw('reset() leaves keys that are parked as they are', async ({ store, runtime }) => {
    const group = await store.all.createSubscription('g', { ...QUICK, strategy: 'pinned', maxRetryCount: 0 })
    const isBroken = new Set([1])
    const consumer = await consume(store.all, 'g', (event) => {
      if (isBroken.has(Number(event.data))) throw new Error('broken')
    })
    await store.stream('s').append(counted(3))
    await store.stream('t').append(counted(3, 11))
    await waitUntilDone(runtime, group)
    isBroken.clear()
    const seen = consumer.seen.length
    await group.reset({ to: 'start' })
    await store.stream('s').append(counted(1, 4))
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data.slice(seen), [11, 12, 13])
    assert.deepEqual(await parkedDataIn(group), [1, 2, 3, 4])
    await group.replay('all')
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data.slice(seen + 3), [1, 2, 3, 4])
  })

  simulatedLaw('reset() refuses a place beyond the end, and what is no place', async ({ store }) => {
    await store.stream('s').append(counted(2))
    const last = (await store.all.read().last())!.position
    const [ofAll, ofStream] = [
      await store.all.createSubscription('g'),
      await store.stream('s').createSubscription('g'),
    ]
    for (const to of [last + 1_000_000_000n, 1, 'middle', null, undefined, new Date(Number.NaN)]) {
      await refuses(store, 'invalid-argument', () => ofAll.reset({ to: to as bigint }), String(to))
    }
    for (const to of [3, 1n, -1, 1.5, 'middle', null]) {
      await refuses(store, 'invalid-argument', () => ofStream.reset({ to: to as number }), String(to))
    }
    for (const options of [undefined, null, {}, { from: 'start' }, { to: 'start', from: 1 }, 'start']) {
      const reset = (): unknown => ofAll.reset(options as unknown as { to: 'start' })
      await refuses(store, 'invalid-argument', reset, JSON.stringify(options))
    }
  })
}

function updateLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('update() changes what is named, for consumers that are there', async ({ store, runtime }) => {
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 1_000, bufferSize: 7 })
    const consumer = await consume(store.all, 'g', () => {
      throw new Error('no')
    })
    await waitUntil(runtime, 'it was retried', () => consumer.seen.length > 2)
    await group.update({ maxRetryCount: 1 })
    await waitUntil(runtime, 'it is parked', async () => (await group.info()).parked === 1)
    const { settings } = await group.info()
    assert.deepEqual([settings.maxRetryCount, settings.bufferSize], [1, 7])
    assert.equal(settings.messageTimeoutMs, QUICK.messageTimeoutMs)
    await group.update({})
    assert.deepEqual((await group.info()).settings, settings)
  })

  simulatedLaw(
    'update() of the filter holds for what comes, also for consumers that are there',
    async (scene) => {
      const { store, runtime } = scene
      const group = await store.all.createSubscription('g', { ...QUICK, filter: { types: ['A'] } })
      const consumer = await consume(store.all, 'g')
      const append = (type: string, data: number): Promise<unknown> =>
        store.stream('s').append({ type, data })
      await append('A', 1)
      await append('B', 2)
      const { position } = (await store.all.read().last())!
      await waitUntil(runtime, 'it was passed over', async () => (await group.info()).checkpoint === position)
      await group.update({ filter: { types: ['B'] } })
      await append('A', 3)
      await append('B', 4)
      await waitUntilDone(runtime, group)
      assert.deepEqual(consumer.data, [1, 4], 'what was passed over stays passed over')
      assert.deepEqual((await group.info()).settings.filter, { types: ['B'] })
    },
  )

  simulatedLaw(
    'update() of the filter while events are under way loses none that both filters want',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(30))
      const group = await store.all.createSubscription('g', {
        ...QUICK,
        filter: { types: ['Counted', 'Other'] },
        bufferSize: 5,
      })
      const consumers = await Promise.all([1, 2].map(() => consume(store.all, 'g', () => sleep(runtime, 10))))
      await waitUntil(runtime, 'they have begun', () => dataOfAll(...consumers).length > 6)
      await group.update({ filter: { types: ['Counted'] } })
      await waitUntilDone(runtime, group)
      assert.deepEqual([...new Set(dataOfAll(...consumers))], numbers(1, 30))
    },
  )

  for (const strategy of ['dispatch-to-single', 'pinned', 'pinned-by-correlation'] as const) {
    simulatedLaw(
      `update() to the strategy ${strategy} and back loses nothing, where nothing is unfinished`,
      async (scene) => {
        const { store, runtime } = scene
        const group = await store.all.createSubscription('g', QUICK)
        const consumers = await Promise.all([1, 2].map(() => consume(store.all, 'g')))
        for (const [index, next] of [strategy, 'round-robin', strategy].entries()) {
          await store.stream('s').append(counted(20, index * 20 + 1))
          await waitUntilDone(runtime, group)
          await group.update({ strategy: next as typeof strategy })
          assert.equal((await group.info()).settings.strategy, next)
        }
        await store.stream('s').append(counted(20, 61))
        await waitUntilDone(runtime, group)
        assert.deepEqual([...new Set(dataOfAll(...consumers))], numbers(1, 80))
      },
    )
  }

  simulatedLaw(
    'update() of the strategy while events are under way loses nothing, done or refused',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(30))
      const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 5 })
      const consumers = await Promise.all([1, 2].map(() => consume(store.all, 'g', () => sleep(runtime, 10))))
      await waitUntil(runtime, 'they have begun', () => dataOfAll(...consumers).length > 6)
      const before = (await group.info()).settings
      const error = await group.update({ strategy: 'pinned' }).then(
        () => undefined,
        (thrown: { code?: string }) => thrown,
      )
      const { settings } = await group.info()
      assert.deepEqual(settings, error === undefined ? { ...before, strategy: 'pinned' } : before)
      await waitUntilDone(runtime, group)
      assert.deepEqual([...new Set(dataOfAll(...consumers))], numbers(1, 30))
    },
  )

  simulatedLaw('another strategy is refused while anything is unfinished or parked', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(6))
    const group = await store.stream('s').createSubscription('g', { ...QUICK, bufferSize: 2 })
    const held = gate()
    const consumer = await consume(store.stream('s'), 'g', async (event, delivery) => {
      if (event.data === 1) await delivery.nack('park', 'by hand')
      else await held.passed
    })
    await waitUntil(runtime, 'it is busy', () => consumer.seen.length === 2)
    const change = (): Promise<void> => group.update({ strategy: 'pinned' })
    await refuses(store, 'invalid-argument', change, 'something is in flight, and parked')
    await group.pause()
    await group.reset({ to: (await group.info()).checkpoint! })
    await refuses(store, 'invalid-argument', change, 'something is parked')
    assert.equal(await group.skip('all'), 1)
    await change()
    held.open()
    await group.resume()
    await waitUntilDone(runtime, group)
    assert.deepEqual([...new Set(dataOfAll(consumer))], numbers(1, 6))
    assert.equal((await group.info()).settings.strategy, 'pinned')
  })
}
