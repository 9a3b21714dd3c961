import assert from 'node:assert/strict'
import { defineProjection } from '../../projection/define-projection.ts'
import { sleep } from '../../runtime.ts'
import type { NewEvent } from '../../store/event.ts'
import { dataIn, numbers, type SimulatedStoreScene, type StoreLaws, uuidOf } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  counts,
  faulted,
  logs,
  made,
  ofProjections,
  rowsOf,
  statesOf,
} from './projection-examples.ts'

/** However events fall into batches, a projection comes to the same. */
export function projectionBatchLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  largeLaws(named)
  idLaws(named)
  slowLaws(named)
}

const OF_S = { source: { kind: 'stream', streamId: 's' } } as const

function largeLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what is too much for one transaction is done in several', async ({ store }) => {
    await append(store, ...numbers(1, 120))
    let calls = 0
    const projection = counts((_state, { data }, { emit }) => {
      calls += 1
      emit('out', a('x'.repeat(1_000_000) + data))
      return undefined
    }, OF_S)
    assert.deepEqual(await made(store, projection), { '': 120 })
    assert.equal(calls, 120, 'each event is handled once')
    const out = await dataIn(store, 'out')
    assert.deepEqual(
      out.map((data) => Number((data as string).slice(1_000_000))),
      numbers(1, 120),
    )
  })

  const large = 'x'.repeat(1_000_000)
  const growing: readonly (readonly [string, () => unknown, (state: unknown) => unknown])[] = [
    ['as texts', () => '', () => large],
    ['in lists of lists', () => [], () => numbers(1, 10).map(() => [large.slice(0, 100_000)])],
    [
      'in many members',
      () => ({}),
      () => Object.fromEntries(numbers(1, 10_000).map((number) => [number, large.slice(0, 100)])),
    ],
    ['in place', () => ({ text: '' }), (state) => void Object.assign(state as object, { text: large })],
  ]
  for (const [how, initialState, next] of growing) {
    simulatedLaw(`large states end a batch early, ${how}`, async ({ store }) => {
      await append(store, ...numbers(1, 20))
      const handled: number[] = []
      const projection = defineProjection<unknown>({
        name: 'p',
        ...OF_S,
        partitionBy: ({ data }) => `${data}`,
        initialState,
        any: next,
      })
      const running = await store.project(projection, { onProgress: (told) => handled.push(told.handled) })
      await caughtUp(store, running)
      assert.equal(handled.at(-1), 20)
      const sizes = handled.map((total, at) => total - (handled[at - 1] ?? 0))
      assert.ok(Math.max(...sizes) < 20, `${sizes} at once`)
    })
  }

  simulatedLaw('many partitions are changed by many events', async ({ store }) => {
    const count = 6_000
    for (const from of [0, 1_000, 2_000, 3_000, 4_000, 5_000])
      await append(store, ...numbers(from, from + 999))
    const projection = logs({ ...OF_S, partitionBy: ({ data }) => `${((data as number) * 7) % count}` })
    assert.equal(Object.keys(await made(store, projection)).length, count)
  })

  simulatedLaw('an event may write many rows of its read model', async ({ store }) => {
    await append(store, 1, 2, 3)
    const projection = counts((_state, { data }, { kv }) => {
      for (const number of numbers(1, 5_000)) kv.set([data as number, number], number)
      return undefined
    }, OF_S)
    const running = await store.project(projection)
    await caughtUp(store, running)
    assert.equal((await rowsOf(running.kv)).length, 15_000)
    assert.equal((await rowsOf(running.kv, [3])).length, 5_000)
  })

  simulatedLaw('an event may emit many events', async ({ store }) => {
    await append(store, 1, 2)
    const projection = counts((_state, { data }, context) => {
      for (const number of numbers(1, 3_000)) context.emit('out', a([data, number]))
      return undefined
    }, OF_S)
    await made(store, projection)
    const expected = [1, 2].flatMap((data) => numbers(1, 3_000).map((number) => [data, number]))
    assert.deepEqual(await dataIn(store, 'out'), expected)
  })

  simulatedLaw(
    'an event whose work no transaction can hold is a fault, and those around it are done',
    async (scene) => {
      const { store, runtime } = scene
      await append(store, 1, 2, 3)
      const projection = counts((_state, { data }, context) => {
        for (const _ of numbers(1, data === 2 ? 9 : 1)) context.emit('out', a(new Uint8Array(15_000_000)))
        return undefined
      }, OF_S)
      const running = await store.project(projection, { onFault: () => {} })
      const fault = await faulted(runtime, running)
      assert.deepEqual([fault.event?.version, await running.state()], [2, 1])
      await running.skip()
      await caughtUp(store, running)
      assert.equal(await running.state(), 2)
      assert.equal((await dataIn(store, 'out')).length, 2)
    },
  )
}

