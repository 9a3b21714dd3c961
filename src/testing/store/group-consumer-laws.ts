import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { Delivery, SubscriptionEnd } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import {
  companion,
  consume,
  dataOfAll,
  endOf,
  gate,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

/** Consumers of a group: loops, bounds, and how they end. */
export function groupConsumerLaws(laws: StoreLaws): void {
  iteratorLaws(laws)
  boundLaws(laws)
  endLaws(laws)
}

function iteratorLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a loop acknowledges by hand, and ends when the consumer is closed',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(6))
      const group = await store.all.createSubscription('g', QUICK)
      const subscription = await store.all.subscribe({ type: 'persistent', group: 'g' })
      const seen: unknown[] = []
      for await (const delivery of subscription) {
        seen.push(delivery.event.data)
        assert.equal(delivery.attempt, 1)
        assert.equal(await delivery.ack(), true)
        if (seen.length === 6) void subscription.close()
      }
      assert.deepEqual(seen, numbers(1, 6))
      assert.deepEqual(await subscription.ended, { reason: 'closed' })
      assert.equal((await group.info()).lag, 0)
      await waitUntilDone(runtime, group)
    },
  )

  simulatedLaw(
    'leaving a loop closes the consumer, which gives back what it has',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(20))
      const group = await store.all.createSubscription('g')
      const subscription = await store.all.subscribe({ type: 'persistent', group: 'g' })
      for await (const delivery of subscription) {
        if (delivery.event.data === 1) await delivery.ack()
        if (delivery.event.data === 3) break
      }
      assert.deepEqual(await subscription.ended, { reason: 'closed' })
      const { consumers, inFlight } = await group.info()
      assert.deepEqual([consumers, inFlight], [[], 0])
      const since = runtime.monotonic()
      const next = await consume(store.all, 'g')
      await waitUntil(runtime, 'they come', () => next.seen.length >= 19)
      assert.ok(runtime.monotonic() - since < 1_000, 'nobody waits for a timeout')
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(next), numbers(2, 20))
      for (const { event, attempt } of next.seen) {
        if (Number(event.data) > 3) assert.equal(attempt, 1)
      }
    },
  )

  simulatedLaw('deliveries of a loop can be acknowledged later, in any order', async ({ store, runtime }) => {
    await store.stream('s').append(counted(8))
    const group = await store.stream('s').createSubscription('g', QUICK)
    const subscription = await store.stream('s').subscribe({ type: 'persistent', group: 'g' })
    const deliveries: Delivery<RecordedEvent>[] = []
    for await (const delivery of subscription) {
      deliveries.push(delivery)
      if (deliveries.length < 8) continue
      for (const number of [8, 7, 6, 5, 4, 2, 1]) assert.equal(await deliveries[number - 1]!.ack(), true)
      assert.equal((await group.info()).checkpoint, 2)
      assert.equal(await deliveries[2]!.ack(), true)
      assert.equal((await group.info()).checkpoint, 8)
      break
    }
    assert.equal((await group.info()).lag, 0)
    await runtime.advance(10_000)
  })

  simulatedLaw('a consumer is iterated once, and not at all if it has a handler', async ({ store }) => {
    await store.stream('s').append(counted(2))
    await store.all.createSubscription('g')
    await using subscription = await store.all.subscribe({ type: 'persistent', group: 'g' })
    const iterator = subscription[Symbol.asyncIterator]()
    await iterator.next()
    await failureOf('invalid-argument', () => subscription[Symbol.asyncIterator]().next())
    await using handled = await store.all.subscribe({ type: 'persistent', group: 'g' }, () => {})
    await failureOf('invalid-argument', () => handled[Symbol.asyncIterator]().next())
  })
}

function boundLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('concurrency is how many events a handler has at a time', async ({ store, runtime }) => {
    await store.stream('s').append(counted(40))
    for (const concurrency of [undefined, 1, 4]) {
      const name = `g-${concurrency}`
      const group = await store.all.createSubscription(name, QUICK)
      let [busy, most] = [0, 0]
      const consumer = await consume(
        store.all,
        name,
        async () => {
          busy += 1
          most = Math.max(most, busy)
          await sleep(runtime, 10)
          busy -= 1
        },
        { concurrency },
      )
      await waitUntilDone(runtime, group)
      assert.equal(most, concurrency ?? 1)
      assert.deepEqual(dataOfAll(consumer), numbers(1, 40))
    }
  })

  simulatedLaw(
    'bufferSize is the most that a consumer has and has not finished',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(50))
      const cases = [
        { name: 'own', created: 4, wanted: undefined, most: 4 },
        { name: 'wanted', created: 4, wanted: 7, most: 7 },
      ]
      for (const { name, created, wanted, most } of cases) {
        const group = await store.all.createSubscription(name, { bufferSize: created })
        const subscription = await store.all.subscribe({
          type: 'persistent',
          group: name,
          bufferSize: wanted,
        })
        const deliveries: Delivery<RecordedEvent>[] = []
        const looping = (async () => {
          for await (const delivery of subscription) deliveries.push(delivery)
        })()
        await waitUntil(runtime, 'its hand is full', () => deliveries.length === most)
        await runtime.advance(2_000)
        assert.equal(deliveries.length, most)
        const { inFlight, consumers, lag } = await group.info()
        assert.deepEqual([inFlight, consumers.map((one) => one.inFlight), lag], [most, [most], 50])
        assert.equal(await deliveries[1]!.ack(), true)
        await waitUntil(runtime, 'it gets one more', () => deliveries.length === most + 1)
        await runtime.advance(1_000)
        assert.equal(deliveries.length, most + 1)
        await subscription.close()
        await looping
      }
    },
  )

  simulatedLaw('a slow consumer does not hold up the others', async ({ store, runtime }) => {
    await store.stream('s').append(counted(100))
    const group = await store.all.createSubscription('g', { bufferSize: 2 })
    const held = gate()
    const slow = await consume(store.all, 'g', () => held.passed)
    await waitUntil(runtime, 'the slow one has something', () => slow.seen.length === 1)
    const quick = await consume(store.all, 'g')
    await waitUntil(runtime, 'the other has the rest', () => quick.seen.length >= 98)
    held.open()
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(slow, quick), numbers(1, 100))
  })
}

function endLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'close() waits for the handler, counts what it has done, and gives the rest back',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(10))
      const group = await store.all.createSubscription('g')
      const held = gate()
      const first = await consume(store.all, 'g', () => held.passed)
      const second = await consume(store.all, 'g', () => held.passed)
      await waitUntil(runtime, 'both are busy', () => first.seen.length + second.seen.length === 2)
      let isClosed = false
      const closing = first.close().then(() => {
        isClosed = true
      })
      await runtime.advance(1_000)
      assert.equal(isClosed, false)
      held.open()
      await closing
      const since = runtime.monotonic()
      await waitUntil(runtime, 'they come', () => second.seen.length >= 9)
      assert.ok(runtime.monotonic() - since < 1_000, 'nobody waits for a timeout')
      await waitUntilDone(runtime, group)
      assert.equal(first.seen.length, 1)
      assert.deepEqual(dataOfAll(first, second), numbers(1, 10))
      for (const { attempt } of second.seen) assert.equal(attempt, 1)
    },
  )

  simulatedLaw('a consumer ends for its reason, and tells it once', async ({ store, runtime }) => {
    await store.all.createSubscription('g')
    const reason = new Error('enough')
    const ends: Record<string, SubscriptionEnd[]> = { closed: [], aborted: [], deleted: [] }
    const abort = new AbortController()
    const onEnd = (name: string) => (end: SubscriptionEnd) => ends[name]!.push(end)
    const closed = await consume(store.all, 'g', undefined, { onEnd: onEnd('closed') })
    const aborted = await consume(store.all, 'g', undefined, {
      onEnd: onEnd('aborted'),
      signal: abort.signal,
    })
    const deleted = await consume(store.all, 'g', undefined, { onEnd: onEnd('deleted') })
    await Promise.all([closed.close(), closed.close()])
    await closed.subscription[Symbol.asyncDispose]()
    abort.abort(reason)
    assert.deepEqual(await endOf(runtime, aborted), { reason: 'aborted', error: reason })
    await store.all.subscription('g').delete()
    assert.equal((await endOf(runtime, deleted)).reason, 'deleted')
    const told = Object.values(ends).map((list) => list.map((end) => end.reason))
    assert.deepEqual(told, [['closed'], ['aborted'], ['deleted']])
  })

  simulatedLaw('a loop throws why its consumer ended, unless that was closed', async ({ store, runtime }) => {
    await store.stream('s').append(counted(1))
    await store.all.createSubscription('g', QUICK)
    const abort = new AbortController()
    const reason = new Error('enough')
    const options = { type: 'persistent', group: 'g' } as const
    const aborting = await store.all.subscribe({ ...options, signal: abort.signal })
    const looping = assert.rejects(async () => {
      for await (const delivery of aborting) {
        await delivery.ack()
        abort.abort(reason)
      }
    }, reason)
    await looping
    const deleting = await store.all.subscribe(options)
    const waiting = failureOf('subscription-not-found', async () => {
      for await (const _ of deleting) assert.fail('there is nothing more')
    })
    await runtime.advance(100)
    await store.all.subscription('g').delete()
    await waiting
  })

  simulatedLaw('subscribe() with an aborted signal throws its reason', async ({ store }) => {
    const group = await store.all.createSubscription('g')
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(store.all.subscribe({ type: 'persistent', group: 'g', signal }), reason)
    assert.deepEqual((await group.info()).consumers, [])
  })

  simulatedLaw(
    'an aborted consumer gives back what it has, as one that is closed',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(10))
      const group = await store.all.createSubscription('g')
      const abort = new AbortController()
      const signals: AbortSignal[] = []
      const held = gate()
      const first = await consume(
        store.all,
        'g',
        async (_, delivery) => {
          signals.push(delivery.signal)
          await held.passed
        },
        { signal: abort.signal },
      )
      await waitUntil(runtime, 'it is busy', () => signals.length === 1)
      abort.abort()
      const isAborted = signals[0]!.aborted
      held.open()
      assert.equal(isAborted, true)
      await endOf(runtime, first)
      const next = await consume(store.all, 'g')
      await waitUntilDone(runtime, group)
      assert.deepEqual([...new Set(dataOfAll(first, next))], numbers(1, 10))
      assert.equal(first.seen.length, 1)
    },
  )

  simulatedLaw(
    'store.close() waits for handlers, counts what they have done, and gives the rest back',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(10))
      const group = await store.all.createSubscription('g')
      const other = await companion(scene)
      const held = gate()
      const first = await consume(other.all, 'g', () => held.passed)
      const waiting = await other.all.subscribe({ type: 'persistent', group: 'g' })
      const looping = failureOf('closed', async () => {
        for await (const _ of waiting) await held.passed
      })
      await waitUntil(runtime, 'the handler is busy', () => first.seen.length === 1)
      let isClosed = false
      const closing = other.close().then(() => {
        isClosed = true
      })
      await runtime.advance(500)
      assert.equal(isClosed, false)
      held.open()
      await closing
      await looping
      assert.equal((await endOf(runtime, first)).reason, 'store-closed')
      assert.deepEqual((await group.info()).consumers, [])
      const since = runtime.monotonic()
      const next = await consume(store.all, 'g')
      await waitUntil(runtime, 'they come', () => next.seen.length >= 9)
      assert.ok(runtime.monotonic() - since < 1_000, 'nobody waits for a timeout')
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(first, next), numbers(1, 10))
      await failureOf('closed', () => other.all.subscribe({ type: 'persistent', group: 'g' }))
      await failureOf('closed', () => other.all.createSubscription('h'))
      await failureOf('closed', () => other.all.subscription('g').info())
    },
  )
}
