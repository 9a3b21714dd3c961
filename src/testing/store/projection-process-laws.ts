import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { dataIn, numbers, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  type Log,
  logs,
  ofProjections,
  type Settings,
  secondStore,
} from './projection-examples.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Several processes that run one projection. */
export function projectionProcessLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  leadLaws(named)
  takeoverLaws(named)
}

function echoes(settings: Settings<Log> = {}) {
  return logs({
    source: { kind: 'stream', streamId: 's' },
    any: (state, { data }, context) => {
      context.emit('out', a(data))
      return [...state, data]
    },
    ...settings,
  })
}

function leadLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('one of several leads, and the others stand by', async (scene) => {
    const { store, runtime } = scene
    const others = [await secondStore(scene), await secondStore(scene)]
    const all = [store, ...others]
    const running = await Promise.all(all.map((one) => one.project(echoes())))
    for (const number of numbers(1, 10)) {
      const position = await append(all[number % 3]!, number)
      await running[(number + 1) % 3]!.waitFor(position)
      assert.deepEqual(await running[(number + 2) % 3]!.state(), numbers(1, number))
    }
    await sleep(runtime, 60_000)
    assert.equal(running.filter(({ isLeader }) => isLeader).length, 1)
    assert.deepEqual(await dataIn(store, 'out'), numbers(1, 10))
    for (const other of others) await other.close()
  })

  simulatedLaw('a leader that is well keeps its lead', async (scene) => {
    const { store, runtime } = scene
    await using other = await secondStore(scene)
    const first = await store.project(echoes(), { leaseMs: 1_000 })
    await waitUntil(runtime, 'it leads', () => first.isLeader)
    const second = await other.project(echoes(), { leaseMs: 1_000 })
    const { leader } = await first.status()
    for (const number of numbers(1, 30)) {
      await sleep(runtime, 700)
      if (number % 3 === 0) await first.waitFor(await append(store, number))
      assert.deepEqual([first.isLeader, second.isLeader], [true, false])
    }
    const after = await second.status()
    assert.equal(after.leader?.process, leader?.process)
    assert.ok(after.leader!.silentMs < 1_000)
  })

  simulatedLaw('a leader whose handler takes longer than its lease keeps its lead', async (scene) => {
    const { store, runtime } = scene
    await using other = await secondStore(scene)
    let calls = 0
    const slow = echoes({
      any: async (state, { data }) => {
        calls += 1
        await sleep(runtime, 30_000)
        return [...state, data]
      },
    })
    const [first, second] = [
      await store.project(slow, { leaseMs: 2_000 }),
      await other.project(slow, { leaseMs: 2_000 }),
    ]
    const position = await append(store, 1)
    await second.waitFor(position, { timeoutMs: 60_000 })
    assert.deepEqual([await first.state(), calls], [[1], 1])
  })
}

function takeoverLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('another takes over at once when the leader is closed', async (scene) => {
    const { store, runtime } = scene
    await using other = await secondStore(scene)
    const first = await store.project(echoes())
    await first.waitFor(await append(store, 1))
    const second = await other.project(echoes())
    await sleep(runtime, 1_000)
    const began = runtime.monotonic()
    await first.close()
    await second.waitFor(await append(store, 2))
    assert.ok(runtime.monotonic() - began < 1_000, `${runtime.monotonic() - began} ms`)
    assert.equal(second.isLeader, true)
    assert.deepEqual(await second.state(), [1, 2])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2])
  })

  simulatedLaw('another takes over when the store of the leader is closed', async (scene) => {
    const { store, runtime } = scene
    const other = await secondStore(scene)
    const first = await other.project(echoes())
    await first.waitFor(await append(store, 1))
    const second = await store.project(echoes())
    await other.close()
    const began = runtime.monotonic()
    await second.waitFor(await append(store, 2))
    assert.ok(runtime.monotonic() - began < 1_000)
    assert.deepEqual(await second.state(), [1, 2])
  })

  for (const leaseMs of [1_000, 10_000]) {
    simulatedLaw(`another takes over from a dead leader after its lease of ${leaseMs} ms`, async (scene) => {
      const { store, runtime } = scene
      const process = await vanishingStore(scene)
      const first = await process.store.project(echoes(), { leaseMs })
      await store.projection('p').waitFor(await append(store, 1))
      assert.equal(first.isLeader, true)
      const second = await store.project(echoes(), { leaseMs })
      process.kill()
      const began = runtime.monotonic()
      await second.waitFor(await append(store, 2), { timeoutMs: 10 * leaseMs })
      const tookMs = runtime.monotonic() - began
      assert.ok(tookMs > leaseMs / 3 && tookMs < 2 * leaseMs, `${tookMs} ms`)
      assert.deepEqual(await second.state(), [1, 2])
      assert.deepEqual(await dataIn(store, 'out'), [1, 2])
    })
  }

  simulatedLaw('a leader that stood still changes nothing when it goes on', async (scene) => {
    const { store, runtime } = scene
    const process = await vanishingStore(scene)
    const held = gate()
    let isHeld = false
    const stuck = await process.store.project(
      echoes({
        any: async (state, { data }, context) => {
          context.emit('out', a(data))
          if (data === 2) {
            isHeld = true
            await held.passed
          }
          return [...state, data]
        },
      }),
      { leaseMs: 1_000 },
    )
    await store.projection('p').waitFor(await append(store, 1))
    await append(store, 2)
    await waitUntil(runtime, 'it hangs', () => isHeld)
    process.freeze()
    const next = await store.project(echoes(), { leaseMs: 1_000 })
    await next.waitFor(await append(store, 3))
    held.open()
    process.thaw()
    await sleep(runtime, 10_000)
    assert.deepEqual(await next.state(), [1, 2, 3])
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3])
    assert.deepEqual([stuck.isLeader, next.isLeader], [false, true])
    await next.close()
    await store.projection('p').waitFor(await append(store, 4))
    assert.equal(stuck.isLeader, true)
    assert.deepEqual(await dataIn(store, 'out'), [1, 2, 3, 4])
    await process.store.close()
  })

  simulatedLaw('however often the lead changes, everything is handled once', async (scene) => {
    const { store, runtime, random } = scene
    let number = 0
    for (let round = 0; round < 12; round += 1) {
      const process = await vanishingStore(scene)
      await process.store.project(echoes(), { leaseMs: 1_000 })
      for (let more = 0; more < 5; more += 1) {
        number += 1
        await append(store, number)
        await sleep(runtime, Math.floor(random() * 400))
      }
      if (random() < 0.5) process.kill()
      else await process.store.close()
    }
    const last = await store.project(echoes(), { leaseMs: 1_000 })
    await caughtUp(store, last)
    assert.deepEqual(await last.state(), numbers(1, number))
    assert.deepEqual(await dataIn(store, 'out'), numbers(1, number))
  })

  simulatedLaw('a clock that jumps does no harm', async (scene) => {
    const { store, runtime } = scene
    await using other = await secondStore(scene)
    const running = [await store.project(echoes()), await other.project(echoes())] as const
    for (const [index, jumpMs] of [3_600_000, -7_200_000, 86_400_000, -86_400_000].entries()) {
      await running[0].waitFor(await append(store, index))
      runtime.jumpClock(jumpMs)
      await sleep(runtime, 15_000)
    }
    await running[1].waitFor(await append(store, 4))
    assert.deepEqual(await running[1].state(), numbers(0, 4))
    assert.deepEqual(await dataIn(store, 'out'), numbers(0, 4))
    assert.equal(running.filter(({ isLeader }) => isLeader).length, 1)
  })
}
