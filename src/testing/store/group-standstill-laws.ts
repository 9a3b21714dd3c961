import assert from 'node:assert/strict'
import { type Runtime, sleep } from '../../runtime.ts'
import type { DeliveryHandler } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { busyProcess, LEASE_MS, LEASED } from './busy-process.ts'
import { companion, consume, dataOfAll, endOf, gate, waitUntil, waitUntilDone } from './group-consumers.ts'
import { counted, numbers, type StoreLaws } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Processes that stand still and come back, and clocks that jump. */
export function groupStandstillLaws(laws: StoreLaws): void {
  standstillLaws(laws)
  clockLaws(laws)
}

function standstillLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a process that stood still and comes back has lost its lease: its ack says false',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(5))
      const group = await store.all.createSubscription('g', LEASED)
      const other = await vanishingStore(scene)
      const held = gate()
      const told: unknown[] = []
      const still = await consume(other.store.all, 'g', async (_, delivery) => {
        await held.passed
        told.push(await delivery.ack())
      })
      await waitUntil(runtime, 'it is busy', () => still.seen.length === 1)
      other.freeze()
      const survivor = await consume(store.all, 'g')
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(survivor), numbers(1, 5))
      other.thaw()
      held.open()
      const { reason } = await endOf(runtime, still)
      assert.equal(reason, 'lease-lost')
      assert.deepEqual(told, [false])
      assert.equal(still.seen.length, 1, 'it hands over nothing that went to others')
      await runtime.advance(1_000)
      assert.deepEqual([survivor.seen.length, (await group.info()).consumers.length], [5, 1])
      await other.store.close()
    },
  )

  simulatedLaw('a handler that stood still with its process is told by its signal', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', LEASED)
    const other = await vanishingStore(scene)
    const held = gate()
    const still = await consume(other.store.all, 'g', () => held.passed)
    await waitUntil(runtime, 'it is busy', () => still.seen.length === 1)
    other.freeze()
    await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    other.thaw()
    await runtime.advance(100)
    const { aborted } = still.seen[0]!.signal
    held.open()
    assert.equal((await endOf(runtime, still)).reason, 'lease-lost')
    assert.equal(aborted, true)
    await other.store.close()
  })

  simulatedLaw('a process that stood still shortly goes on as if nothing had been', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(40))
    const group = await store.all.createSubscription('g', { ...LEASED, bufferSize: 4 })
    const other = await vanishingStore(scene)
    const one = await consume(other.store.all, 'g', () => sleep(other.runtime, 20))
    const two = await consume(store.all, 'g', () => sleep(runtime, 20))
    await waitUntil(runtime, 'both are busy', () => one.seen.length > 1 && two.seen.length > 1)
    other.freeze()
    await runtime.advance(LEASE_MS / 4)
    other.thaw()
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(one, two), numbers(1, 40))
    assert.equal((await group.info()).consumers.length, 2)
    await other.store.close()
  })

  simulatedLaw('a loop of a consumer that lost its lease throws', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(2))
    const group = await store.all.createSubscription('g', LEASED)
    const other = await vanishingStore(scene)
    const subscription = await other.store.all.subscribe({ type: 'persistent', group: 'g' })
    const seen: unknown[] = []
    let answer: unknown
    const looping = (async () => {
      for await (const delivery of subscription) {
        seen.push(delivery.event.data)
        other.freeze()
        const survivor = await consume(store.all, 'g')
        await waitUntilDone(runtime, group)
        assert.deepEqual(dataOfAll(survivor), [1, 2])
        other.thaw()
        answer = await delivery.ack()
      }
    })()
    await assert.rejects(looping, (error) => error !== undefined)
    assert.deepEqual([answer, seen], [false, [1]])
    assert.equal((await subscription.ended).reason, 'lease-lost')
    await other.store.close()
  })

  simulatedLaw('whoever lost the lease cannot move the group, whatever it says', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(4))
    const group = await store.stream('s').createSubscription('g', LEASED)
    const other = await vanishingStore(scene)
    const held = gate()
    const told: unknown[] = []
    const still = await consume(
      other.store.stream('s'),
      'g',
      async (event, delivery) => {
        await held.passed
        const say = [
          () => delivery.ack(),
          () => delivery.nack('park', 'by a ghost'),
          () => delivery.nack('stop', 'by a ghost'),
          () => delivery.nack('skip'),
        ][Number(event.data) - 1]!
        told.push(await say())
      },
      { concurrency: 4 },
    )
    await waitUntil(runtime, 'all are busy', () => still.seen.length === 4)
    other.freeze()
    const alive = gate()
    const survivor = await consume(store.stream('s'), 'g', () => alive.passed)
    await waitUntil(runtime, 'the others have them', () => survivor.seen.length === 1)
    other.thaw()
    held.open()
    await endOf(runtime, still)
    assert.deepEqual(told, [false, false, false, false])
    const { state, parked, lag, checkpoint } = await group.info()
    assert.deepEqual([state, parked, lag, checkpoint], ['running', 0, 4, undefined])
    alive.open()
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(survivor), [1, 2, 3, 4])
    await other.store.close()
  })

  for (const strategy of ['pinned', 'pinned-by-correlation'] as const) {
    simulatedLaw(`${strategy}: a ghost hands over nothing after its keys went to others`, async (scene) => {
      const { store, runtime } = scene
      const group = await store.all.createSubscription('g', { ...LEASED, strategy })
      const other = await vanishingStore(scene)
      const began: string[] = []
      const react = (who: string, time: Runtime): DeliveryHandler<RecordedEvent> => {
        return async ({ data }) => {
          began.push(`${who}${data}`)
          await sleep(time, 50)
        }
      }
      await store.stream('k').append(counted(20))
      const still = await consume(other.store.all, 'g', react('ghost ', other.runtime))
      await waitUntil(runtime, 'it is busy', () => still.seen.length === 3)
      other.freeze()
      await consume(store.all, 'g', react('', runtime))
      await waitUntil(runtime, 'the other has them', () => began.includes('10'))
      const before = began.filter((name) => name.startsWith('ghost')).length
      other.thaw()
      await waitUntilDone(runtime, group)
      assert.equal(began.filter((name) => name.startsWith('ghost')).length, before)
      const own = began.filter((name) => !name.startsWith('ghost')).map(Number)
      assert.deepEqual(own, numbers(own[0]!, 20))
      assert.ok(own[0]! <= 3)
      await other.store.close()
    })
  }
}

