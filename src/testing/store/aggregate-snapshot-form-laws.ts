import assert from 'node:assert/strict'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import type { Aggregate, SnapshotPolicy } from '../../store/contract-aggregates.ts'
import type { NewEvent } from '../../store/event.ts'
import {
  type Added,
  added,
  countedLists,
  type List,
  lists,
  ofAggregates,
  savedIn,
  sightOf,
  through,
} from './aggregate-examples.ts'
import { failureOf, numbers, type StoreLaws } from './laws.ts'

/** Which snapshots are used: those of the same form, the same life, and the right time. */
export function aggregateSnapshotFormLaws(laws: StoreLaws): void {
  const { simulatedLaw } = ofAggregates(laws)

  simulatedLaw('load() and execute() fold only what is behind the snapshot', async (scene) => {
    const policy = { every: 10 }
    await through(scene, lists({ snapshots: policy }), (of) => of.execute('1', 'addAll', numbers(1, 10)))
    await scene.store.stream('list-1').append([11, 12].map(added))
    const { definition, folded } = folding(policy)
    await through(scene, definition, async (of) => {
      assert.deepEqual((await of.load('1')).state, numbers(1, 12))
      assert.equal(folded(), 2)
      for (const [version, count] of [
        [11, 1],
        [10, 0],
        [9, 9],
        [3, 3],
        [0, 0],
      ] as const) {
        assert.deepEqual((await of.load('1', { version })).state, numbers(1, version))
        assert.equal(folded(), count, `version ${version}`)
      }
    })
    await through(scene, definition, async (of) => {
      assert.deepEqual((await of.execute('1', 'count')).state, [...numbers(1, 12), 12])
      assert.equal(folded(), 3)
    })
  })

  simulatedLaw('load() as of a time uses no snapshot with later events', async (scene) => {
    const times = [10, 40, 20, 30, 50]
    await scene.store.stream('list-1').append(times.map((at) => ({ ...added(at), time: new Date(at) })))
    const { definition, folded } = folding({ every: 1, keep: 9 })
    await through(scene, definition, (of) =>
      of.execute('1', 'decide', [{ ...added(60), time: new Date(60) }]),
    )
    const snapshots = scene.store.stream('list-1').snapshots<object>('state', { keep: 9 })
    const { state: saved } = (await snapshots.closest())!
    // As it would have been saved before.
    await snapshots.save(1, { ...saved, state: [10], latestMs: 10 })
    await snapshots.save(3, { ...saved, state: [10, 40, 20], latestMs: 40 })
    for (const [at, state, count] of [
      [9, [], 0],
      [10, [10], 0],
      [39, [10], 0],
      [40, [10, 40, 20, 30], 1],
      [55, times, 2],
      [60, [...times, 60], 0],
    ] as const) {
      await through(scene, definition, async (of) => {
        folded()
        assert.deepEqual((await of.load('1', { asOf: new Date(at) })).state, state)
        assert.equal(folded(), count, `as of ${at}`)
      })
    }
  })

  simulatedLaw('a snapshot stands in for events that are hidden, and nothing else does', async (scene) => {
    const { store } = scene
    const kind = lists({ snapshots: { every: 4, keep: 9 } })
    await through(scene, kind, (of) => of.execute('1', 'addAll', numbers(1, 4)))
    await store.stream('list-1').append([5, 6].map(added))
    await store.stream('list-1').truncateBefore(5)
    await through(scene, kind, async (of) => {
      assert.deepEqual((await of.load('1')).state, numbers(1, 6))
      assert.deepEqual((await of.load('1', { version: 4 })).state, numbers(1, 4))
      for (const version of [0, 3]) {
        const expected = version === 0 ? { state: [], version: 0, exists: false } : 'history-missing'
        assert.deepEqual(await sightOf(of.load('1', { version })), expected)
      }
    })
    await store.stream('list-1').truncateBefore(6)
    await through(scene, kind, async (of) => {
      const error = await failureOf('history-missing', () => of.load('1'))
      assert.deepEqual(error.details, { streamId: 'list-1', from: 1, to: 5 })
      await failureOf('history-missing', () => of.execute('1', 'add', 7))
    })
  })

  simulatedLaw(
    'a snapshot of another life is not used, and that of a life that is back is',
    async (scene) => {
      const { store } = scene
      const policy = { every: 3, keep: 9 }
      const { definition, folded } = folding(policy)
      await through(scene, definition, (of) => of.execute('1', 'addAll', [1, 2, 3]))
      const loaded = (): Promise<readonly [unknown, number]> =>
        through(scene, definition, async (of) => {
          folded()
          const { state } = await of.load('1')
          return [state, folded()] as const
        })
      await store.stream('list-1').delete()
      assert.deepEqual(await loaded(), [[], 0])
      await store.stream('list-1').restore()
      assert.deepEqual(await loaded(), [[1, 2, 3], 0])
      await store.stream('list-1').delete()
      await through(scene, definition, (of) => of.execute('1', 'addAll', ['a', 'b', 'c']))
      assert.deepEqual(await loaded(), [['a', 'b', 'c'], 0])
      assert.deepEqual(await savedIn(store), [6, 3])
      await store.stream('list-1').delete()
      await store.stream('list-1').append(added('x'))
      assert.deepEqual(await loaded(), [['x'], 1])
    },
  )

  simulatedLaw(
    'schemaVersion: snapshots of another are ignored, and lower ones cleared away',
    async (scene) => {
      const { store } = scene
      const version = (schemaVersion: number): ReturnType<typeof folding> =>
        folding({ every: 2, schemaVersion, keep: 9 })
      await through(scene, version(1).definition, (of) => of.execute('1', 'addAll', [1, 2]))
      await through(scene, version(3).definition, async (of) => {
        await of.load('1')
        assert.deepEqual(await savedIn(store), [2])
      })
      const second = version(2)
      await through(scene, second.definition, async (of) => {
        assert.deepEqual((await of.load('1')).state, [1, 2])
        assert.equal(second.folded(), 2)
        await of.execute('1', 'add', 3)
      })
      assert.deepEqual(
        [await savedIn(store), await savedIn(store, 'list-1', { schemaVersion: 2 })],
        [[], [3]],
      )
      const older = version(1)
      await through(scene, older.definition, async (of) => {
        assert.deepEqual((await of.execute('1', 'add', 4)).state, [1, 2, 3, 4])
        assert.equal(older.folded(), 4)
      })
      assert.deepEqual(
        [await savedIn(store), await savedIn(store, 'list-1', { schemaVersion: 2 })],
        [[4], [3]],
      )
    },
  )

  simulatedLaw('name keeps apart the snapshots of two kinds over the same streams', async (scene) => {
    const { store } = scene
    const [one, other] = ['one', 'other'].map((name) => folding({ every: 2, name }))
    await through(scene, one!.definition, (of) => of.execute('1', 'addAll', [1, 2]))
    one!.folded()
    for (const [{ definition, folded }, count] of [
      [one!, 0],
      [other!, 2],
    ] as const) {
      await through(scene, definition, (of) => of.load('1'))
      assert.equal(folded(), count)
    }
    assert.deepEqual([await savedIn(store, 'list-1', { name: 'one' }), await savedIn(store)], [[2], []])
  })

  simulatedLaw('a snapshot that was folded by other cases, or of other events, is ignored', async (scene) => {
    const { store } = scene
    const forms = Object.entries(FORMS)
    for (const [at, [name, make]] of forms.entries()) {
      const streamId = `form-${name}`
      await store.stream(streamId).append([added(1), { type: 'Other', data: 2 }, added(3)])
      await through(scene, make({ every: 1 }), (of) => of.execute(name, 'add'))
      const before = await savedIn(store, streamId)
      assert.deepEqual(before, [4])
      for (const [other, [otherName, makeOther]] of forms.entries()) {
        // What is newer can only be read by itself.
        if (name === 'newer' && other !== at) continue
        let isUsed = true
        const watched = makeOther({ every: 99 }, (state) => {
          isUsed = false
          return state
        })
        await through(scene, watched, (of) => of.load(name))
        assert.equal(isUsed, at === other, `saved by ${name}, found by ${otherName}`)
      }
    }
  })
}

