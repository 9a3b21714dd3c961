import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import {
  companion,
  consume,
  dataOfAll,
  endOf,
  gate,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** One consumer at a time, and how many there may be. */
export function groupStrategyLaws(laws: StoreLaws): void {
  singleLaws(laws)
  maxConsumersLaws(laws)
}

function singleLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('dispatch-to-single: the oldest consumer gets everything, in order', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    const group = await store.all.createSubscription('g', { ...QUICK, strategy: 'dispatch-to-single' })
    const first = await consume(other.all, 'g')
    const second = await consume(store.all, 'g')
    await store.stream('s').append(counted(150))
    await waitUntilDone(runtime, group)
    assert.deepEqual([first.data, second.data], [numbers(1, 150), []])
  })

  simulatedLaw('dispatch-to-single: the next one takes over when the single leaves', async (scene) => {
    const { store, runtime } = scene
    const group = await store.all.createSubscription('g', {
      ...QUICK,
      strategy: 'dispatch-to-single',
      bufferSize: 10,
    })
    const react = (): Promise<void> => sleep(runtime, 3)
    const consumers = [
      await consume(store.all, 'g', react),
      await consume(store.all, 'g', react),
      await consume(store.all, 'g', react),
    ]
    const all: unknown[] = []
    for (const [index, consumer] of consumers.entries()) {
      await store.stream('s').append(counted(40, index * 40 + 1))
      await waitUntil(runtime, 'it has its turn', () => consumer.seen.length > 20)
      for (const { seen } of consumers.slice(index + 1)) assert.equal(seen.length, 0)
      await consumer.close()
      all.push(...consumer.data)
    }
    const last = await consume(store.all, 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual([...all, ...last.data], numbers(1, 120), 'in order, each once')
  })

  simulatedLaw('dispatch-to-single: the next one takes over when the single is lost', async (scene) => {
    const { store, runtime } = scene
    const other = await vanishingStore(scene)
    const group = await store.all.createSubscription('g', {
      ...QUICK,
      strategy: 'dispatch-to-single',
      bufferSize: 4,
    })
    await consume(other.store.all, 'g', (event) => {
      if (event.data !== 5) return undefined
      other.kill()
      return new Promise(() => {})
    })
    const next = await consume(store.all, 'g')
    await store.stream('s').append(counted(20))
    await waitUntilDone(runtime, group)
    const [from] = dataOfAll(next)
    assert.ok(Number(from) <= 5, 'what the lost one had in its hand comes again')
    assert.deepEqual(dataOfAll(next), numbers(Number(from), 20))
  })
}

function maxConsumersLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('maxConsumers is the most at a time, in all processes', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    const group = await store.all.createSubscription('g', { ...QUICK, maxConsumers: 2 })
    const first = await consume(store.all, 'g')
    await consume(other.all, 'g')
    for (const full of [store, other]) {
      const error = await failureOf('max-consumers', () => consume(full.all, 'g'))
      assert.deepEqual(error.details, { group: 'g', maxConsumers: 2 })
      assert.equal(error.retryable, true)
    }
    assert.equal((await group.info()).consumers.length, 2)
    await first.close()
    await consume(other.all, 'g')
    await failureOf('max-consumers', () => consume(store.all, 'g'))
    await group.update({ maxConsumers: 3 })
    await consume(store.all, 'g')
    await failureOf('max-consumers', () => consume(store.all, 'g'))
    await runtime.advance(10_000)
  })

  simulatedLaw('maxConsumers holds for consumers that come at the same time', async ({ store }) => {
    const group = await store.all.createSubscription('g', { maxConsumers: 3 })
    const outcomes = await Promise.allSettled(numbers(1, 8).map(() => consume(store.all, 'g')))
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
    assert.equal((await group.info()).consumers.length, 3)
  })

  simulatedLaw('maxConsumers: who was lost makes room after its time', async (scene) => {
    const { store, runtime } = scene
    const other = await vanishingStore(scene)
    await store.all.createSubscription('g', { ...QUICK, maxConsumers: 1 })
    await consume(other.store.all, 'g')
    other.kill()
    await failureOf('max-consumers', () => consume(store.all, 'g'))
    await waitUntil(runtime, 'there is room', async () => {
      try {
        await consume(store.all, 'g')
        return true
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'max-consumers')
        return false
      }
    })
  })

  simulatedLaw('fewer maxConsumers than there are send nobody away', async ({ store, runtime }) => {
    await store.stream('s').append(counted(20))
    const group = await store.all.createSubscription('g', { ...QUICK, bufferSize: 2 })
    const held = gate()
    const consumers = [
      await consume(store.all, 'g', () => held.passed),
      await consume(store.all, 'g', () => held.passed),
    ]
    await waitUntil(runtime, 'both are busy', () => consumers.every(({ seen }) => seen.length === 1))
    await group.update({ maxConsumers: 1 })
    held.open()
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(...consumers), numbers(1, 20))
    await consumers[0]!.close()
    assert.deepEqual(await endOf(runtime, consumers[0]!), { reason: 'closed' })
    await failureOf('max-consumers', () => consume(store.all, 'g'))
  })
}
