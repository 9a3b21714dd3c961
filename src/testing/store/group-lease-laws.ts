import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { DeliveryHandler } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { busyProcess, LEASE_MS, LEASED, STRATEGIES } from './busy-process.ts'
import { consume, dataOfAll, parkedDataIn, waitUntil, waitUntilDone } from './group-consumers.ts'
import { counted, numbers, type StoreLaws } from './laws.ts'
import { type VanishingStore, vanishingStore } from './vanishing-store.ts'

/** Consumers that vanish with their process. */
export function groupLeaseLaws(laws: StoreLaws): void {
  deathLaws(laws)
}

function deathLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what a dead process had goes to others after the timeout, not before', async (scene) => {
    const { store, runtime } = scene
    const { other, dead, group } = await busyProcess(scene, 10)
    const survivor = await consume(store.all, 'g')
    await runtime.advance(100)
    const info = await group.info()
    assert.ok(info.inFlight > 0)
    const diedAt = runtime.monotonic()
    other.kill()
    await runtime.advance(LEASE_MS / 2)
    assert.equal(survivor.data.includes(dead.data[0]), false, 'nobody may know yet')
    await waitUntilDone(runtime, group)
    const tookMs = runtime.monotonic() - diedAt
    assert.ok(tookMs < 3 * LEASE_MS, `it took ${tookMs} ms`)
    assert.deepEqual(dataOfAll(survivor), numbers(1, 10))
    const after = await group.info()
    assert.deepEqual([after.parked, after.consumers.length], [0, 1])
  })

  simulatedLaw('what was acknowledged before a process died does not come again', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(10))
    const group = await store.all.createSubscription('g', LEASED)
    const other = await vanishingStore(scene)
    await consume(other.store.all, 'g', async (event, delivery) => {
      assert.equal(await delivery.ack(), true)
      if (event.data !== 4) return
      other.kill()
      await new Promise(() => {})
    })
    await waitUntil(runtime, 'it has died', () => other.isDead)
    const survivor = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(survivor), numbers(5, 10))
  })

  simulatedLaw('attempts go on counting after a process died among retries', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', { ...LEASED, maxRetryCount: 3 })
    const failing = await consume(store.all, 'g', () => {
      throw new Error('no')
    })
    await waitUntil(runtime, 'it has failed twice', () => failing.seen.length === 2)
    await failing.close()
    const attempts: number[] = []
    const other = await vanishingStore(scene)
    await consume(other.store.all, 'g', (_, { attempt }) => {
      attempts.push(attempt)
      other.kill()
      return new Promise(() => {})
    })
    await waitUntil(runtime, 'it has died', () => other.isDead)
    const survivor = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(attempts, [3])
    assert.ok(survivor.attempts(1)[0]! >= 3, `attempt ${survivor.attempts(1)[0]}`)
    assert.deepEqual(await parkedDataIn(group), [])
  })

  for (const strategy of STRATEGIES) {
    simulatedLaw(`${strategy}: processes that die one after the other lose nothing`, async (scene) => {
      const { store, runtime, random } = scene
      await store.append(
        numbers(1, 6).map((n) => ({ streamId: `s${n}`, events: counted(10, (n - 1) * 10 + 1) })),
      )
      const group = await store.all.createSubscription('g', { ...LEASED, strategy, bufferSize: 8 })
      const done = new Set<unknown>()
      const react: DeliveryHandler<RecordedEvent> = async (event) => {
        await sleep(runtime, Math.floor(random() * 30))
        done.add(event.data)
      }
      for (const round of numbers(1, 5)) {
        const other = await vanishingStore(scene)
        await consume(other.store.all, 'g', unlessDead(other, react), { concurrency: 3 })
        await consume(other.store.all, 'g', unlessDead(other, react))
        await store.stream(`s${round}`).append(counted(5, 60 + round * 5 - 4))
        await sleep(runtime, 50 + Math.floor(random() * 200))
        other.kill()
      }
      await consume(store.all, 'g', react, { concurrency: 2 })
      await consume(store.all, 'g', react)
      await waitUntilDone(runtime, group)
      assert.deepEqual(
        [...done].toSorted((a, b) => Number(a) - Number(b)),
        numbers(1, 85),
      )
      const { parked, consumers } = await group.info()
      assert.deepEqual([parked, consumers.length], [0, 2])
    })
  }

  simulatedLaw('a group whose processes all died long ago goes on at once', async (scene) => {
    const { store, runtime } = scene
    const { other, group } = await busyProcess(scene, 10)
    other.kill()
    await runtime.advance(60_000)
    const since = runtime.monotonic()
    const survivor = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.ok(runtime.monotonic() - since < LEASE_MS, `it took ${runtime.monotonic() - since} ms`)
    assert.deepEqual(dataOfAll(survivor), numbers(1, 10))
  })
}

/** Does nothing any more when the process is dead. */
function unlessDead(
  process: VanishingStore,
  react: DeliveryHandler<RecordedEvent>,
): DeliveryHandler<RecordedEvent> {
  return (event, delivery) => (process.isDead ? new Promise(() => {}) : react(event, delivery))
}
