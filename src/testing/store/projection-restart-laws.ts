import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { ProjectionHandle, RestartOptions } from '../../store/contract-projections.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  counts,
  type Log,
  logs,
  ofProjections,
  rowsOf,
  type Settings,
} from './projection-examples.ts'

/** Projections that begin anew: `reset` and `rebuild`. */
export function projectionRestartLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  for (const way of ['reset', 'rebuild'] as const) bothLaws(named, way)
  fromLaws(named)
  resetLaws(named)
  rebuildLaws(named)
}

const OF_S = { source: { kind: 'stream', streamId: 's' } } as const

/** Emits, links and keeps what it handles. */
function echoes(settings: Settings<Log> = {}) {
  return logs({
    ...OF_S,
    any: (state, event, context) => {
      context.emit('out', a(event.data))
      context.linkTo('links', event)
      context.kv.set([event.data as number], true)
      return [...state, event.data]
    },
    ...settings,
  })
}

/** Begins anew, and waits until that is done. */
async function restart(
  { store, runtime }: SimulatedStoreScene,
  handle: ProjectionHandle<unknown>,
  way: 'reset' | 'rebuild',
  options?: RestartOptions,
): Promise<void> {
  await handle[way](options)
  await waitUntil(runtime, 'it is done', async () => {
    const { building, lag, state } = await handle.status()
    return building === undefined && lag === 0 && state === 'live'
  })
  await caughtUp(store, handle)
}

function bothLaws({ simulatedLaw }: StoreLaws, way: 'reset' | 'rebuild'): void {
  simulatedLaw(`${way}() makes everything anew, and emits nothing again`, async (scene) => {
    const { store } = scene
    await append(store, 1, 2)
    const running = await store.project(echoes())
    await caughtUp(store, running)
    await restart(scene, running, way)
    assert.deepEqual(await running.state(), [1, 2])
    assert.deepEqual(await rowsOf(running.kv), [
      [[1], true],
      [[2], true],
    ])
    assert.equal((await running.status()).handled, 2)
    await append(store, 3)
    await caughtUp(store, running)
    await restart(scene, running, way)
    assert.deepEqual(await running.state(), [1, 2, 3])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3])
    assert.deepEqual(await dataIn(store, 'links'), [1, 2, 3])
  })

  simulatedLaw(`${way}() in the middle emits the rest, once`, async (scene) => {
    const { store } = scene
    const running = await store.project(echoes())
    await running.waitFor(await append(store, 1, 2))
    await running.pause()
    await append(store, 3, 4)
    await running[way]()
    await running.resume()
    await caughtUp(store, running)
    await waitUntil(scene.runtime, 'it is made', async () => (await running.status()).building === undefined)
    await restart(scene, running, way)
    assert.deepEqual(await running.state(), [1, 2, 3, 4])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3, 4])
  })

  simulatedLaw(`${way}() comes to what can be read by then`, async (scene) => {
    const { store } = scene
    await append(store, 1, 2, 3)
    const running = await store.project(echoes())
    await caughtUp(store, running)
    await store.stream('s').truncateBefore(3)
    await restart(scene, running, way)
    assert.deepEqual(await running.state(), [3])
    assert.deepEqual(await dataIn(store, 'links'), [3])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3])
  })

  simulatedLaw(`${way}() of what nobody runs is done when somebody does`, async (scene) => {
    const { store } = scene
    await append(store, 1, 2)
    const first = await store.project(echoes())
    await caughtUp(store, first)
    await first.close()
    await store.projection('p')[way]()
    const second = await store.project(echoes())
    await append(store, 3)
    await caughtUp(store, second)
    await waitUntil(scene.runtime, 'it is made', async () => (await second.status()).building === undefined)
    assert.deepEqual(await second.state(), [1, 2, 3])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3])
  })

  for (const from of [1.5, 'x', null, new Date(Number.NaN), {}]) {
    simulatedLaw(
      `${way}() from ${typeof from === 'object' ? JSON.stringify(from) : String(from)} is refused`,
      async ({ store }) => {
        const running = await store.project(logs())
        await caughtUp(store, running)
        const { message } = await failureOf('invalid-argument', () => running[way]({ from } as never))
        assert.match(message, /must be a position \(bigint\) or a time \(Date\), not/)
        await failureOf('invalid-argument', () => running[way]({ since: 1 } as never))
        assert.equal((await running.status()).building, undefined)
      },
    )
  }
}

function fromLaws({ simulatedLaw }: StoreLaws): void {
  for (const way of ['reset', 'rebuild'] as const) {
    simulatedLaw(`${way}() begins at a position`, async (scene) => {
      const { store } = scene
      const positions = [await append(store, 1), await append(store, 2), await append(store, 3)]
      const running = await store.project(logs())
      await caughtUp(store, running)
      for (const [index, from] of positions.entries()) {
        await restart(scene, running, way, { from })
        assert.deepEqual(await running.state(), [1, 2, 3].slice(index))
      }
      await append(store, 4)
      await caughtUp(store, running)
      assert.deepEqual(await running.state(), [3, 4])
    })

    simulatedLaw(`${way}() of one by stream begins at a version`, async (scene) => {
      const { store } = scene
      await append(store, 1, 2, 3)
      const running = await store.project(echoes())
      await caughtUp(store, running)
      await restart(scene, running, way, { from: 2 })
      assert.deepEqual(await running.state(), [2, 3])
      await restart(scene, running, way, { from: 1 })
      assert.deepEqual(await running.state(), [1, 2, 3])
      assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3])
    })

    for (const source of [
      { kind: 'all' },
      { kind: 'stream', streamId: 's' },
      { kind: 'type', type: 'A' },
    ] as const) {
      simulatedLaw(`${way}() of one by ${source.kind} begins at a time`, async (scene) => {
        const { store, runtime } = scene
        const times: Date[] = []
        for (const data of [1, 2, 3]) {
          await sleep(runtime, 10_000)
          times.push(new Date(runtime.now()))
          await append(store, data)
        }
        const running = await store.project(logs({ source }))
        await caughtUp(store, running)
        for (const [index, from] of times.entries()) {
          await restart(scene, running, way, { from })
          assert.deepEqual(await running.state(), [1, 2, 3].slice(index), `from ${index}`)
        }
      })
    }

    simulatedLaw(`${way}() may begin behind everything, with timers too`, async (scene) => {
      const { store } = scene
      await append(store, 1)
      const position = await append(store, 2)
      const running = await store.project(logs({ timer: (state) => state }))
      await caughtUp(store, running)
      await restart(scene, running, way, { from: position })
      assert.deepEqual(await running.state(), [2])
      await restart(scene, running, way, { from: position + 1n })
      assert.deepEqual(await running.state(), [])
      await append(store, 3)
      await caughtUp(store, running)
      assert.deepEqual(await running.state(), [3])
    })
  }
}

function resetLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('reset() forgets everything at once', async ({ store }) => {
    await append(store, 1)
    const running = await store.project(echoes({ timer: (state) => state }))
    await caughtUp(store, running)
    await running.close()
    await running.reset()
    assert.deepEqual(await rowsOf(running.kv), [])
    const { exists, state, position } = await running.load()
    assert.deepEqual([exists, state, position], [false, [], undefined])
    const { handled, lag, fault } = await running.status()
    assert.deepEqual([handled, lag, fault], [0, 1, undefined])
  })

  simulatedLaw('reset() gets over a fault, as far as its handlers do', async ({ store, runtime }) => {
    await append(store, 1, 2)
    let isBroken = true
    const projection = logs({
      ...OF_S,
      any: (state, { data }, context) => {
        if (isBroken && data === 2) throw new Error('no')
        context.emit('out', a(data))
        return [...state, data]
      },
    })
    const running = await store.project(projection, { onFault: () => {} })
    await waitUntil(runtime, 'it fails', async () => (await running.status()).fault !== undefined)
    isBroken = false
    await running.reset()
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1, 2])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2])
  })

  simulatedLaw('reset() while handlers run keeps nothing of them', async ({ store, runtime }) => {
    await append(store, 1)
    const held = gate()
    let calls = 0
    const projection = counts(async (_state, { data }, context) => {
      calls += 1
      if (calls === 1) await held.passed
      context.emit('out', a(data))
      return undefined
    }, OF_S)
    const running = await store.project(projection)
    await waitUntil(runtime, 'it is handled', () => calls === 1)
    await running.reset()
    held.open()
    await caughtUp(store, running)
    assert.deepEqual([await running.state(), calls], [1, 2])
    assert.deepEqual(await dataIn(store, 'out'), [1])
  })
}

function rebuildLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'the old copy answers, and goes on, while rebuild() is under way',
    async ({ store, runtime }) => {
      const held = gate()
      let isHeld = false
      const projection = logs({
        ...OF_S,
        any: async (state, { data }, context) => {
          if (isHeld && state.length === 0) await held.passed
          context.emit('out', a(data))
          return [...state, data]
        },
      })
      const running = await store.project(projection)
      await running.waitFor(await append(store, 1, 2))
      isHeld = true
      await running.rebuild()
      await running.waitFor(await append(store, 3))
      assert.deepEqual(await running.state(), [1, 2, 3])
      assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3])
      const { building, state } = await running.status()
      assert.deepEqual(
        [building?.version, building?.state, building?.handled, state],
        [1, 'catching-up', 0, 'live'],
      )
      for (const call of [() => running.rebuild(), () => running.reset()]) {
        await failureOf('projection-building', call)
      }
      held.open()
      await waitUntil(runtime, 'it is built', async () => (await running.status()).building === undefined)
      await running.waitFor(await append(store, 4))
      assert.deepEqual(await running.state(), [1, 2, 3, 4])
      assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3, 4])
    },
  )

  simulatedLaw(
    'a rebuild that fails leaves the old copy, until it is skipped',
    async ({ store, runtime }) => {
      let isBroken = false
      const projection = logs({
        ...OF_S,
        any: (state, { data }) => {
          if (isBroken && data === 1) throw new Error('no')
          return [...state, data]
        },
      })
      const running = await store.project(projection, { onFault: () => {} })
      await running.waitFor(await append(store, 1, 2))
      isBroken = true
      await running.rebuild()
      await waitUntil(runtime, 'it fails', async () => (await running.status()).building?.fault !== undefined)
      await running.waitFor(await append(store, 3))
      assert.deepEqual(await running.state(), [1, 2, 3])
      assert.equal((await running.status()).building?.state, 'faulted')
      const { message } = await failureOf('projection-not-faulted', () => running.skip())
      assert.match(message, /but with version 1, which is being built: say so with `building`$/)
      await running.skip({ building: true })
      await waitUntil(runtime, 'it is built', async () => (await running.status()).building === undefined)
      assert.deepEqual(await running.state(), [2, 3])
      assert.equal((await running.status()).skipped, 1)
    },
  )

  simulatedLaw('pause() stops a rebuild as well', async ({ store, runtime }) => {
    const running = await store.project(logs(OF_S))
    await running.waitFor(await append(store, 1))
    await running.pause()
    await running.rebuild()
    await sleep(runtime, 100_000)
    const { building, state } = await running.status()
    assert.deepEqual([building?.state, building?.handled, state], ['paused', 0, 'paused'])
    await running.resume()
    await waitUntil(runtime, 'it is built', async () => (await running.status()).building === undefined)
    assert.deepEqual(await running.state(), [1])
  })
}
