import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { waitUntil } from './group-consumers.ts'
import { failureOf, numbers, type StoreLaws } from './laws.ts'
import { a, append, caughtUp, counts, logs, ofProjections, secondStore } from './projection-examples.ts'

/** Waiting for projections. */
export function projectionPositionLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  readYourWritesLaws(named)
  refusalLaws(named)
  endLaws(named)
}

const OF_C = { source: { kind: 'category', category: 'c' } } as const

function readYourWritesLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what was waited for is in the state', async ({ store }) => {
    const running = await store.project(logs())
    for (const number of numbers(1, 20)) {
      await running.waitFor(await append(store, number))
      assert.deepEqual(await running.state(), numbers(1, number))
    }
  })

  simulatedLaw('waiting is no waiting for time', async ({ store, runtime }) => {
    const running = await store.project(logs())
    await caughtUp(store, running)
    await sleep(runtime, 100_000)
    const began = runtime.monotonic()
    for (const number of numbers(1, 10)) await running.waitFor(await append(store, number))
    for (const _ of numbers(1, 10)) {
      await running.waitFor((await store.stream('other').append(a(1))).position!)
    }
    assert.ok(runtime.monotonic() - began < 20, `${runtime.monotonic() - began} ms`)
  })

  simulatedLaw('events of no interest count as handled', async ({ store, runtime }) => {
    const running = await store.project(logs(OF_C))
    await caughtUp(store, running)
    const began = runtime.monotonic()
    for (const number of numbers(1, 5)) await running.waitFor(await append(store, number))
    await store.stream('c-1').append(a(1))
    await caughtUp(store, running)
    assert.ok(runtime.monotonic() - began < 20)
    assert.deepEqual(await running.state(), [1])
    assert.equal((await running.status()).handled, 1)
  })

  for (const source of [
    { kind: 'stream', streamId: 'c-1' },
    { kind: 'type', type: 'C' },
    { kind: 'query', query: { items: [{ tags: ['x'] }] } },
  ] as const) {
    simulatedLaw(`events of no interest to one by ${source.kind} count as handled`, async ({ store }) => {
      const running = await store.project(logs({ source }))
      await running.waitFor(await append(store, 1))
      await store.stream('c-1').append({ type: 'C', data: 2, tags: ['x'] })
      await caughtUp(store, running)
      assert.deepEqual(await running.state(), [2])
      await running.waitFor(await append(store, 3))
      assert.deepEqual(await running.state(), [2])
    })
  }

  simulatedLaw('a handle waits for what runs elsewhere', async (scene) => {
    const { store } = scene
    await using other = await secondStore(scene)
    await other.project(logs())
    const handle = store.projection(logs())
    for (const number of numbers(1, 5)) {
      await handle.waitFor(await append(store, number))
      assert.deepEqual(await handle.state(), numbers(1, number))
    }
    await handle.waitFor((await store.stream('l').linkTo({ streamId: 's', version: 1 })).position!)
  })

  simulatedLaw('several may wait for different positions', async ({ store }) => {
    const running = await store.project(logs(), {})
    await running.pause()
    const positions: bigint[] = []
    for (const number of numbers(1, 5)) positions.push(await append(store, number))
    const done: bigint[] = []
    const waiting = positions.map(async (position) => {
      await running.waitFor(position)
      done.push(position)
    })
    await running.resume()
    await Promise.all(waiting)
    assert.deepEqual(done.toSorted(), positions)
  })

  simulatedLaw('a position that is over is no waiting, whatever the state', async ({ store }) => {
    const running = await store.project(logs())
    const position = await append(store, 1)
    await running.waitFor(position)
    await running.pause()
    await running.waitFor(position, { timeoutMs: 0 })
    await running.waitFor(0n, { timeoutMs: 0 })
    await running.close()
    await running.waitFor(position, { timeoutMs: 0 })
  })
}

function refusalLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('waiting ends after a time, and says how it is', async ({ store, runtime }) => {
    const position = await append(store, 1)
    const running = await store.project(logs())
    await running.waitFor(position)
    await running.close()
    const later = await append(store, 2)
    for (const [timeoutMs, expected] of [
      [700, 700],
      [0, 0],
      [undefined, 30_000],
    ] as const) {
      const began = runtime.monotonic()
      const options = timeoutMs === undefined ? {} : { timeoutMs }
      const error = await failureOf('projection-timeout', () => running.waitFor(later, options))
      const {
        wanted,
        position: at,
        projection,
      } = error.details as { wanted: bigint; position: bigint; projection: string }
      assert.deepEqual([wanted, projection], [later, 'p'])
      assert.ok(at >= position && at < later)
      assert.equal(Math.round(runtime.monotonic() - began), expected)
      assert.equal(error.retryable, true)
    }
  })

  simulatedLaw('waiting for one that is paused says so', async ({ store }) => {
    const running = await store.project(logs())
    await running.pause()
    const position = await append(store, 1)
    const error = await failureOf('projection-timeout', () => running.waitFor(position, { timeoutMs: 50 }))
    assert.equal((error.details as { state: string }).state, 'paused')
  })

  simulatedLaw(
    'a slow handler is waited for, and its timeout says that it is behind',
    async ({ store, runtime }) => {
      const slow = counts(() => sleep(runtime, 1_000) as never)
      const running = await store.project(slow)
      const position = await append(store, 1, 2)
      const error = await failureOf('projection-timeout', () => running.waitFor(position, { timeoutMs: 500 }))
      assert.equal((error.details as { state: string }).state, 'behind')
      await running.waitFor(position)
      assert.equal(await running.state(), 2)
    },
  )

  simulatedLaw('waiting ends with the reason of its signal', async ({ store }) => {
    const running = await store.project(logs())
    await running.pause()
    const position = await append(store, 1)
    const reason = new Error('enough')
    await assert.rejects(running.waitFor(position, { signal: AbortSignal.abort(reason) }), reason)
    const later = new AbortController()
    const waiting = running.waitFor(position, { signal: later.signal })
    later.abort(reason)
    await assert.rejects(waiting, reason)
  })

  simulatedLaw('waiting for what is not there is refused', async ({ store }) => {
    await append(store, 1)
    await failureOf('projection-not-found', () => store.projection('none').waitFor(1n))
    const running = await store.project(logs())
    const beyond = (await append(store, 2)) + 1_000_000_000_000n
    await failureOf('invalid-argument', () => running.waitFor(beyond))
    for (const position of [1, '1', undefined, null, -1.5]) {
      await failureOf('invalid-argument', () => running.waitFor(position as never))
    }
    for (const options of [
      { timeoutMs: -1 },
      { timeoutMs: Number.NaN },
      { timeoutMs: '1' },
      { timeout: 1 },
    ]) {
      await failureOf(
        'invalid-argument',
        () => running.waitFor(1n, options as never),
        JSON.stringify(options),
      )
    }
  })
}

function endLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('waiting ends when the projection is deleted', async ({ store, runtime }) => {
    const running = await store.project(logs())
    await running.pause()
    const waiting = failureOf('projection-not-found', async () => running.waitFor(await append(store, 1)))
    await sleep(runtime, 100)
    await running.delete()
    await waiting
  })

  simulatedLaw('waiting ends when the store is closed', async (scene) => {
    const { store, runtime } = scene
    const running = await store.project(logs())
    await running.pause()
    const position = await append(store, 1)
    const other = await secondStore(scene)
    const waiting = failureOf('closed', () => other.projection('p').waitFor(position))
    await sleep(runtime, 100)
    await other.close()
    await waiting
    await failureOf('closed', () => other.projection('p').waitFor(position))
  })

  simulatedLaw(
    'waiting goes on over a reset, and ends when it is as far again',
    async ({ store, runtime }) => {
      const running = await store.project(logs())
      await running.waitFor(await append(store, 1))
      await running.pause()
      const position = await append(store, 2)
      const waiting = running.waitFor(position)
      await running.reset()
      await running.resume()
      await waiting
      assert.deepEqual(await running.state(), [1, 2])
      await waitUntil(runtime, 'it is live', async () => (await running.status()).state === 'live')
    },
  )
}
