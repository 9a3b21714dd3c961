import assert from 'node:assert/strict'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import { READ_PAGE_EVENTS } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { EventTypes } from '../../store/contract-event-types.ts'
import {
  type Added,
  added,
  besideIt,
  countedLists,
  lists,
  ofAggregates,
  sightOf,
  slowlyRead,
} from './aggregate-examples.ts'
import {
  counted,
  everythingIn,
  failureOf,
  nextTurn,
  numbers,
  refuses,
  type StoreLaws,
  uuidOf,
} from './laws.ts'

/** Loading aggregates: which fold comes out, whatever is asked for. */
export function aggregateLoadLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  law('load() of one that does not exist is the initial state, and writes nothing', async (scene) => {
    const { store } = scene
    const before = await everythingIn(store)
    const of = store.aggregate(lists())
    const nothing = { id: '1', streamId: 'list-1', state: [], version: 0, exists: false }
    assert.deepEqual(await of.load('1'), nothing)
    assert.deepEqual(await of.load('1', { version: 0 }), nothing)
    assert.deepEqual(await of.load('1', { asOf: new Date(0) }), nothing)
    assert.equal(await everythingIn(store), before)
    await store.createStream('list-1')
    assert.deepEqual(await of.load('1'), nothing)
    assert.deepEqual(await store.aggregate(lists()).load('1'), nothing)
  })

  law('load() is the fold of its stream', async ({ store }) => {
    await store.stream('list-1').append(numbers(1, 5).map(added))
    await store.stream('list-2').append(added('other'))
    await store.stream('1').append(added('stranger'))
    const of = store.aggregate(lists())
    for (const _ of ['from the store', 'from memory']) {
      const loaded = { id: '1', streamId: 'list-1', state: numbers(1, 5), version: 5, exists: true }
      assert.deepEqual(await of.load('1'), loaded)
    }
    assert.deepEqual((await of.load('2')).state, ['other'])
    assert.equal(of.category, 'list')
    assert.equal(of.stream('1').id, 'list-1')
    assert.deepEqual((await of.stream('1').event(5))?.data, 5)
  })

  law('load() at a version is the state after the event with this version', async ({ store }) => {
    await store.stream('list-1').append(numbers(1, 5).map(added))
    for (const isWarm of [false, true]) {
      for (const version of numbers(0, 5)) {
        const of = store.aggregate(lists())
        if (isWarm) await of.load('1')
        const expected = { state: numbers(1, version), version, exists: version > 0 }
        assert.deepEqual(await sightOf(of.load('1', { version })), expected)
        assert.equal((await of.load('1')).version, 5)
      }
    }
  })

  law('load() at a version after the last one is refused', async ({ store }) => {
    const of = store.aggregate(lists())
    for (const length of [0, 3]) {
      if (length > 0) await of.execute('1', 'addAll', numbers(1, length))
      for (const version of [length + 1, Number.MAX_SAFE_INTEGER]) {
        const error = await failureOf('event-not-found', () => of.load('1', { version }))
        assert.deepEqual(error.details, { streamId: 'list-1', version })
      }
    }
  })

  law('load() of a deleted one is the initial state, and begins anew when it is back', async (scene) => {
    const { store } = scene
    const [warm, cold] = [store.aggregate(lists()), () => store.aggregate(lists())]
    await warm.execute('1', 'addAll', [1, 2, 3])
    await store.stream('list-1').delete()
    for (const of of [warm, cold()]) {
      assert.deepEqual(await sightOf(of.load('1')), { state: [], version: 3, exists: false })
      assert.deepEqual(await sightOf(of.load('1', { version: 3 })), {
        state: [],
        version: 3,
        exists: false,
      })
      const error = await failureOf('history-missing', () => of.load('1', { version: 2 }))
      assert.deepEqual(error.details, { streamId: 'list-1', from: 1, to: 3 })
    }
    await store.stream('list-1').append([added(4), added(5)])
    for (const of of [warm, cold()]) {
      assert.deepEqual(await sightOf(of.load('1')), { state: [4, 5], version: 5, exists: true })
      assert.deepEqual(await sightOf(of.load('1', { version: 4 })), {
        state: [4],
        version: 4,
        exists: true,
      })
      assert.deepEqual(await sightOf(of.load('1', { version: 3 })), {
        state: [],
        version: 3,
        exists: false,
      })
      for (const version of [0, 1, 2]) await failureOf('history-missing', () => of.load('1', { version }))
      assert.deepEqual(await sightOf(of.load('1', { asOf: new Date(0) })), {
        state: [],
        version: 3,
        exists: false,
      })
    }
  })

  law('load() of a tombstoned one is refused', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 1)
    await store.stream('list-1').tombstone()
    for (const these of [of, store.aggregate(lists())]) {
      for (const options of [{}, { version: 0 }, { version: 1 }, { asOf: new Date(0) }]) {
        await failureOf('stream-tombstoned', () => these.load('1', options))
      }
      await refuses(store, 'stream-tombstoned', () => these.execute('1', 'add', 2))
    }
  })

  law('load() as of a time has all events before the first one that happened later', async ({ store }) => {
    await store.stream('list-1').append(TIMES.map((at) => ({ ...added(at), time: new Date(at) })))
    for (const isWarm of [false, true]) {
      for (const at of numbers(0, 60)) {
        const of = store.aggregate(lists())
        if (isWarm) await of.load('1')
        const state = before(TIMES, at)
        const expected = { state, version: state.length, exists: state.length > 0 }
        assert.deepEqual(await sightOf(of.load('1', { asOf: new Date(at) })), expected, `as of ${at}`)
        for (const version of [0, 2, 5]) {
          const both = await of.load('1', { asOf: new Date(at), version })
          assert.deepEqual(both.state, state.slice(0, version), `version ${version} as of ${at}`)
        }
      }
    }
  })

  simulatedLaw('load() as of a time takes the time at which others were recorded', async (scene) => {
    const { store, runtime } = scene
    const of = store.aggregate(lists())
    const times: number[] = []
    for (const item of [1, 2, 3]) {
      await runtime.advance(1_000)
      times.push(runtime.now())
      if (item === 2) await store.stream('list-1').append(added(item))
      else await of.execute('1', 'add', item)
    }
    for (const [at, time] of times.entries()) {
      assert.deepEqual((await of.load('1', { asOf: new Date(time - 1) })).state, numbers(1, at))
      assert.deepEqual((await of.load('1', { asOf: new Date(time + 500) })).state, numbers(1, at + 1))
    }
  })

  law('load() as of a time begins with the present life', async ({ store }) => {
    const stream = store.stream('list-1')
    await stream.append([1, 2].map((at) => ({ ...added(at), time: new Date(at) })))
    await stream.delete()
    await stream.append([5, 3].map((at) => ({ ...added(at), time: new Date(at) })))
    const of = store.aggregate(lists())
    for (const [at, version] of [
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 4],
    ] as const) {
      const loaded = await of.load('1', { asOf: new Date(at) })
      assert.deepEqual([loaded.state, loaded.version], [[5, 3].slice(0, version - 2), version])
    }
  })

  law('load() folds long streams, at every version and time', async ({ store }) => {
    const last = 2 * READ_PAGE_EVENTS + 77
    const all = numbers(1, last)
    await store.stream('list-1').append(all.map((item) => ({ ...added(item), time: new Date(item) })))
    const warm = store.aggregate(lists())
    assert.deepEqual((await warm.load('1')).state, all)
    for (const version of [1, 511, 512, 513, 1_023, 1_024, 1_025, last - 1, last]) {
      for (const of of [warm, store.aggregate(lists())]) {
        const expected = { state: numbers(1, version), version, exists: true }
        assert.deepEqual(await sightOf(of.load('1', { version })), expected)
        assert.deepEqual(await sightOf(of.load('1', { asOf: new Date(version) })), expected)
      }
    }
    const slow = store.aggregate(
      lists(
        {},
        slowlyRead(() => {}),
      ),
    )
    assert.deepEqual((await slow.load('1')).state, all)
    await store.stream('list-1').append(numbers(last + 1, last + 1_100).map(added))
    assert.deepEqual((await warm.load('1')).state, numbers(1, last + 1_100))
    assert.deepEqual((await warm.execute('1', 'count')).events[0]?.data, last + 1_100)
  })

  law('load() passes over links, wherever they are', async ({ store }) => {
    await store.stream('else').append(counted(3))
    const stream = store.stream('list-1')
    for (const item of ['link', 1, 2, 'link', 'link', 3, 'link']) {
      if (item === 'link') await stream.linkTo({ streamId: 'else', version: 1 })
      else await stream.append(added(item))
    }
    const exhaustive = defineAggregate(defineEvents<ReturnType<typeof added>>(), {
      category: 'list',
      exhaustive: true,
      initialState: () => [] as unknown[],
      evolve: { Added: (state, { data }) => [...state, data] },
      commands: {},
    })
    const seen = [0, 0, 1, 2, 2, 2, 3, 3]
    for (const of of [store.aggregate(lists()), store.aggregate(exhaustive)]) {
      for (const [version, items] of seen.entries()) {
        const { state } = await of.load('1', { version })
        assert.deepEqual(state, numbers(1, items))
      }
      assert.deepEqual(await sightOf(of.load('1')), { state: [1, 2, 3], version: 7, exists: true })
    }
    const { version } = await store.aggregate(lists()).execute('1', 'add', 4)
    assert.equal(version, 8)
  })

  law('load() and execute() pass over events of types without a case', async ({ store }) => {
    await strangers(store)
    const of = store.aggregate(lists())
    assert.deepEqual(await sightOf(of.load('1')), { state: [1, 2], version: 4, exists: true })
    assert.deepEqual((await of.execute('1', 'add', 3)).state, [1, 2, 3])
    const { definition } = countedLists()
    assert.deepEqual((await store.aggregate(definition).load('1')).state, [1, 's', 2, undefined, 3])
  })

  law('an exhaustive kind refuses events of unknown types, naming them', async ({ store }) => {
    await strangers(store)
    const settings = { category: 'list', exhaustive: true, initialState: () => 0, commands: {} } as const
    const listed = defineEvents({ Added: eventType<unknown>() })
    for (const kind of [
      defineAggregate(defineEvents<ReturnType<typeof added>>(), {
        ...settings,
        evolve: { Added: (state) => state + 1 },
      }),
      defineAggregate(listed, { ...settings, evolve: { Added: (state) => state + 1 } }),
      defineAggregate(listed, { ...settings, evolve: (state) => state + 1 }),
    ]) {
      const of = store.aggregate(kind)
      assert.equal((await of.load('1', { version: 1 })).state, 1)
      const error = await failureOf('unknown-event', () => of.load('1'))
      const place = { streamId: 'list-1', version: 2 }
      assert.deepEqual(error.details, { eventType: 'Strange', category: 'list', ...place })
      assert.match(error.message, /"Strange", which the aggregate "list" does not know/)
    }
  })

  law('an exhaustive kind needs cases, or events that are listed', async () => {
    const make = (events: EventTypes<Added>): unknown =>
      defineAggregate(events, {
        category: 'list',
        exhaustive: true,
        initialState: () => 0,
        evolve: (state) => state + 1,
        commands: {},
      })
    assert.throws(() => make(defineEvents<Added>()), { code: 'invalid-argument' })
    make(defineEvents({ Added: eventType<unknown>() }))
  })

  law('load() gives up when its signal aborts, before and in the middle of a long stream', async (scene) => {
    const { store } = scene
    await store.stream('list-1').append(numbers(1, 3 * READ_PAGE_EVENTS).map(added))
    const reason = new Error('enough')
    const of = store.aggregate(lists())
    await assert.rejects(of.load('1', { signal: AbortSignal.abort(reason) }), reason)
    const giveUp = new AbortController()
    let seen = 0
    const look = (): void => {
      seen += 1
      giveUp.abort(reason)
    }
    const slow = store.aggregate(lists({}, slowlyRead(look)))
    await assert.rejects(slow.load('1', { signal: giveUp.signal }), reason)
    assert.ok(seen <= READ_PAGE_EVENTS)
  })

  law('load() and execute() fail with what evolve throws, until it does not any more', async ({ store }) => {
    await store.stream('list-1').append([added(1), added(2)])
    const failure = new Error('cannot')
    let fails = true
    const kind = defineAggregate(defineEvents<ReturnType<typeof added>>(), {
      category: 'list',
      initialState: () => 0,
      evolve: (state, { data }) => {
        if (fails && data === 2) throw failure
        return state + 1
      },
      commands: { add: (state) => added(`${state}`) },
    })
    const of = store.aggregate(kind)
    await assert.rejects(of.load('1'), failure)
    const both = [of.execute('1', 'add'), of.execute('1', 'add')]
    for (const one of both) await assert.rejects(one, failure)
    assert.equal((await of.load('1', { version: 1 })).state, 1)
    fails = false
    assert.deepEqual((await of.execute('1', 'add')).state, 3)
  })

  law('stream() is the stream of an aggregate, to read, to subscribe to and to delete', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'addAll', [1, 2])
    const stream = of.stream('1')
    const seen: unknown[] = []
    const subscription = await stream.subscribe({ type: 'catch-up' }, ({ data }) => void seen.push(data))
    await of.execute('1', 'add', 3)
    while (seen.length < 3) await nextTurn()
    await subscription.close()
    assert.deepEqual(seen, [1, 2, 3])
    await stream.delete()
    assert.equal((await of.load('1')).exists, false)
    await stream.restore()
    assert.deepEqual((await of.load('1')).state, [1, 2, 3])
  })

  simulatedLaw('their streams belong to the separator of their store', async (scene) => {
    const of = scene.store.aggregate(lists())
    await of.execute('a-b-c', 'add', 1)
    assert.equal((await of.load('a-b-c')).streamId, 'list-a-b-c')
    await using other = await besideIt(scene)
    assert.deepEqual((await other.aggregate(lists()).load('a-b-c')).state, [1])
  })

  law(
    'those of a store with another separator have that in their ids',
    async ({ store }) => {
      const of = store.aggregate(lists({ category: 'a-list' }))
      const { streamId } = await of.execute('1-2', 'add', 1)
      assert.equal(streamId, 'a-list::1-2')
      assert.deepEqual((await of.load('1-2')).state, [1])
      assert.deepEqual((await store.category('a-list').read().first())?.data, 1)
    },
    { open: { categorySeparator: '::' } },
  )
}

/** When events happened, in the order in which they were recorded. */
const TIMES = [10, 30, 20, 40, 40, 35, 50] as const

/** Those before the first one that is later. */
function before(times: readonly number[], at: number): readonly number[] {
  const first = times.findIndex((time) => time > at)
  return first === -1 ? times : times.slice(0, first)
}

/** Two items of a list, and events of others among them. */
async function strangers(store: EventStore): Promise<void> {
  const events = [added(1), { type: 'Strange', data: 's' }, added(2), { type: '$odd', id: uuidOf(1) }]
  await store.stream('list-1').append(events)
}
