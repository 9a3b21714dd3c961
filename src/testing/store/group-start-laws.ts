import assert from 'node:assert/strict'
import type { AnyPlace, AnySubscribable } from '../../store/broker.ts'
import type { SubscriptionEntry, SubscriptionGroup } from '../../store/contract-subscribing.ts'
import { companion, consume, QUICK, waitUntilDone } from './group-consumers.ts'
import { fillSources, GROUP_SOURCES, groupsOf } from './group-sources.ts'
import { counted, failureOf, refuses, type StoreLaws } from './laws.ts'

/** Where groups begin, how they are found, and that they stay. */
export function groupStartLaws(laws: StoreLaws): void {
  beginningLaws(laws)
  listLaws(laws)
}

function beginningLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'startFrom a version begins behind it, "start" at the first event, "end" with what comes',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(4))
      const cases = { start: 'start', zero: 0, two: 2, last: 4, end: 'end' } as const
      for (const [name, startFrom] of Object.entries(cases)) {
        await store.stream('s').createSubscription(name, { ...QUICK, startFrom })
      }
      await store.stream('s').createSubscription('default', QUICK)
      await store.stream('s').append(counted(1, 5))
      const expected = { start: [1, 2, 3, 4, 5], zero: [1, 2, 3, 4, 5], two: [3, 4, 5], last: [5], end: [5] }
      for (const [name, data] of Object.entries({ ...expected, default: expected.start })) {
        const consumer = await consume(store.stream('s'), name)
        await waitUntilDone(runtime, store.stream('s').subscription(name))
        assert.deepEqual(consumer.data, data, name)
        await consumer.close()
      }
    },
  )

  simulatedLaw('startFrom a position begins behind it', async ({ store, runtime }) => {
    await fillSources(store)
    const events = await store.all.read().toArray()
    for (const { of, name, data } of GROUP_SOURCES.filter(({ name }) => name.kind !== 'stream')) {
      const startFrom = events[1]!.position
      const group = await of(store).createSubscription('g', { ...QUICK, startFrom })
      const consumer = await consume(of(store), 'g')
      await waitUntilDone(runtime, group)
      assert.deepEqual(
        consumer.data,
        data.filter((number) => number > 2),
        name.kind,
      )
      await consumer.close()
    }
  })

  simulatedLaw('startFrom a time begins with what was recorded then or later', async ({ store, runtime }) => {
    await store.stream('s').append(counted(2))
    await runtime.advance(1_000)
    await store.stream('s').append([{ type: 'Counted', data: 3, time: new Date(0) }])
    const { recordedAt } = (await store.all.read().last())!
    await runtime.advance(1_000)
    await store.stream('s').append(counted(1, 4))
    for (const source of [store.all, store.stream('s'), store.category('s')] as AnySubscribable[]) {
      for (const [startFrom, data] of [
        [new Date(0), [1, 2, 3, 4]],
        [recordedAt, [3, 4]],
        [new Date(recordedAt.getTime() + 1), [4]],
      ] as const) {
        const group = await source.createSubscription(`g-${startFrom.getTime()}`, { ...QUICK, startFrom })
        const consumer = await consume(source, group.name)
        await waitUntilDone(runtime, group)
        assert.deepEqual(consumer.data, data, startFrom.toISOString())
        await consumer.close()
      }
      const startFrom = new Date(runtime.now() + 900_000)
      await failureOf('invalid-argument', () => source.createSubscription('later', { startFrom }))
    }
  })

  law('startFrom is refused if it makes no sense, or lies beyond the end', async ({ store }) => {
    await store.stream('s').append(counted(3))
    const last = (await store.all.read().last())!.position
    const bad: readonly (readonly [AnySubscribable, unknown])[] = [
      ...[1n, -1, 1.5, 4, 1_000, 'middle', new Date(Number.NaN), null, {}, Number.NaN].map(
        (startFrom) => [store.stream('s'), startFrom] as const,
      ),
      ...[1, last + 1_000_000_000n, 'middle', new Date(Number.NaN), null, {}].map(
        (startFrom) => [store.all, startFrom] as const,
      ),
    ]
    for (const [source, startFrom] of bad) {
      const what = `${typeof startFrom} ${String(startFrom)}`
      const create = (): unknown => source.createSubscription('g', { startFrom: startFrom as AnyPlace })
      await refuses(store, 'invalid-argument', create, what)
    }
    assert.deepEqual(await groupsOf(store), [])
    await store.all.createSubscription('g', { startFrom: last })
    await store.stream('s').createSubscription('g', { startFrom: 3 })
  })

  simulatedLaw(
    'a group has system events if it was created so, and only of all',
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(1))
      await store.stream('s').setMetadata({ colour: 'blue' })
      await store.all.createSubscription('without')
      await store.all.createSubscription('with', { system: true })
      const streams: Record<string, string[]> = {}
      for (const name of ['without', 'with']) {
        const consumer = await consume(store.all, name)
        await waitUntilDone(runtime, store.all.subscription(name))
        streams[name] = consumer.seen.map(({ event }) => event.streamId)
        await consumer.close()
      }
      assert.deepEqual(streams, { without: ['s'], with: ['s', '$$s'] })
      assert.equal((await store.all.subscription('with').info()).settings.system, true)
      await refuses(store, 'invalid-argument', () =>
        store.stream('s').createSubscription('g', { system: true }),
      )
      await refuses(store, 'invalid-argument', () =>
        store.category('s').createSubscription('g', { system: true }),
      )
    },
  )

  simulatedLaw('a group of a stream that is not there yet waits for it', async ({ store, runtime }) => {
    const group = await store.stream('s').createSubscription('g', { mustExist: false })
    const consumer = await consume(store.stream('s'), 'g')
    await runtime.advance(1_000)
    const { position, checkpoint, head, lag } = await group.info()
    assert.deepEqual([position, checkpoint, head, lag], [undefined, undefined, undefined, 0])
    await store.stream('s').append(counted(2))
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [1, 2])
    await consumer.close()
  })
}

