import assert from 'node:assert/strict'
import type { AnyPlace } from '../../store/broker.ts'
import type { EventStore } from '../../store/contract.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { followAll, followLive, mark, SOURCES, shutDoor } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

/** Catch-up subscriptions: everything behind a place, in order, then what follows. */
export function catchUpLaws(laws: StoreLaws): void {
  beginningLaws(laws)
  timeLaws(laws)
  checkpointLaws(laws)
  batchLaws(laws)
}

function beginningLaws({ simulatedLaw }: StoreLaws): void {
  for (const [kind, { of, placeOf }] of Object.entries(SOURCES)) {
    simulatedLaw(
      `a catch-up subscription by ${kind} after event 50 sees 51 to 100, and what follows`,
      async ({ store, runtime }) => {
        await mark(store, 1, 100)
        const place = placeOf(await eventWith(store, 50))
        const follower = await followAll(of(store), { after: place })
        await waitUntil(runtime, 'it has seen event 100', () => follower.data.length >= 50)
        await mark(store, 101, 120)
        await waitUntil(runtime, 'it has seen event 120', () => follower.data.length >= 70)
        assert.deepEqual(follower.data, numbers(51, 120))
        const places = follower.seen.map(placeOf)
        const expected = (await of(store).read().toArray()).map(placeOf).filter((read) => read > place)
        assert.deepEqual(places, expected)
      },
    )

    simulatedLaw(`a catch-up subscription by ${kind} begins where it is told`, async ({ store, runtime }) => {
      await mark(store, 1, 30)
      const middle = await eventWith(store, 15)
      const place = placeOf(middle)
      const beginnings = [
        [{}, 1],
        [{ from: 'start' }, 1],
        [{ from: place }, 15],
        [{ after: place }, 16],
        [{ from: 'end' }, 31],
        [{ after: placeOf((await of(store).read().toArray()).at(-1)!) }, 31],
      ] as const
      const followers: Awaited<ReturnType<typeof followAll>>[] = []
      for (const [options] of beginnings) followers.push(await followAll(of(store), options))
      await mark(store, 31, 36)
      await waitUntil(runtime, 'all have the last', () => followers.every(({ data }) => data.includes(36)))
      for (const [at, [options, first]] of beginnings.entries()) {
        assert.deepEqual(followers[at]!.data, numbers(first, 36), `${Object.entries(options)}`)
      }
    })
  }

  simulatedLaw(
    'a catch-up subscription of `all` sees system events if it asks for them',
    async ({ store, runtime }) => {
      await store.createStream('s')
      const [plain, system] = [await followAll(store.all), await followAll(store.all, { system: true })]
      await store.stream('s').append(counted(1))
      await waitUntil(runtime, 'both have the first', () => plain.data.includes(1) && system.data.includes(1))
      await store.stream('s').truncateBefore(2)
      await store.stream('t').append(counted(1, 2))
      await waitUntil(runtime, 'both have the last', () => plain.data.includes(2) && system.data.includes(2))
      assert.deepEqual(
        plain.seen.map(({ type }) => type),
        ['Counted', 'Counted'],
      )
      assert.deepEqual(
        system.seen.map(({ type }) => type),
        ['$stream-created', 'Counted', '$stream-truncated', 'Counted'],
      )
    },
  )

  simulatedLaw('a place beyond the end is refused, the end itself is not', async ({ store }) => {
    await mark(store, 1, 10)
    const { position } = (await store.all.read().last())!
    const beyond = position + 2n ** 40n
    for (const options of [{ after: beyond }, { from: beyond }]) {
      const error = await failureOf('invalid-argument', () =>
        store.all.subscribe({ type: 'catch-up', ...options }),
      )
      assert.equal((error as { details?: { place?: unknown } }).details?.place, beyond)
    }
    for (const options of [{ after: 11 }, { from: 12 }, { after: Number.MAX_SAFE_INTEGER }]) {
      await failureOf('invalid-argument', () => store.stream('s').subscribe({ type: 'catch-up', ...options }))
    }
    const stream = await store.stream('s').subscribe({ type: 'catch-up', from: 11 })
    assert.equal(stream.checkpoint, 10)
    await failureOf('invalid-argument', () =>
      store.stream('none').subscribe({ type: 'catch-up', mustExist: false, after: 1 }),
    )
  })
}

