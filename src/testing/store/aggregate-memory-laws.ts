import assert from 'node:assert/strict'
import { READ_PAGE_EVENTS } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import {
  added,
  assertSameSight,
  besideIt,
  countedLists,
  type Lists,
  listIn,
  lists,
  ofAggregates,
  sightOf,
  slowlyRead,
} from './aggregate-examples.ts'
import { failureOf, numbers, type StoreLaws } from './laws.ts'

/** States in memory: what others do to the stream meanwhile. */
export function aggregateMemoryLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  for (const [name, change] of Object.entries(CHANGES)) {
    simulatedLaw(`a state in memory is that of the stream after others ${name}`, async (scene) => {
      const { store } = scene
      await using other = await besideIt(scene)
      for (const [way, warm] of Object.entries(WARMING)) {
        const id = way
        const of = store.aggregate(lists())
        await store.stream(`list-${id}`).append([1, 2, 3].map(added))
        await warm(of, id)
        await change(other, `list-${id}`)
        await assertSameSight(of, store, id)
        await change(other, `list-${id}`)
        await assertSameSight(of, store, id)
      }
    })

    simulatedLaw(`a command sees the stream as it is after others ${name}`, async (scene) => {
      const { store } = scene
      await using other = await besideIt(scene)
      for (const [way, warm] of Object.entries(WARMING)) {
        for (const command of ['count', 'refuse', 'nothing'] as const) {
          const id = `${way} ${command}`
          const of = store.aggregate(lists())
          await store.stream(`list-${id}`).append([1, 2, 3].map(added))
          await warm(of, id)
          await change(other, `list-${id}`)
          const expected = await sightOf(store.aggregate(lists()).load(id))
          assert.deepEqual(await decidedUpon(of, id, command), expected, `${name}, ${way}, ${command}`)
          await assertSameSight(of, store, id)
        }
      }
    })
  }

  simulatedLaw(
    'a command does not bring back what others have deleted since it was decided',
    async (scene) => {
      const { store } = scene
      await using other = await besideIt(scene)
      const of = store.aggregate(lists())
      await of.execute('1', 'addAll', [1, 2, 3])
      let isFirst = true
      const result = await of.execute('1', 'countAfter', async () => {
        if (isFirst) await other.stream('list-1').delete()
        isFirst = false
      })
      assert.deepEqual([result.state, result.version, result.decisions], [[0], 4, 2])
      assert.deepEqual(await listIn(store), [0])
    },
  )

  simulatedLaw(
    'a command that was decided in a life is not written in another of the same length',
    async (scene) => {
      const { store } = scene
      await using other = await besideIt(scene)
      const stream = other.stream('list-1')
      const of = store.aggregate(lists())
      await of.execute('1', 'addAll', [1, 2, 3])
      const changes = [
        () => stream.delete(),
        () => stream.restore(),
        () => stream.delete(),
        () => stream.append(added('new')),
      ]
      const result = await of.execute('1', 'countAfter', async () => {
        await changes.shift()?.()
      })
      assert.deepEqual([result.state, result.version, result.decisions], [['new', 1], 5, 5])
    },
  )

  simulatedLaw('what was deleted and restored meanwhile is what it was', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    await of.execute('1', 'addAll', [1, 2, 3])
    const result = await of.execute('1', 'countAfter', async () => {
      await other.stream('list-1').delete()
      await other.stream('list-1').restore()
    })
    assert.deepEqual([result.state, result.version], [[1, 2, 3, 3], 4])
  })

  law('load() reads what is missing in memory, and nothing else', async ({ store }) => {
    const { definition, folded } = countedLists()
    const of = store.aggregate(definition)
    await store.stream('list-1').append(numbers(1, 10).map(added))
    await of.load('1')
    assert.equal(folded(), 10)
    await of.load('1')
    assert.equal(folded(), 0)
    await store.stream('list-1').append([added(11), added(12)])
    await of.load('1')
    assert.equal(folded(), 2)
    await of.execute('1', 'add', 13)
    assert.equal(folded(), 1)
    await store.stream('list-1').append(added(14))
    assert.deepEqual((await of.execute('1', 'count')).state, [...numbers(1, 14), 14])
    // The one that came too late was folded before it was known to be late.
    assert.equal(folded(), 3)
    await store.aggregate(definition).load('1')
    assert.equal(folded(), 0)
    for (const version of [3, 14]) await of.load('1', { version })
    assert.equal(folded(), 17)
  })

  law('cacheMax is how many states are kept, those used last', async ({ store }) => {
    const { definition, folded } = countedLists({ cacheMax: 2 })
    const of = store.aggregate(definition)
    for (const id of ['a', 'b', 'c']) await of.execute(id, 'addAll', [1, 2, 3])
    folded()
    const loads = async (id: string): Promise<boolean> => {
      await of.load(id)
      return folded() > 0
    }
    assert.deepEqual([await loads('b'), await loads('c'), await loads('b')], [false, false, false])
    assert.equal(await loads('a'), true)
    assert.deepEqual([await loads('a'), await loads('b'), await loads('c')], [false, false, true])
    await of.execute('c', 'refuseAfter', () => {}).catch(() => {})
    assert.deepEqual([await loads('b'), await loads('c')], [false, false])
  })

  law('cacheMax 0 keeps nothing, and everything goes well', async ({ store }) => {
    const { definition, folded } = countedLists({ cacheMax: 0 })
    const of = store.aggregate(definition)
    const results = await Promise.all(numbers(1, 20).map(() => of.execute('1', 'count')))
    assert.deepEqual(
      results.map(({ events }) => events[0]?.data),
      numbers(0, 19),
    )
    folded()
    await of.load('1')
    assert.equal(folded(), 20)
    await assertSameSight(of, store)
  })

  simulatedLaw(
    'a load during which the stream is deleted, restored or revived begins anew',
    async (scene) => {
      const { store } = scene
      await using other = await besideIt(scene)
      for (const [id, change] of Object.entries(CHANGES)) {
        await store.stream(`list-${id}`).append(numbers(1, READ_PAGE_EVENTS + 10).map(added))
        let isDone = false
        const look = async (data: unknown): Promise<void> => {
          if (isDone || data !== READ_PAGE_EVENTS) return
          isDone = true
          await change(other, `list-${id}`)
        }
        const of = store.aggregate(lists({}, slowlyRead(look)))
        const before = await sightOf(store.aggregate(lists()).load(id))
        const seen = await sightOf(of.load(id))
        assert.ok(isDone)
        const after = await sightOf(store.aggregate(lists()).load(id))
        const isEither = [before, after].some((sight) => JSON.stringify(sight) === JSON.stringify(seen))
        assert.ok(isEither, `${id}: ${JSON.stringify(seen)}`)
        await assertSameSight(of, store, id)
      }
    },
  )

  simulatedLaw('a load during which events are hidden misses them, or has them all', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const all = numbers(1, 3 * READ_PAGE_EVENTS)
    for (const [at, before] of [
      [1, 2],
      [READ_PAGE_EVENTS, READ_PAGE_EVENTS + 1],
      [READ_PAGE_EVENTS, READ_PAGE_EVENTS + 2],
      [READ_PAGE_EVENTS, 2 * READ_PAGE_EVENTS],
      [2 * READ_PAGE_EVENTS, 3 * READ_PAGE_EVENTS],
    ] as const) {
      const id = `${at} ${before}`
      await store.stream(`list-${id}`).append(all.map(added))
      const look = async (data: unknown): Promise<void> => {
        if (data !== at) return
        await other.stream(`list-${id}`).truncateBefore(before)
        await other.scavenge()
      }
      const of = store.aggregate(lists({}, slowlyRead(look)))
      const seen = await sightOf(of.load(id))
      if (seen !== 'history-missing')
        assert.deepEqual(seen, { state: all, version: all.length, exists: true })
    }
  })

  simulatedLaw('a load gives up if its stream begins another life again and again', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const stream = other.stream('list-1')
    const many = numbers(1, READ_PAGE_EVENTS + 1).map(added)
    await stream.append(many)
    let lives = 0
    const look = async (data: unknown): Promise<void> => {
      if (data !== READ_PAGE_EVENTS) return
      lives += 1
      await stream.delete()
      await stream.append(many)
    }
    const of = store.aggregate(lists({}, slowlyRead(look)))
    await failureOf('conflict', () => of.load('1'))
    assert.ok(lives > 1 && lives < 100, `${lives} lives`)
    await assertSameSight(store.aggregate(lists()), store)
  })

  simulatedLaw('a load that is overtaken does not put an old state in place of a new one', async (scene) => {
    const { store } = scene
    const of = store.aggregate(
      lists(
        {},
        slowlyRead((data) => (data === 1 ? until : undefined)),
      ),
    )
    let goOn!: () => void
    const until = new Promise<void>((resolve) => {
      goOn = resolve
    })
    await store.stream('list-1').append(added(1))
    const slow = of.load('1')
    const fresh = store.aggregate(lists())
    await fresh.execute('1', 'add', 2)
    goOn()
    assert.deepEqual((await slow).state, [1])
    assert.deepEqual((await of.execute('1', 'count')).state, [1, 2, 2])
    await assertSameSight(of, store)
  })
}