/** What comes of events whose handler emits one event each, if they are handled one by one, and all at once. */
async function emittedBothWays(
  { store }: SimulatedStoreScene,
  count: number,
  emitted: (number: number) => NewEvent | readonly NewEvent[],
  before: (streamId: string) => Promise<unknown> = async () => {},
): Promise<unknown> {
  const ways: unknown[] = []
  for (const way of ['one-by-one', 'at-once']) {
    const [source, out] = [`s-${way}`, `out-${way}`]
    await before(out)
    const projection = counts(
      (_state, { data }, context) => void context.emit(out, emitted(data as number)),
      {
        name: way,
        source: { kind: 'stream', streamId: source },
      },
    )
    const running = await store.project(projection)
    if (way === 'at-once') await running.pause()
    for (const number of numbers(1, count)) {
      await store.stream(source).append(a(number))
      if (way === 'one-by-one') await caughtUp(store, running)
    }
    await running.resume()
    await caughtUp(store, running)
    ways.push([await dataIn(store, out), await running.state()])
  }
  assert.deepEqual(ways[1], ways[0], 'one by one, as at once')
  return ways[0]
}

function idLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('an event that is emitted twice with its id is there once', async (scene) => {
    const found = await emittedBothWays(scene, 4, () => a('same', { id: uuidOf(1) }))
    assert.deepEqual(found, [['same'], 4])
  })

  simulatedLaw('an event that is emitted with an id that others have used is there once', async (scene) => {
    const before = (streamId: string) => scene.store.stream(streamId).append(a(2, { id: uuidOf(2) }))
    const found = await emittedBothWays(scene, 4, (number) => a(number, { id: uuidOf(number) }), before)
    assert.deepEqual(found, [[2, 1, 3, 4], 4])
  })

  simulatedLaw(
    'events that are emitted twice with their ids, in several streams, are there once',
    async (scene) => {
      const found = await emittedBothWays(scene, 6, (number) => [
        a(`${number % 3} first`, { id: uuidOf(number % 3) }),
        a(`${number % 3} second`, { id: uuidOf(10 + (number % 3)) }),
      ])
      const [out] = found as [string[]]
      assert.deepEqual(out, ['1 first', '1 second', '2 first', '2 second', '0 first', '0 second'])
    },
  )
}

function slowLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what slow handlers have done is kept now and then', async ({ store, runtime }) => {
    await append(store, ...numbers(1, 100))
    const running = await store.project(counts(() => sleep(runtime, 100) as never))
    const seen = new Set<number>()
    for (const _ of numbers(1, 100)) {
      await sleep(runtime, 100)
      seen.add(await running.state())
    }
    await caughtUp(store, running)
    assert.equal(await running.state(), 100)
    assert.ok(seen.size >= 4, `${[...seen]}`)
  })

  simulatedLaw(
    'events of many streams and batches come to what they come to at once',
    async ({ store, random }) => {
      const settings = {
        partitionBy: 'stream',
        any: (state: readonly unknown[], { data }: { readonly data?: unknown }) => [...state, data],
      } as const
      const running = await store.project(logs(settings))
      for (const number of numbers(1, 200)) {
        await store.stream(`s-${Math.floor(random() * 5)}`).append(a(number))
        if (random() < 0.1) await caughtUp(store, running)
        if (random() < 0.03)
          await store
            .stream(`s-${Math.floor(random() * 5)}`)
            .linkTo({ streamId: 's-0', version: 1 })
            .catch(() => {})
      }
      await caughtUp(store, running)
      assert.deepEqual(await statesOf(running), await statesOf(await store.runOnce(logs(settings))))
    },
  )
}
