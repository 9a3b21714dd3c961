import assert from 'node:assert/strict'
import type { DeliveryHandler } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import {
  consume,
  dataOfAll,
  endOf,
  gate,
  parkedDataIn,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

/** Groups over streams that are truncated, deleted, restored and tombstoned, and over links. */
export function groupHiddenLaws(laws: StoreLaws): void {
  hidingLaws(laws)
  endingStreamLaws(laws)
  linkLaws(laws)
}

function hidingLaws({ simulatedLaw }: StoreLaws): void {
  const hidings = {
    'its stream is truncated': 'truncateBefore',
    'its stream is deleted': 'delete',
    'its stream is tombstoned': 'tombstone',
  } as const
  for (const [name, how] of Object.entries(hidings)) {
    for (const strategy of ['round-robin', 'pinned'] as const) {
      simulatedLaw(`${strategy}: an event that waits for its retry is done when ${name}`, async (scene) => {
        const { store, runtime } = scene
        await store.stream('s').append(counted(4))
        await store.stream('t').append(counted(2, 5))
        const retryBackoff = { initialMs: 5_000, maxMs: 5_000 }
        const group = await store.all.createSubscription('g', { ...QUICK, strategy, retryBackoff })
        const consumer = await consume(store.all, 'g', ({ data }) => {
          if (Number(data) <= 2) throw new Error('no')
        })
        await waitUntil(runtime, 'they wait', async () => {
          const { retrying, inFlight } = await group.info()
          return retrying > 0 && inFlight === 0 && consumer.data.includes(6)
        })
        const seen = consumer.seen.length
        if (how === 'truncateBefore') await store.stream('s').truncateBefore(5)
        else await store.stream('s')[how]()
        await waitUntilDone(runtime, group)
        assert.equal(consumer.seen.length, seen, 'nothing hidden comes')
        const { parked, retrying, held, checkpoint } = await group.info()
        assert.deepEqual([parked, retrying, held], [0, 0, 0])
        const visible = (await store.all.read().last())!.position
        assert.ok(checkpoint! >= visible)
      })
    }
  }

  simulatedLaw('an event that is hidden while it is handled is acknowledged as any other', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(2))
    const group = await store.all.createSubscription('g', QUICK)
    const held = gate()
    const told: unknown[] = []
    await consume(store.all, 'g', async (_, delivery) => {
      await held.passed
      told.push(await delivery.ack())
    })
    await waitUntil(runtime, 'it is busy', async () => (await group.info()).inFlight === 2)
    await store.stream('s').truncateBefore(3)
    await store.scavenge()
    held.open()
    await waitUntilDone(runtime, group)
    assert.equal(told[0], true)
    for (const answer of told) assert.equal(answer, true)
  })

  simulatedLaw('what is hidden before it was given out never comes', async ({ store, runtime }) => {
    await store.stream('s').append(counted(700))
    const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 10 })
    const held = gate()
    const consumer = await consume(store.all, 'g', () => held.passed)
    await waitUntil(runtime, 'it is busy', () => consumer.seen.length === 1)
    await store.stream('s').truncateBefore(600)
    held.open()
    await waitUntilDone(runtime, group)
    // What was given out or read ahead may still arrive; it is a page at most.
    assert.deepEqual(dataOfAll(consumer).slice(-101), numbers(600, 700))
    assert.deepEqual([...new Set(consumer.data)].length, consumer.data.length)
  })
}

function endingStreamLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a group of a deleted stream goes on with its first new event', async ({ store, runtime }) => {
    const stream = store.stream('s')
    await stream.append(counted(3))
    const group = await stream.createSubscription('g', QUICK)
    const consumer = await consume(stream, 'g')
    await waitUntilDone(runtime, group)
    await stream.delete()
    await runtime.advance(1_000)
    await stream.append(counted(2, 4))
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [1, 2, 3, 4, 5])
    assert.equal((await group.info()).checkpoint, 5)
  })

  simulatedLaw('a group of a stream that is deleted and restored goes on where it was', async (scene) => {
    const { store, runtime } = scene
    const stream = store.stream('s')
    await stream.append(counted(3))
    const group = await stream.createSubscription('g', QUICK)
    await stream.delete()
    const consumer = await consume(stream, 'g')
    await runtime.advance(1_000)
    assert.deepEqual(consumer.data, [])
    await stream.restore()
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [1, 2, 3])
    await stream.append(counted(1, 4))
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [1, 2, 3, 4])
  })

  simulatedLaw('consumers of a group of a stream end when that is tombstoned', async ({ store, runtime }) => {
    const stream = store.stream('s')
    await stream.append(counted(3))
    const group = await stream.createSubscription('g', QUICK)
    const consumer = await consume(stream, 'g')
    await waitUntilDone(runtime, group)
    await stream.tombstone()
    const { reason, error } = await endOf(runtime, consumer)
    assert.deepEqual([reason, (error as { code?: string }).code], ['failed', 'stream-tombstoned'])
    await failureOf('stream-tombstoned', () => consume(stream, 'g'))
    await group.delete()
    await failureOf('subscription-not-found', () => group.info())
  })
}

function linkLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a group hands over what links point to, and keeps the places of the links', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(3))
    for (const version of [3, 1, 2]) await store.stream('links').linkTo({ streamId: 's', version })
    const group = await store.stream('links').createSubscription('g', { ...QUICK, maxRetryCount: 0 })
    const consumer = await consume(store.stream('links'), 'g', (event) => {
      if (event.data === 1) throw new Error('broken')
    })
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [3, 1, 2])
    assert.deepEqual(
      consumer.seen.map(({ event }) => [event.streamId, event.link?.streamId, event.link?.version]),
      [
        ['s', 'links', 1],
        ['s', 'links', 2],
        ['s', 'links', 3],
      ],
    )
    for await (const parked of group.parked()) {
      assert.deepEqual([parked.place, parked.event!.data, parked.event!.link?.version], [2, 1, 2])
    }
    assert.deepEqual(await parkedDataIn(group), [1])
    assert.equal((await group.info()).checkpoint, 3)
    const next = consumer.seen.length
    assert.equal(await group.replay({ place: 2 }), 1)
    await waitUntil(runtime, 'it comes again', () => consumer.seen.length > next)
    assert.equal(consumer.seen.at(-1)!.event.link?.version, 2)
  })

  simulatedLaw(
    'with resolveLinks false a group hands over the links themselves',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(1))
      await store.stream('links').linkTo({ streamId: 's', version: 1 })
      const group = await store.stream('links').createSubscription('g', { ...QUICK, resolveLinks: false })
      const consumer = await consume(store.stream('links'), 'g')
      await waitUntilDone(runtime, group)
      assert.deepEqual(
        consumer.seen.map(({ event }) => [event.type, event.streamId]),
        [['$link', 'links']],
      )
    },
  )

  simulatedLaw('a link whose event is hidden while it waits is done', async ({ store, runtime }) => {
    await store.stream('s').append(counted(2))
    for (const version of [1, 2]) await store.stream('links').linkTo({ streamId: 's', version })
    const retryBackoff = { initialMs: 5_000, maxMs: 5_000 }
    const group = await store.stream('links').createSubscription('g', { ...QUICK, retryBackoff })
    const react: DeliveryHandler<RecordedEvent> = ({ data }, { attempt }) => {
      if (attempt === 1) throw new Error(`not yet: ${data}`)
    }
    const consumer = await consume(store.stream('links'), 'g', react)
    await waitUntil(runtime, 'both wait', async () => (await group.info()).retrying === 2)
    await store.stream('s').truncateBefore(2)
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [1, 2, 2])
    assert.equal((await group.info()).checkpoint, 2)
  })

  simulatedLaw('filters judge what a link points to', async ({ store, runtime }) => {
    await store.stream('s').append([
      { type: 'A', data: 1 },
      { type: 'B', data: 2 },
    ])
    for (const version of [1, 2]) await store.stream('links').linkTo({ streamId: 's', version })
    const group = await store.stream('links').createSubscription('g', { ...QUICK, filter: { types: ['B'] } })
    const consumer = await consume(store.stream('links'), 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [2])
  })
}
