import assert from 'node:assert/strict'
import { GROUP_WAITING_MAX } from '../../limits.ts'
import { sleep } from '../../runtime.ts'
import type { Delivery, NackAction } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import {
  companion,
  consume,
  dataOfAll,
  parkedDataIn,
  parkedIn,
  QUICK,
  waitUntil,
  waitUntilDone,
} from './group-consumers.ts'
import { counted, numbers, type StoreLaws } from './laws.ts'

/** What happens to events of a group that are not handled. */
export function groupRetryLaws(laws: StoreLaws): void {
  failureLaws(laws)
  backoffLaws(laws)
  nackLaws(laws)
  onErrorLaws(laws)
}

function failureLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a handler that throws gets the event again, with attempts that count up', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(5))
    const group = await store.all.createSubscription('g', QUICK)
    const consumer = await consume(store.all, 'g', (event, { attempt }) => {
      if (event.data === 2 && attempt < 4) throw new Error('not yet')
    })
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.attempts(2), [1, 2, 3, 4])
    assert.deepEqual([...new Set(dataOfAll(consumer))], numbers(1, 5))
    for (const number of [1, 3, 4, 5]) assert.deepEqual(consumer.attempts(number), [1])
    assert.equal((await group.info()).parked, 0)
  })

  simulatedLaw('other events go on while one waits for its retry', async ({ store, runtime }) => {
    await store.stream('s').append(counted(50))
    const group = await store.stream('s').createSubscription('g', { retryBackoff: { initialMs: 20_000 } })
    const consumer = await consume(store.stream('s'), 'g', (event, { attempt }) => {
      if (event.data === 3 && attempt === 1) throw new Error('not yet')
    })
    await waitUntil(runtime, 'all have come once', () => consumer.seen.length === 50)
    await waitUntil(runtime, 'they are recorded', async () => (await group.info()).lag === 1)
    const { retrying, inFlight, checkpoint, position } = await group.info()
    assert.deepEqual([retrying, inFlight, checkpoint, position], [1, 0, 2, 50])
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.data, [...numbers(1, 50), 3])
    assert.equal((await group.info()).checkpoint, 50)
  })

  for (const maxRetryCount of [0, 1, 3]) {
    simulatedLaw(
      `an event is delivered ${maxRetryCount + 1} times and then parked, with a maxRetryCount of ${maxRetryCount}`,
      async ({ store, runtime }) => {
        await store.stream('s').append(counted(3))
        const group = await store.stream('s').createSubscription('g', { ...QUICK, maxRetryCount })
        const consumer = await consume(store.stream('s'), 'g', (event, { attempt }) => {
          if (event.data === 2) throw new Error(`broken at attempt ${attempt}`)
        })
        await waitUntilDone(runtime, group)
        await runtime.advance(5_000)
        assert.deepEqual(consumer.attempts(2), numbers(1, maxRetryCount + 1))
        const [parked, ...others] = await parkedIn(group)
        assert.deepEqual(others, [])
        assert.deepEqual([parked!.place, parked!.event!.data, parked!.isBehind], [2, 2, false])
        assert.equal(parked!.attempts, maxRetryCount + 1)
        assert.match(parked!.reason, new RegExp(`broken at attempt ${maxRetryCount + 1}`))
        assert.equal((await group.info()).checkpoint, 3)
      },
    )
  }

  simulatedLaw('attempts and reasons outlive the process that saw them', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 2 })
    for (const attempt of [1, 2, 3]) {
      await using other = await companion(scene)
      const consumer = await consume(other.all, 'g', () => {
        throw new Error(`failure ${attempt}`)
      })
      await waitUntil(runtime, 'it has come again', () => consumer.seen.length > 0)
      assert.equal(consumer.seen[0]!.attempt, attempt)
      await consumer.close()
    }
    const [parked] = await parkedIn(group)
    assert.match(parked!.reason, /failure 3/)
    assert.equal(parked!.attempts, 3)
  })

  simulatedLaw('whatever is thrown is a failure, and says why', async ({ store, runtime }) => {
    const thrown: readonly unknown[] = ['a text', undefined, null, 5, { code: 'odd' }, new TypeError('typed')]
    await store.stream('s').append(counted(thrown.length))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 0 })
    await consume(store.all, 'g', (event) => {
      throw thrown[Number(event.data) - 1]
    })
    await waitUntilDone(runtime, group)
    const parked = await parkedIn(group)
    assert.equal(parked.length, thrown.length)
    for (const { reason } of parked) assert.ok(reason.length > 0)
    assert.match(parked[0]!.reason, /a text/)
    assert.match(parked[5]!.reason, /typed/)
  })

  simulatedLaw('a reason is kept up to 1,000 characters', async ({ store, runtime }) => {
    await store.stream('s').append(counted(2))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 0 })
    await consume(store.all, 'g', (event, delivery) => {
      if (event.data === 1) throw new Error('e'.repeat(5_000))
      return delivery.nack('park', 'n'.repeat(100_000))
    })
    await waitUntilDone(runtime, group)
    for (const { reason } of await parkedIn(group)) {
      assert.ok(reason.length <= 1_000 && reason.length > 900, `it has ${reason.length} characters`)
    }
  })

  simulatedLaw(
    'when very many events wait for a retry, nothing new is given out',
    async ({ store, runtime }) => {
      const [count, bufferSize] = [GROUP_WAITING_MAX + 1_000, 200]
      await store.stream('s').append(counted(count))
      const group = await store.all.createSubscription('g', {
        ...QUICK,
        bufferSize,
        retryBackoff: { initialMs: 120_000, maxMs: 120_000 },
      })
      let isFixed = false
      const react = (): void => {
        if (!isFixed) throw new Error('not yet')
      }
      const consumer = await consume(store.all, 'g', react, { concurrency: 100 })
      await waitUntil(runtime, 'very many wait', () => consumer.seen.length >= GROUP_WAITING_MAX)
      await runtime.advance(5_000)
      assert.ok(consumer.seen.length <= GROUP_WAITING_MAX + bufferSize, `it had ${consumer.seen.length}`)
      isFixed = true
      await runtime.advance(120_000)
      await waitUntilDone(runtime, group)
      assert.deepEqual([...new Set(dataOfAll(consumer))], numbers(1, count))
    },
  )
}

function backoffLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'the pause before a retry doubles up to the most, and is a random part of it',
    async (scene) => {
      const { store, runtime } = scene
      const count = 12
      await store.stream('s').append(counted(count))
      const group = await store.all.createSubscription('g', {
        retryBackoff: { initialMs: 1_000, maxMs: 4_000 },
        maxRetryCount: 4,
        checkpointAfterMs: 50,
      })
      const times = new Map<unknown, number[]>()
      await consume(store.all, 'g', (event) => {
        times.set(event.data, [...(times.get(event.data) ?? []), runtime.monotonic()])
        throw new Error('never')
      })
      await waitUntilDone(runtime, group)
      assert.equal((await group.info()).parked, count)
      const pauses = [...times.values()].map((list) => list.slice(1).map((time, at) => time - list[at]!))
      for (const [retry, mostMs] of [1_000, 2_000, 4_000, 4_000].entries()) {
        const ofRetry = pauses.map((list) => list[retry]!)
        for (const pause of ofRetry) {
          // Failures are recorded some milliseconds after they happen.
          assert.ok(pause >= mostMs / 2 - 1 && pause <= mostMs + 300, `retry ${retry + 1} after ${pause} ms`)
        }
        const spread = Math.max(...ofRetry) - Math.min(...ofRetry)
        assert.ok(spread > mostMs / 16, `retry ${retry + 1}: all pauses are within ${spread} ms`)
      }
    },
  )

  simulatedLaw('without other settings, the first retry waits for half a second to one', async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(1))
    await store.all.createSubscription('g')
    const times: number[] = []
    await consume(store.all, 'g', (_, { attempt }) => {
      times.push(runtime.monotonic())
      if (attempt === 1) throw new Error('not yet')
    })
    await waitUntil(runtime, 'it has come again', () => times.length === 2)
    const pause = times[1]! - times[0]!
    assert.ok(pause >= 499 && pause <= 3_000, `it came again after ${pause} ms`)
  })
}

function nackLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    "nack('retry') delivers again, 'skip' never, 'park' when asked",
    async ({ store, runtime }) => {
      await store.stream('s').append(counted(4))
      const group = await store.stream('s').createSubscription('g', QUICK)
      const actions: Record<number, NackAction> = { 1: 'retry', 2: 'skip', 3: 'park' }
      const told: unknown[] = []
      const consumer = await consume(store.stream('s'), 'g', async (event, delivery) => {
        const action = actions[Number(event.data)]
        if (action !== undefined && delivery.attempt === 1) told.push(await delivery.nack(action, 'because'))
      })
      await waitUntilDone(runtime, group)
      await runtime.advance(5_000)
      assert.deepEqual(told, [true, true, true])
      assert.deepEqual(consumer.data, [1, 2, 3, 4, 1])
      assert.deepEqual(consumer.attempts(1), [1, 2])
      const [parked] = await parkedIn(group)
      assert.deepEqual(
        [parked!.place, parked!.reason, parked!.attempts, parked!.key, parked!.isBehind],
        [3, 'because', 1, undefined, false],
      )
      assert.deepEqual(await parkedDataIn(group), [3])
      assert.equal((await group.info()).checkpoint, 4)
    },
  )

  simulatedLaw("nack('retry') until the retries are used up parks with the last reason", async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(1))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 2 })
    const consumer = await consume(store.all, 'g', (_, delivery) =>
      delivery.nack('retry', `reason ${delivery.attempt}`),
    )
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.attempts(1), [1, 2, 3])
    const [parked] = await parkedIn(group)
    assert.equal(parked!.reason, 'reason 3')
  })

  simulatedLaw("nack('stop') stops the group until it is resumed, and says where and why", async (scene) => {
    const { store, runtime } = scene
    await store.stream('s').append(counted(30))
    const group = await store.stream('s').createSubscription('g', { ...QUICK, bufferSize: 5 })
    let isFixed = false
    const react = async (event: RecordedEvent, delivery: Delivery<RecordedEvent>): Promise<void> => {
      if (event.data === 7 && !isFixed) await delivery.nack('stop', 'the machine is on fire')
      else await sleep(runtime, 5)
    }
    const consumers = [
      await consume(store.stream('s'), 'g', react),
      await consume(store.stream('s'), 'g', react),
    ]
    await waitUntil(runtime, 'it is stopped', async () => (await group.info()).state === 'stopped')
    await runtime.advance(100)
    const seen = dataOfAll(...consumers).length
    await runtime.advance(20_000)
    assert.equal(dataOfAll(...consumers).length, seen, 'nothing is handed over')
    assert.ok(seen < 30)
    const { stopped, state } = await group.info()
    assert.deepEqual([state, stopped?.place, stopped?.reason], ['stopped', 7, 'the machine is on fire'])
    assert.ok(stopped!.at.getTime() <= runtime.now() && stopped!.at.getTime() > runtime.now() - 60_000)
    isFixed = true
    await group.resume()
    await waitUntilDone(runtime, group)
    assert.deepEqual([...new Set(dataOfAll(...consumers))], numbers(1, 30))
    assert.equal(dataOfAll(...consumers).length, 31)
    const attempts = consumers.flatMap((consumer) => consumer.attempts(7))
    assert.deepEqual(attempts, [1, 1], 'the stop does not count as a failure')
    const after = await group.info()
    assert.deepEqual([after.state, after.stopped, after.parked], ['running', undefined, 0])
  })
}

function onErrorLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('onError says what to do about what was thrown', async ({ store, runtime }) => {
    await store.stream('s').append(counted(5))
    const group = await store.stream('s').createSubscription('g', QUICK)
    const answers: Record<number, NackAction | undefined> = {
      1: 'skip',
      2: 'park',
      3: undefined,
      4: 'retry',
      5: 'stop',
    }
    const told: unknown[] = []
    const consumer = await consume(
      store.stream('s'),
      'g',
      (event, { attempt }) => {
        if (attempt === 1) throw new Error(`thrown for ${event.data}`)
      },
      {
        onError: (error, delivery) => {
          told.push([(error as Error).message, delivery.event.data, delivery.attempt])
          return answers[Number(delivery.event.data)]
        },
      },
    )
    await waitUntil(runtime, 'it is stopped', async () => (await group.info()).state === 'stopped')
    await runtime.advance(1_000)
    assert.deepEqual(
      told,
      numbers(1, 5).map((number) => [`thrown for ${number}`, number, 1]),
    )
    const { stopped } = await group.info()
    assert.equal(stopped!.place, 5)
    assert.match(stopped!.reason, /thrown for 5/)
    const [parked, ...others] = await parkedIn(group)
    assert.deepEqual([parked!.place, others.length], [2, 0])
    assert.match(parked!.reason, /thrown for 2/)
    await consumer.close()
    await group.resume()
    const next = await consume(store.stream('s'), 'g')
    await waitUntilDone(runtime, group)
    assert.deepEqual(
      dataOfAll(next).filter((data) => data === 1 || data === 2),
      [],
    )
    assert.deepEqual(consumer.attempts(1), [1])
    assert.deepEqual([...consumer.attempts(3), ...next.attempts(3)], [1, 2])
    assert.deepEqual(next.attempts(5), [1])
  })

  simulatedLaw('an onError that throws, or answers nonsense, loses nothing', async ({ store, runtime }) => {
    await store.stream('s').append(counted(3))
    const group = await store.all.createSubscription('g', { ...QUICK, maxRetryCount: 1 })
    const consumer = await consume(
      store.all,
      'g',
      (event) => {
        if (event.data !== 3) throw new Error('thrown')
      },
      {
        onError: (_, { event }) => {
          if (event.data === 1) throw new Error('thrown again')
          return 'nonsense' as NackAction
        },
      },
    )
    await waitUntilDone(runtime, group)
    assert.deepEqual(consumer.attempts(1), [1, 2])
    assert.deepEqual(consumer.attempts(2), [1, 2])
    assert.deepEqual(await parkedDataIn(group), [1, 2])
  })
}
