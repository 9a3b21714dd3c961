import assert from 'node:assert/strict'
import type { NewEvent } from '../../store/event.ts'
import { dataIn, numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  Failure,
  faulted,
  type Log,
  logs,
  made,
  ofProjections,
  type Settings,
  statesOf,
} from './projection-examples.ts'

/** The timers of projections, made due by events. */
export function projectionTimerLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  dueLaws(named)
  orderLaws(named)
  scheduledLaws(named)
  timerEffectLaws(named)
}

const BEGIN_MS = Date.UTC(2020, 0, 1)

/** An event so many seconds after the beginning, that does something. */
function at(seconds: number, act: Act = {}): NewEvent {
  return { type: 'A', data: act as never, time: new Date(BEGIN_MS + seconds * 1_000) }
}

/** Timers that an event sets, in seconds after the beginning, and those that it cancels. */
interface Act {
  readonly set?: Readonly<Record<string, number>>
  readonly cancel?: readonly string[]
  readonly to?: string
}

/** Keeps what happens: events as their seconds, timers as name and seconds. */
function courses(settings: Settings<Log> = {}) {
  return logs({
    partitionBy: ({ data }) => (data as Act).to ?? '',
    any: (state, { data, time }, context) => {
      const { set = {}, cancel = [] } = data as Act
      for (const name of cancel) context.cancel(name)
      for (const [name, seconds] of Object.entries(set))
        context.schedule(name, new Date(BEGIN_MS + seconds * 1_000))
      return [...state, (time.getTime() - BEGIN_MS) / 1_000]
    },
    timer: (state, { name, due }) => [...state, `${name} ${(due.getTime() - BEGIN_MS) / 1_000}`],
    ...settings,
  })
}

/** Makes sure what comes of events, in one batch as in many. */
async function assertCourse(
  { store }: SimulatedStoreScene,
  events: readonly NewEvent[],
  expected: Readonly<Record<string, Log>>,
): Promise<void> {
  const slow = await store.project(courses({ name: 'slow' }))
  for (const event of events) {
    await store.stream('s').append(event)
    await caughtUp(store, slow)
  }
  assert.deepEqual(await statesOf(slow), expected, 'in many batches')
  assert.deepEqual(await made(store, courses()), expected, 'in one batch')
  const answer = await store.runOnce(courses())
  assert.deepEqual(await statesOf(answer), expected, 'at once')
}

function dueLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a timer runs before the first event that is not earlier', (scene) =>
    assertCourse(scene, [at(0, { set: { t: 10 } }), at(5), at(9.999), at(10), at(11)], {
      '': [0, 5, 9.999, 't 10', 10, 11],
    }),
  )

  simulatedLaw('a timer is due by any event of the source', (scene) =>
    assertCourse(scene, [at(0, { set: { t: 10 }, to: 'x' }), at(20, { to: 'y' }), at(30, { to: 'x' })], {
      x: [0, 't 10', 30],
      y: [20],
    }),
  )

  simulatedLaw('a timer is due by events that are passed over', async ({ store }) => {
    await store.stream('s').append([at(0, { set: { t: 10 } }), { ...at(20), type: 'B' }])
    const { any, ...rest } = courses().definition
    const running = await store.project(logs({ ...rest, on: { A: any! }, any: undefined }))
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [0, 't 10'])
    assert.deepEqual((await running.status()).watermark, new Date(BEGIN_MS + 20_000))
  })

  simulatedLaw('a timer of the same name takes the place of the one before', (scene) =>
    assertCourse(scene, [at(0, { set: { t: 10 } }), at(5, { set: { t: 20 } }), at(15), at(25)], {
      '': [0, 5, 15, 't 20', 25],
    }),
  )

  simulatedLaw('a timer may be set to earlier than before', (scene) =>
    assertCourse(scene, [at(0, { set: { t: 20 } }), at(5, { set: { t: 10 } }), at(15), at(25)], {
      '': [0, 5, 't 10', 15, 25],
    }),
  )

  simulatedLaw('a timer that is cancelled does not run', (scene) =>
    assertCourse(scene, [at(0, { set: { t: 10, u: 10 } }), at(5, { cancel: ['t', 'none'] }), at(15)], {
      '': [0, 5, 'u 10', 15],
    }),
  )

  simulatedLaw('a timer that has run is no more, and may be set again', (scene) =>
    assertCourse(
      scene,
      [at(0, { set: { t: 1 } }), at(2), at(3, { set: { t: 4 } }), at(5), at(6, { cancel: ['t'] })],
      {
        '': [0, 't 1', 2, 3, 't 4', 5, 6],
      },
    ),
  )

  simulatedLaw('timers of partitions are apart', (scene) =>
    assertCourse(
      scene,
      [
        at(0, { set: { t: 10 }, to: 'x' }),
        at(1, { set: { t: 11 }, to: 'y' }),
        at(2, { cancel: ['t'], to: 'x' }),
        at(20, { to: 'z' }),
      ],
      { x: [0, 2], y: [1, 't 11'], z: [20] },
    ),
  )

  simulatedLaw('a timer set for a time that is over runs right after its event', (scene) =>
    assertCourse(scene, [at(10), at(20, { set: { t: 5, u: 20 } }), at(20)], {
      '': [10, 20, 't 5', 'u 20', 20],
    }),
  )

  simulatedLaw('an event that is late does not turn time back', (scene) =>
    assertCourse(scene, [at(20), at(5, { set: { t: 10 } }), at(6, { set: { u: 30 } }), at(7), at(40)], {
      '': [20, 5, 't 10', 6, 7, 'u 30', 40],
    }),
  )

  simulatedLaw('an event that is dated ahead does not set off everything', async ({ store, runtime }) => {
    const nowMs = runtime.now()
    const ahead = (nowMs - BEGIN_MS) / 1_000 + 86_400
    const soon = (nowMs - BEGIN_MS) / 1_000 + 3_600
    await store.stream('s').append([at(0, { set: { early: 1, late: soon } }), at(ahead)])
    const running = await store.project(courses())
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [0, 'early 1', ahead])
    assert.ok((await running.status()).watermark!.getTime() <= runtime.now())
  })
}

function orderLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('timers that are due at once run by time, partition and name', async ({ store }) => {
    const ran: string[] = []
    const projection = courses({
      timer: (state, { name, due }, { partition }) => {
        ran.push(`${(due.getTime() - BEGIN_MS) / 1_000} ${partition} ${name}`)
        return state
      },
    })
    await store
      .stream('s')
      .append(
        [
          at(0, { to: 'y', set: { b: 2, a: 2, c: 1 } }),
          at(0, { to: 'x', set: { z: 2, ä: 3 } }),
          at(0, { set: { '': 2, a: 3 } as never }),
        ].slice(0, 2),
      )
    await store.stream('s').append([at(0, { set: { d: 2, a: 3 } }), at(10)])
    await made(store, projection)
    assert.deepEqual(ran, ['1 y c', '2  d', '2 x z', '2 y a', '2 y b', '3  a', '3 x ä'])
  })

  simulatedLaw('many timers run, each once, over many batches', async ({ store }) => {
    const count = 1_000
    await store
      .stream('s')
      .append(
        numbers(1, count).map((number) => at(0, { set: { [`t${number % 10}`]: number }, to: `${number}` })),
      )
    const running = await store.project(courses())
    await caughtUp(store, running)
    await store.stream('s').append(at(500))
    await caughtUp(store, running)
    await store.stream('s').append(at(2_000))
    await caughtUp(store, running)
    const states = await statesOf(running)
    for (const number of numbers(1, count)) {
      assert.deepEqual(states[number], [0, `t${number % 10} ${number}`])
    }
  })
}

