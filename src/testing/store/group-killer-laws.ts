import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { Delivery, DeliveryHandler, SubscriptionGroup } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { busyProcess, LEASED, STRATEGIES } from './busy-process.ts'
import {
  type Consumer,
  consume,
  dataOfAll,
  parkedDataIn,
  parkedIn,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Events whose consumers vanish: they are suspects, and delivered alone. */
export function groupKillerLaws(laws: StoreLaws): void {
  suspectLaws(laws)
  killerLaws(laws)
}

function suspectLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what a dead process had is delivered alone, one event after the other', async (scene) => {
    const { store, runtime } = scene
    const { other, group, dead } = await busyProcess(scene, 8)
    other.kill()
    const suspects = new Set((await inFlightData(group, scene)).concat(dead.data))
    let [busy, most] = [0, 0]
    const survivor = await consume(
      store.all,
      'g',
      async () => {
        busy += 1
        most = Math.max(most, busy)
        await sleep(runtime, 20)
        busy -= 1
      },
      { concurrency: 10 },
    )
    await waitUntilDone(runtime, group)
    assert.deepEqual(dataOfAll(survivor), numbers(1, 8))
    assert.equal(suspects.size, 8, 'they were all in its hand')
    assert.equal(most, 1)
    await store.stream('s').append(counted(30, 9))
    await waitUntilDone(runtime, group)
    assert.ok(most > 1, 'afterwards everything is as before')
  })

  simulatedLaw(
    'while a suspect is handled, no other event of the group is, in that process',
    async (scene) => {
      const { store, runtime } = scene
      const { other, group } = await busyProcess(scene, 3)
      const suspects = new Set([1, 2, 3])
      const beside: string[] = []
      const busy = new Set<unknown>()
      const react: DeliveryHandler<RecordedEvent> = async ({ data }) => {
        busy.add(data)
        await sleep(runtime, 30)
        const hasSuspect = [...busy].some((one) => suspects.has(Number(one)))
        if (hasSuspect && busy.size > 1) beside.push([...busy].join('+'))
        busy.delete(data)
      }
      const consumers = [
        await consume(store.all, 'g', react, { concurrency: 4 }),
        await consume(store.all, 'g', react, { concurrency: 4 }),
      ]
      other.kill()
      for (const n of numbers(1, 60)) {
        await store.stream('s').append(counted(2, 2 + n * 2))
        await sleep(runtime, 60)
      }
      await waitUntilDone(runtime, group)
      assert.deepEqual(dataOfAll(...consumers), numbers(1, 123))
      assert.deepEqual(beside, [])
    },
  )

  simulatedLaw('the neighbours of an event that killed its process lose no attempt', async (scene) => {
    const { store, runtime } = scene
    const { other, group } = await busyProcess(scene, 10)
    other.kill()
    const survivor = await consume(store.all, 'g', (_, { attempt }) => {
      if (attempt === 1) throw new Error('once')
    })
    await waitUntilDone(runtime, group)
    assert.equal((await group.info()).parked, 0)
    assert.deepEqual([...new Set(dataOfAll(survivor))], numbers(1, 10))
  })

  simulatedLaw(
    'suspects of several groups are not handled beside each other in one process',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(4))
      const other = await vanishingStore(scene)
      const groups: SubscriptionGroup[] = []
      for (const name of ['g', 'h']) {
        groups.push(await store.all.createSubscription(name, LEASED))
        const dead = await consume(other.store.all, name, () => new Promise(() => {}))
        await waitUntil(runtime, 'it is busy', () => dead.seen.length === 1)
      }
      other.kill()
      let [busy, most] = [0, 0]
      const consumers: Consumer[] = []
      for (const { name } of groups) {
        const react = async (): Promise<void> => {
          busy += 1
          most = Math.max(most, busy)
          await sleep(runtime, 20)
          busy -= 1
        }
        consumers.push(await consume(store.all, name, react))
      }
      for (const group of groups) await waitUntilDone(runtime, group)
      for (const consumer of consumers) assert.deepEqual(dataOfAll(consumer), [1, 2, 3, 4])
      assert.equal(most, 1)
    },
  )

  simulatedLaw(
    'a loop gets suspects one at a time, and the next when that is acknowledged',
    async (scene) => {
      const { store, runtime } = scene
      const { other, group } = await busyProcess(scene, 3)
      other.kill()
      const subscription = await store.all.subscribe({ type: 'persistent', group: 'g' })
      const deliveries: Delivery<RecordedEvent>[] = []
      const looping = (async () => {
        for await (const delivery of subscription) deliveries.push(delivery)
      })()
      for (const number of [1, 2, 3]) {
        await waitUntil(runtime, 'the next comes', () => deliveries.length >= number)
        await runtime.advance(500)
        assert.equal(deliveries.length, number)
        assert.equal(await deliveries[number - 1]!.ack(), true)
      }
      await waitUntilDone(runtime, group)
      await subscription.close()
      await looping
    },
  )
}

