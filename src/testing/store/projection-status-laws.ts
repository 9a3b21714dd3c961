import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { failureOf, numbers, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  counts,
  endOf,
  Failure,
  faulted,
  logs,
  ofProjections,
  projectionsOf,
  secondStore,
} from './projection-examples.ts'

/** How projections are, and how they are made to stop and go on. */
export function projectionStatusLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  stateLaws(named)
  pauseLaws(named)
  endingLaws(named)
  listLaws(named)
}

function stateLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('one that has done everything is live', async ({ store }) => {
    const position = await append(store, 1, 2, 3)
    const running = await store.project(logs())
    await running.waitFor(position)
    const { position: at, leader, watermark: _, ...status } = await running.status()
    assert.ok(at! >= position)
    assert.match(leader!.process, /^\w+$/)
    assert.ok(leader!.silentMs >= 0)
    assert.deepEqual(status, {
      name: 'p',
      source: { kind: 'all' },
      version: 1,
      state: 'live',
      lag: 0,
      isLagExact: true,
      handled: 3,
      skipped: 0,
      fault: undefined,
      building: undefined,
    })
    assert.equal(running.isLeader, true)
  })

  simulatedLaw('one that nobody runs is idle, and how much it is behind is known', async ({ store }) => {
    const running = await store.project(logs())
    await running.waitFor(await append(store, 1))
    await running.close()
    await append(store, 2, 3)
    const { state, lag, leader } = await store.projection('p').status()
    assert.deepEqual([state, lag, leader], ['idle', 2, undefined])
    assert.equal(running.isLeader, false)
  })

  simulatedLaw('one that has not handled anything has no position', async ({ store }) => {
    const running = await store.project(logs())
    await running.close()
    const { position, handled, lag, watermark } = await running.status()
    assert.deepEqual([position, handled, lag, watermark], [undefined, 0, 0, undefined])
    assert.equal((await running.load()).position, undefined)
  })

  simulatedLaw('one that has much to do is catching up', async ({ store, runtime }) => {
    await append(store, ...numbers(1, 10))
    const held = gate()
    const running = await store.project(counts(() => held.passed as never))
    await waitUntil(runtime, 'it runs', async () => (await running.status()).state !== 'idle')
    const { state, lag } = await running.status()
    assert.deepEqual([state, lag], ['catching-up', 10])
    held.open()
    await caughtUp(store, running)
    assert.equal((await running.status()).state, 'live')
  })

  simulatedLaw('events of no interest are no lag', async ({ store }) => {
    const running = await store.project(logs({ source: { kind: 'type', type: 'B' } }))
    await running.close()
    await append(store, 1, 2)
    await store.stream('s').append([{ type: 'B' }, { type: 'B' }, { type: 'C' }])
    assert.equal((await running.status()).lag, 2)
  })

  simulatedLaw('load() says which version has answered, and as of where', async ({ store }) => {
    const position = await append(store, 1)
    const running = await store.project(logs({ version: 3 }))
    await running.waitFor(position)
    const { position: at, ...loaded } = await running.load()
    assert.deepEqual(loaded, { partition: '', state: [1], exists: true, version: 3 })
    assert.ok(at! >= position)
    assert.deepEqual(await store.projection('p').state('none'), undefined)
    assert.deepEqual(await running.state('none'), [])
  })

  simulatedLaw('of a projection that is not there nothing can be asked', async ({ store }) => {
    const handle = store.projection(logs())
    for (const call of [
      () => handle.state(),
      () => handle.load(),
      () => handle.status(),
      () => handle.pause(),
      () => handle.resume(),
      () => handle.skip(),
      () => handle.reset(),
      () => handle.rebuild(),
      () => handle.delete(),
      () => handle.delete({ emittedStreams: true }),
      () => handle.partitions()[Symbol.asyncIterator]().next(),
      () => handle.read((reader) => reader.state()),
    ]) {
      await failureOf('projection-not-found', call, `${call}`)
    }
    assert.deepEqual(await projectionsOf(store), [])
  })
}

function pauseLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('pause() stops it until resume()', async ({ store, runtime }) => {
    const running = await store.project(logs())
    await running.waitFor(await append(store, 1))
    await running.pause()
    await running.pause()
    const position = await append(store, 2)
    await sleep(runtime, 300_000)
    assert.deepEqual(await running.state(), [1])
    const { state, lag } = await running.status()
    assert.deepEqual([state, lag], ['paused', 1])
    const began = runtime.monotonic()
    await running.resume()
    await running.resume()
    await running.waitFor(position)
    assert.ok(runtime.monotonic() - began < 100)
    assert.deepEqual(await running.state(), [1, 2])
  })

  simulatedLaw('a pause lasts until it is run again elsewhere, and longer', async (scene) => {
    const { store, runtime } = scene
    const running = await store.project(logs())
    await running.pause()
    await running.close()
    await using other = await secondStore(scene)
    const again = await other.project(logs())
    const position = await append(store, 1)
    await sleep(runtime, 100_000)
    assert.deepEqual(await again.state(), [])
    await store.projection('p').resume()
    await again.waitFor(position)
    assert.deepEqual(await again.state(), [1])
  })

  simulatedLaw(
    'what a handler does while it is paused is not kept, and done again',
    async ({ store, runtime }) => {
      await append(store, 1)
      const held = gate()
      let calls = 0
      const running = await store.project(
        counts(async () => {
          calls += 1
          await held.passed
          return undefined
        }),
      )
      await waitUntil(runtime, 'it is handled', () => calls === 1)
      await running.pause()
      held.open()
      await sleep(runtime, 1_000)
      assert.equal((await running.load()).exists, false)
      await running.resume()
      await caughtUp(store, running)
      assert.deepEqual([await running.state(), calls], [1, 2])
    },
  )
}

function endingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('close() ends it here, and waits for what is under way', async ({ store, runtime }) => {
    await append(store, 1)
    const held = gate()
    let isDone = false
    const running = await store.project(
      counts(async () => {
        await held.passed
        isDone = true
        return undefined
      }),
    )
    await waitUntil(runtime, 'it runs', () => running.isLeader)
    const closing = running.close()
    held.open()
    await closing
    await running.close()
    assert.deepEqual(await running.ended, { reason: 'closed' })
    await append(store, 2)
    const before = isDone
    await sleep(runtime, 60_000)
    assert.equal(isDone, before)
    assert.ok((await running.state()) <= 1)
  })

  simulatedLaw('a signal ends it here', async ({ store, runtime }) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const running = await store.project(logs(), { signal: controller.signal })
    controller.abort(reason)
    assert.deepEqual(await endOf(runtime, running), { reason: 'aborted', error: reason })
    await assert.rejects(store.project(logs(), { signal: AbortSignal.abort(reason) }), reason)
  })

  simulatedLaw('await using ends it at the end of its block', async ({ store }) => {
    let outer: { readonly ended: Promise<unknown> } | undefined
    {
      await using running = await store.project(logs())
      outer = running
    }
    assert.deepEqual(await outer.ended, { reason: 'closed' })
  })

  simulatedLaw('a store that is closed ends what runs in it', async (scene) => {
    const other = await secondStore(scene)
    const running = await other.project(logs())
    await other.close()
    assert.equal((await running.ended).reason, 'store-closed')
    await failureOf('closed', () => other.project(logs()))
    await failureOf('closed', () => other.projection('p'))
    await failureOf('closed', () => running.state())
    await failureOf('closed', () => other.runOnce(logs()))
  })

  simulatedLaw('a store is closed although a handler never returns', async (scene) => {
    const { store, runtime } = scene
    await append(store, 1)
    const other = await secondStore(scene)
    const held = gate()
    let isHeld = false
    await other.project(
      counts(async () => {
        isHeld = true
        await held.passed
        return undefined
      }),
    )
    await waitUntil(runtime, 'it hangs', () => isHeld)
    const closing = other.close()
    await sleep(runtime, 1_000)
    held.open()
    await closing
  })

  simulatedLaw('the same projection may run twice in one process', async ({ store, runtime }) => {
    const [one, other] = [await store.project(logs()), await store.project(logs())]
    await one.waitFor(await append(store, 1))
    assert.deepEqual([one.isLeader, other.isLeader].filter(Boolean).length, 1)
    await (one.isLeader ? one : other).close()
    await waitUntil(runtime, 'the other leads', () => one.isLeader || other.isLeader)
    const position = await append(store, 2)
    await other.waitFor(position)
    assert.deepEqual(await other.state(), [1, 2])
  })
}

function listLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('projections() lists them with how they are', async ({ store, runtime }) => {
    await append(store, 1)
    const source = { kind: 'category', category: 'c' } as const
    const all = { kind: 'all' } as const
    await store.project(logs({ name: 'running', version: 2 }))
    await (await store.project(logs({ name: 'idle', source }))).close()
    await (await store.project(logs({ name: 'paused' }))).pause()
    const bad = () => {
      throw new Failure('no')
    }
    await faulted(runtime, await store.project(logs({ name: 'faulted', any: bad }), { onFault: () => {} }))
    await waitUntil(
      runtime,
      'it runs',
      async () => (await store.projection('running').status()).leader !== undefined,
    )
    await store.stream('c-1').append(a(3))
    const second = await store.project(logs({ name: 'idle', source, version: 2, any: bad }), {
      onFault: () => {},
    })
    await waitUntil(
      runtime,
      'the one that is being built stands at a fault',
      async () => (await second.status()).building?.fault !== undefined,
    )
    const building = undefined
    assert.deepEqual(await projectionsOf(store), [
      { name: 'faulted', version: 1, source: all, state: 'faulted', building },
      { name: 'idle', version: 1, source, state: 'idle', building: { version: 2, state: 'faulted' } },
      { name: 'paused', version: 1, source: all, state: 'paused', building },
      { name: 'running', version: 2, source: all, state: 'running', building },
    ])
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(store.projections({ signal })[Symbol.asyncIterator]().next(), reason)
  })

  simulatedLaw('names may be any text, in their limit', async ({ store }) => {
    const names = ['$', '$p', '__proto__', 'ä'.repeat(128), '😀', ' ', 'p/q', '-']
    for (const [index, name] of names.entries()) {
      const position = await append(store, index)
      const running = await store.project(logs({ name }))
      await running.waitFor(position)
      assert.deepEqual(await store.projection(name).state(), numbers(0, index))
    }
    const entries = await projectionsOf(store)
    assert.deepEqual(entries.map(({ name }) => name).toSorted(), names.toSorted())
    for (const name of ['', '\u{d800}', 'x'.repeat(257), 'a\0', 7, null, undefined, {}]) {
      const code = name === 'x'.repeat(257) ? 'limit-exceeded' : 'invalid-argument'
      await failureOf(code, () => store.projection(name as never), JSON.stringify(name))
      await failureOf(code, () => logs({ name: name as never }), JSON.stringify(name))
    }
  })
}
