import assert from 'node:assert/strict'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { SNAPSHOT_BYTES_MAX } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { Runtime } from '../../runtime.ts'
import type { Aggregate, SnapshotPolicy } from '../../store/contract-aggregates.ts'
import type { JsonValue, NewEvent } from '../../store/event.ts'
import {
  type Added,
  added,
  type List,
  listIn,
  lists,
  noting,
  ofAggregates,
  type Problem,
  savedIn,
  through,
} from './aggregate-examples.ts'
import type { SimulatedStoreScene, StoreLaws } from './laws.ts'

/** Which states can be saved, and what is made of them. */
export function aggregateSnapshotStateLaws(laws: StoreLaws): void {
  const { simulatedLaw } = ofAggregates(laws)

  for (const [what, state] of Object.entries(CHANGED_BY_JSON)) {
    simulatedLaw(`a state with ${what} is not saved as it is, and somebody is told`, async (scene) => {
      const problems: Problem[] = []
      const kind = holding(() => state(), { every: 1, onProblem: noting(problems) })
      const result = await through(scene, kind, (of) => of.execute('1', 'go'))
      assert.equal(result.version, 1)
      assert.deepEqual(await savedIn(scene.store, 'held-1'), [])
      assert.deepEqual(problems, [['unserializable', 'held-1']])
    })
  }

  for (const [what, state] of Object.entries(KEPT_BY_JSON)) {
    simulatedLaw(`a state that is ${what} is saved, and is what it was`, async (scene) => {
      const problems: Problem[] = []
      let folds = 0
      const make = (): unknown => {
        folds += 1
        return state()
      }
      const kind = holding(make, { every: 1, onProblem: noting(problems) })
      await through(scene, kind, (of) => of.execute('1', 'go'))
      assert.deepEqual([problems, await savedIn(scene.store, 'held-1')], [[], [1]])
      folds = 0
      const loaded = await through(scene, kind, (of) => of.load('1'))
      assert.deepEqual([JSON.stringify(loaded.state), folds], [JSON.stringify(state()), 0])
    })
  }

  for (const [what, { encode, decode }] of Object.entries(CODINGS)) {
    simulatedLaw(`a state is saved as ${what}, and is what it was`, async (scene) => {
      const first = new Map<string, unknown>([
        ['a', new Date(5)],
        ['b', -0],
      ])
      let folds = 0
      const make = (): unknown => {
        folds += 1
        return new Map([...first, ['folds', 1]])
      }
      const kind = holding(make, { every: 1, encode: encode as never, decode: decode as never })
      await through(scene, kind, (of) => of.execute('1', 'go'))
      assert.deepEqual(await savedIn(scene.store, 'held-1'), [1])
      folds = 0
      const loaded = await through(scene, kind, (of) => of.load('1'))
      assert.deepEqual([loaded.state, folds], [new Map([...first, ['folds', 1]]), 0])
      assert.deepEqual((await through(scene, kind, (of) => of.load('1', { version: 0 }))).state, undefined)
    })
  }

  simulatedLaw('decode that throws is told, and an older snapshot or the events serve', async (scene) => {
    await scene.store.stream('list-1').append([added('a')])
    const policy: SnapshotPolicy<List> = {
      every: 1,
      keep: 9,
      encode: (state) => [...state] as JsonValue,
      decode: decodes,
    }
    for (const item of ['b', 'c'])
      await through(scene, lists({ snapshots: policy }), (of) => of.execute('1', 'add', item))
    assert.deepEqual(await savedIn(scene.store), [3, 2])
    for (const [bad, told] of [
      [['c'], 1],
      [['c', 'b'], 2],
      [[], 0],
    ] as const) {
      const problems: unknown[] = []
      const decode = (saved: never): List => {
        const state = saved as List
        if (bad.some((item) => item === state.at(-1))) throw new Error(`no ${state.at(-1)}`)
        return state
      }
      const onProblem = (error: unknown, { streamId }: { readonly streamId: string }): void => {
        problems.push((error as Error).message, streamId)
      }
      const kind = lists({ snapshots: { ...policy, decode, onProblem } })
      const loaded = await through(scene, kind, (of) => of.load('1'))
      assert.deepEqual([loaded.state, loaded.version], [['a', 'b', 'c'], 3])
      assert.deepEqual(
        problems,
        ['c', 'b'].slice(0, told).flatMap((item) => [`no ${item}`, 'list-1']),
      )
    }
  })

  simulatedLaw('encode that throws, or makes what cannot be stored, is told', async (scene) => {
    const failure = new Error('mine')
    for (const [encode, code] of [
      [
        () => {
          throw failure
        },
        failure,
      ],
      [() => 1n as never, 'unserializable'],
      [() => 'x'.repeat(SNAPSHOT_BYTES_MAX), 'limit-exceeded'],
    ] as const) {
      const problems: unknown[] = []
      const onProblem = (error: unknown): void => {
        problems.push((error as { readonly code?: string }).code ?? error)
      }
      const kind = lists({ snapshots: { every: 1, encode, decode: () => [], onProblem } })
      await through(scene, kind, (of) => of.execute('1', 'add', 1))
      assert.deepEqual(problems, [code])
    }
    assert.deepEqual([(await listIn(scene.store)).length, await savedIn(scene.store)], [3, []])
  })

  simulatedLaw('when that throws is told, and so is nobody if onProblem throws', async (scene) => {
    const [failure, told] = [new Error('mine'), [] as unknown[]]
    const when = (): boolean => {
      throw failure
    }
    const kind = lists({ snapshots: { when, onProblem: (error) => told.push(error) } })
    await through(scene, kind, (of) => of.execute('1', 'add', 1))
    assert.deepEqual(told, [failure])
    const onProblem = (): void => {
      throw new Error('another one')
    }
    const throwing = lists({ snapshots: { when, onProblem } })
    assert.deepEqual((await through(scene, throwing, (of) => of.execute('1', 'add', 2))).state, [1, 2])
  })

  simulatedLaw('without onProblem, the runtime is told', async ({ store, directory, runtime }) => {
    const warnings: (readonly [message: string, error: { readonly code?: string }])[] = []
    const warning = {
      ...runtimeOf(runtime),
      warn: (message: string, error: unknown) => warnings.push([message, error as object]),
    }
    const other = await openEventStore(store.kv, { directory, runtime: warning })
    const kind = holding(() => new Date(0), { every: 1 })
    await other.aggregate(kind).execute('1', 'go')
    await other.close()
    await store.stream('held-1').snapshots('state').save(1, 'from a stranger')
    await using again = await openEventStore(store.kv, { directory, runtime: warning })
    await again.aggregate(kind).load('1')
    assert.deepEqual(
      warnings.map(([message, { code }]) => [message, code]),
      [
        ['A snapshot of stream "held-1" could not be saved', 'unserializable'],
        ['A snapshot of stream "held-1" could not be used', 'corruption'],
      ],
    )
  })
}

