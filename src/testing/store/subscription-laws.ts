import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { Subscription, SubscriptionEnd } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { type Followed, followAll, followLive, loopOf, shutDoor, take } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, failureOf, nextTurn, numbers, type StoreLaws } from './laws.ts'

/** Both kinds of subscription that keep nothing in the store. */
const KINDS = { volatile: followLive, 'catch-up': followAll } as const

type Kind = keyof typeof KINDS

/** What all subscriptions have in common: what they refuse, and how they end. */
export function subscriptionLaws(laws: StoreLaws): void {
  refusalLaws(laws)
  indexLaws(laws)
  for (const kind of Object.keys(KINDS) as Kind[]) {
    endLaws(laws, kind)
    storeCloseLaws(laws, kind)
  }
  warningLaws(laws)
  callbackLaws(laws)
}

function refusalLaws({ law }: StoreLaws): void {
  law('options of a subscription that make no sense are refused by name', async ({ store }) => {
    await store.stream('s').append(counted(1))
    const refuse = async (
      name: string,
      options: unknown,
      handler?: unknown,
      source: Followed = store.all,
    ): Promise<void> => {
      const call = (): unknown => source.subscribe(options as never, handler as never)
      const { message } = await failureOf(
        'invalid-argument',
        call,
        `${name}: ${JSON.stringify(options, String)}`,
      )
      assert.ok(message.includes(name), `${name}: ${message}`)
    }
    for (const options of [
      undefined,
      null,
      1,
      'volatile',
      {},
      { type: 'toString' },
      { type: 'live' },
      { type: null },
    ]) {
      await refuse('type', options)
    }
    for (const [type, names] of Object.entries(FOREIGN)) {
      for (const name of names) await refuse(name, { type, [name]: 1 })
    }
    for (const type of ['volatile', 'catch-up']) {
      for (const handler of [null, 1, 'x', {}]) await refuse('handler', { type }, handler)
      for (const signal of [null, {}, 'x', new AbortController()]) await refuse('signal', { type, signal })
      for (const onEnd of [null, 1]) await refuse('onEnd', { type, onEnd })
      for (const flag of ['resolveLinks', 'system', 'mustExist']) {
        for (const value of [null, 1, 'true']) await refuse(flag, { type, [flag]: value })
      }
      for (const source of [store.stream('s'), store.category('s'), store.eventType('A'), store.query({})]) {
        await refuse('system', { type, system: true }, undefined, source)
      }
    }
    for (const bufferSize of [0, -1, 1.5, 100_001, '10', null])
      await refuse('bufferSize', { type: 'volatile', bufferSize })
    await refuse('onLagged', { type: 'volatile', onLagged: 1 })
    for (const name of ['onCaughtUp', 'onFellBehind']) await refuse(name, { type: 'catch-up', [name]: 1 })
    for (const batchSize of [0, -1, 1.5, 10_001, '10', null]) {
      await refuse('batchSize', { type: 'catch-up', batchSize }, () => {})
    }
    await refuse('batchSize', { type: 'catch-up', batchSize: 10 })
    await refuse('after', { type: 'catch-up', after: 1n, from: 1n })
    for (const name of ['after', 'from']) {
      for (const place of [null, 1, '1', new Date(Number.NaN), 'begin', {}]) {
        await refuse(name, { type: 'catch-up', [name]: place })
      }
      for (const place of [null, 1n, -1, 0.5, Number.NaN, '1', new Date(Number.NaN)]) {
        await refuse(name, { type: 'catch-up', [name]: place }, undefined, store.stream('s'))
      }
    }
  })
}