function timeLaws({ simulatedLaw }: StoreLaws): void {
  for (const [kind, { of, placeOf }] of Object.entries(SOURCES)) {
    simulatedLaw(
      `a catch-up subscription by ${kind} begins at a time, past or yet to come`,
      async ({ store, runtime }) => {
        for (const n of numbers(1, 10)) {
          await mark(store, n, n)
          await runtime.advance(1_000)
        }
        const at = (await eventWith(store, 5)).recordedAt
        const later = new Date(runtime.now() + 60_000)
        const beginnings = [
          [{ from: at }, 5],
          [{ after: at }, 6],
          [{ from: new Date(at.getTime() + 1) }, 6],
          [{ after: new Date(at.getTime() - 1) }, 5],
          [{ from: new Date(0) }, 1],
          [{ after: new Date(-1) }, 1],
          [{ from: new Date(runtime.now()) }, 11],
          [{ from: later }, 12],
          [{ after: later }, 12],
        ] as const
        const followers: Awaited<ReturnType<typeof followAll>>[] = []
        for (const [options] of beginnings) followers.push(await followAll(of(store), options))
        await mark(store, 11, 11)
        await runtime.advance(61_000)
        await mark(store, 12, 14)
        await waitUntil(runtime, 'all have the last', () => followers.every(({ data }) => data.includes(14)))
        for (const [index, [options, first]] of beginnings.entries()) {
          assert.deepEqual(followers[index]!.data, numbers(first, 14), `${Object.entries(options)}`)
          const places = followers[index]!.seen.map(placeOf)
          assert.ok(followers[index]!.subscription.checkpoint! >= places.at(-1)!)
        }
      },
    )

    simulatedLaw(
      `a subscription by ${kind} from a time yet to come can go on at its checkpoint`,
      async ({ store, runtime }) => {
        await mark(store, 1, 3)
        for (const options of [
          { from: new Date(runtime.now() + 60_000) },
          { after: new Date(runtime.now()) },
        ]) {
          const first = await followAll(of(store), options)
          await waitUntil(runtime, 'it has caught up', () => first.subscription.isCaughtUp)
          await first.close()
          const { checkpoint } = first.subscription
          const second = await followAll(of(store), { after: checkpoint })
          await waitUntil(runtime, 'it has caught up', () => second.subscription.isCaughtUp)
          await second.close()
          assert.deepEqual([...first.data, ...second.data], [])
        }
      },
    )

    simulatedLaw(
      `a subscription by ${kind} from a time before all has no checkpoint yet`,
      async ({ store }) => {
        await mark(store, 1, 1)
        const subscription = await of(store).subscribe({ type: 'catch-up', from: new Date(0) })
        assert.equal(subscription.checkpoint, undefined)
      },
    )
  }

  simulatedLaw('a time is found in a stream whose beginning was scavenged', async ({ store, runtime }) => {
    for (const n of numbers(1, 10)) {
      await store.stream('s').append(counted(1, n))
      await runtime.advance(1_000)
    }
    const at = (await store.stream('s').event(10))!.recordedAt
    await store.stream('s').truncateBefore(8)
    await store.scavenge()
    const follower = await followAll(store.stream('s'), { from: at })
    await store.stream('s').append(counted(1, 11))
    await waitUntil(runtime, 'it has the last', () => follower.data.includes(11))
    assert.deepEqual(follower.data, [10, 11])
  })
}

