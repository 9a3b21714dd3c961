import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { waitUntil } from './group-consumers.ts'
import { dataIn, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  Failure,
  faulted,
  type Log,
  logs,
  ofProjections,
  type Settings,
  switched,
} from './projection-examples.ts'

/** Projections whose timers go by the clock. */
export function projectionClockLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  wallLaws(named)
  wallFaultLaws(named)
}

/** After each event, in so many milliseconds by the clock, its timer: at times that the projection cannot know without events. */
function reminders(settings: Settings<Log> = {}) {
  return logs({
    source: { kind: 'stream', streamId: 's' },
    clock: 'wall',
    any: (state, { data, recordedAt }, context) => {
      context.schedule(`t ${data}`, new Date(recordedAt.getTime() + (data as number)))
      return [...state, data]
    },
    timer: (state, { name }, context) => {
      context.emit('out', a(name))
      return [...state, name]
    },
    ...settings,
  })
}

function wallLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('the clock makes timers due, although no event comes', async ({ store, runtime }) => {
    const running = await store.project(reminders())
    const began = runtime.now()
    await append(store, 5_000)
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [5_000])
    await waitUntil(runtime, 'it ran', async () => (await running.state()).length === 2)
    const tookMs = runtime.now() - began
    assert.ok(tookMs >= 5_000 && tookMs < 6_000, `${tookMs}`)
    assert.deepEqual(await dataIn(store, 'out'), ['t 5000'])
  })

  simulatedLaw('several timers run at their times, in order', async ({ store, runtime }) => {
    const running = await store.project(reminders())
    await append(store, 3_000, 1_000, 2_000)
    await waitUntil(runtime, 'they ran', async () => (await running.state()).length === 6)
    assert.deepEqual((await running.state()).slice(3), ['t 1000', 't 2000', 't 3000'])
  })

  simulatedLaw('by events alone, timers wait for events', async ({ store, runtime }) => {
    const running = await store.project(reminders({ clock: 'events' }))
    await append(store, 1_000)
    await sleep(runtime, 600_000)
    assert.deepEqual(await running.state(), [1_000])
    await append(store, 0)
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1_000, 't 1000', 0, 't 0'])
  })

  simulatedLaw('timers that became due while nobody ran it run then', async ({ store, runtime }) => {
    const first = await store.project(reminders())
    await append(store, 5_000)
    await caughtUp(store, first)
    await first.close()
    await sleep(runtime, 60_000)
    const second = await store.project(reminders())
    await waitUntil(runtime, 'it ran', async () => (await second.state()).length === 2)
    assert.deepEqual(await dataIn(store, 'out'), ['t 5000'])
  })

  simulatedLaw(
    'timers run on the clock while it is paused only when it goes on',
    async ({ store, runtime }) => {
      const running = await store.project(reminders())
      await append(store, 5_000)
      await caughtUp(store, running)
      await running.pause()
      await sleep(runtime, 60_000)
      assert.deepEqual(await running.state(), [5_000])
      await running.resume()
      await waitUntil(runtime, 'it ran', async () => (await running.state()).length === 2)
    },
  )

  simulatedLaw('a timer may set itself again, by the clock', async ({ store, runtime }) => {
    const running = await store.project(
      reminders({
        timer: (state, { name, due }, context) => {
          if (state.length < 5) context.schedule(name, new Date(due.getTime() + 1_000))
          return [...state, 'tick']
        },
      }),
    )
    const began = runtime.now()
    await append(store, 1_000)
    await waitUntil(runtime, 'it ticked', async () => (await running.state()).length === 6)
    assert.ok(runtime.now() - began >= 5_000)
  })

  simulatedLaw('a new version emits nothing again that the clock had caused', async ({ store, runtime }) => {
    const first = await store.project(reminders())
    await append(store, 1_000, 100_000)
    await waitUntil(runtime, 'it ran', async () => (await first.state()).length === 3)
    const second = await store.project(reminders({ version: 2 }))
    await switched(runtime, second, 2)
    await waitUntil(runtime, 'it ran', async () => (await second.state()).length === 4)
    assert.deepEqual(await second.state(), [1_000, 100_000, 't 1000', 't 100000'])
    assert.deepEqual(await dataIn(store, 'out'), ['t 1000', 't 100000'])
  })

  simulatedLaw('reset() emits nothing again that the clock had caused', async ({ store, runtime }) => {
    const running = await store.project(reminders())
    await append(store, 1_000, 100_000)
    await waitUntil(runtime, 'it ran', async () => (await running.state()).length === 3)
    await running.reset()
    await waitUntil(runtime, 'it ran', async () => (await running.state()).length === 4)
    assert.deepEqual(await dataIn(store, 'out'), ['t 1000', 't 100000'])
  })
}

function wallFaultLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'of two timers that the clock makes due at once, the second may fail',
    async ({ store, runtime }) => {
      let isBroken = true
      const projection = reminders({
        any: (state, { recordedAt }, context) => {
          const due = new Date(recordedAt.getTime() + 1_000)
          context.schedule('a', due)
          context.schedule('b', due)
          return [...state, 0]
        },
        timer: (state, { name }, context) => {
          if (isBroken && name === 'b') throw new Failure('no')
          context.emit('out', a(name))
          return [...state, name]
        },
      })
      const running = await store.project(projection, { onFault: () => {} })
      await append(store, 1)
      const fault = await faulted(runtime, running, 2)
      assert.deepEqual([fault.timer?.name, fault.event], ['b', undefined])
      assert.deepEqual(await running.state(), [0, 'a'])
      isBroken = false
      await waitUntil(runtime, 'it is healed', async () => (await running.state()).length === 3)
      assert.deepEqual(await dataIn(store, 'out'), ['a', 'b'])
    },
  )

  simulatedLaw('a timer of the clock that fails may be skipped', async ({ store, runtime }) => {
    const projection = reminders({
      timer: () => {
        throw new Failure('no')
      },
    })
    const running = await store.project(projection, { onFault: () => {} })
    await append(store, 1_000)
    await faulted(runtime, running)
    const { timer } = await running.skip()
    assert.equal(timer?.name, 't 1000')
    const last = await append(store, 900_000)
    await running.waitFor(last)
    assert.deepEqual(await running.state(), [1_000, 900_000])
  })
}
