import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import {
  consume,
  dataOfAll,
  type Gate,
  gate,
  parkedIn,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, numbers, type StoreLaws } from './laws.ts'

/** Handlers that take too long, or never return. */
export function groupTimeoutLaws(laws: StoreLaws): void {
  timeoutLaws(laws)
  hangingLaws(laws)
}

function timeoutLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'messageTimeoutMs runs from the moment an event is handed over',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(8))
      const group = await store.all.createSubscription('g', { ...QUICK, messageTimeoutMs: 1_000 })
      const consumer = await consume(store.all, 'g', () => sleep(runtime, 900))
      await waitUntilDone(runtime, group)
      assert.deepEqual(consumer.data, numbers(1, 8))
      for (const { attempt, signal } of consumer.seen) assert.deepEqual([attempt, signal.aborted], [1, false])
      assert.equal((await group.info()).parked, 0)
    },
  )

  simulatedLaw(
    'an event that is not acknowledged in time comes again, and a late ack says false',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(3))
      const group = await store.all.createSubscription('g', { ...QUICK, messageTimeoutMs: 1_000 })
      const told: unknown[] = []
      const consumer = await consume(store.all, 'g', async (event, delivery) => {
        if (event.data !== 2 || delivery.attempt > 1) return
        const since = runtime.monotonic()
        await new Promise((resolve) => delivery.signal.addEventListener('abort', resolve, { once: true }))
        const afterMs = runtime.monotonic() - since
        assert.ok(afterMs >= 1_000 && afterMs < 1_500, `aborted after ${afterMs} ms`)
        told.push(await delivery.ack(), await delivery.nack('park'))
      })
      await waitUntilDone(runtime, group)
      assert.deepEqual(told, [false, false])
      assert.deepEqual(consumer.attempts(2), [1, 2])
      assert.deepEqual([...new Set(dataOfAll(consumer))], [1, 2, 3])
      assert.equal((await group.info()).parked, 0)
    },
  )

  simulatedLaw('an event that always takes too long is parked', async ({ store, runtime }) => {
    await store.stream('s').append(counted(3))
    const group = await store.all.createSubscription('g', {
      ...QUICK,
      messageTimeoutMs: 500,
      maxRetryCount: 2,
    })
    const consumer = await consume(store.all, 'g', (event) =>
      event.data === 2 ? sleep(runtime, 700) : undefined,
    )
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.attempts(2), [1, 2, 3])
    const [parked] = await parkedIn(group)
    assert.deepEqual([parked!.event!.data, parked!.attempts], [2, 3])
    assert.ok(parked!.reason.length > 0, 'it says why')
  })

  simulatedLaw(
    'a delivery of a loop that is not acknowledged in time comes again',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(2))
      const group = await store.all.createSubscription('g', { ...QUICK, messageTimeoutMs: 1_000 })
      const subscription = await store.all.subscribe({ type: 'persistent', group: 'g' })
      const seen: unknown[] = []
      let late: boolean | undefined
      for await (const delivery of subscription) {
        seen.push([delivery.event.data, delivery.attempt])
        if (delivery.event.data === 1 && delivery.attempt === 1) {
          delivery.signal.addEventListener('abort', () => {
            void delivery.ack().then((answer) => {
              late = answer
            })
          })
          continue
        }
        assert.equal(await delivery.ack(), true)
        if (seen.length === 3) break
      }
      assert.deepEqual(seen, [
        [1, 1],
        [2, 1],
        [1, 2],
      ])
      await waitUntil(runtime, 'the late ack is answered', () => late !== undefined)
      assert.equal(late, false)
      await waitUntilDone(runtime, group)
    },
  )

  simulatedLaw(
    'what a loop does not ask for is given back, and does not count',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(10))
      const group = await store.all.createSubscription('g', { ...QUICK, messageTimeoutMs: 1_000 })
      const idle = await store.all.subscribe({ type: 'persistent', group: 'g' })
      await waitUntil(runtime, 'it has events', async () => (await group.info()).inFlight > 0)
      const other = await consume(store.all, 'g')
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(other), numbers(1, 10))
      for (const { attempt } of other.seen) assert.equal(attempt, 1)
      const iterator = idle[Symbol.asyncIterator]()
      const next = iterator.next()
      await other.close()
      await store.stream('s').append(counted(1, 11))
      const { value } = await next
      assert.equal(value.event.data, 11)
      await value.ack()
      await idle.close()
    },
  )
}

function hangingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a handler that never returns leaves its events to others', async ({ store, runtime }) => {
    await store.stream('s').append(counted(20))
    const group = await store.all.createSubscription('g', { ...QUICK, messageTimeoutMs: 1_000 })
    const held = gate()
    const hanging = await consume(store.all, 'g', () => held.passed)
    await waitUntil(runtime, 'it hangs', () => hanging.seen.length === 1)
    const other = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.equal(hanging.seen.length, 1)
    assert.equal(hanging.seen[0]!.signal.aborted, true)
    assert.deepEqual(dataOfAll(other), numbers(1, 20))
    assert.deepEqual(other.attempts(hanging.data[0]), [2])
    for (const { attempt, event } of other.seen) {
      if (event.data !== hanging.data[0]) assert.equal(attempt, 1)
    }
    await other.close()
    held.open()
    await store.stream('s').append(counted(1, 21))
    await waitUntilDone(runtime, group)
    assert.deepEqual(hanging.data.slice(1), [21], 'it takes part again')
  })

  simulatedLaw('a handler that hangs keeps its place among the concurrency', async ({ store, runtime }) => {
    await store.stream('s').append(counted(10))
    const group = await store.all.createSubscription('g', {
      ...QUICK,
      messageTimeoutMs: 500,
      maxRetryCount: 20,
    })
    const gates: Gate[] = []
    const consumer = await consume(
      store.all,
      'g',
      async (event, { attempt }) => {
        if (event.data !== 1 || attempt > 2) return
        const held = gate()
        gates.push(held)
        await held.passed
      },
      { concurrency: 2 },
    )
    await waitUntil(runtime, 'both places hang', () => gates.length === 2)
    const seen = consumer.seen.length
    await store.stream('s').append(counted(5, 11))
    await runtime.advance(10_000)
    assert.equal(consumer.seen.length, seen, 'it is out of service')
    for (const held of gates) held.open()
    await waitUntilDone(runtime, group)
    assert.deepEqual([...new Set(dataOfAll(consumer))], numbers(1, 15))
    assert.equal((await group.info()).parked, 0)
  })
}