function checkpointLaws({ simulatedLaw }: StoreLaws): void {
  for (const [kind, { of, placeOf }] of Object.entries(SOURCES)) {
    simulatedLaw(
      `the checkpoint of a subscription by ${kind} moves when its handler has returned`,
      async ({ store, runtime }) => {
        await mark(store, 1, 12)
        const checkpoints: (AnyPlace | undefined)[] = []
        const follower = await followAll(of(store), {}, async () => {
          checkpoints.push(follower.subscription.checkpoint)
          await Promise.resolve()
          checkpoints.push(follower.subscription.checkpoint)
        })
        await waitUntil(runtime, 'it has caught up', () => follower.subscription.isCaughtUp)
        const places = follower.seen.map(placeOf)
        const before = [undefined, ...places.slice(0, -1)]
        assert.deepEqual(
          checkpoints,
          before.flatMap((place) => [place, place]),
        )
        assert.ok(follower.subscription.checkpoint! >= places.at(-1)!)
      },
    )
  }

  simulatedLaw('a handler that throws leaves the checkpoint before its event', async ({ store }) => {
    await store.stream('s').append(counted(9))
    for (const fail of [() => Promise.reject(new Error('no')), refuse]) {
      const follower = await followAll(store.stream('s'), {}, ({ data }) => (data === 5 ? fail() : undefined))
      const { reason, error } = await follower.subscription.ended
      assert.deepEqual([reason, (error as Error).message], ['handler-failed', 'no'])
      assert.equal(follower.subscription.checkpoint, 4)
      assert.deepEqual(follower.data, numbers(1, 5))
    }
  })

  simulatedLaw('a loop has done with an event when it asks for the next', async ({ store }) => {
    await store.stream('s').append(counted(700))
    const subscription = await store.stream('s').subscribe({ type: 'catch-up' })
    const checkpoints: unknown[] = []
    for await (const { version } of subscription) {
      checkpoints.push(subscription.checkpoint)
      if (version === 600) break
    }
    assert.deepEqual(checkpoints, [undefined, ...numbers(1, 599)])
    assert.equal(subscription.checkpoint, 599)
  })
}

function batchLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a handler of batches gets up to `batchSize` events, and all that are there',
    async ({ store, runtime }) => {
      using door = shutDoor()
      await store.stream('s').append(counted(1_000))
      const batches: unknown[][] = []
      const options = { type: 'catch-up', batchSize: 100 } as const
      const subscription = await store.stream('s').subscribe(options, (events) => {
        batches.push(events.map(({ data }) => data))
        return batches.flat().includes(1_001) ? door.passed : undefined
      })
      const seen = (count: number): Promise<void> =>
        waitUntil(runtime, `${count} were seen`, () => batches.flat().length === count)
      await seen(1_000)
      assert.ok(batches.every(({ length }) => length >= 1 && length <= 100))
      assert.ok(batches.length <= 12)
      await store.stream('s').append(counted(1, 1_001))
      await seen(1_001)
      const quick = await followLive(store.all)
      for (const n of numbers(1_002, 1_051)) {
        await store.stream('s').append(counted(1, n))
        await waitUntil(runtime, 'another has it', () => quick.data.includes(n))
      }
      const before = batches.length
      assert.equal(subscription.checkpoint, 1_000)
      door.open()
      await seen(1_051)
      assert.deepEqual(batches.flat(), numbers(1, 1_051))
      assert.deepEqual(
        batches.slice(before).map(({ length }) => length),
        [50],
      )
    },
  )

  simulatedLaw(
    'batches() yields what is there, never nothing, and is done with it when asked for more',
    async ({ store }) => {
      await mark(store, 1, 1_200, 50)
      const subscription = await store
        .category('s')
        .subscribe({ type: 'catch-up', filter: { tags: ['even'] } })
      const seen: RecordedEvent[] = []
      for await (const batch of subscription.batches()) {
        assert.ok(batch.length > 0)
        const { checkpoint } = subscription
        if (seen.length > 0) assert.ok(checkpoint !== undefined && checkpoint >= seen.at(-1)!.position)
        assert.ok(checkpoint === undefined || checkpoint < batch[0]!.position)
        seen.push(...batch)
        if (seen.length === 600) break
      }
      assert.deepEqual(
        seen.map(({ data }) => data),
        numbers(1, 600).map((n) => 2 * n),
      )
    },
  )
}

function refuse(): never {
  throw new Error('no')
}

/** The event of the stream `s` with this data. */
async function eventWith(store: EventStore, data: number): Promise<RecordedEvent> {
  for await (const event of store.stream('s').read()) if (event.data === data) return event
  return assert.fail(`there is no event ${data}`)
}
