import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { DeliveryHandler } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { consume, endOf, gate, QUICK, waitUntil, waitUntilDone } from './group-consumers.ts'
import { counted, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Virtual milliseconds that are too many to be heard of something, and much less than any lease. */
const SOON_MS = 500

/** Nobody waits for the clock where there is something to be done. With the default settings, whose leases are long. */
export function groupLivenessLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a consumer that joins a paused group hears at once that it goes on', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(3))
    const group = await store.all.createSubscription('g')
    await group.pause()
    const consumer = await consume(store.all, 'g')
    await sleep(runtime, 100)
    assert.deepEqual(consumer.data, [])
    await soon(scene, 'everything came', async () => {
      await group.resume()
      await waitUntil(runtime, 'it came', () => consumer.data.length === 3)
    })
  })

  simulatedLaw('what was appended while a group was paused comes as soon as it goes on', async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g')
    const consumer = await consume(store.all, 'g')
    for (const round of [0, 1, 2]) {
      await group.pause()
      await sleep(runtime, 100)
      await store.stream('s').append(counted(2, round * 2 + 1))
      await sleep(runtime, 100)
      assert.equal(consumer.data.length, round * 2)
      await soon(scene, 'it came', async () => {
        await group.resume()
        await waitUntil(runtime, 'it came', () => consumer.data.length === round * 2 + 2)
      })
    }
  })

  simulatedLaw(
    'replayed events come at once, to those who have had nothing to do for long',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(2))
      const group = await store.all.createSubscription('g', { maxRetryCount: 0 })
      let isMended = false
      const consumer = await consume(store.all, 'g', ({ data }) => {
        if (data === 1 && !isMended) throw new Error('not yet')
      })
      await waitUntil(runtime, 'it is parked', async () => (await group.info()).parked === 1)
      await sleep(runtime, 15_000)
      isMended = true
      await soon(scene, 'it came again', async () => {
        await group.replay('all')
        await waitUntil(runtime, 'it came', () => consumer.attempts(1).length === 2)
      })
    },
  )

  simulatedLaw(
    'a handler that never returns does not keep others of its process from a dead one',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(1))
      const group = await store.all.createSubscription('g', QUICK)
      const held = gate()
      const stuck = await consume(store.all, 'g', () => held.passed)
      await waitUntil(runtime, 'it hangs', () => stuck.data.length === 1)
      const other = await vanishingStore(scene)
      const lost = await consume(other.store.all, 'g', () => held.passed)
      await store.stream('s').append(counted(1, 2))
      await waitUntil(
        runtime,
        'it has one',
        () => lost.data.length + stuck.data.length >= 2 || lost.data.length === 1,
      )
      other.kill()
      const healthy = await consume(store.all, 'g')
      await store.stream('s').append(counted(20, 3))
      await waitUntilDone(runtime, group)
      assert.deepEqual(new Set(healthy.data).size, 22)
      held.open()
    },
  )

  for (const way of ['ack', 'nack'] as const) {
    simulatedLaw(`a handler that waits for ${way}() is answered when its lease was lost`, async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(1))
      await store.all.createSubscription('g', QUICK)
      const process = await vanishingStore(scene)
      const answers: boolean[] = []
      const begun = gate()
      const held = gate()
      const react: DeliveryHandler<RecordedEvent> = async (_, delivery) => {
        begun.open()
        await held.passed
        answers.push(way === 'ack' ? await delivery.ack() : await delivery.nack('park', 'no'))
      }
      const sleeper = await consume(process.store.all, 'g', react)
      await begun.passed
      process.freeze()
      const next = await consume(store.all, 'g')
      await waitUntil(runtime, 'another has it', () => next.data.length === 1)
      process.thaw()
      await waitUntil(runtime, 'it has noticed', async () => {
        await sleep(runtime, 100)
        return sleeper.seen[0]!.signal.aborted
      })
      held.open()
      assert.ok(['lease-lost'].includes((await endOf(runtime, sleeper)).reason))
      assert.deepEqual(answers, [false])
      await process.store.close()
    })
  }
}

/** Makes sure that something takes little time. */
async function soon({ runtime }: SimulatedStoreScene, what: string, act: () => Promise<void>): Promise<void> {
  const began = runtime.monotonic()
  await act()
  const tookMs = runtime.monotonic() - began
  assert.ok(tookMs <= SOON_MS, `${what} only after ${tookMs} ms`)
}
