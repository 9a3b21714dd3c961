import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { EventStore } from '../../store/contract.ts'
import type { ProjectionHandle } from '../../store/contract-projections.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { a, endOf, Failure, faulted, projectionsOf, secondStore } from './projection-examples.ts'
import {
  assertAllHandled,
  dataOfCategory,
  inForce,
  inlineCounts,
  inlineDoing,
  inlineLogs,
  inlineRefusing,
  ofInlineProjections,
} from './projection-inline-examples.ts'

/** How inline projections come into force, and out of it. */
export function projectionInlineHistoryLaws(laws: StoreLaws): void {
  const named = ofInlineProjections(laws)
  historyLaws(named)
  faultLaws(named)
  statusLaws(named)
  outOfForceLaws(named)
  timeLaws(named)
}

/** It emits what it handles. */
function echoing(settings: Parameters<typeof inlineLogs>[0] = {}) {
  return inlineDoing((_state, { data }, { emit }) => emit('out', a(data)), settings)
}

function historyLaws({ simulatedLaw }: StoreLaws): void {
  for (const count of [0, 1, 255, 256, 257, 1_500]) {
    simulatedLaw(`${count} events of the past are handled when project() resolves`, async ({ store }) => {
      if (count > 0) await store.stream('s-1').append(numbers(1, count).map((number) => a(number)))
      await store.stream('t-1').append(a('other'))
      await using running = await store.project(echoing())
      assert.deepEqual(await running.state(), numbers(1, count))
      await store.stream('s-1').append(a(count + 1))
      assert.deepEqual(await running.state(), numbers(1, count + 1))
      assert.deepEqual(await dataIn(store, 'out'), numbers(1, count + 1))
    })
  }

  simulatedLaw('what is appended while it comes into force is handled once', async ({ store, runtime }) => {
    let isOver = false
    await store.stream('s-0').append(numbers(1, 700).map((number) => a(`0.${number}`)))
    const writers = numbers(1, 4).map(async (writer) => {
      for (let number = 1; !isOver; number += 1) {
        await store.stream(`s-${writer}`).append(a(`${writer}.${number}`))
        await sleep(runtime, 1)
      }
    })
    await sleep(runtime, 20)
    await using _ = await store.project(echoing())
    await assertAllHandled(store)
    await sleep(runtime, 20)
    isOver = true
    await Promise.all(writers)
    await assertAllHandled(store)
    assert.deepEqual(await dataIn(store, 'out'), await dataOfCategory(store))
    const counts = await Promise.all(numbers(1, 4).map((writer) => dataIn(store, `s-${writer}`)))
    for (const { length } of counts) assert.ok(length > 10, 'all have got on')
  })

  simulatedLaw('project() resolves while it is paused, and resume() brings it into force', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s-1').append(a(1))
    const first = await store.project(inlineLogs())
    await first.pause()
    await first.close()
    await store.stream('s-1').append(a(2))
    await using second = await store.project(inlineLogs())
    assert.equal((await second.status()).state, 'paused')
    await store.stream('s-1').append(a(3))
    assert.deepEqual(await second.state(), [1])
    await second.resume()
    await inForce(runtime, second)
    assert.deepEqual(await second.state(), [1, 2, 3])
  })

  simulatedLaw('project() that is aborted runs nothing, and carries nothing', async ({ store, runtime }) => {
    await store.stream('s-1').append(a(1))
    const controller = new AbortController()
    const held = gate()
    let isHeld = false
    const projection = inlineDoing(async () => {
      isHeld = true
      await held.passed
    })
    const waiting = store.project(projection, { signal: controller.signal })
    const reason = new Failure('enough')
    // What it has in its hands when it is aborted may be what brings it into force.
    const ended = waiting.then(
      (running) => running.ended,
      (error) => ({ reason: 'aborted', error }),
    )
    await waitUntil(runtime, 'it handles the past', () => isHeld)
    controller.abort(reason)
    held.open()
    assert.deepEqual(await ended, { reason: 'aborted', error: reason })
    await store
      .stream('s-1')
      .append(a(2))
      .catch((error) => assert.equal(error.code, 'projection-not-carried'))
    await using _ = await store.project(inlineLogs())
    await store.stream('s-1').append(a(3))
    await assertAllHandled(store)
  })

  simulatedLaw('several come into force side by side', async (scene) => {
    const { store } = scene
    await using other = await secondStore(scene)
    await store.stream('s-1').append(numbers(1, 50).map((number) => a(number)))
    const names = ['p', 'q', 'r', 'p', 'q']
    const running = await Promise.all(
      names.map((name, at) => (at % 2 === 0 ? store : other).project(echoing({ name }))),
    )
    await store.stream('s-1').append(a(51))
    for (const one of running) assert.deepEqual(await one.state(), numbers(1, 51))
    assert.equal((await dataIn(store, 'out')).length, 3 * 51)
  })
}

function faultLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('project() rejects at a fault of the past, and appends go on', async ({ store, runtime }) => {
    await store.stream('s-1').append([a(1), a('bad'), a(2)])
    const error = await failureOf('projection-faulted', () => store.project(inlineRefusing(['bad'])))
    const { event, error: cause } = error.details as {
      event: { streamId: string; version: number }
      error: { message: string }
    }
    assert.deepEqual([event.streamId, event.version, cause.message], ['s-1', 2, 'not bad'])
    const [entry] = await projectionsOf(store)
    assert.equal(entry?.state, 'faulted')
    await store.stream('s-1').append(a(3))
    assert.equal((await faulted(runtime, store.projection('p'))).attempts, 1)
  })

  for (const [name, mend] of Object.entries<(handle: ProjectionHandle<unknown>) => Promise<unknown>>({
    nothing: async () => {},
    'resume()': (handle) => handle.resume(),
    'reset()': (handle) => handle.reset(),
  })) {
    simulatedLaw(`project() works after a fault was mended, and ${name} was called`, async ({ store }) => {
      await store.stream('s-1').append([a(1), a('bad'), a(2)])
      for (const _ of [1, 2])
        await failureOf('projection-faulted', () => store.project(inlineRefusing(['bad'])))
      await mend(store.projection('p'))
      await using running = await store.project(inlineLogs())
      assert.deepEqual(await running.state(), [1, 'bad', 2])
      await store.stream('s-1').append(a(3))
      assert.deepEqual(await running.state(), [1, 'bad', 2, 3])
    })
  }

  simulatedLaw('project() works after a fault was skipped', async ({ store }) => {
    await store.stream('s-1').append([a(1), a('bad'), a(2)])
    await failureOf('projection-faulted', () => store.project(inlineRefusing(['bad'])))
    await store.projection('p').skip()
    await using running = await store.project(inlineRefusing(['bad']))
    assert.deepEqual(await running.state(), [1, 2])
  })

  simulatedLaw('a fault that comes after resume() is told, and appends go on without it', async (scene) => {
    const { store, runtime } = scene
    await using running = await store.project(inlineRefusing(['bad']))
    await running.pause()
    await store.stream('s-1').append([a(1), a('bad'), a(2)])
    await running.resume()
    await faulted(runtime, running)
    await store.stream('s-1').append(a('bad'))
    await running.skip()
    await faulted(runtime, running)
    await running.skip()
    await inForce(runtime, running)
    assert.deepEqual(await running.state(), [1, 2])
    await failureOf('projection-refused', () => store.stream('s-1').append(a('bad')))
  })
}

function statusLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('status(), load(), waitFor() and projections() say that it is up to date', async (scene) => {
    const { store } = scene
    await store.stream('s-1').append([a(1), a(2)])
    await using running = await store.project(inlineLogs())
    const { position } = await store.stream('t-1').append(a(3))
    await running.waitFor(position!, { timeoutMs: 0 })
    const status = await running.status()
    assert.deepEqual(
      [status.state, status.lag, status.isLagExact, status.leader, status.building, status.fault],
      ['inline', 0, true, undefined, undefined, undefined],
    )
    assert.equal(status.position, position)
    assert.equal((await running.load()).position, position)
    assert.equal(running.isLeader, false)
    const [entry] = await projectionsOf(store)
    assert.deepEqual([entry?.name, entry?.state], ['p', 'inline'])
    await failureOf('invalid-argument', () => running.waitFor(position! + 10n ** 15n))
  })

  simulatedLaw('it can be read by anyone', async (scene) => {
    const { store } = scene
    await using other = await secondStore(scene)
    await store.project(inlineCounts())
    await store.stream('s').append([a(1), a(2)])
    const handle = other.projection('p')
    assert.equal(await handle.state('s'), 2)
    assert.equal(await other.projection('p').state('s'), 2)
    const [state, position] = await handle.read(async (reader) => {
      const loaded = await reader.load('s')
      return [loaded.state, loaded.position] as const
    })
    assert.equal(state, 2)
    assert.equal(position, (await store.all.read().last())!.position)
  })

  simulatedLaw('execute() that waits for it need not wait', async ({ store, runtime }) => {
    const source = { kind: 'category', category: 'list' } as const
    await using running = await store.project(inlineLogs({ source }))
    const { position } = await store.stream('list-1').append(a(1))
    const began = runtime.monotonic()
    await running.waitFor(position!)
    assert.equal(runtime.monotonic(), began)
  })
}

function outOfForceLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('pause() takes it out of the appends, and resume() brings it up to date', async (scene) => {
    const { store, runtime } = scene
    await using running = await store.project(echoing())
    await store.stream('s-1').append(a(1))
    await running.pause()
    const { state, position, lag } = await running.status()
    assert.deepEqual([state, lag, position], ['paused', 0, (await store.all.read().last())!.position])
    await store.stream('s-1').append([a(2), a(3)])
    assert.equal((await running.status()).lag, 2)
    assert.deepEqual(await running.state(), [1])
    await running.resume()
    await inForce(runtime, running)
    await store.stream('s-1').append(a(4))
    assert.deepEqual(await running.state(), [1, 2, 3, 4])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3, 4])
  })

  for (const source of [
    { kind: 'category', category: 's' },
    { kind: 'stream', streamId: 's-1' },
  ] as const) {
    simulatedLaw(`reset() of one by ${source.kind} begins again, and emits nothing again`, async (scene) => {
      const { store, runtime } = scene
      await using running = await store.project(echoing({ source }))
      const at: (bigint | number)[] = []
      for (const number of numbers(1, 4)) {
        const { position, lastVersion } = await store.stream('s-1').append(a(number))
        at.push(source.kind === 'stream' ? lastVersion : position!)
      }
      await running.reset()
      await inForce(runtime, running)
      assert.deepEqual(await running.state(), [1, 2, 3, 4])
      await running.reset({ from: at[2]! })
      await store.stream('s-1').append(a(5))
      await inForce(runtime, running)
      assert.deepEqual(await running.state(), [3, 4, 5])
      await running.rebuild()
      await inForce(runtime, running)
      await store.stream('s-1').append(a(6))
      assert.deepEqual(await running.state(), numbers(1, 6))
      assert.deepEqual(await dataIn(store, 'out'), numbers(1, 6))
    })
  }

  simulatedLaw('delete() takes it out of the appends, and ends it', async ({ store, runtime }) => {
    const running = await store.project(inlineRefusing(['bad']))
    await store.stream('s-1').append(a(1))
    await running.delete()
    await store.stream('s-1').append(a('bad'))
    assert.deepEqual(await endOf(runtime, running), { reason: 'deleted' })
    await failureOf('projection-not-found', () => running.state())
    assert.deepEqual(await projectionsOf(store), [])
  })

  simulatedLaw('delete() with emittedStreams deletes them, and all is emitted anew', async (scene) => {
    const { store, runtime } = scene
    const running = await store.project(echoing())
    await store.stream('s-1').append([a(1), a(2)])
    await running.delete({ emittedStreams: true })
    assert.deepEqual(await dataIn(store, 'out'), [])
    await endOf(runtime, running)
    await using _ = await store.project(echoing())
    assert.deepEqual(await dataIn(store, 'out'), [1, 2])
  })

  simulatedLaw('whatever is done to it while others append, each event is handled once', async (scene) => {
    for (const round of [1, 2]) await disturbed(scene, `r${round}`)
  })
}

