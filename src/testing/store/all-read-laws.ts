import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { AllReadOptions } from '../../store/contract-reading.ts'
import type { SimulatedRuntime } from '../simulated-runtime.ts'
import { counted, dataOf, failureOf, numbers, type StoreLaws } from './laws.ts'
import { assertReads, expectedRead, randomOptions } from './stream-read-laws.ts'

const ROUNDS = 80

/** Reading everything. */
export function allReadLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'all.read() reads what positions and times say as bounds: as an array would',
    async (scene) => {
      const { store, runtime, random } = scene
      const events = await fill(store, runtime, random)
      const pick = (): (typeof events)[number] => events[Math.floor(random() * events.length)]!
      const position = (): bigint => pick().position + BigInt(Math.floor(random() * 3) - 1)
      const time = (): Date => new Date(pick().recordedAt.getTime() + Math.floor(random() * 3) - 1)
      const span = (bound: bigint | Date): readonly [bigint, bigint] =>
        typeof bound === 'bigint' ? [bound, bound] : spanOf(events, bound)
      for (let round = 0; round < ROUNDS; round += 1) {
        const system = random() < 0.5
        const options: AllReadOptions = {
          ...randomOptions(random, () => (random() < 0.5 ? position() : time())),
          ...(system && { system }),
        }
        const places = events
          .filter(({ streamId }) => system || !streamId.startsWith('$'))
          .map((event) => event.position)
        await assertReads(
          store.all.read(options),
          expectedRead(places, options, span),
          (event) => event.position,
          options,
        )
      }
    },
  )

  law('all.read() takes any position and any valid time as a bound', async ({ store }) => {
    await store.stream('s').append(counted(2))
    const count = async (options: AllReadOptions): Promise<number> =>
      (await store.all.read(options).toArray()).length
    for (const low of [-1n, 0n, -(2n ** 70n), new Date(-1), new Date(-8.64e15), new Date(0)]) {
      assert.deepEqual([await count({ from: low }), await count({ after: low })], [2, 2])
      assert.deepEqual([await count({ to: low }), await count({ before: low })], [0, 0])
    }
    for (const high of [2n ** 63n - 1n, 2n ** 70n, new Date(8.64e15)]) {
      assert.deepEqual([await count({ from: high }), await count({ after: high })], [0, 0], String(high))
      assert.deepEqual([await count({ to: high }), await count({ before: high })], [2, 2], String(high))
    }
  })

  law('all.read() refuses what is neither a position nor a valid time', async ({ store }) => {
    for (const bound of [1, '1', null, new Date(Number.NaN), {}]) {
      for (const name of ['from', 'after', 'to', 'before']) {
        await failureOf('invalid-argument', () => store.all.read({ [name]: bound } as AllReadOptions), name)
      }
    }
  })

  law('all.read() hides the events of system streams unless asked for them', async ({ store }) => {
    await store.stream('a').append(counted(1))
    await store.createStream('b', { metadata: { x: 1 } })
    await store.stream('a').setMetadata({ y: 2 })
    await store.stream('b').append(counted(1, 2))
    assert.deepEqual(await dataOf(store.all.read()), [1, 2])
    const streams = (await store.all.read({ system: true }).toArray()).map(({ streamId }) => streamId)
    assert.deepEqual(streams, ['a', '$$b', '$$a', 'b'])
    const inTransaction = await store.transact(async (tx) => {
      await tx.stream('c').setMetadata({ z: 3 })
      await tx.stream('c').append(counted(1, 3))
      return [await dataOf(tx.all.read()), (await tx.all.read({ system: true }).toArray()).length]
    })
    assert.deepEqual(inTransaction, [[1, 2, 3], 6])
    assert.equal((await store.readTransact((tx) => tx.all.read({ system: true }).toArray())).length, 6)
  })

  law('all.read() fills its limit with events that are wanted, past many that are not', async ({ store }) => {
    await store.stream('a').append(counted(1, 1))
    for (const n of numbers(1, 70)) await store.stream('a').setMetadata({ n })
    await store.stream('a').append(counted(1, 2))
    assert.deepEqual(await dataOf(store.all.read({ limit: 2 })), [1, 2])
    assert.deepEqual(await dataOf(store.all.read({ limit: 2, direction: 'backwards' })), [2, 1])
    assert.equal((await store.all.read().last())!.data, 2)
    const position = (await store.stream('a').event(1))!.position
    assert.equal((await store.all.read({ after: position }).first())!.data, 2)
  })

  law('all.read() of an empty store yields nothing', async ({ store }) => {
    assert.deepEqual(await store.all.read().toArray(), [])
    assert.equal(await store.all.read({ system: true, direction: 'backwards' }).first(), undefined)
    assert.equal(await store.all.read({ from: 5n, to: 4n }).last(), undefined)
  })
}

interface Placed {
  readonly position: bigint
  readonly recordedAt: Date
  readonly streamId: string
}

/** Some 100 events at different times, several at most of them, some of system streams. */
async function fill(store: EventStore, runtime: SimulatedRuntime, random: () => number): Promise<Placed[]> {
  for (const n of numbers(1, 40)) {
    if (random() < 0.6) await runtime.advance(Math.floor(random() * 5))
    await store.stream(`s${Math.floor(random() * 4)}`).append(counted(1 + Math.floor(random() * 4), n))
    if (random() < 0.3) await store.stream(`s${n % 4}`).setMetadata({ n })
  }
  return store.all.read({ system: true }).toArray()
}

/** From the first to the last position that could be given out in a millisecond, as far as there are events to tell. */
function spanOf(events: readonly Placed[], time: Date): readonly [bigint, bigint] {
  const first = events.find(({ recordedAt }) => recordedAt >= time)?.position ?? 2n ** 63n
  const last = events.findLast(({ recordedAt }) => recordedAt <= time)?.position ?? 0n
  return [first, last]
}
