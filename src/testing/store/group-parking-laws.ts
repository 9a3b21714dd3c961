import assert from 'node:assert/strict'
import { REPLAY_EVENTS } from '../../limits.ts'
import type { ParkedSelection, SubscriptionGroup } from '../../store/contract-subscribing.ts'
import {
  type Consumer,
  companion,
  consume,
  dataOfAll,
  parkedDataIn,
  parkedIn,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, numbers, refuses, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** What was set aside, and what becomes of it. */
export function groupParkingLaws(laws: StoreLaws): void {
  listingLaws(laws)
  replayLaws(laws)
  skipLaws(laws)
  manyLaws(laws)
}

function listingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('parked() lists what is parked, in the order of the source', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(6))
    const group = await store.stream('s').createSubscription('g', { ...QUICK, maxRetryCount: 2 })
    const before = runtime.now()
    await consume(store.stream('s'), 'g', async (event, delivery) => {
      if (event.data === 2) throw new Error('broken')
      if (event.data === 5) await delivery.nack('park', 'by hand')
    })
    await waitUntilDone(runtime, group)
    const parked = await parkedIn(group)
    assert.deepEqual(
      parked.map(({ place, attempts, key, isBehind }) => ({ place, attempts, key, isBehind })),
      [
        { place: 2, attempts: 3, key: undefined, isBehind: false },
        { place: 5, attempts: 1, key: undefined, isBehind: false },
      ],
    )
    assert.match(parked[0]!.reason, /broken/)
    assert.equal(parked[1]!.reason, 'by hand')
    for (const { parkedAt, event, place } of parked) {
      assert.ok(parkedAt.getTime() >= before && parkedAt.getTime() <= runtime.now())
      assert.deepEqual(event!.toJSON(), (await store.stream('s').event(Number(place)))!.toJSON())
    }
  })

  simulatedLaw('parked events outlive everybody, and can be dealt with by anyone', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, 5)
    await using other = await companion(scene)
    const elsewhere = other.all.subscription('g')
    assert.deepEqual(await parkedDataIn(elsewhere), numbers(1, 5))
    assert.equal(await elsewhere.replay({ place: await placeOf(group, 3) }), 1)
    const consumer = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [3])
    assert.deepEqual(await parkedDataIn(elsewhere), [1, 2, 4, 5])
  })

  simulatedLaw('parked() ends with its signal', async (scene) => {
    const { group } = await parkAll(scene, 3)
    const reason = new Error('enough')
    await assert.rejects(async () => {
      for await (const _ of group.parked({ signal: AbortSignal.abort(reason) })) assert.fail('it goes on')
    }, reason)
    const abort = new AbortController()
    let seen = 0
    for await (const _ of group.parked({ signal: abort.signal })) {
      seen += 1
      if (seen === 2) break
    }
    assert.equal(seen, 2)
  })

  simulatedLaw('which parked events are meant must be said', async ({ store, ...scene }) => {
    const { group } = await parkAll({ store, ...scene }, 2)
    const bad = ['every', undefined, null, {}, 5, { place: 1 }, { place: 'x' }, { key: 5 }, { plac: 1n }]
    for (const which of bad as ParkedSelection<bigint>[]) {
      const what = JSON.stringify(which, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
      await refuses(store, 'invalid-argument', () => group.replay(which), `replay ${what}`)
      await refuses(store, 'invalid-argument', () => group.skip(which), `skip ${what}`)
    }
    assert.deepEqual(await parkedDataIn(group), [1, 2])
  })
}

function replayLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('replay() delivers parked events again, with no retries behind them', async (scene) => {
    const { store, runtime } = scene
    const { group, consumer } = await parkAll(scene, 4, { closes: false })
    assert.equal(await group.replay({ place: await placeOf(group, 2) }), 1)
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.attempts(2), [1, 2, 1, 2], 'it has all its retries, and is parked again')
    assert.deepEqual(await parkedDataIn(group), [1, 2, 3, 4])
    await consumer.close()
    const next = await consume(store.all, 'g')
    assert.equal(await group.replay('all'), 4)
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(next), [1, 2, 3, 4])
    for (const { attempt } of next.seen) assert.equal(attempt, 1)
    assert.deepEqual(await parkedDataIn(group), [])
    assert.equal(await group.replay('all'), 0)
  })

  simulatedLaw('replay() of what is not parked finds nothing', async (scene) => {
    const { store } = scene
    const { group } = await parkAll(scene, 2)
    await store.stream('t').append(counted(1, 3))
    const { position } = (await store.all.read().last())!
    assert.equal(await group.replay({ place: position }), 0)
    assert.equal(await group.replay({ place: position + 1_000n }), 0)
    assert.equal(await group.replay({ key: 'nobody' }), 0)
    assert.equal(await group.skip({ place: position }), 0)
    assert.equal(await group.skip({ key: 'nobody' }), 0)
  })

  simulatedLaw('what is replayed is unfinished again: the checkpoint goes back to it', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, 4)
    const { checkpoint } = await group.info()
    assert.equal(checkpoint, (await store.all.read().last())!.position)
    const place = await placeOf(group, 2)
    await group.replay({ place })
    const info = await group.info()
    assert.ok(info.checkpoint! < place)
    assert.deepEqual([info.parked, info.retrying, info.lag], [3, 1, 1])
    const next = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(next.data, [2])
    assert.equal((await group.info()).checkpoint, checkpoint)
  })

  simulatedLaw('replay() wakes consumers that wait', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, 3)
    const next = await consume(store.all, 'g')
    await runtime.advance(60_000)
    const since = runtime.monotonic()
    await group.replay('all')
    await waitUntil(runtime, 'they come', () => next.seen.length === 3)
    assert.ok(runtime.monotonic() - since < 200, `it took ${runtime.monotonic() - since} ms`)
  })

  simulatedLaw('replayed at the same time by several, each event comes once', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, 20)
    const counts = await Promise.all([1, 2, 3].map(() => group.replay('all')))
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      20,
    )
    const next = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(next), numbers(1, 20))
  })
}

function skipLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('skip() counts parked events as done: they never come again', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, 4)
    assert.equal(await group.skip({ place: await placeOf(group, 2) }), 1)
    assert.deepEqual(await parkedDataIn(group), [1, 3, 4])
    assert.equal(await group.skip('all'), 3)
    assert.equal(await group.skip('all'), 0)
    assert.deepEqual(await parkedDataIn(group), [])
    const { parked, lag } = await group.info()
    assert.deepEqual([parked, lag], [0, 0])
    const next = await consume(store.all, 'g')
    await runtime.advance(10_000)
    assert.deepEqual(next.data, [])
    await group.reset({ to: 'start' })
    await waitUntilDone(runtime, group)
    assert.deepEqual(next.data, numbers(1, 4), 'a reset begins anew')
  })

  simulatedLaw(
    'a parked event that is hidden is listed without itself, and replayed as nothing',
    async (scene) => {
      const { store, runtime } = scene
      const { group } = await parkAll(scene, 4)
      await store.stream('s').truncateBefore(3)
      assert.deepEqual(await parkedDataIn(group), [undefined, undefined, 3, 4])
      await group.replay('all')
      const next = await consume(store.all, 'g')
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(next), [3, 4])
      assert.deepEqual(await parkedDataIn(group), [])
      assert.equal((await group.info()).retrying, 0)
    },
  )

  simulatedLaw('parked events can be skipped and listed after their stream is tombstoned', async (scene) => {
    const { store } = scene
    const { group } = await parkAll(scene, 4)
    await store.stream('s').tombstone()
    await store.scavenge()
    assert.deepEqual(await parkedDataIn(group), Array(4).fill(undefined))
    assert.equal(await group.skip('all'), 4)
    assert.deepEqual(await parkedDataIn(group), [])
  })
}

function manyLaws({ simulatedLaw }: StoreLaws): void {
  const many = REPLAY_EVENTS * 2 + 50

  simulatedLaw('replay() of very many tells how far it is, and can be given up between', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, many)
    const abort = new AbortController()
    const progress: number[] = []
    const onProgress = (count: number): void => {
      progress.push(count)
      abort.abort(new Error('enough'))
    }
    await assert.rejects(group.replay('all', { signal: abort.signal, onProgress }), { message: 'enough' })
    const { parked, retrying } = await group.info()
    assert.ok(parked > 0 && retrying > 0, `${parked} parked, ${retrying} retrying`)
    assert.equal(parked + retrying, many)
    assert.deepEqual(progress, [retrying])
    const counts: number[] = []
    assert.equal(await group.replay('all', { onProgress: (count) => counts.push(count) }), parked)
    assert.equal(counts.at(-1), parked)
    const next = await consume(store.all, 'g', undefined, { concurrency: 50 })
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(next), numbers(1, many))
  })

  simulatedLaw('skip() of very many removes all', async (scene) => {
    const { group } = await parkAll(scene, many)
    assert.equal((await parkedIn(group)).length, many)
    assert.equal(await group.skip('all'), many)
    const { parked, lag, retrying } = await group.info()
    assert.deepEqual([parked, lag, retrying], [0, 0, 0])
  })

  simulatedLaw('a process that dies while it replays loses nothing', async (scene) => {
    const { store, runtime } = scene
    const { group } = await parkAll(scene, many)
    const other = await vanishingStore(scene)
    const replaying = other.store.all.subscription('g').replay('all', { onProgress: () => other.kill() })
    replaying.catch(() => {})
    await waitUntil(runtime, 'it has died', () => other.isDead)
    const { parked, retrying } = await group.info()
    assert.equal(parked + retrying, many)
    assert.ok(parked > 0)
    await group.replay('all')
    const next = await consume(store.all, 'g', undefined, { concurrency: 50 })
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(next), numbers(1, many))
  })

  simulatedLaw('bad options of replay() and skip() are refused', async ({ store, ...scene }) => {
    const { group } = await parkAll({ store, ...scene }, 1)
    for (const options of [5, 'all', { limit: 5 }] as object[]) {
      await refuses(store, 'invalid-argument', () => group.replay('all', options), JSON.stringify(options))
      await refuses(store, 'invalid-argument', () => group.skip('all', options), JSON.stringify(options))
    }
  })
}

/** A group whose consumer has parked everything there is, after one retry each. */
async function parkAll(
  { store, runtime }: SimulatedStoreScene,
  count: number,
  { closes = true }: { readonly closes?: boolean } = {},
): Promise<{ readonly group: SubscriptionGroup; readonly consumer: Consumer }> {
  await store.stream('s').append(counted(count))
  const settings = { ...QUICK, maxRetryCount: 1, bufferSize: 500 }
  const group = await store.all.createSubscription('g', settings)
  const consumer = await consume(
    store.all,
    'g',
    () => {
      throw new Error('broken')
    },
    { concurrency: 100 },
  )
  await waitUntilDone(runtime, group)
  assert.equal((await group.info()).parked, count)
  if (closes) await consumer.close()
  return { group, consumer }
}

/** Where the parked event with this data is. */
async function placeOf(group: SubscriptionGroup, data: number): Promise<bigint> {
  return (await parkedIn(group)).find(({ event }) => event?.data === data)!.place as bigint
}
