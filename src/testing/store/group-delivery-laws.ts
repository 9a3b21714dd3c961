import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { RecordedEvent } from '../../store/event.ts'
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
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

/** How events of a group reach its consumers, when nothing fails. */
export function groupDeliveryLaws(laws: StoreLaws): void {
  competingLaws(laws)
  ackLaws(laws)
}

function competingLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'each event goes to one consumer of the group, and all get some',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(300))
      const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 10 })
      const react = (): Promise<void> => sleep(runtime, 2)
      const consumers = await Promise.all([1, 2, 3].map(() => consume(store.all, 'g', react)))
      await waitUntilDone(runtime, group)
      await store.stream('s').append(counted(90, 301))
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(...consumers), numbers(1, 390))
      for (const { data } of consumers) assert.ok(data.length > 40, `one of three has ${data.length} of 390`)
      for (const { seen } of consumers) for (const { attempt } of seen) assert.equal(attempt, 1)
    },
  )

  simulatedLaw('each event goes to one consumer of all processes', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 10 })
    const react = (): Promise<void> => sleep(runtime, 2)
    const consumers = [
      await consume(store.all, 'g', react),
      await consume(other.all, 'g', react),
      await consume(other.all, 'g', react),
    ]
    for (const n of numbers(0, 9)) {
      await (n % 2 === 0 ? store : other).stream('s').append(counted(30, n * 30 + 1))
    }
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(...consumers), numbers(1, 300))
    for (const { data } of consumers) assert.ok(data.length > 20, `one of three has ${data.length} of 300`)
  })

  simulatedLaw('two groups of a source know nothing of each other', async ({ store, runtime }) => {
    await store.stream('s').append(counted(20))
    const [one, two] = [
      await store.all.createSubscription('one', QUICK),
      await store.all.createSubscription('two', QUICK),
    ]
    const first = await consume(store.all, 'one', () => Promise.reject(new Error('no')))
    const second = await consume(store.all, 'two')
    await waitUntilDone(runtime, two)
    assert.deepEqual(second.data, numbers(1, 20))
    assert.equal((await one.info()).lag, 20)
    await first.close()
    await one.delete()
    await store.stream('s').append(counted(1, 21))
    await waitUntilDone(runtime, two)
    assert.deepEqual(second.data, numbers(1, 21))
  })

  law('a group takes many events through many hands, each once, on real time', async ({ store }) => {
    const count = 1_200
    await store.stream('s').append(counted(count))
    await store.all.createSubscription('g')
    const seen: unknown[] = []
    await new Promise<void>((resolve) => {
      const handle = (event: RecordedEvent): void => {
        seen.push(event.data)
        if (seen.length === count) resolve()
      }
      for (const concurrency of [1, 5, 20]) {
        void store.all.subscribe({ type: 'persistent', group: 'g', concurrency }, handle)
      }
    })
    assert.deepEqual(
      seen.toSorted((one, other) => Number(one) - Number(other)),
      numbers(1, count),
    )
  })

  simulatedLaw('one consumer with one event at a time gets them in order', async ({ store, runtime }) => {
    await store.stream('s').append(counted(700))
    const group = await store.all.createSubscription('g', QUICK)
    const consumer = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, numbers(1, 700))
  })

  simulatedLaw('what is appended while consumers wait reaches them at once', async ({ store, runtime }) => {
    await store.all.createSubscription('g')
    const consumer = await consume(store.all, 'g')
    await runtime.advance(60_000)
    for (const n of numbers(1, 5)) {
      await store.stream('s').append(counted(1, n))
      const since = runtime.monotonic()
      await waitUntil(runtime, 'it arrives', () => consumer.seen.length === n)
      assert.ok(runtime.monotonic() - since < 200, `it took ${runtime.monotonic() - since} ms`)
    }
  })

  simulatedLaw('a consumer that joins later takes its part', async ({ store, runtime }) => {
    await store.stream('s').append(counted(200))
    const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 5 })
    const react = (): Promise<void> => sleep(runtime, 10)
    const first = await consume(store.all, 'g', react)
    await waitUntil(runtime, 'the first has begun', () => first.seen.length > 5)
    const second = await consume(store.all, 'g', react)
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(first, second), numbers(1, 200))
    assert.ok(second.data.length > 30, `the second has ${second.data.length}`)
    assert.notEqual(first.subscription.consumer, second.subscription.consumer)
  })
}

function ackLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a handler that returns acknowledges: nothing comes again', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(5))
    const group = await store.stream('s').createSubscription('g')
    const consumer = await consume(store.stream('s'), 'g')
    await waitUntilDone(runtime, group)
    const { checkpoint, position, head, lag, inFlight } = await group.info()
    assert.deepEqual([checkpoint, position, head, lag, inFlight], [5, 5, 5, 0, 0])
    await consumer.close()
    const next = await consume(store.stream('s'), 'g')
    await runtime.advance(70_000)
    assert.deepEqual(next.data, [])
  })

  simulatedLaw(
    'ack() by hand counts when it resolves, and the return of the handler adds nothing',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(2))
      const group = await store.stream('s').createSubscription('g')
      const acked: unknown[] = []
      const held = gate()
      await consume(store.stream('s'), 'g', async (_, delivery) => {
        acked.push(await delivery.ack())
        acked.push((await group.info()).checkpoint)
        if (acked.length < 3) throw new Error('after the ack')
        await held.passed
      })
      await waitUntil(runtime, 'both are acknowledged', () => acked.length === 4)
      assert.deepEqual(acked, [true, 1, true, 2])
      held.open()
      await runtime.advance(5_000)
      assert.equal(acked.length, 4)
      assert.equal((await group.info()).parked, 0)
    },
  )

  simulatedLaw('the first word about a delivery counts', async ({ store, runtime }) => {
    await store.stream('s').append(counted(4))
    const group = await store.all.createSubscription('g', QUICK)
    const consumer = await consume(store.all, 'g', async (event, delivery) => {
      if (event.data === 1) {
        await delivery.ack()
        await delivery.nack('park', 'too late').catch(() => {})
      }
      if (event.data === 2) {
        await delivery.nack('park', 'first')
        await delivery.ack().catch(() => {})
      }
      if (event.data === 3) await Promise.allSettled([delivery.nack('skip'), delivery.nack('park', 'late')])
      if (event.data === 4) {
        void delivery.nack('park', 'said without waiting')
        throw new Error('and thrown')
      }
    })
    await waitUntilDone(runtime, group)
    await runtime.advance(2_000)
    assert.deepEqual(consumer.data, [1, 2, 3, 4])
    assert.deepEqual(await parkedDataIn(group), [2, 4])
  })

  simulatedLaw('nack() refuses what it does not know', async ({ store, runtime }) => {
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', QUICK)
    const failures: unknown[] = []
    await consume(store.all, 'g', async (_, delivery) => {
      for (const action of ['drop', undefined, null, 'toString'] as never[]) {
        const error = await failureOf('invalid-argument', () => delivery.nack(action))
        failures.push(error.code)
      }
      await failureOf('invalid-argument', () => delivery.nack('park', 5 as never))
    })
    await waitUntilDone(runtime, group)
    assert.deepEqual(failures, Array(4).fill('invalid-argument'))
    assert.equal((await group.info()).parked, 0)
  })
}