function decodes(saved: never): List {
  return saved
}

/** Aggregates whose state is whatever it is. */
function holding(
  make: () => unknown,
  snapshots: SnapshotPolicy<unknown>,
): Aggregate<Added, unknown, { go: () => NewEvent<Added> }> {
  return defineAggregate(defineEvents<Added>(), {
    category: 'held',
    initialState: (): unknown => undefined,
    evolve: { Added: make },
    commands: { go: () => added(1) },
    snapshots,
  })
}

class Point {
  readonly x = 1
}

/** States that JSON makes something else of. */
const CHANGED_BY_JSON: Readonly<Record<string, () => unknown>> = {
  'a date': () => ({ at: new Date(5) }),
  'a map': () => new Map([[1, 2]]),
  'a set in a list': () => [[new Set([1])]],
  'an object of a class': () => ({ in: [new Point()] }),
  'an object without a prototype': () => Object.create(null),
  'minus zero': () => [{ a: -0 }],
  'a number that is none': () => ({ a: Number.NaN }),
  infinity: () => Number.NEGATIVE_INFINITY,
  'a bigint': () => ({ a: 1n }),
  'a function': () => ({ a: () => {} }),
  'a symbol': () => [Symbol('a')],
  'nothing in a list': () => [1, undefined, 2],
  'a hole in a list': () => Object.assign([1], { 2: 2 }),
  bytes: () => Uint8Array.of(1),
  nothing: () => undefined,
  'a member toJSON': () => ({ a: 1, toJSON: () => 7 }),
}

/** States that JSON gives back as they are, but for members that are undefined. */
const KEPT_BY_JSON: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  'a text': () => 'é\ud800\0',
  'a number': () => 0.1,
  false: () => false,
  'an empty list': () => [],
  'an empty object': () => ({}),
  deep: () => ({ a: [{ b: { c: [null, true, 'x', 1e300] } }] }),
  'with members that are undefined': () => ({ a: undefined, b: { c: undefined, d: 1 } }),
  'with odd names': () => JSON.parse('{"__proto__":{"a":1},"":2,"toString":3}') as unknown,
}

/** Ways to save a map. */
const CODINGS: Readonly<
  Record<
    string,
    {
      readonly encode: (state: Map<string, unknown>) => JsonValue | Uint8Array
      readonly decode: (saved: never) => unknown
    }
  >
> = {
  JSON: {
    encode: (state) =>
      [...state].map(([name, value]) => [
        name,
        value instanceof Date ? { at: value.getTime() } : Object.is(value, -0) ? '-0' : value,
      ]) as JsonValue,
    decode: (saved: readonly (readonly [string, unknown])[]) =>
      new Map(saved.map(([name, value]) => [name, decodedValue(value)])),
  },
  bytes: {
    encode: (state) => Uint8Array.of(state.size, 255, 0),
    decode: (saved: Uint8Array) => {
      assert.deepEqual(saved, Uint8Array.of(3, 255, 0))
      return new Map<string, unknown>([
        ['a', new Date(5)],
        ['b', -0],
        ['folds', 1],
      ])
    },
  },
}

function decodedValue(value: unknown): unknown {
  if (value === '-0') return -0
  return typeof value === 'object' && value !== null ? new Date((value as { at: number }).at) : value
}

/** The members of a runtime, to make another one of. */
function runtimeOf(runtime: SimulatedStoreScene['runtime']): Runtime {
  return {
    now: () => runtime.now(),
    monotonic: () => runtime.monotonic(),
    schedule: (delayMs, callback) => runtime.schedule(delayMs, callback),
    scheduleBackground: (delayMs, callback) => runtime.scheduleBackground(delayMs, callback),
    defer: (callback) => runtime.defer(callback),
    random: () => runtime.random(),
    randomBytes: (target) => runtime.randomBytes(target),
  }
}