function killerLaws({ simulatedLaw }: StoreLaws): void {
  for (const strategy of STRATEGIES) {
    for (const maxRetryCount of [0, 2]) {
      simulatedLaw(
        `${strategy}: an event that kills its process is parked after its retries alone, with a maxRetryCount of ${maxRetryCount}`,
        async (scene) => {
          const { store } = scene
          for (const n of numbers(1, 12)) await store.stream(`s${n}`).append(counted(1, n))
          const group = await store.all.createSubscription('g', { ...LEASED, strategy, maxRetryCount })
          const [deliveries, done] = [[] as number[], new Set<unknown>()]
          const deaths = await diesOf(scene, group, deliveries, done)
          // The first delivery among others, and then alone: at least once.
          assert.equal(deaths, 1 + Math.max(1, maxRetryCount))
          assert.equal(deliveries.length, deaths)
          assert.deepEqual(await parkedDataIn(group), [5])
          const [parked] = await parkedIn(group)
          assert.ok(parked!.reason.length > 0, 'it says why')
          assert.ok(
            parked!.attempts >= deaths - 1 && parked!.attempts <= deaths,
            `${parked!.attempts} attempts`,
          )
          const others = numbers(1, 12).filter((n) => n !== 5)
          assert.deepEqual(
            [...done].toSorted((a, b) => Number(a) - Number(b)),
            others,
          )
        },
      )
    }
  }

  simulatedLaw('two killers side by side are both found, and nobody else', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(20))
    const group = await store.all.createSubscription('g', { ...LEASED, maxRetryCount: 1 })
    const done = new Set<unknown>()
    const isKiller = (event: RecordedEvent): boolean => event.data === 3 || event.data === 4
    for (let deaths = 0; ; deaths += 1) {
      assert.ok(deaths < 8, 'it comes to an end')
      const { isDone } = await liveUntilDeath(scene, group, isKiller, done)
      if (isDone) break
    }
    assert.deepEqual(await parkedDataIn(group), [3, 4])
    assert.equal(done.size, 18)
    await runtime.advance(1_000)
  })

  simulatedLaw(
    'a killer beside a process that lives is parked, and the others are done once',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('s').append(counted(10))
      const group = await store.all.createSubscription('g', {
        ...LEASED,
        strategy: 'dispatch-to-single',
        maxRetryCount: 1,
      })
      const processes = [await vanishingStore(scene), await vanishingStore(scene)]
      const done: unknown[] = []
      for (const one of processes) {
        await consume(one.store.all, 'g', (event) => {
          if (one.isDead) return new Promise(() => {})
          if (event.data === 5) {
            one.kill()
            return new Promise(() => {})
          }
          done.push(event.data)
          return undefined
        })
      }
      const witness = await consume(store.all, 'g', (event) => {
        assert.notEqual(event.data, 5)
        done.push(event.data)
      })
      await waitUntilDone(runtime, group)
      assert.deepEqual(
        processes.map(({ isDead }) => isDead),
        [true, true],
      )
      assert.deepEqual(await parkedDataIn(group), [5])
      assert.equal(witness.attempts(5).length, 0)
      assert.deepEqual(
        [...new Set(done)].toSorted((a, b) => Number(a) - Number(b)),
        numbers(1, 10).filter((n) => n !== 5),
      )
    },
  )
}

/** The data of what is in hands: of a group that has given out everything. */
async function inFlightData(group: SubscriptionGroup, { store }: SimulatedStoreScene): Promise<unknown[]> {
  const { inFlight } = await group.info()
  const events = await store.all.read().toArray()
  return events.slice(-inFlight).map(({ data }) => data)
}

/** Lets processes come and die of event 5 until everything is done or parked. Returns how many died. */
async function diesOf(
  scene: SimulatedStoreScene,
  group: SubscriptionGroup,
  deliveries: number[],
  done: Set<unknown>,
): Promise<number> {
  const isKiller = (event: RecordedEvent, attempt: number): boolean => {
    if (event.data === 5) deliveries.push(attempt)
    return event.data === 5
  }
  for (let deaths = 0; ; deaths += 1) {
    assert.ok(deaths < 10, 'it comes to an end')
    if ((await liveUntilDeath(scene, group, isKiller, done)).isDone) return deaths
  }
}

/** One process with one consumer, until an event kills it, or until there is nothing left. */
async function liveUntilDeath(
  scene: SimulatedStoreScene,
  group: SubscriptionGroup,
  isKiller: (event: RecordedEvent, attempt: number) => boolean,
  done: Set<unknown>,
): Promise<{ readonly isDone: boolean }> {
  const { runtime } = scene
  const process = await vanishingStore(scene)
  const consumer = await consume(process.store.all, 'g', (event, { attempt }) => {
    if (process.isDead) return new Promise(() => {})
    if (isKiller(event, attempt)) {
      process.kill()
      return new Promise(() => {})
    }
    done.add(event.data)
    return undefined
  })
  await waitUntil(runtime, 'it dies, or all is done', async () => {
    const { lag } = await group.info()
    return process.isDead || lag === 0
  })
  if (!process.isDead) await consumer.close()
  return { isDone: !process.isDead }
}
