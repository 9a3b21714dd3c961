import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { AnyPlace } from '../../store/broker.ts'
import {
  companion,
  consume,
  endOf,
  gate,
  parkedDataIn,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

/** What a group tells of itself, and its end. */
export function groupInfoLaws(laws: StoreLaws): void {
  infoLaws(laws)
  deleteLaws(laws)
}

function infoLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('info() says where the group and its consumers are', async ({ store, runtime }) => {
    const group = await store.stream('s').createSubscription('g', {
      mustExist: false,
      bufferSize: 6,
      retryBackoff: { initialMs: 60_000 },
    })
    await store.stream('s').append(counted(20))
    const fresh = await group.info()
    assert.deepEqual([fresh.name, fresh.source], ['g', { kind: 'stream', streamId: 's' }])
    assert.deepEqual(
      [fresh.checkpoint, fresh.position, fresh.head, fresh.lag, fresh.isLagExact, fresh.inFlight],
      [undefined, undefined, 20, 20, true, 0],
    )
    assert.deepEqual([fresh.state, fresh.consumers, fresh.finishedPerSecond], ['running', [], 0])
    const held = gate()
    const consumer = await consume(store.stream('s'), 'g', async (event, delivery) => {
      if (event.data === 3) throw new Error('later')
      if (event.data === 4) await delivery.nack('park', 'by hand')
      if (event.data === 7) await held.passed
      await delivery.ack()
    })
    await waitUntil(runtime, 'it is busy', () => consumer.data.includes(7))
    await runtime.advance(5_000)
    const info = await group.info()
    assert.deepEqual([info.checkpoint, info.retrying, info.parked, info.lag], [2, 1, 1, 15])
    assert.ok(info.position! >= 7 && info.position! <= 12, `position ${info.position}`)
    assert.deepEqual([info.inFlight, info.head], [info.position! - 6, 20])
    assert.deepEqual(
      info.consumers.map(({ consumer: number, inFlight }) => [number, inFlight]),
      [[consumer.subscription.consumer, info.inFlight]],
    )
    held.open()
  })

  simulatedLaw('lag counts what the filter wants, and events, not positions', async ({ store, runtime }) => {
    for (const n of numbers(1, 30)) await store.stream('s').append({ type: n % 3 === 0 ? 'A' : 'B', data: n })
    const group = await store.all.createSubscription('g', { ...QUICK, filter: { types: ['A'] } })
    assert.equal((await group.info()).lag, 10)
    const consumer = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    await consumer.close()
    await store.stream('s').append([
      { type: 'A', data: 33 },
      { type: 'B', data: 34 },
    ])
    const { lag, isLagExact, head } = await group.info()
    assert.deepEqual([lag, isLagExact], [1, true])
    assert.equal(head, (await store.all.read().last())!.position)
  })

  simulatedLaw('a filter that wants nothing still moves the checkpoint', async ({ store, runtime }) => {
    const group = await store.stream('s').createSubscription('g', {
      ...QUICK,
      mustExist: false,
      filter: { types: ['None'] },
    })
    const consumer = await consume(store.stream('s'), 'g')
    await store.stream('s').append(counted(700))
    await waitUntil(runtime, 'it has moved', async () => (await group.info()).checkpoint === 700)
    assert.deepEqual(consumer.data, [])
  })

  simulatedLaw('info() counts what is finished per second', async ({ store, runtime }) => {
    const group = await store.all.createSubscription('g', QUICK)
    await consume(store.all, 'g')
    for (const n of numbers(1, 100)) {
      await store.stream('s').append(counted(1, n))
      await sleep(runtime, 100)
    }
    const { finishedPerSecond, consumers } = await group.info()
    assert.ok(finishedPerSecond > 1 && finishedPerSecond < 100, `${finishedPerSecond} a second`)
    assert.equal(consumers.length, 1)
    assert.ok(Math.abs(consumers[0]!.finishedPerSecond - finishedPerSecond) < 0.001)
  })

  simulatedLaw('info() ends with its signal', async ({ store }) => {
    const group = await store.all.createSubscription('g')
    const reason = new Error('enough')
    await assert.rejects(group.info({ signal: AbortSignal.abort(reason) }), reason)
    const first: AnyPlace | undefined = (await group.info()).position
    assert.equal(first, undefined)
  })
}

function deleteLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('delete() ends the consumers of all processes', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    await store.stream('s').append(counted(3))
    const group = await store.all.createSubscription('g')
    const held = gate()
    const told: unknown[] = []
    const busy = await consume(other.all, 'g', async (_, delivery) => {
      await held.passed
      told.push(delivery.signal.aborted)
      void delivery.ack().then((answer) => told.push(answer))
      await runtime.advance(1_000)
    })
    await waitUntil(runtime, 'it is busy', () => busy.seen.length === 1)
    const idle = await consume(store.all, 'g', () => held.passed)
    await group.delete()
    await runtime.advance(200)
    held.open()
    for (const consumer of [busy, idle]) {
      const { reason, error } = await endOf(runtime, consumer)
      assert.deepEqual([reason, (error as { code?: string }).code], ['deleted', 'subscription-not-found'])
    }
    assert.deepEqual(told.slice(0, 2), [true, false], 'it is told at once')
    await failureOf('subscription-not-found', () => consume(store.all, 'g'))
    await failureOf('subscription-not-found', () => group.delete())
  })

  simulatedLaw('a deleted group can be created again, and remembers nothing', async ({ store, runtime }) => {
    await store.stream('s').append(counted(5))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 0 })
    const consumer = await consume(store.all, 'g', (event) => {
      if (event.data === 2) throw new Error('broken')
    })
    await waitUntilDone(runtime, group)
    assert.deepEqual(await parkedDataIn(group), [2])
    await group.delete()
    const again = await store.all.createSubscription('g', { strategy: 'pinned' })
    assert.equal((await endOf(runtime, consumer)).reason, 'deleted')
    const next = await consume(store.all, 'g')
    await waitUntilDone(runtime, again)
    assert.deepEqual(next.data, numbers(1, 5))
    assert.deepEqual(await parkedDataIn(again), [])
    const { parked, settings } = await group.info()
    assert.deepEqual([parked, settings.strategy, settings.maxRetryCount], [0, 'pinned', 10])
  })

  simulatedLaw(
    'delete() of a group with very much of its own removes all of it',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(1_500))
      const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 500 })
      await consume(store.all, 'g', (_, delivery) => delivery.nack('park', 'all of them'), {
        concurrency: 500,
      })
      await waitUntilDone(runtime, group)
      assert.equal((await group.info()).parked, 1_500)
      await group.delete()
      await store.all.createSubscription('g', { startFrom: 'end' })
      assert.deepEqual(await parkedDataIn(group), [])
    },
  )
}
