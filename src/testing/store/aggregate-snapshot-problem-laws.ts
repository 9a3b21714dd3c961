import assert from 'node:assert/strict'
import type { JsonValue } from '../../store/event.ts'
import { Keyspace } from '../../store/keyspace.ts'
import {
  added,
  besideIt,
  lists,
  noting,
  ofAggregates,
  type Problem,
  savedIn,
  sightOf,
  through,
} from './aggregate-examples.ts'
import { waitUntil } from './group-consumers.ts'
import { failureOf, numbers, type SimulatedStoreScene, type StoreLaws, type StoreScene } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Snapshots that cannot be saved or read, or must not be: they change no result. */
export function aggregateSnapshotProblemLaws(laws: StoreLaws): void {
  const { simulatedLaw } = ofAggregates(laws)

  for (const [how, damage] of Object.entries(DAMAGED)) {
    simulatedLaw(`a snapshot that is ${how} is told, and an older one or the events serve`, async (scene) => {
      const { store } = scene
      const problems: Problem[] = []
      const kind = lists({ snapshots: { every: 2, keep: 2, onProblem: noting(problems) } })
      for (const items of [
        [1, 2],
        [3, 4],
      ])
        await through(scene, kind, (of) => of.execute('1', 'addAll', items))
      assert.deepEqual([await savedIn(store), problems], [[4, 2], []])
      const repair = await damageNewest(scene, damage)
      const loaded = await through(scene, kind, (of) => of.load('1'))
      assert.deepEqual([loaded.state, loaded.version], [[1, 2, 3, 4], 4])
      assert.deepEqual(problems, [['corruption', 'list-1']])
      const loadedAt3 = await through(scene, kind, (of) => of.load('1', { version: 3 }))
      assert.deepEqual([loadedAt3.state, problems.length], [[1, 2, 3], 1])
      await through(scene, kind, (of) => of.execute('1', 'addAll', [5, 6]))
      const { state } = (await store.stream('list-1').snapshots<{ state: unknown }>('state').closest())!
      assert.deepEqual(state.state, numbers(1, 6))
      await repair()
    })
  }

  simulatedLaw('what was saved under the name by others is told, and the events serve', async (scene) => {
    const { store } = scene
    await store.stream('list-1').append([1, 2].map(added))
    for (const stranger of [
      null,
      7,
      'text',
      [],
      {},
      { form: 'x', state: [9] },
      new Uint8Array(3),
      new Uint8Array(40),
    ]) {
      await store.stream('list-1').snapshots<JsonValue | Uint8Array>('state').save(2, stranger)
      const problems: Problem[] = []
      const kind = lists({ snapshots: { every: 99, onProblem: noting(problems) } })
      assert.deepEqual(
        (await through(scene, kind, (of) => of.load('1'))).state,
        [1, 2],
        JSON.stringify(stranger),
      )
      for (const [, streamId] of problems) assert.equal(streamId, 'list-1')
    }
  })

  simulatedLaw(
    'a process that dies between an append and its snapshot leaves what others go on with',
    async (scene) => {
      const kind = lists({ snapshots: { every: 2 } })
      const dying = await vanishingStore(scene)
      const of = dying.store.aggregate(kind)
      const result = await of.execute('1', 'addAll', [1, 2])
      dying.kill()
      assert.equal(result.version, 2)
      await through(scene, kind, async (again) => {
        assert.deepEqual((await again.load('1')).state, [1, 2])
        assert.deepEqual((await again.execute('1', 'count')).state, [1, 2, 2])
      })
      assert.deepEqual(await savedIn(scene.store), [3])
    },
  )

  for (const [what, change] of Object.entries(MEANWHILE)) {
    simulatedLaw(`a snapshot that is late is none of a stream that was ${what} meanwhile`, async (scene) => {
      const { store } = scene
      const kind = lists({ snapshots: { every: 2 } })
      const slow = await vanishingStore(scene)
      const result = await slow.store
        .aggregate(kind)
        .execute('1', 'addAll', [1, 2])
        .then((done) => {
          slow.freeze()
          return done
        })
      assert.equal(result.version, 2)
      await change(scene)
      slow.thaw()
      await slow.store.close()
      const expected = await sightOf(store.aggregate(lists()).load('1'))
      await through(scene, kind, async (of) => assert.deepEqual(await sightOf(of.load('1')), expected))
    })
  }

  simulatedLaw('close() waits for snapshots that are being saved', async (scene) => {
    const other = await besideIt(scene)
    const of = other.aggregate(lists({ snapshots: { every: 1 } }))
    await Promise.all(numbers(1, 8).map((n) => of.execute(`${n}`, 'add', n)))
    await other.close()
    for (const n of numbers(1, 8)) assert.deepEqual(await savedIn(scene.store, `list-${n}`), [1])
  })

  simulatedLaw('what is left of a hidden beginning is not saved as if it were the whole', async (scene) => {
    const { store } = scene
    await store.stream('list-1').append(numbers(1, 5).map(added))
    await store.stream('list-1').truncateBefore(4)
    const policy = { every: 1 }
    await through(scene, lists({ hidden: 'skip', snapshots: policy }), async (of) => {
      assert.deepEqual((await of.execute('1', 'add', 6)).state, [4, 5, 6])
    })
    await through(scene, lists({ snapshots: policy }), async (of) => {
      await failureOf('history-missing', () => of.load('1'))
    })
    await waitUntil(scene.runtime, 'nothing is left', async () => (await savedIn(store)).length === 0)
  })
}

/** What may have happened to the first piece of a snapshot. */
const DAMAGED: Readonly<Record<string, (value: Uint8Array) => Uint8Array | undefined>> = {
  'flipped in its last byte': (value) => value.map((byte, at) => (at === value.length - 1 ? byte ^ 1 : byte)),
  'flipped in the middle': (value) => value.map((byte, at) => (at === value.length >> 1 ? byte ^ 1 : byte)),
  'too short': (value) => value.subarray(0, 5),
  empty: () => new Uint8Array(),
}

/** Damages the newest snapshot of all. Returns how to repair it. */
async function damageNewest(
  { store, directory }: StoreScene,
  damage: (value: Uint8Array) => Uint8Array | undefined,
): Promise<() => Promise<void>> {
  const { snapshots } = new Keyspace(directory)
  return store.kv.transact(async (tx) => {
    const { key, value } = (await tx.getRange(snapshots.all()).toArray()).at(-1)!
    tx.set(key, damage(value)!)
    return () =>
      store.kv.transact(async (repairing) => {
        if ((await repairing.get(key)) !== undefined) repairing.set(key, value)
      })
  })
}

/** What may happen to a stream before its snapshot is saved. */
const MEANWHILE: Readonly<Record<string, (scene: SimulatedStoreScene) => Promise<unknown>>> = {
  deleted: ({ store }) => store.stream('list-1').delete(),
  'deleted and revived': async ({ store }) => {
    await store.stream('list-1').delete()
    await store.stream('list-1').append(['a', 'b'].map(added))
  },
  'deleted and restored': async ({ store }) => {
    await store.stream('list-1').delete()
    await store.stream('list-1').restore()
  },
  tombstoned: ({ store }) => store.stream('list-1').tombstone(),
  written: ({ store }) => store.stream('list-1').append(['a', 'b'].map(added)),
}