function listLaws({ law, simulatedLaw }: StoreLaws): void {
  law('subscriptions() lists the groups of all sources with their state', async ({ store }) => {
    assert.deepEqual(await groupsOf(store), [])
    await fillSources(store)
    for (const { of, name } of GROUP_SOURCES) await of(store).createSubscription(`of ${name.kind}`)
    await store.all.subscription('of all').pause()
    const expected = GROUP_SOURCES.map(({ name }) => ({
      name: `of ${name.kind}`,
      source: name,
      state: name.kind === 'all' ? 'paused' : 'running',
    }))
    assert.deepEqual(byName(await groupsOf(store)), byName(expected as SubscriptionEntry[]))
    await store.all.subscription('of all').delete()
    assert.equal((await groupsOf(store)).length, GROUP_SOURCES.length - 1)
  })

  law('subscriptions() lists very many groups, and ends with its signal', async ({ store }) => {
    const names = Array.from({ length: 700 }, (_, index) => `g-${index}`)
    await store.transact(async (tx) => {
      for (const name of names) await tx.all.createSubscription(name)
    })
    assert.deepEqual((await groupsOf(store)).map(({ name }) => name).toSorted(), names.toSorted())
    const reason = new Error('enough')
    const listing = store.subscriptions({ signal: AbortSignal.abort(reason) })
    await assert.rejects(async () => {
      for await (const _ of listing) assert.fail('it goes on')
    }, reason)
  })

  simulatedLaw('a group outlives those who use it, and goes on where it was', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(3))
    {
      await using first = await companion(scene)
      const group = await first
        .stream('s')
        .createSubscription('g', { ...QUICK, filter: { types: ['Counted'] } })
      const consumer = await consume(first.stream('s'), 'g', (event, delivery) =>
        event.data === 2 ? delivery.nack('park', 'not now') : undefined,
      )
      await waitUntilDone(runtime, group)
      assert.deepEqual(consumer.data, [1, 2, 3])
    }
    await store.stream('s').append(counted(1, 4))
    await using second = await companion(scene)
    const consumer = await consume(second.stream('s'), 'g')
    const group = second.stream('s').subscription('g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [4])
    const { settings, parked, checkpoint } = await group.info()
    assert.deepEqual([settings.messageTimeoutMs, parked, checkpoint], [QUICK.messageTimeoutMs, 1, 4])
    assert.deepEqual(settings.filter, { types: ['Counted'] })
  })

  law('names of groups are texts of up to 256 bytes', async ({ store }) => {
    for (const name of ['', '\ud800', 'a\0b', 7, undefined, null, {}] as string[]) {
      await refuses(store, 'invalid-argument', () => store.all.createSubscription(name), String(name))
      await refuses(store, 'invalid-argument', () => store.all.subscription(name).info(), String(name))
      const subscribe = (): unknown => store.all.subscribe({ type: 'persistent', group: name })
      await refuses(store, 'invalid-argument', subscribe, String(name))
    }
    for (const [name, tooLong] of [
      ['x'.repeat(256), 'x'.repeat(257)],
      ['é'.repeat(128), 'é'.repeat(129)],
    ] as const) {
      await refuses(store, 'limit-exceeded', () => store.all.createSubscription(tooLong))
      const group: SubscriptionGroup = await store.all.createSubscription(name)
      assert.equal((await group.info()).name, name)
    }
  })
}

function byName(entries: readonly SubscriptionEntry[]): SubscriptionEntry[] {
  return entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))
}
