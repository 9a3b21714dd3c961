import assert from 'node:assert/strict'
import { gate, waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, type StoreLaws } from './laws.ts'
import { a, append, caughtUp, counts, Failure, faulted, logs, ofProjections } from './projection-examples.ts'

/** Faults of odd kinds, and what comes in between. */
export function projectionOddFaultLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  thrownLaws(named)
  betweenLaws(named)
  timerCourseLaws(named)
}

const THROWN: Readonly<Record<string, unknown>> = {
  'an object without a text': Object.create(null),
  'an object whose text fails': {
    toString: () => {
      throw new Error('no')
    },
  },
  'a symbol': Symbol('s'),
  'half a character': new Error('\u{d83d}'),
  'a long text that is cut in a character': new Error(`x${'😀'.repeat(5_000)}`),
  'an error whose name is odd': Object.assign(new Error('odd'), { name: Symbol('n') }),
  'an error whose stack is no text': Object.assign(new Error('odd'), { stack: 7 }),
  'an error whose message is no text': Object.assign(new Error('odd'), { message: null }),
  'a long list': Array.from({ length: 100_000 }, () => 'x'),
}

function thrownLaws({ simulatedLaw }: StoreLaws): void {
  for (const [what, thrown] of Object.entries(THROWN)) {
    simulatedLaw(`a handler that throws ${what} stops at its event`, async ({ store, runtime }) => {
      await append(store, 1, 2)
      const problems: unknown[] = []
      const running = await store.project(
        counts((_state, { data }) => {
          if (data === 2) throw thrown
          return undefined
        }),
        { onFault: () => {}, onProblem: (problem) => problems.push(problem) },
      )
      const { event, error } = await faulted(runtime, running)
      assert.deepEqual(
        [event?.version, typeof error.name, typeof error.message, problems],
        [2, 'string', 'string', []],
      )
      await running.skip()
      await caughtUp(store, running)
      assert.equal(await running.state(), 1)
    })
  }

  simulatedLaw(
    'partitionBy, initialState and data that fail stop at their event',
    async ({ store, runtime }) => {
      await append(store, 1, 2)
      const fail = (): never => {
        throw new Failure('no')
      }
      for (const [name, settings] of Object.entries({
        partitionBy: { partitionBy: ({ data }: { readonly data?: unknown }) => (data === 2 ? fail() : 'x') },
        initialState: {
          partitionBy: ({ data }: { readonly data?: unknown }) => `${data}`,
          initialState: (partition: string) => (partition === '2' ? fail() : []),
        },
      })) {
        const running = await store.project(logs({ name, ...settings }), { onFault: () => {} })
        const { event, error } = await faulted(runtime, running)
        assert.deepEqual([event?.version, error.name], [2, 'Failure'])
      }
    },
  )

  simulatedLaw('a callback that rejects does no harm', async ({ store, runtime }) => {
    await append(store, 1)
    const reject = () => Promise.reject(new Failure('callback')) as never
    const running = await store.project(
      counts(() => {
        throw new Failure('no')
      }),
      { onFault: reject, onProgress: reject },
    )
    await faulted(runtime, running, 2)
    await running.skip()
    await caughtUp(store, running)
  })
}

