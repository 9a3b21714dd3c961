import assert from 'node:assert/strict'
import { waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, numbers, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  assertUnwritten,
  caughtUp,
  endOf,
  faulted,
  type Log,
  logs,
  made,
  ofProjections,
  projectionsOf,
  rowsOf,
  type Settings,
  secondStore,
} from './projection-examples.ts'

/** Projections that are deleted, and made again. */
export function projectionRemovalLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  deleteLaws(named)
  streamLaws(named)
}

function echoes(settings: Settings<Log> = {}) {
  return logs({
    source: { kind: 'stream', streamId: 's' },
    any: (state, { data }, context) => {
      context.emit(`out-${data}`, a(data))
      context.kv.set(['k'], 1)
      return [...state, data]
    },
    ...settings,
  })
}

function deleteLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('delete() removes it, and ends it everywhere', async (scene) => {
    const { store, runtime } = scene
    await using other = await secondStore(scene)
    const [one, two] = [await store.project(echoes()), await other.project(echoes())]
    await one.waitFor(await append(store, 1))
    await store.projection('p').delete()
    assert.deepEqual(await endOf(runtime, one), { reason: 'deleted' })
    assert.deepEqual(await endOf(runtime, two), { reason: 'deleted' })
    assert.deepEqual(await projectionsOf(store), [])
    for (const call of [() => one.state(), () => one.status(), () => one.delete(), () => rowsOf(one.kv)]) {
      await failureOf('projection-not-found', call)
    }
    assert.deepEqual(await dataIn(store, 'out-1'), [1])
  })

  simulatedLaw(
    'one that was deleted and is made again begins anew, and emits nothing again',
    async ({ store }) => {
      await append(store, 1, 2)
      await made(store, echoes())
      await store.projection('p').delete()
      await append(store, 3)
      assert.deepEqual(await made(store, echoes()), { '': [1, 2, 3] })
      for (const data of [1, 2, 3]) assert.deepEqual(await dataIn(store, `out-${data}`), [data])
      await store.projection('p').delete()
      assert.deepEqual(await made(store, echoes({ version: 7 })), { '': [1, 2, 3] })
      for (const data of [1, 2, 3]) assert.deepEqual(await dataIn(store, `out-${data}`), [data])
    },
  )

  simulatedLaw(
    'one that was deleted may be made again in any version, of another source',
    async ({ store }) => {
      await append(store, 1)
      await made(store, echoes({ version: 5 }))
      await store.projection('p').delete()
      const source = { kind: 'category', category: 's' } as const
      assert.deepEqual(await made(store, echoes({ version: 1, source })), { '': [1] })
      assert.deepEqual(await dataIn(store, 'out-1'), [1])
    },
  )

  for (const way of ['reset', 'rebuild'] as const) {
    simulatedLaw(
      `one that was deleted emits nothing again, if it is not as far when it is ${way}`,
      async ({ store, runtime }) => {
        let isBroken = false
        const projection = echoes({
          any: (state, { data }, { emit }) => {
            if (isBroken && data === 3) throw new Error('no')
            emit('out', a(data))
            return [...state, data]
          },
        })
        await append(store, 1, 2, 3, 4, 5)
        await made(store, projection)
        await store.projection('p').delete()
        isBroken = true
        const running = await store.project(projection, { onFault: () => {} })
        await faulted(runtime, running)
        await running[way]()
        await waitUntil(runtime, 'it is made anew', async () => {
          const { building, fault } = await running.status()
          return building === undefined && fault !== undefined
        })
        isBroken = false
        await running.resume()
        await append(store, 6)
        await caughtUp(store, running)
        assert.deepEqual(await running.state(), [1, 2, 3, 4, 5, 6])
        assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3, 4, 5, 6])
      },
    )
  }

  simulatedLaw(
    'delete() while it is paused, or being built, or stands at a fault',
    async ({ store, runtime }) => {
      await append(store, 1)
      for (const prepare of ['pause', 'rebuild'] as const) {
        const running = await store.project(echoes())
        await caughtUp(store, running)
        await running.close()
        await running[prepare]()
        await running.delete()
        assert.deepEqual(await projectionsOf(store), [])
        assert.deepEqual((await store.check()).problems, [])
      }
      const bad = () => {
        throw new Error('no')
      }
      const broken = await store.project(echoes({ any: bad }), { onFault: () => {} })
      await waitUntil(runtime, 'it fails', async () => (await broken.status()).fault !== undefined)
      await broken.delete()
      const { paused } = { paused: await store.project(echoes()) }
      await caughtUp(store, paused)
      assert.equal((await paused.status()).state, 'live')
    },
  )

  simulatedLaw('delete() clears many rows', async ({ store }) => {
    const running = await store.project(
      logs({
        partitionBy: ({ data }) => String(data),
        timer: (state) => state,
        any: (state, { data }, context) => {
          context.schedule('t', new Date(9e14))
          context.kv.set([data as number], 1)
          return [...state]
        },
      }),
    )
    await append(store, ...numbers(1, 3_000))
    await caughtUp(store, running)
    await running.delete()
    const { rows, problems } = await store.check()
    assert.deepEqual(problems, [])
    await store.project(logs({ name: 'q' }))
    assert.ok((await store.check()).rows < rows + 20)
  })

  simulatedLaw('options of delete() that there are not are refused', async ({ store }) => {
    const running = await store.project(echoes())
    await failureOf('invalid-argument', () => running.delete({ streams: true } as never))
    assert.equal((await running.status()).version, 1)
  })
}

function streamLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('delete() with its streams removes them as a whole, and nothing else', async ({ store }) => {
    await append(store, 1, 2)
    await made(store, echoes())
    await store.stream('out-1').append(a('of others'))
    await store.stream('out-3').append(a('of others'))
    await store.projection('p').delete({ emittedStreams: true })
    await assertUnwritten(store, 'out-1')
    await assertUnwritten(store, 'out-2')
    assert.deepEqual(await dataIn(store, 'out-3'), ['of others'])
    assert.deepEqual(await dataIn(store, 's'), [1, 2])
    assert.deepEqual(await projectionsOf(store), [])
  })

  simulatedLaw('one that was deleted with its streams emits everything again', async ({ store }) => {
    await append(store, 1, 2)
    await made(store, echoes())
    await store.projection('p').delete({ emittedStreams: true })
    await made(store, echoes())
    for (const data of [1, 2]) assert.deepEqual(await dataIn(store, `out-${data}`), [data])
  })

  simulatedLaw('streams that it has linked into are its streams as well', async ({ store }) => {
    await append(store, 1)
    await made(
      store,
      logs({
        any: (state, event, context) => {
          context.linkTo('links', event)
          return [...state]
        },
      }),
    )
    assert.deepEqual(await dataIn(store, 'links'), [1])
    await store.projection('p').delete({ emittedStreams: true })
    await assertUnwritten(store, 'links')
    assert.deepEqual(await dataIn(store, 's'), [1])
  })

  simulatedLaw('what earlier copies have written to is deleted, too', async ({ store, runtime }) => {
    await append(store, 1)
    await made(store, echoes())
    await store.projection('p').delete()
    await append(store, 2)
    const running = await store.project(echoes({ version: 2 }))
    await caughtUp(store, running)
    await running.delete({ emittedStreams: true })
    assert.deepEqual((await endOf(runtime, running)).reason, 'deleted')
    await assertUnwritten(store, 'out-1')
    await assertUnwritten(store, 'out-2')
  })

  simulatedLaw('streams that were tombstoned or deleted meanwhile are no hindrance', async ({ store }) => {
    await append(store, 1, 2, 3)
    await made(store, echoes())
    await store.stream('out-1').tombstone()
    await store.stream('out-2').delete()
    await store.projection('p').delete({ emittedStreams: true })
    await assertUnwritten(store, 'out-3')
    await append(store, 4)
    assert.deepEqual(await projectionsOf(store), [])
  })

  simulatedLaw('many streams are deleted', async ({ store }) => {
    await append(store, ...numbers(1, 250))
    await made(store, echoes())
    assert.deepEqual(await dataIn(store, 'out-250'), [250])
    await store.projection('p').delete({ emittedStreams: true })
    for (const data of numbers(1, 250)) await assertUnwritten(store, `out-${data}`)
  })
}
