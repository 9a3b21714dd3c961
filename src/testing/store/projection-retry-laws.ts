import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { ProjectionFault, ProjectOptions } from '../../store/contract-projections.ts'
import { waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, type StoreLaws } from './laws.ts'
import { a, append, caughtUp, counts, Failure, faulted, logs, ofProjections } from './projection-examples.ts'

/** How a projection gets over what it cannot handle, and whom it tells. */
export function projectionRetryLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  retryLaws(named)
  skipLaws(named)
  callbackLaws(named)
}

const SILENT: ProjectOptions = { onFault: () => {} }

function retryLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'what has failed is tried again after 1 s, 2 s, 4 s … up to a minute',
    async ({ store, runtime }) => {
      await append(store, 1)
      const triedAt: number[] = []
      const faults: ProjectionFault[] = []
      const projection = counts(() => {
        triedAt.push(runtime.monotonic())
        throw new Failure('no')
      })
      const running = await store.project(projection, { onFault: (fault) => faults.push(fault) })
      await faulted(runtime, running, 9)
      const pauses = triedAt.slice(1).map((at, index) => Math.round((at - triedAt[index]!) / 1_000))
      assert.deepEqual(pauses.slice(0, 8), [1, 2, 4, 8, 16, 32, 60, 60])
      assert.deepEqual(faults.map(({ attempts }) => attempts).slice(0, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9])
      const [first, second] = faults as [ProjectionFault, ProjectionFault]
      assert.deepEqual(second.since, first.since)
      assert.equal(first.retryAt.getTime() - first.since.getTime(), 1_000)
      assert.equal(second.error.message, 'no')
      assert.match(second.error.stack!, /Failure/)
    },
  )

  simulatedLaw('a handler that is mended heals it', async ({ store, runtime }) => {
    await append(store, 1, 2)
    let isBroken = true
    const projection = counts(
      (_state, { data }, context) => {
        if (isBroken && data === 2) throw new Failure('not yet')
        context.emit('out', a(data))
        return undefined
      },
      { source: { kind: 'stream', streamId: 's' } },
    )
    const running = await store.project(projection, SILENT)
    await faulted(runtime, running, 2)
    isBroken = false
    await waitUntil(runtime, 'it is healed', async () => (await running.state()) === 2)
    const { fault, state, handled, skipped } = await running.status()
    assert.deepEqual([fault, state, handled, skipped], [undefined, 'live', 2, 0])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2])
  })

  simulatedLaw('resume() tries what has failed at once', async ({ store, runtime }) => {
    await append(store, 1)
    let isBroken = true
    const projection = counts(() => {
      if (isBroken) throw new Failure('not yet')
      return undefined
    })
    const running = await store.project(projection, SILENT)
    await faulted(runtime, running, 6)
    isBroken = false
    const began = runtime.monotonic()
    await running.resume()
    await caughtUp(store, running)
    assert.equal(await running.state(), 1)
    assert.ok(runtime.monotonic() - began < 1_000)
  })

  simulatedLaw('who comes later tries at once what another has stopped at', async ({ store, runtime }) => {
    await append(store, 1)
    const broken = await store.project(counts(failing), SILENT)
    await faulted(runtime, broken, 6)
    await broken.close()
    const mended = await store.project(counts(() => undefined))
    const began = runtime.monotonic()
    await caughtUp(store, mended)
    assert.equal(await mended.state(), 1)
    assert.ok(runtime.monotonic() - began < 1_000)
  })

  simulatedLaw('who stands by tries it at once when its turn comes', async ({ store, runtime }) => {
    await append(store, 1)
    const broken = await store.project(counts(failing), SILENT)
    const mended = await store.project(counts(() => undefined))
    await faulted(runtime, broken, 6)
    const began = runtime.monotonic()
    await broken.close()
    await waitUntil(runtime, 'it is healed', async () => (await mended.state()) === 1)
    assert.ok(runtime.monotonic() - began < 1_000)
  })

  simulatedLaw(
    'a fault that nobody is told of is a warning, once in each process',
    async ({ store, runtime }) => {
      const warnings: unknown[] = []
      runtime.warn = (message) => warnings.push(message)
      await append(store, 1)
      const first = await store.project(counts(failing))
      await faulted(runtime, first, 4)
      const text =
        'Version 1 of the projection "p" has stopped at version 1 of stream "s" (A): Failure: no (it is tried again and again, until it succeeds or is skipped)'
      assert.deepEqual(warnings, [text])
      await first.close()
      const second = await store.project(counts(failing))
      await faulted(runtime, second, 7)
      assert.deepEqual(warnings, [text, text])
    },
  )

  simulatedLaw('a fault is kept while nobody runs it, and told to others', async ({ store, runtime }) => {
    await append(store, 1)
    const broken = counts(() => {
      throw new Failure('no')
    })
    const running = await store.project(broken, SILENT)
    await faulted(runtime, running)
    await running.close()
    const status = await store.projection('p').status()
    assert.deepEqual([status.state, status.fault?.error.message, status.leader], ['faulted', 'no', undefined])
    const mended = await store.project(counts(() => undefined))
    await waitUntil(runtime, 'it is healed', async () => (await mended.state()) === 1)
  })
}