function scheduledLaws({ simulatedLaw }: StoreLaws): void {
  const ticking = (steps: number) =>
    courses({
      timer: (state, { name, due }, context) => {
        if (state.length < steps) context.schedule(name, new Date(due.getTime() + 1_000))
        return [...state, `${name} ${(due.getTime() - BEGIN_MS) / 1_000}`]
      },
    })

  simulatedLaw('a timer may set itself again, for later', async ({ store }) => {
    await store.stream('s').append([at(0, { set: { t: 1 } }), at(3.5)])
    assert.deepEqual(await made(store, ticking(100)), { '': [0, 't 1', 't 2', 't 3', 3.5] })
    await store.stream('s').append(at(5))
    assert.deepEqual(await made(store, ticking(100)), { '': [0, 't 1', 't 2', 't 3', 3.5, 't 4', 't 5', 5] })
  })

  simulatedLaw('a timer that ticks often ticks over many batches', async ({ store }) => {
    await store.stream('s').append([at(0, { set: { t: 1 } }), at(6_000)])
    const { '': state } = await made(
      store,
      courses({
        timer: (log, { name, due }, context) => {
          context.schedule(name, new Date(due.getTime() + 1_000))
          return [((log[0] as number | undefined) ?? 0) + 1]
        },
        any: (log, _event, context) => {
          if (log.length === 0) context.schedule('t', new Date(BEGIN_MS + 1_000))
          return log.length === 0 ? [0] : log
        },
      }),
    )
    assert.deepEqual(state, [6_000])
  })

  for (const [what, plusMs] of [
    ['the same moment', 0],
    ['earlier', -1],
  ] as const) {
    simulatedLaw(`a timer that sets one for ${what} is a fault`, async ({ store, runtime }) => {
      await store.stream('s').append([at(0, { set: { t: 1 } }), at(2)])
      const projection = courses({
        timer: (state, { name, due }, context) => {
          context.schedule(name, new Date(due.getTime() + plusMs))
          return state
        },
      })
      const running = await store.project(projection, { onFault: () => {} })
      const fault = await faulted(runtime, running)
      assert.equal(fault.error.name, 'InvalidArgumentError')
      assert.deepEqual(fault.timer, { name: 't', due: new Date(BEGIN_MS + 1_000) })
    })
  }

  simulatedLaw('a timer may have a name of any text, in its limit', async ({ store, runtime }) => {
    const names = ['$', '__proto__', 'ä'.repeat(64), '😀', ' ']
    await store
      .stream('s')
      .append([...names.map((name) => at(0, { set: Object.fromEntries([[name, 1]]) })), at(2)])
    const { '': state } = await made(store, courses())
    assert.deepEqual(
      (state as string[]).filter((one) => typeof one === 'string').toSorted(),
      names.map((name) => `${name} 1`).toSorted(),
    )
    await store.stream('s').append(at(3, { set: { ['x'.repeat(129)]: 9 } }))
    const running = await store.project(courses(), { onFault: () => {} })
    assert.equal((await faulted(runtime, running)).error.name, 'LimitExceededError')
  })

  for (const [what, date] of [
    ['an invalid date', new Date(Number.NaN)],
    ['no date', 7],
    ['nothing', undefined],
  ] as const) {
    simulatedLaw(`a timer for ${what} is a fault`, async ({ store, runtime }) => {
      await append(store, 1)
      const projection = courses({
        any: (state, _event, context) => {
          context.schedule('t', date as never)
          return [...state]
        },
      })
      const running = await store.project(projection, { onFault: () => {} })
      assert.equal((await faulted(runtime, running)).error.name, 'InvalidArgumentError')
    })
  }
}

function timerEffectLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what a timer emits says which event has set it', async ({ store }) => {
    await store.stream('s').append([at(0, { set: { t: 1 } }), at(2)])
    const source = { kind: 'stream', streamId: 's' } as const
    const projection = courses({
      source,
      timer: (state, { name }, context) => {
        context.emit('out', a(name))
        context.linkTo('out', { streamId: 's', version: 1 })
        context.kv.set(['t'], `${context.position}`)
        return state
      },
    })
    await made(store, projection)
    const [cause] = await store.stream('s').read().toArray()
    const [emitted] = await store.stream('out').read().toArray()
    assert.deepEqual(emitted!.metadata, { $correlationId: cause!.id, $causationId: cause!.id })
    assert.deepEqual(await dataIn(store, 'out'), ['t', { set: { t: 1 } }])
  })

  simulatedLaw('forget() leaves the timers of its partition', async ({ store }) => {
    await store.stream('s').append([at(0, { set: { t: 1 } }), at(2)])
    const projection = courses({
      timer: (state, _timer, context) => {
        context.forget()
        return state
      },
    })
    assert.deepEqual(await made(store, projection), { '': [2] })
  })

  simulatedLaw('a timer that fails stops it, and may be skipped', async ({ store, runtime }) => {
    const last = (await store.stream('s').append([at(0, { set: { t: 1, u: 1 }, to: 'x' }), at(2), at(3)]))
      .position!
    const projection = courses({
      timer: (state, { name }, { kv }) => {
        kv.set([name], 1)
        if (name === 't') throw new Failure('no')
        return [...state, name]
      },
    })
    const running = await store.project(projection, { onFault: () => {} })
    const fault = await faulted(runtime, running, 2)
    assert.deepEqual(
      [fault.timer, fault.partition, fault.error.message],
      [{ name: 't', due: new Date(BEGIN_MS + 1_000) }, 'x', 'no'],
    )
    assert.equal((await running.status()).state, 'faulted')
    assert.deepEqual(await statesOf(running), { x: [0] })
    assert.deepEqual((await running.skip()).timer, fault.timer)
    await running.waitFor(last)
    assert.deepEqual(await statesOf(running), { '': [2, 3], x: [0, 'u'] })
    assert.equal(await running.kv.get(['t']), undefined)
    assert.equal((await running.status()).skipped, 1)
  })

  simulatedLaw(
    'timers are kept when the store is opened again',
    async ({ store, reopen }) => {
      await store.stream('s').append(at(0, { set: { t: 1, u: 5 } }))
      await made(store, courses())
      const again = await reopen()
      await again.stream('s').append(at(2))
      assert.deepEqual(await made(again, courses()), { '': [0, 't 1', 2] })
      await again.stream('s').append(at(6))
      assert.deepEqual(await made(again, courses()), { '': [0, 't 1', 2, 'u 5', 6] })
    },
    { needs: 'reopen' },
  )
}