/** One round: four writers, and somebody who pauses, resumes, resets, rebuilds, closes and opens at random. */
async function disturbed(scene: SimulatedStoreScene, round: string): Promise<void> {
  const { store, runtime, random } = scene
  await using other = await secondStore(scene)
  const settings = { name: round, source: { kind: 'category', category: round } } as const
  const projection = (version: number) =>
    inlineDoing(
      async (_state, { data }, { emit }) => {
        emit(`${round}out`, a(data))
        if (random() < 0.1) await sleep(runtime, 1)
      },
      { ...settings, version },
    )
  const write = async (into: EventStore, writer: number): Promise<void> => {
    for (const number of numbers(1, 60)) {
      const streamId = `${round}-${writer}`
      const data = `${writer}.${number}`
      if (random() < 0.2) await into.transact((tx) => tx.stream(streamId).append(a(data)))
      else await into.stream(streamId).append(a(data))
      await sleep(runtime, Math.floor(random() * 4))
    }
  }
  const running = [await store.project(projection(1)), await other.project(projection(1))]
  const writers = numbers(1, 4).map((writer) => write(writer % 2 ? store : other, writer))
  let isOver = false
  const all = Promise.all(writers).then(() => {
    isOver = true
  })
  let version = 1
  const handle = store.projection(round)
  while (!isOver) {
    const choice = random()
    if (choice < 0.3) await handle.pause()
    else if (choice < 0.6) await handle.resume()
    else if (choice < 0.7) await handle.reset().catch(ignoreBuilding)
    else if (choice < 0.85) await handle.rebuild().catch(ignoreBuilding)
    else if (version < 4) {
      version += 1
      await handle.resume()
      running.push(...(await Promise.all([store, other].map((one) => one.project(projection(version))))))
    }
    await sleep(runtime, Math.floor(random() * 12))
  }
  await all
  await handle.resume()
  await inForce(runtime, handle, version)
  await assertAllHandled(store, round, round)
  assert.deepEqual(await dataIn(store, `${round}out`), await dataOfCategory(store, round))
  assert.equal((await dataOfCategory(store, round)).length, 240)
  assert.deepEqual((await store.check()).problems, [])
  await Promise.all(running.map((one) => one.close()))
}

function ignoreBuilding(error: unknown): void {
  assert.equal((error as { readonly code?: string }).code, 'projection-building')
}

function timeLaws({ simulatedLaw }: StoreLaws): void {
  for (const jumpMs of [0, -3_600_000, 3_600_000]) {
    simulatedLaw(
      `the time that handlers see stays, with a clock that jumps by ${jumpMs} ms`,
      async (scene) => {
        const { store, runtime } = scene
        const timely = inlineLogs({
          any: (state, { time, data }, { emit }) => {
            if (data !== 'echo') emit('s-2', a('echo'))
            return [...state, time.getTime()]
          },
          deleted: (state, { time }) => [...state, time.getTime()],
        })
        await store.stream('s-1').append([a(0), a(1, { time: new Date(7) })])
        await using running = await store.project(timely)
        await sleep(runtime, 1_000)
        runtime.jumpClock(jumpMs)
        await store.stream('s-1').append([a(2), a(3, { time: new Date(8) })])
        await sleep(runtime, 50)
        await store.transact(async (tx) => {
          await tx.stream('s-1').append(a(4))
          await sleep(runtime, 50)
          await tx.stream('s-3').append([])
        })
        await store.createStream('s-4')
        await sleep(runtime, 50)
        await store.stream('s-4').delete()
        const read = await store.all.read({ system: true }).toArray()
        const meant = read.filter(
          ({ streamId, type }) => !streamId.startsWith('$') || type === '$stream-deleted',
        )
        assert.equal(meant.length, 11)
        const times = meant.map(({ time }) => time.getTime())
        assert.deepEqual((await running.state()).toSorted(), times.toSorted())
      },
    )
  }
}
