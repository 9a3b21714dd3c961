import assert from 'node:assert/strict'
import type { HandlerContext, SubscriptionEnd } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { followAll, followLive, loopOf, shutDoor } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, dataIn, failureOf, nextTurn, numbers, type StoreLaws } from './laws.ts'

/** Both kinds of subscription that keep nothing in the store. */
const KINDS = { volatile: followLive, 'catch-up': followAll } as const

type Kind = keyof typeof KINDS

/** How events are handed over: to a handler, or to a loop. */
export function handingOverLaws(laws: StoreLaws): void {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    handlerLaws(laws, kind)
    loopLaws(laws, kind)
  }
  concurrentLoopLaws(laws)
}

function handlerLaws({ simulatedLaw }: StoreLaws, kind: Kind): void {
  const follow = KINDS[kind]

  simulatedLaw(
    `a handler of a ${kind} subscription is called with one event after the other`,
    async ({ store, runtime }) => {
      let inside = 0
      const signals = new Set<AbortSignal>()
      const react = async (_: RecordedEvent, { signal }: HandlerContext): Promise<void> => {
        signals.add(signal)
        inside += 1
        assert.equal(inside, 1)
        await nextTurn()
        inside -= 1
      }
      const follower = await follow(store.all, {}, react)
      await store.stream('s').append(counted(20))
      await waitUntil(runtime, 'it has all', () => follower.data.length === 20)
      assert.deepEqual(follower.data, numbers(1, 20))
      await follower.close()
      assert.deepEqual(
        [...signals].map(({ aborted }) => aborted),
        [true],
      )
    },
  )

  for (const [how, fail] of Object.entries(FAILURES)) {
    simulatedLaw(
      `a handler that ${how} ends a ${kind} subscription with \`handler-failed\``,
      async ({ store }) => {
        const ends: SubscriptionEnd[] = []
        const onEnd = (end: SubscriptionEnd): unknown => ends.push(end)
        const follower = await follow(store.all, { onEnd }, ({ data }) => (data === 3 ? fail() : undefined))
        await store.stream('s').append(counted(5))
        const end = await follower.subscription.ended
        assert.deepEqual([end.reason, String(end.error)], ['handler-failed', 'Error: no'])
        assert.deepEqual(ends, [end])
        assert.deepEqual(follower.data, [1, 2, 3])
        await follower.close()
      },
    )
  }

  simulatedLaw(
    `a handler that fails after close() of a ${kind} subscription changes nothing`,
    async ({ store, runtime }) => {
      using door = shutDoor()
      const follower = await follow(store.all, {}, async () => {
        await door.passed
        throw new Error('no')
      })
      await store.stream('s').append(counted(1))
      await waitUntil(runtime, 'it is busy', () => follower.data.length === 1)
      const closing = follower.close()
      door.open()
      await closing
      assert.deepEqual(await follower.subscription.ended, { reason: 'closed' })
    },
  )

  simulatedLaw(
    `a handler of a ${kind} subscription may append, also what it then sees itself`,
    async ({ store, runtime }) => {
      const follower = await follow(store.all, {}, ({ data }) =>
        Number(data) < 300 ? store.stream('s').append(counted(1, Number(data) + 1)) : undefined,
      )
      await store.stream('s').append(counted(1))
      await waitUntil(runtime, 'it has the last', () => follower.data.includes(300))
      assert.deepEqual(follower.data, numbers(1, 300))
      assert.deepEqual(await dataIn(store, 's'), numbers(1, 300))
    },
  )

  simulatedLaw(
    `a handler of a ${kind} subscription may subscribe and end others`,
    async ({ store, runtime }) => {
      const inner: unknown[] = []
      const other = await follow(store.all)
      const follower = await follow(store.all, {}, async () => {
        await other.close()
        await followAll(store.all, {}, ({ data }) => inner.push(data))
      })
      await store.stream('s').append(counted(1))
      await waitUntil(runtime, 'the inner one has it', () => inner.length === 1)
      assert.deepEqual([follower.data, await other.subscription.ended], [[1], { reason: 'closed' }])
    },
  )
}

const FAILURES: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('no')
  },
  rejects: () => Promise.reject(new Error('no')),
  'rejects later': async () => {
    await nextTurn()
    throw new Error('no')
  },
}

