import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { EmittedEvents, RunOnceOptions } from '../../store/contract-projections.ts'
import { fillSources, GROUP_SOURCES } from './group-sources.ts'
import { failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  assertUnwritten,
  counts,
  Failure,
  logs,
  ofProjections,
  projectionsOf,
  rowsOf,
  statesOf,
} from './projection-examples.ts'

/** Projections that are run once over the past. */
export function projectionOnceLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  answerLaws(named)
  boundLaws(named)
  emitLaws(named)
  endLaws(named)
  clockLaws(named)
}

function answerLaws({ simulatedLaw }: StoreLaws): void {
  for (const { name, data } of GROUP_SOURCES) {
    simulatedLaw(`runOnce() answers from a source by ${name.kind}`, async ({ store }) => {
      await fillSources(store)
      const answer = await store.runOnce(logs({ source: name }))
      assert.deepEqual(await answer.state(), data)
      assert.deepEqual([answer.handled, answer.isStopped], [data.length, false])
      assert.deepEqual(await projectionsOf(store), [])
    })
  }

  simulatedLaw('runOnce() keeps nothing, and may be asked again', async ({ store }) => {
    await append(store, 1, 2)
    const projection = logs({
      partitionBy: ({ data }) => (data === 1 ? 'x' : 'y'),
      any: (state, { data }, { kv }) => {
        kv.set([data as number], 'seen')
        return [...state, data]
      },
    })
    for (const _ of [1, 2]) {
      const answer = await store.runOnce(projection)
      assert.deepEqual(await statesOf(answer), { x: [1], y: [2] })
      assert.deepEqual(await answer.partitions({ prefix: 'y' }).toArray(), [
        { partition: 'y', state: [2], exists: true },
      ])
      assert.deepEqual(await rowsOf(answer.kv), [
        [[1], 'seen'],
        [[2], 'seen'],
      ])
      assert.equal(await answer.kv.get([2]), 'seen')
      const { state, exists, partition, version } = await answer.load('z')
      assert.deepEqual([state, exists, partition, version], [[], false, 'z', 1])
    }
    await failureOf('projection-not-found', () => store.projection('p').state())
  })

  simulatedLaw('runOnce() does not care for one of its name that runs', async ({ store }) => {
    const running = await store.project(logs())
    await running.waitFor(await append(store, 1))
    await running.pause()
    await append(store, 2)
    assert.deepEqual(await (await store.runOnce(logs({ version: 9 }))).state(), [1, 2])
    assert.deepEqual(await running.state(), [1])
  })

  simulatedLaw('runOnce() of an empty store has an answer', async ({ store }) => {
    const answer = await store.runOnce(logs())
    assert.deepEqual([await answer.state(), answer.handled, answer.isStopped], [[], 0, false])
    assert.deepEqual(await answer.partitions().toArray(), [])
  })

  simulatedLaw('a state of runOnce() may be anything', async ({ store }) => {
    await append(store, 1, 2)
    const projection = logs({ any: (state, { data }) => [...state, new Date(data as number)] })
    assert.deepEqual(await (await store.runOnce(projection)).state(), [new Date(1), new Date(2)])
  })

  simulatedLaw('runOnce() goes on over many pages', async ({ store }) => {
    await append(store, ...numbers(1, 3_000))
    const told: { handled: number; position: bigint }[] = []
    const answer = await store.runOnce(logs(), { onProgress: (progress) => told.push({ ...progress }) })
    assert.deepEqual(await answer.state(), numbers(1, 3_000))
    assert.ok(told.length >= 2)
    assert.equal(told.at(-1)!.handled, 3_000)
    assert.deepEqual(
      told.map(({ handled }) => handled),
      told.map(({ handled }) => handled).toSorted((x, y) => x - y),
    )
  })
}

function boundLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('runOnce() begins and ends at positions', async ({ store }) => {
    const at = [await append(store, 1), await append(store, 2), await append(store, 3)] as const
    for (const [options, expected] of [
      [{ from: at[1] }, [2, 3]],
      [{ to: at[1] }, [1, 2]],
      [{ from: at[1], to: at[1] }, [2]],
      [{ from: at[2], to: at[0] }, []],
      [{ to: at[0] - 1n }, []],
      [{ from: 0n }, [1, 2, 3]],
      [{ to: at[2] + 10n ** 15n }, [1, 2, 3]],
    ] as const) {
      const answer = await store.runOnce(logs(), options)
      const { to } = options as RunOnceOptions
      assert.deepEqual(await answer.state(), expected, String(Object.entries(options)))
      if (typeof to === 'bigint') assert.ok(answer.position <= to, `${answer.position} is not beyond ${to}`)
    }
  })

  simulatedLaw('runOnce() of one by stream begins and ends at versions', async ({ store }) => {
    await append(store, 1, 2, 3, 4)
    const source = { kind: 'stream', streamId: 's' } as const
    for (const [options, expected] of [
      [{ from: 2 }, [2, 3, 4]],
      [{ to: 2 }, [1, 2]],
      [{ from: 2, to: 3 }, [2, 3]],
      [{ from: 3, to: 2 }, []],
      [{ to: 99 }, [1, 2, 3, 4]],
    ] as const) {
      assert.deepEqual(await (await store.runOnce(logs({ source }), options)).state(), expected)
    }
  })

  for (const source of [
    { kind: 'all' },
    { kind: 'stream', streamId: 's' },
    { kind: 'type', type: 'A' },
  ] as const) {
    simulatedLaw(
      `runOnce() of one by ${source.kind} begins and ends at times`,
      async ({ store, runtime }) => {
        const at: Date[] = []
        for (const data of [1, 2, 3]) {
          await sleep(runtime, 10_000)
          at.push(new Date(runtime.now()))
          await append(store, data)
        }
        const between = new Date(at[1]!.getTime() + 5_000)
        for (const [options, expected] of [
          [{ from: at[1] }, [2, 3]],
          [{ to: at[1] }, [1, 2]],
          [{ from: between }, [3]],
          [{ to: between }, [1, 2]],
          [{ from: new Date(0), to: new Date(8e15) }, [1, 2, 3]],
        ] as const) {
          const answer = await store.runOnce(logs({ source }), options as RunOnceOptions)
          assert.deepEqual(await answer.state(), expected, JSON.stringify(options))
        }
      },
    )
  }

  simulatedLaw('runOnce() refuses bounds and options that are none', async ({ store }) => {
    await append(store, 1)
    for (const options of [
      { from: 'x' },
      { from: new Date(Number.NaN) },
      { from: null },
      { to: 'x' },
      { to: null },
      { to: new Date(Number.NaN) },
      { clockTo: 7 },
      { clockTo: new Date(Number.NaN) },
      { onEmit: 7 },
      { onProgress: 'x' },
      { until: 1n },
      null,
      7,
    ]) {
      const name = String(options === null ? null : Object.entries(options))
      await refuses(store, 'invalid-argument', () => store.runOnce(logs(), options as never), name)
    }
    for (const to of [1.5, Number.NaN]) {
      const source = { kind: 'stream', streamId: 's' } as const
      await refuses(store, 'invalid-argument', () => store.runOnce(logs({ source }), { to }), `${to}`)
    }
    for (const projection of [undefined, null, 'p', {}, logs().definition]) {
      await refuses(store, 'invalid-argument', () => store.runOnce(projection as never))
    }
  })
}

function emitLaws({ simulatedLaw }: StoreLaws): void {
  const echo = counts((_state, event, context) => {
    context.emit('out', a(event.data))
    context.emit('out', [a(1), a(2)])
    context.linkTo('links', event)
    return undefined
  })

  simulatedLaw('runOnce() emits nothing, and refuses it', async ({ store }) => {
    await append(store, 7)
    const error = await refuses(store, 'invalid-argument', () => store.runOnce(echo))
    assert.match(error.message, /onEmit/)
  })

  simulatedLaw('runOnce() hands over what would be emitted', async ({ store }) => {
    await append(store, 7)
    const emitted: EmittedEvents[] = []
    await store.runOnce(echo, { onEmit: (one) => emitted.push(one) })
    const seen = emitted.map((one) => ('events' in one ? one.events.map(({ data }) => data) : one.link))
    assert.deepEqual(
      emitted.map(({ streamId }) => streamId),
      ['out', 'out', 'links'],
    )
    assert.deepEqual(seen, [[7], [1, 2], { streamId: 's', version: 1 }])
    await assertUnwritten(store, 'out')
    await assertUnwritten(store, 'links')
  })

  simulatedLaw('runOnce() refuses to emit what cannot be appended', async ({ store }) => {
    await append(store, 1)
    const onEmit = (): void => {}
    for (const [code, bad] of [
      ['invalid-argument', counts((_s, _e, context) => void context.emit('$x', a(1)))],
      ['unserializable', counts((_s, _e, context) => void context.emit('x', a(1n)))],
      ['invalid-argument', counts((_s, _e, context) => void context.linkTo('x', null as never))],
    ] as const) {
      await refuses(store, code, () => store.runOnce(bad, { onEmit }))
    }
  })
}

function endLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('stop() ends a runOnce() behind its event', async ({ store }) => {
    const at = [await append(store, 1), await append(store, 2), await append(store, 3)]
    const projection = logs({
      any: (state, { data }, context) => {
        if (data === 2) context.stop()
        return [...state, data]
      },
    })
    const answer = await store.runOnce(projection)
    assert.deepEqual([await answer.state(), answer.isStopped, answer.handled], [[1, 2], true, 2])
    assert.equal(answer.position, at[1])
  })

  simulatedLaw('what a handler throws comes out of runOnce()', async ({ store }) => {
    await append(store, 1, 2)
    const failure = new Failure('mine')
    for (const any of [
      () => {
        throw failure
      },
      () => Promise.reject(failure),
    ]) {
      await assert.rejects(store.runOnce(logs({ any })), (error) => error === failure)
    }
    const initialState = () => {
      throw failure
    }
    await assert.rejects(store.runOnce(logs({ initialState })), (error) => error === failure)
    await failureOf('invalid-argument', () => store.runOnce(logs({ partitionBy: () => 'a\0' })))
  })

  simulatedLaw('runOnce() ends with the reason of its signal', async ({ store }) => {
    await append(store, ...numbers(1, 3_000))
    const reason = new Error('enough')
    await assert.rejects(store.runOnce(logs(), { signal: AbortSignal.abort(reason) }), reason)
    const controller = new AbortController()
    const projection = counts((state) => {
      if (state === 100) controller.abort(reason)
      return undefined
    })
    await assert.rejects(store.runOnce(projection, { signal: controller.signal }), reason)
  })

  simulatedLaw('runOnce() handles no event behind an abort', async ({ store }) => {
    await append(store, ...numbers(1, 10))
    for (const settings of [{}, { timer: () => undefined }]) {
      const controller = new AbortController()
      const reason = new Error('enough')
      const seen: unknown[] = []
      const handler = async (_state: number, { data }: { readonly data?: unknown }): Promise<undefined> => {
        seen.push(data)
        await Promise.resolve()
        if (data === 3) controller.abort(reason)
      }
      const projection = counts(handler as never, settings as never)
      await assert.rejects(store.runOnce(projection, { signal: controller.signal }), reason)
      assert.deepEqual(seen, [1, 2, 3])
    }
  })

  simulatedLaw('events that are appended meanwhile are not of the past', async ({ store }) => {
    await append(store, 1)
    const projection = counts(async (_state, { data }) => {
      if ((data as number) < 50) await append(store, (data as number) + 1)
      return undefined
    })
    assert.equal((await store.runOnce(projection)).handled, 1)
  })
}

const hour = 3_600_000

function clockLaws({ simulatedLaw }: StoreLaws): void {
  const carts = logs({
    any: (state, { data, time }, context) => {
      if (data === 'paid') context.cancel('abandoned')
      else context.schedule('abandoned', new Date(time.getTime() + hour))
      return [...state, data]
    },
    timer: (state, { name, due }) => [...state, `${name} ${due.getTime()}`],
  })

  simulatedLaw('runOnce() runs timers that are due by events, or by clockTo', async ({ store }) => {
    const at = Date.UTC(2020, 0, 1)
    await store
      .stream('s')
      .append([a('begun', { time: new Date(at) }), a('paid', { time: new Date(at + 1) })])
    assert.deepEqual(await (await store.runOnce(carts)).state(), ['begun', 'paid'])
    const begun = await store.stream('s').append(a('begun', { time: new Date(at + 2) }))
    const expected = ['begun', 'paid', 'begun']
    assert.deepEqual(await (await store.runOnce(carts)).state(), expected)
    for (const [clockTo, isDue] of [
      [at, false],
      [at + 1 + hour, false],
      [at + 2 + hour, true],
      [at + 10 * hour, true],
    ] as const) {
      const answer = await store.runOnce(carts, { clockTo: new Date(clockTo) })
      assert.deepEqual(await answer.state(), isDue ? [...expected, `abandoned ${at + 2 + hour}`] : expected)
      assert.equal(answer.position >= begun.position!, true)
    }
  })

  const alarms = (onTimer: (name: string, stop: () => void) => void) =>
    logs({
      any: (state, { data, time }, context) => {
        for (const seconds of data as readonly number[])
          context.schedule(`t${seconds}`, new Date(time.getTime() + seconds * 1_000))
        return [...state, 'event']
      },
      timer: (state, { name }, { stop }) => {
        onTimer(name, stop)
        return [...state, name]
      },
    })

  simulatedLaw('stop() of a timer ends a runOnce() behind it', async ({ store }) => {
    const at = Date.UTC(2020, 0, 1)
    const first = await store.stream('s').append(a([1, 2, 60], { time: new Date(at) }))
    const projection = alarms((name, stop) => name === 't2' && stop())
    const clockTo = new Date(at + hour)
    const expected = [['event', 't1', 't2'], true, 1]
    const byClock = await store.runOnce(projection, { clockTo })
    assert.deepEqual([await byClock.state(), byClock.isStopped, byClock.handled], expected)
    const second = await store.stream('s').append(a([], { time: new Date(at + 10_000) }))
    const byEvent = await store.runOnce(projection, { clockTo })
    assert.deepEqual([await byEvent.state(), byEvent.isStopped, byEvent.handled], expected)
    assert.ok(byEvent.position >= first.position! && byEvent.position < second.position!)
  })

  simulatedLaw('runOnce() runs no timer behind an abort', async ({ store }) => {
    await store.stream('s').append(a([1, 2, 3, 4], { time: new Date(Date.UTC(2020, 0, 1)) }))
    const controller = new AbortController()
    const reason = new Error('enough')
    const seen: string[] = []
    const projection = alarms((name) => {
      seen.push(name)
      if (name === 't2') controller.abort(reason)
    })
    const options = { clockTo: new Date(Date.UTC(2021, 0, 1)), signal: controller.signal }
    await assert.rejects(store.runOnce(projection, options), reason)
    assert.deepEqual(seen, ['t1', 't2'])
  })
}