/** Lists that tell how often they were folded, with the one form that other lists have. */
function folding(snapshots: SnapshotPolicy<List>): ReturnType<typeof countedLists> {
  const { definition, folded } = countedLists({ snapshots })
  const { evolve } = definition
  return { definition: { ...definition, cases: ['Added'], evolve }, folded }
}

type Step = (state: number) => number

/** Kinds that fold the same events into other states. */
const FORMS = {
  one: (snapshots: SnapshotPolicy<number>, step: Step = next) => formed(snapshots, { Added: step }),
  both: (snapshots: SnapshotPolicy<number>, step: Step = next) =>
    formed(snapshots, { Added: step, Other: step }),
  newer: (snapshots: SnapshotPolicy<number>, step: Step = next) => formed(snapshots, { Added: step }, 2),
} as const

function next(state: number): number {
  return state + 1
}

function formed(
  snapshots: SnapshotPolicy<number>,
  evolve: object,
  version = 1,
): Aggregate<Added, number, Adding> {
  const upcast = version === 1 ? {} : { 1: (data: unknown) => data }
  const events = defineEvents({ Added: eventType<unknown>({ version, upcast }), Other: eventType<unknown>() })
  const kind = defineAggregate(events, {
    category: 'form',
    initialState: () => 0,
    evolve,
    commands: { add: () => added(0) },
    snapshots,
  })
  return kind as unknown as Aggregate<Added, number, Adding>
}

interface Adding {
  readonly add: (state: number) => NewEvent<Added>
}