function failing(): never {
  throw new Failure('no')
}

function skipLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('skip() is for what stands at that place', async ({ store, runtime }) => {
    const last = await append(store, 1, 2)
    const handle = store.projection('p')
    await failureOf('projection-not-found', () => handle.skip())
    const running = await store.project(
      counts((_state, { data }) => {
        if (data === 2) throw new Failure('no')
        return undefined
      }),
      SILENT,
    )
    await faulted(runtime, running)
    await failureOf('projection-not-faulted', () => handle.skip({ position: last - 1n }))
    const { message } = await failureOf('projection-not-faulted', () => handle.skip({ building: true }))
    assert.match(message, /but with version 1, which serves: leave out `building`$/)
    await failureOf('invalid-argument', () => handle.skip({ position: 2 as never }))
    await failureOf('invalid-argument', () => handle.skip({ at: 2n } as never))
    assert.deepEqual((await handle.skip({ position: last })).event?.version, 2)
    await caughtUp(store, running)
    const { skipped, handled, fault, position } = await running.status()
    assert.deepEqual([skipped, handled, fault, position], [1, 1, undefined, last])
    await failureOf('projection-not-faulted', () => handle.skip())
  })

  simulatedLaw('skip() is not waited for', async ({ store, runtime }) => {
    await append(store, 1)
    const running = await store.project(
      counts(() => {
        throw new Failure('no')
      }),
      SILENT,
    )
    await faulted(runtime, running, 7)
    const began = runtime.monotonic()
    await running.skip()
    await caughtUp(store, running)
    assert.ok(runtime.monotonic() - began < 1_000)
  })
}

function callbackLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a callback that throws does no harm', async ({ store, runtime }) => {
    await append(store, 1, 2)
    let calls = 0
    const fail = (): never => {
      calls += 1
      throw new Failure('callback')
    }
    let isBroken = true
    const projection = counts((_state, { data }) => {
      if (isBroken && data === 2) throw new Failure('no')
      return undefined
    })
    const options = { onProgress: fail, onFault: fail, onProblem: fail }
    const running = await store.project(projection, options)
    await faulted(runtime, running, 2)
    isBroken = false
    await waitUntil(runtime, 'it is healed', async () => (await running.state()) === 2)
    assert.ok(calls >= 4)
  })

  simulatedLaw(
    'onFault is called for each attempt, and not for what succeeds',
    async ({ store, runtime }) => {
      await append(store, 1, 2, 3)
      const faults: unknown[] = []
      const projection = counts((_state, { data }) => {
        if (data === 2 && faults.length < 2) throw new Failure(`${faults.length}`)
        return undefined
      })
      const onFault = ({ event, attempts, error }: ProjectionFault): void => {
        faults.push([event?.version, attempts, error.message])
      }
      const running = await store.project(projection, { onFault })
      await waitUntil(runtime, 'it is healed', async () => (await running.state()) === 3)
      assert.deepEqual(faults, [
        [2, 1, '0'],
        [2, 2, '1'],
      ])
    },
  )

  simulatedLaw('onProgress tells how far it is', async ({ store }) => {
    const last = await append(store, 1, 2, 3)
    const told: unknown[] = []
    const running = await store.project(logs(), { onProgress: (progress) => told.push(progress) })
    await caughtUp(store, running)
    // What was committed is told before it ends.
    await running.close()
    const final = told.at(-1) as { position: bigint }
    assert.ok(final.position >= last)
    assert.deepEqual({ ...final, position: 0n }, { version: 1, position: 0n, handled: 3, isCaughtUp: true })
  })

  simulatedLaw('waitFor() tells of a fault in its way, and only of that', async ({ store, runtime }) => {
    const before = await append(store, 1)
    const bad = await append(store, 'bad')
    const running = await store.project(
      counts((_state, { data }) => {
        if (data === 'bad') throw new Failure('no')
        return undefined
      }),
      SILENT,
    )
    await faulted(runtime, running)
    await running.waitFor(before)
    const error = await failureOf('projection-faulted', () => running.waitFor(bad))
    const { event, error: cause } = error.details as {
      event: { streamId: string; version: number; type: string }
      error: { message: string }
    }
    const { streamId, version, type } = event
    assert.deepEqual([streamId, version, type, cause.message], ['s', 2, 'A', 'no'])
    await sleep(runtime, 5_000)
    await failureOf('projection-faulted', () => store.projection('p').waitFor(bad))
  })
}