/** Options that another kind has. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  volatile: [
    'after',
    'from',
    'batchSize',
    'onCaughtUp',
    'onFellBehind',
    'concurrency',
    'onError',
    'limit',
    'Signal',
  ],
  'catch-up': ['group', 'bufferSize', 'onLagged', 'concurrency', 'onError', 'to', 'direction', 'batchsize'],
}

function indexLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a source whose index the store does not have is refused',
    async ({ store, runtime }) => {
      for (const follow of Object.values(KINDS)) {
        await failureOf('index-missing', () => follow(store.category('s')))
        await failureOf('index-missing', () => follow(store.query({ items: [{ tags: ['x'] }] })))
        const followers = [await follow(store.eventType('Counted')), await follow(store.query({}))]
        await store.stream('s').append(counted(1))
        await waitUntil(runtime, 'both have it', () => followers.every(({ data }) => data.length > 0))
        for (const follower of followers) await follower.close()
      }
    },
    { open: { indexes: ['type'] } },
  )
}

function endLaws({ simulatedLaw }: StoreLaws, kind: Kind): void {
  const follow = KINDS[kind]

  simulatedLaw(
    `close() of a ${kind} subscription waits for the handler in flight, and nothing comes after`,
    async ({ store, runtime }) => {
      using door = shutDoor()
      const told: string[] = []
      const onEnd = ({ reason }: SubscriptionEnd): unknown => told.push(reason)
      const follower = await follow(store.all, { onEnd }, async (_, { signal }) => {
        signal.addEventListener('abort', () => told.push('aborted'))
        await door.passed
        told.push('returned')
      })
      await store.stream('s').append(counted(5))
      await waitUntil(runtime, 'it is busy', () => follower.data.length === 1)
      const closings = [follower.close(), follower.close(), follower.subscription[Symbol.asyncDispose]()]
      await nextTurn()
      assert.deepEqual(told, ['aborted'])
      door.open()
      await Promise.all(closings)
      assert.deepEqual(told, ['aborted', 'returned', 'closed'])
      assert.deepEqual(await follower.subscription.ended, { reason: 'closed' })
      await store.stream('s').append(counted(1, 6))
      await follower.close()
      assert.deepEqual([follower.data, told.length], [[1], 3])
    },
  )

  simulatedLaw(`a signal ends a ${kind} subscription with its reason`, async ({ store, runtime }) => {
    await store.stream('s').append(counted(1))
    const reason = new Error('enough')
    const early = AbortSignal.abort(reason)
    await assert.rejects(follow(store.all, { signal: early }), reason)
    await assert.rejects(follow(store.stream('none'), { signal: early }), reason)
    const aborting = new AbortController()
    const follower = await follow(store.all, { signal: aborting.signal })
    const loop = await (kind === 'volatile'
      ? store.all.subscribe({ type: kind, signal: aborting.signal })
      : store.all.subscribe({ type: kind, signal: aborting.signal }))
    await store.stream('s').append(counted(1, 2))
    await waitUntil(runtime, 'it has the last', () => follower.data.includes(2))
    aborting.abort(reason)
    for (const { ended } of [follower.subscription, loop]) {
      assert.deepEqual(await ended, { reason: 'aborted', error: reason })
    }
    await assert.rejects(take(loop[Symbol.asyncIterator](), 1), reason)
    await follower.close()
    assert.equal((await follower.subscription.ended).reason, 'aborted')
  })

  simulatedLaw(
    `a signal for many ${kind} subscriptions has one listener, and none when they have ended`,
    async ({ store }) => {
      const aborting = new AbortController()
      const { signal } = aborting
      const followers: Awaited<ReturnType<typeof follow>>[] = []
      for (const _ of numbers(1, 12)) followers.push(await follow(store.all, { signal }))
      assert.equal(getEventListeners(signal, 'abort').length, 1)
      for (const follower of followers.splice(0, 10)) await follower.close()
      assert.equal(getEventListeners(signal, 'abort').length, 1)
      aborting.abort()
      for (const { subscription } of followers) assert.equal((await subscription.ended).reason, 'aborted')
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    },
  )

  simulatedLaw(`a ${kind} subscription that is aborted while it begins ends at once`, async ({ store }) => {
    const aborting = new AbortController()
    const subscribing = follow(store.all, { signal: aborting.signal })
    aborting.abort(new Error('enough'))
    const outcome = await subscribing.then(
      ({ subscription }) => subscription.ended,
      (error: Error) => ({ error }),
    )
    assert.equal((outcome.error as Error).message, 'enough')
  })

  simulatedLaw(`what is called for a ${kind} subscription is not called after close()`, async ({ store }) => {
    const late: number[] = []
    await store.stream('s').append(counted(5))
    for (const ticks of numbers(0, 30)) {
      let isClosed = false
      const where = (): boolean => {
        if (isClosed) late.push(ticks)
        return true
      }
      const { subscription } = await follow(store.all, { filter: { where } })
      const loop = await loopOf(store.all, kind, undefined, { where })
      loop[Symbol.asyncIterator]()
        .next()
        .catch(() => {})
      const appending = store.stream('s').append(counted(1))
      for (const _ of numbers(1, ticks)) await undefined
      await Promise.all([subscription.close(), loop.close()])
      isClosed = true
      await appending
      for (const _ of numbers(1, 5)) await nextTurn()
      assert.deepEqual(await subscription.ended, { reason: 'closed' })
    }
    assert.deepEqual(late, [])
  })

  simulatedLaw(`onEnd of a ${kind} subscription may throw, and is called once`, async ({ store }) => {
    let calls = 0
    const onEnd = (): never => {
      calls += 1
      throw new Error('no')
    }
    const follower = await follow(store.all, { onEnd })
    await follower.close()
    await follower.close()
    assert.equal(calls, 1)
  })

  simulatedLaw(`\`await using\` closes a ${kind} subscription`, async ({ store, runtime }) => {
    let outer: Subscription<RecordedEvent>
    {
      await using subscription = (await follow(store.all)).subscription
      outer = subscription
    }
    assert.deepEqual(await outer.ended, { reason: 'closed' })
    await runtime.advance(0)
  })
}

function storeCloseLaws({ simulatedLaw }: StoreLaws, kind: Kind): void {
  const follow = KINDS[kind]

  simulatedLaw(
    `close() of the store ends a ${kind} subscription, and waits for its handler, which may append`,
    async ({ store, runtime }) => {
      using door = shutDoor()
      let appended: unknown
      const follower = await follow(store.all, {}, async () => {
        await door.passed
        appended = await store.stream('s').append(counted(1, 2))
      })
      const loop = await loopOf(store.all, kind)
      const pending = loop[Symbol.asyncIterator]().next()
      pending.catch(() => {})
      await store.stream('s').append(counted(1))
      await waitUntil(runtime, 'it is busy', () => follower.data.length === 1)
      const closing = store.close()
      await nextTurn()
      await failureOf('closed', () => follow(store.all))
      assert.equal(appended, undefined)
      door.open()
      await closing
      assert.notEqual(appended, undefined)
      for (const { ended } of [follower.subscription, loop]) await assertStoreClosed(ended)
      await failureOf('closed', () => follow(store.all))
      assert.deepEqual(follower.data, [1])
    },
  )

  simulatedLaw(`close() of the store makes a loop over a ${kind} subscription throw`, async ({ store }) => {
    const loop = await loopOf(store.all, kind)
    const pending = assert.rejects(loop[Symbol.asyncIterator]().next(), { code: 'closed' })
    await store.close()
    await pending
    await assertStoreClosed(loop.ended)
  })

  simulatedLaw(
    `close() of the store finds every moment of a ${kind} subscription that begins`,
    async ({ store }) => {
      await store.stream('s').append(counted(3))
      const begun = numbers(0, 40).map(async (ticks) => {
        for (const _ of numbers(1, ticks)) await undefined
        return follow(store.all).then(
          ({ subscription }) => subscription.ended,
          ({ code }: { readonly code: string }) => ({ reason: code }),
        )
      })
      for (const _ of numbers(1, 20)) await undefined
      await store.close()
      for (const { reason } of await Promise.all(begun))
        assert.ok(['closed', 'store-closed'].includes(reason), reason)
    },
  )
}

async function assertStoreClosed(ended: Promise<SubscriptionEnd>): Promise<void> {
  const { reason, error } = await ended
  assert.deepEqual([reason, (error as { code?: string }).code], ['store-closed', 'closed'])
}

function warningLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a failure that nobody is told of is a warning', async ({ store, runtime }) => {
    const warnings: unknown[] = []
    runtime.warn = (_, error) => warnings.push(error)
    const fail = (name: string) => (): never => {
      throw name
    }
    await followAll(store.all, {}, fail('unheard'))
    await followAll(store.all, { onEnd: () => {} }, fail('onEnd'))
    void (await followAll(store.all, {}, fail('asked'))).subscription.ended
    const loop = await store.all.subscribe({ type: 'catch-up', filter: { where: fail('loop') } })
    const looping = take(loop[Symbol.asyncIterator](), 1)
    await followLive(store.all, { filter: { where: fail('unheard, too') } })
    await followAll(store.all, { onEnd: fail('onEnd has thrown') }, fail('told'))
    const closed = await followAll(store.all)
    await store.stream('s').append(counted(1))
    await assert.rejects(looping, (error) => error === 'loop')
    await closed.close()
    await waitUntil(runtime, 'three warnings have come', () => warnings.length >= 3)
    assert.deepEqual(warnings.toSorted(), ['onEnd has thrown', 'unheard', 'unheard, too'])
  })
}

function callbackLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a callback that throws ends its subscription with `handler-failed`',
    async ({ store, runtime }) => {
      using door = shutDoor()
      const error = new Error('no')
      const fail = (): never => {
        throw error
      }
      const wait = (): unknown => door.passed
      const behind = await followAll(store.all, { onFellBehind: fail }, wait)
      const lagging = await followLive(store.all, { onLagged: fail, bufferSize: 1 })
      const followers = [await followAll(store.all, { onCaughtUp: fail }), behind, lagging]
      await waitUntil(runtime, 'it has caught up', () => behind.subscription.isCaughtUp)
      await store.stream('s').append(counted(3))
      await waitUntil(runtime, 'it is busy', () => behind.data.length === 1)
      await store.stream('s').append(counted(1_500, 4))
      door.open()
      for (const { subscription } of followers) {
        assert.deepEqual(await subscription.ended, { reason: 'handler-failed', error })
      }
      const loop = await store.all.subscribe({ type: 'catch-up', from: 'end', onCaughtUp: fail })
      await assert.rejects(take(loop[Symbol.asyncIterator](), 1), error)
    },
  )
}
