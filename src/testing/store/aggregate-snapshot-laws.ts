import assert from 'node:assert/strict'
import { SNAPSHOTS_UNDER_WAY_MAX } from '../../limits.ts'
import { sleep } from '../../runtime.ts'
import type { SnapshotProgress } from '../../store/contract-aggregates.ts'
import {
  added,
  besideIt,
  type List,
  type Lists,
  lists,
  ofAggregates,
  Refusal,
  savedIn,
  slowlyRead,
  through,
} from './aggregate-examples.ts'
import { waitUntil } from './group-consumers.ts'
import { nextTurn, numbers, type StoreLaws } from './laws.ts'

/** Snapshots of aggregates: when they are taken, and which are used. */
export function aggregateSnapshotLaws(laws: StoreLaws): void {
  const { simulatedLaw } = ofAggregates(laws)

  simulatedLaw('a snapshot is saved when so many events have come since the last one', async (scene) => {
    const policy = { every: 3, keep: 99 }
    const expected: number[] = []
    await through(scene, lists({ snapshots: policy }), async (of) => {
      for (const version of numbers(1, 20)) {
        await of.execute('1', 'add', version)
        if (version % 3 === 0) expected.unshift(version)
        await waitUntil(scene.runtime, `it is saved at ${version}`, async () => {
          return (await savedIn(scene.store)).length === expected.length
        })
      }
    })
    assert.deepEqual(await savedIn(scene.store), expected)
    // The next process goes on from the last one.
    await through(scene, lists({ snapshots: policy }), (of) => of.execute('1', 'addAll', [21, 22]))
    assert.deepEqual(await savedIn(scene.store), [22, ...expected])
    await through(scene, lists({ snapshots: policy }), (of) => of.execute('1', 'addAll', [23, 24]))
    await through(scene, lists({ snapshots: policy }), (of) => of.execute('1', 'add', 25))
    assert.deepEqual(await savedIn(scene.store), [25, 22, ...expected])
  })

  simulatedLaw('a snapshot is saved once for its events, however they were decided', async (scene) => {
    for (const [way, then] of Object.entries(LAST_OF_A_BATCH)) {
      const id = way
      const streamId = `list-${id}`
      await through(scene, lists({ snapshots: { every: 3, keep: 99 } }), async (of) => {
        await Promise.all([...numbers(1, 3).map((n) => of.execute(id, 'add', n)), then(of, id)])
        await waitUntil(
          scene.runtime,
          'it is saved',
          async () => (await savedIn(scene.store, streamId)).length > 0,
        )
        await of.execute(id, 'add', 5)
      })
      assert.deepEqual(await savedIn(scene.store, streamId), [3], way)
    }
  })

  simulatedLaw(
    'a snapshot is of what commands have written, not of refusals, loads or nothing',
    async (scene) => {
      await through(scene, lists(), (of) => of.execute('1', 'addAll', [1, 2, 3]))
      await through(scene, lists({ snapshots: { every: 1 } }), async (of) => {
        await of.load('1')
        await of.execute('1', 'decide', undefined)
        await assert.rejects(of.execute('1', 'addUpTo', 0), Refusal)
      })
      assert.deepEqual(await savedIn(scene.store), [])
    },
  )

  simulatedLaw('a snapshot is saved when its policy says so', async (scene) => {
    const asked: (SnapshotProgress & { readonly state: List })[] = []
    const when = (state: List, progress: SnapshotProgress): boolean => {
      asked.push({ state, ...progress })
      return state.at(-1) === 'now'
    }
    await through(scene, lists({ snapshots: { when, keep: 9 } }), async (of) => {
      for (const items of [['a'], ['b', 'now'], ['c'], ['now']]) {
        await of.execute('1', 'addAll', items)
        await waitUntil(scene.runtime, 'it is saved', async () => {
          const { length } = (await of.load('1')).state.filter((item) => item === 'now')
          return (await savedIn(scene.store)).length === length
        })
      }
    })
    assert.deepEqual(await savedIn(scene.store), [5, 3])
    assert.deepEqual(
      asked.map(({ state, version, events }) => [state.length, version, events]),
      [
        [1, 1, 1],
        [3, 3, 3],
        [4, 4, 1],
        [5, 5, 2],
      ],
    )
  })

  simulatedLaw('a snapshot is saved after a command whose state took long to load', async (scene) => {
    const { store, runtime } = scene
    await store.stream('list-1').append([added(1), added(2)])
    const slow = slowlyRead((data) => sleep(runtime, data === 'slow' ? 0 : 40))
    const asked: number[] = []
    const when = (_state: List, { loadMs }: SnapshotProgress): boolean => {
      asked.push(Math.round(loadMs))
      return false
    }
    await through(scene, lists({ snapshots: { loadMs: 100, when } }, slow), async (of) => {
      await of.execute('1', 'add', 3)
      assert.ok(asked[0]! >= 80, `${asked}`)
      await of.execute('1', 'add', 4)
    })
    assert.deepEqual(await savedIn(store), [])
    // The state is still the one that took long, as it was not saved.
    assert.equal(asked[1], asked[0])
    await through(scene, lists({ snapshots: { loadMs: 100 } }, slow), (of) => of.execute('1', 'add', 5))
    assert.deepEqual(await savedIn(store), [5])
    await through(scene, lists({ snapshots: { loadMs: 100 } }, slow), (of) => of.execute('1', 'add', 6))
    assert.deepEqual(await savedIn(store), [5])
  })

  simulatedLaw('any condition of a policy suffices', async (scene) => {
    const when = (_state: List, { version }: SnapshotProgress): boolean => version === 2
    await through(scene, lists({ snapshots: { every: 4, when, keep: 9 } }), async (of) => {
      for (const version of numbers(1, 7)) {
        await of.execute('1', 'add', version)
        const { length } = [2, 6].filter((saved) => saved <= version)
        await waitUntil(
          scene.runtime,
          'it is saved',
          async () => (await savedIn(scene.store)).length === length,
        )
      }
    })
    assert.deepEqual(await savedIn(scene.store), [6, 2])
  })

  simulatedLaw('two snapshots are kept, or as many as the policy says', async (scene) => {
    for (const [keep, expected] of [
      [undefined, [6, 5]],
      [1, [6]],
      [4, [6, 5, 4, 3]],
    ] as const) {
      const name = `keep ${keep}`
      const kind = lists({
        snapshots: { every: 1, name, ...(keep && { keep }) },
        category: name.replace(' ', '_'),
      })
      for (const n of numbers(1, 6)) await through(scene, kind, (of) => of.execute('1', 'add', n))
      assert.deepEqual(await savedIn(scene.store, `${kind.category}-1`, { name }), expected)
    }
  })

  simulatedLaw(
    `at most ${SNAPSHOTS_UNDER_WAY_MAX} snapshots are saved at a time, and the others come later`,
    async (scene) => {
      const kind = lists({ snapshots: { every: 2 } })
      const ids = numbers(1, SNAPSHOTS_UNDER_WAY_MAX + 5).map(String)
      const saved = async (): Promise<number> => {
        const versions = await Promise.all(ids.map((id) => savedIn(scene.store, `list-${id}`)))
        return versions.filter(({ length }) => length > 0).length
      }
      await through(scene, kind, async (of) => {
        for (const id of ids) await of.load(id)
        await Promise.all(ids.map((id) => of.execute(id, 'addAll', [1, 2])))
        await waitUntil(
          scene.runtime,
          'they are saved',
          async () => (await saved()) === SNAPSHOTS_UNDER_WAY_MAX,
        )
        for (const id of ids) await of.execute(id, 'add', 3)
      })
      assert.equal(await saved(), ids.length)
    },
  )

  simulatedLaw('commands do not wait for snapshots, nor conflict with them', async (scene) => {
    await through(scene, lists({ snapshots: { every: 1 } }), async (of) => {
      for (const n of numbers(1, 30)) assert.equal((await of.execute('1', 'add', n)).decisions, 1)
    })
    await using other = await besideIt(scene)
    const each = [scene.store, other].map((store) => store.aggregate(lists({ snapshots: { every: 1 } })))
    await Promise.all(
      numbers(1, 20).map(async (n) => {
        for (const _ of numbers(1, n % 4)) await nextTurn()
        return each[n % 2]!.execute('1', 'count', undefined, { retriesMax: 99 })
      }),
    )
    assert.deepEqual((await other.aggregate(lists()).load('1')).state.slice(30), numbers(30, 49))
  })

  simulatedLaw('a snapshot is taken after a transaction, once it is committed', async (scene) => {
    const policy = { every: 2 }
    await through(scene, lists({ snapshots: policy }), async (of, store) => {
      await store.transact(async (tx) => {
        await of.within(tx).execute('1', 'addAll', [1, 2])
        await of.within(tx).execute('2', 'addAll', [1, 2])
        assert.deepEqual(await savedIn(scene.store), [])
      })
      const failure = new Error('mine')
      const failing = store.transact(async (tx) => {
        await of.within(tx).execute('3', 'addAll', [1, 2])
        throw failure
      })
      await assert.rejects(failing, failure)
    })
    for (const id of ['1', '2']) assert.deepEqual(await savedIn(scene.store, `list-${id}`), [2])
    assert.deepEqual(await savedIn(scene.store, 'list-3'), [])
  })
}

/** What may come last of a batch, and is written on its own. */
const LAST_OF_A_BATCH: Readonly<Record<string, (of: Lists, id: string) => Promise<unknown>>> = {
  slow: (of, id) => of.execute(id, 'countAfter', () => {}),
  keyed: (of, id) => of.execute(id, 'add', 4, { idempotencyKey: id }),
  'with an id': (of, id) =>
    of.execute(id, 'decide', [{ ...added(4), id: '00000000-0000-4000-8000-000000000001' }]),
}