function loopLaws({ simulatedLaw }: StoreLaws, kind: Kind): void {
  simulatedLaw(`leaving a loop closes a ${kind} subscription`, async ({ store }) => {
    const subscription = await loopOf(store.all, kind)
    await store.stream('s').append(counted(5))
    const seen: unknown[] = []
    for await (const { data } of subscription) {
      seen.push(data)
      if (data === 3) break
    }
    assert.deepEqual(seen, [1, 2, 3])
    assert.deepEqual(await subscription.ended, { reason: 'closed' })
    const thrown = await loopOf(store.all, kind)
    await store.stream('s').append(counted(1))
    const loop = async (): Promise<void> => {
      for await (const _ of thrown) throw new Error('left')
    }
    await assert.rejects(loop, { message: 'left' })
    assert.deepEqual(await thrown.ended, { reason: 'closed' })
  })

  simulatedLaw(
    `close() ends a loop over a ${kind} subscription, whether it waits or not`,
    async ({ store }) => {
      for (const count of [0, 5]) {
        const subscription = await loopOf(store.stream('s'), kind).catch(() => loopOf(store.all, kind))
        const iterator = subscription[Symbol.asyncIterator]()
        await store.stream(`s${count}`).append(counted(count))
        if (count > 0) await iterator.next()
        const next = count > 0 ? undefined : iterator.next()
        await subscription.close()
        assert.deepEqual(await (next ?? iterator.next()), { value: undefined, done: true })
        assert.deepEqual(await iterator.next(), { value: undefined, done: true })
      }
    },
  )

  simulatedLaw(`a ${kind} subscription can be iterated once, and not with a handler`, async ({ store }) => {
    const subscription = await loopOf(store.all, kind)
    subscription[Symbol.asyncIterator]()
    await failureOf('invalid-argument', () => subscription[Symbol.asyncIterator]())
    const { subscription: handled } = await KINDS[kind](store.all)
    await failureOf('invalid-argument', () => handled[Symbol.asyncIterator]())
    if (kind === 'volatile') return
    const batched = await store.all.subscribe({ type: kind })
    batched.batches()
    await failureOf('invalid-argument', () => batched.batches())
    await failureOf('invalid-argument', () => batched[Symbol.asyncIterator]())
  })

  simulatedLaw(
    `next() of a ${kind} subscription can be called again before it has answered`,
    async ({ store }) => {
      const subscription = await loopOf(store.all, kind)
      await store.stream('s').append(counted(1_000))
      const iterator = subscription[Symbol.asyncIterator]()
      const calls: Promise<IteratorResult<RecordedEvent>>[] = []
      for (const n of numbers(1, 990)) {
        calls.push(iterator.next())
        if (n % 7 === 0) await calls.at(-3)
      }
      const results = await Promise.all(calls)
      assert.deepEqual(
        results.map(({ value }) => value.data),
        numbers(1, 990),
      )
      await subscription.close()
    },
  )

  simulatedLaw(
    `a loop over a ${kind} subscription that is aborted throws the reason, having seen what it asked for`,
    async ({ store }) => {
      const aborting = new AbortController()
      const reason = new Error('enough')
      const subscription = await loopOf(store.all, kind, aborting.signal)
      await store.stream('s').append(counted(900))
      const seen: unknown[] = []
      const loop = async (): Promise<void> => {
        for await (const { data } of subscription) {
          seen.push(data)
          if (seen.length === 700) aborting.abort(reason)
        }
      }
      await assert.rejects(loop, reason)
      assert.equal(seen.length, 700)
      assert.deepEqual(await subscription.ended, { reason: 'aborted', error: reason })
    },
  )
}

function concurrentLoopLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('next() of batches() can be called again before it has answered', async ({ store }) => {
    await store.stream('s').append(counted(1_600))
    const subscription = await store.all.subscribe({ type: 'catch-up' })
    const iterator = subscription.batches()[Symbol.asyncIterator]()
    const results = await Promise.all(numbers(1, 3).map(() => iterator.next()))
    const data = results.flatMap(({ value }) =>
      (value as readonly RecordedEvent[]).map((event) => event.data),
    )
    assert.deepEqual(data, numbers(1, data.length))
    await subscription.close()
  })

  simulatedLaw(
    'a loop that is aborted has done with what it was given before, and goes on there',
    async ({ store }) => {
      await store.stream('s').append(counted(1_500))
      for (const [how, seen] of Object.entries({ events: 700, batches: 1_024 })) {
        const aborting = new AbortController()
        const subscription = await store.stream('s').subscribe({ type: 'catch-up', signal: aborting.signal })
        let count = 0
        const loop = async (): Promise<void> => {
          for await (const given of how === 'events' ? subscription : subscription.batches()) {
            count += Array.isArray(given) ? given.length : 1
            if (count >= seen) aborting.abort()
          }
        }
        await assert.rejects(loop, { name: 'AbortError' })
        assert.deepEqual([count, subscription.checkpoint], [seen, seen], how)
      }
    },
  )

  simulatedLaw('next() after the end does not move the checkpoint', async ({ store }) => {
    await store.stream('s').append(counted(3))
    const subscription = await store.all.subscribe({
      type: 'catch-up',
      filter: { where: ({ data }) => data === 1 },
    })
    const iterator = subscription[Symbol.asyncIterator]()
    await iterator.next()
    const pending = iterator.next()
    for (const _ of numbers(1, 5)) await nextTurn()
    const { checkpoint } = subscription
    assert.equal(checkpoint, (await store.stream('s').event(3))!.position)
    await subscription.close()
    await pending
    await iterator.next()
    assert.equal(subscription.checkpoint, checkpoint)
  })
}