function betweenLaws({ simulatedLaw }: StoreLaws): void {
  const fails = counts(
    (_state, { data }, context) => {
      if (data === 'bad') throw new Failure('no')
      context.emit('out', a(data))
      return undefined
    },
    { source: { kind: 'stream', streamId: 's' } },
  )

  simulatedLaw(
    'an event that is hidden while it cannot be handled is passed over',
    async ({ store, runtime }) => {
      await append(store, 'bad', 'good')
      const running = await store.project(fails, { onFault: () => {} })
      await faulted(runtime, running)
      await store.stream('s').truncateBefore(2)
      await waitUntil(runtime, 'it goes on', async () => (await running.status()).fault === undefined)
      assert.deepEqual([await running.state(), await dataIn(store, 'out')], [1, ['good']])
      assert.equal((await running.status()).skipped, 0)
    },
  )

  simulatedLaw(
    'a link whose event cannot be handled is skipped at its own place',
    async ({ store, runtime }) => {
      await append(store, 'bad')
      await append(store, 'good')
      await store.stream('l').linkTo({ streamId: 's', version: 2 })
      const { position } = await store.stream('l').linkTo({ streamId: 's', version: 1 })
      await store.stream('l').append(a('last'))
      const { definition } = fails
      for (const source of [
        { kind: 'stream', streamId: 'l' },
        { kind: 'category', category: 'l' },
      ] as const) {
        const running = await store.project(
          logs({ ...(definition as object), name: source.kind, source } as never),
          { onFault: () => {} },
        )
        const { event } = await faulted(runtime, running)
        assert.deepEqual(event, { position, streamId: 's', version: 1, type: 'A' })
        await running.skip({ position: position! })
        await caughtUp(store, running)
        assert.equal((await running.status()).handled, 2)
      }
    },
  )

  simulatedLaw('a pause holds a fault, and close() does not wait for it', async ({ store, runtime }) => {
    await append(store, 'bad')
    const running = await store.project(fails, { onFault: () => {} })
    await faulted(runtime, running, 7)
    await running.pause()
    const { state, fault } = await running.status()
    assert.deepEqual([state, fault?.event?.version], ['paused', 1])
    await running.skip()
    assert.equal((await running.status()).fault, undefined)
    await running.resume()
    await caughtUp(store, running)
    await append(store, 'bad')
    await faulted(runtime, running, 7)
    const began = runtime.monotonic()
    await running.close()
    assert.ok(runtime.monotonic() - began < 100)
  })

  simulatedLaw('one by stream that hears of deletions begins anew at a position', async ({ store }) => {
    await append(store, 1)
    const from = await append(store, 2)
    await append(store, 3)
    const running = await store.project(
      logs({ source: { kind: 'stream', streamId: 's' }, deleted: (state) => [...state, 'deleted'] }),
    )
    await caughtUp(store, running)
    await running.reset({ from })
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [2, 3])
    await failureOf('invalid-argument', () => running.reset({ from: 2 }))
  })

  simulatedLaw('what is skipped while it is tried again is not handled', async ({ store, runtime }) => {
    await append(store, 1, 2)
    const held = gate()
    let calls = 0
    const projection = counts(async (_state, { data }, { kv }) => {
      if (data !== 1) return undefined
      calls += 1
      if (calls === 1) throw new Failure('no')
      await held.passed
      kv.set(['handled'], true)
      return undefined
    })
    const running = await store.project(projection, { onFault: () => {} })
    await waitUntil(runtime, 'it is tried again', () => calls === 2)
    await running.skip()
    held.open()
    await caughtUp(store, running)
    const { handled, skipped } = await running.status()
    assert.deepEqual([await running.state(), handled, skipped, calls], [1, 1, 1, 2])
    assert.equal(await running.kv.get(['handled']), undefined)
  })
}

function timerCourseLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('of what a handler does to one timer the last counts', async ({ store, runtime }) => {
    const soon = new Date(runtime.now() - 1_000)
    const late = new Date(8e15)
    const courses: Readonly<Record<string, readonly (Date | undefined)[]>> = {
      kept: [soon],
      cancelled: [soon, undefined],
      again: [late, undefined, soon],
      moved: [late, soon],
      postponed: [soon, late],
    }
    await append(store, ...Object.keys(courses))
    const running = await store.project(
      logs({
        any: (state, { data }, context) => {
          for (const at of courses[data as string]!) {
            if (at === undefined) context.cancel(data as string)
            else context.schedule(data as string, at)
          }
          return state
        },
        timer: (state, { name }) => [...state, name],
      }),
    )
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), ['kept', 'again', 'moved'])
  })
}