type Change = (store: EventStore, streamId: string) => Promise<unknown>

/** What others may do to a stream with three events or more. */
const CHANGES: Readonly<Record<string, Change>> = {
  'have done nothing': async () => {},
  'have appended': (store, id) => store.stream(id).append(added('other')),
  'have appended a link': (store, id) =>
    store
      .stream('else')
      .append(added(0))
      .then(() => store.stream(id).linkTo({ streamId: 'else', version: 1 })),
  'have deleted it': (store, id) => store.stream(id).delete(),
  'have deleted and restored it': async (store, id) => {
    await store.stream(id).delete()
    await store.stream(id).restore()
  },
  'have deleted and revived it': async (store, id) => {
    await store.stream(id).delete()
    await store.stream(id).append(added('another life'))
  },
  'have deleted it twice and restored it once': async (store, id) => {
    await store.stream(id).delete()
    await store.stream(id).append([added('second'), added('life')])
    await store.stream(id).delete()
    await store.stream(id).restore()
  },
  'have deleted, revived and deleted it': async (store, id) => {
    await store.stream(id).delete()
    await store.stream(id).append(added('another life'))
    await store.stream(id).delete()
  },
  'have deleted it and scavenged': async (store, id) => {
    await store.stream(id).delete()
    await store.scavenge()
  },
  'have tombstoned it': (store, id) => store.stream(id).tombstone(),
  'have changed its metadata': (store, id) => store.stream(id).setMetadata({ a: 1 }),
  'have changed its retention': (store, id) => store.stream(id).setRetention({ maxCount: 1_000_000 }),
}

/** How a state comes to be in memory. */
const WARMING: Readonly<Record<string, (of: Lists, id: string) => Promise<unknown>>> = {
  'not at all': async () => {},
  'by load()': (of, id) => of.load(id),
  'by execute()': (of, id) => of.execute(id, 'add', 'mine'),
}

/** What a command saw of an aggregate: by what it decided, or by what it refused. */
async function decidedUpon(of: Lists, id: string, command: 'count' | 'refuse' | 'nothing'): Promise<unknown> {
  let seen: unknown
  const look = (state: readonly unknown[]): void => {
    seen = state
  }
  try {
    if (command === 'count') {
      const { state, version, events } = await of.execute(id, 'count')
      assert.equal(events[0]?.data, state.length - 1)
      return { state: state.slice(0, -1), version: version - 1, exists: state.length > 1 }
    }
    if (command === 'nothing') {
      const { state, version, exists } = await of.execute(id, 'decide', undefined)
      return { state, version, exists }
    }
    await of.execute(id, 'refuseAfter', look)
    return 'not refused'
  } catch (error) {
    const { code } = error as { readonly code?: string }
    if (code !== undefined) return code
    const { version, exists } = await of.load(id)
    return { state: seen, version, exists }
  }
}