function clockLaws({ simulatedLaw }: StoreLaws): void {
  for (const [name, jumpMs] of Object.entries({ back: -3_600_000, forward: 3_600_000 })) {
    simulatedLaw(`a wall clock that jumps ${name} loses nothing and delays nothing`, async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(30))
      const group = await store.all.createSubscription('g', { ...LEASED, bufferSize: 5 })
      let failed = false
      const react: DeliveryHandler<RecordedEvent> = async (event) => {
        await sleep(runtime, 20)
        if (event.data !== 12 || failed) return
        failed = true
        runtime.jumpClock(jumpMs)
        throw new Error('while the clock jumps')
      }
      const consumers = [await consume(store.all, 'g', react), await consume(store.all, 'g', react)]
      const since = runtime.monotonic()
      await waitUntil(runtime, 'all came', () => new Set(dataOfAll(...consumers)).size === 30)
      await waitUntil(
        runtime,
        'it came again',
        () => dataOfAll(...consumers).filter((n) => n === 12).length > 1,
      )
      assert.ok(runtime.monotonic() - since < 15_000, `it took ${runtime.monotonic() - since} ms`)
      assert.equal((await group.info()).parked, 0)
    })
  }

  simulatedLaw('a dead process is buried although the wall clock went back', async (scene) => {
    const { store, runtime } = scene
    const { other, group } = await busyProcess(scene, 6)
    other.kill()
    runtime.jumpClock(-86_400_000)
    const survivor = await consume(store.all, 'g')
    const since = runtime.monotonic()
    await waitUntilDone(runtime, group)
    assert.ok(runtime.monotonic() - since < 4 * LEASE_MS)
    assert.deepEqual(dataOfAll(survivor), numbers(1, 6))
  })

  simulatedLaw('a consumer that waits for long keeps its lease', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    const group = await store.all.createSubscription('g', LEASED)
    const one = await consume(store.all, 'g')
    const two = await consume(other.all, 'g')
    for (const n of numbers(1, 3)) {
      await runtime.advance(10 * LEASE_MS)
      await store.stream('s').append(counted(1, n))
    }
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(one, two), [1, 2, 3])
    assert.equal((await group.info()).consumers.length, 2)
  })
}
