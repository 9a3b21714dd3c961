import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import { counted, numbers, refuses, type StoreLaws } from './laws.ts'
import { assertSeen, assertSees, marked } from './sights.ts'

const MINUTE = 60_000

/** What hides the beginning of a stream: `truncateBefore`, `maxCount` and `maxAgeMs`. */
export function retentionLaws({ law, simulatedLaw }: StoreLaws): void {
  law('truncateBefore() hides all events before a version, and never fewer again', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(marked('s', 5))
    for (const [version, first] of [
      [1, 1],
      [2, 2],
      [4, 4],
      [3, 4],
      [1, 4],
      [6, 6],
    ] as const) {
      await stream.truncateBefore(version)
      await assertSeen(store, 's', numbers(first, 5))
      const { firstVersion, version: head, truncateBefore } = await stream.info()
      assert.deepEqual([firstVersion, head], [first, 5])
      assert.equal(truncateBefore, first === 1 ? undefined : first)
    }
    await stream.append(marked('s', 1), { expectedVersion: 5 })
    await assertSeen(store, 's', [6])
  })

  law('truncateBefore() is refused beyond the version after the last', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(marked('s', 2))
    await refuses(store, 'invalid-argument', () => stream.truncateBefore(4))
    await store.transact(async (tx) => {
      await tx.stream('s').append(marked('s', 1, 3))
      await tx.stream('s').truncateBefore(4)
      await assertSees(tx, 's', [], 'with an own event')
    })
    const created = await store.createStream('created')
    await created.truncateBefore(1)
    await refuses(store, 'invalid-argument', () => created.truncateBefore(2))
    assert.equal((await created.info()).truncateBefore, undefined)
  })

  law('truncateBefore() of a deleted stream holds when it is restored', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(marked('s', 4))
    await stream.delete()
    await stream.truncateBefore(3)
    await stream.truncateBefore(2)
    await assertSeen(store, 's', [])
    assert.equal((await stream.info()).state, 'deleted')
    await stream.restore()
    await assertSeen(store, 's', [3, 4])
  })

  law('maxCount shows the newest events only, and what it has hidden stays hidden', async ({ store }) => {
    const stream = await store.createStream('s', { maxCount: 3 })
    for (const version of numbers(1, 6)) {
      await stream.append(marked('s', 1, version))
      await assertSeen(store, 's', numbers(Math.max(1, version - 2), version))
    }
    assert.deepEqual((await stream.info()).maxCount, 3)
    for (const [maxCount, first] of [
      [10, 4],
      [2, 5],
      [3, 5],
      [null, 5],
    ] as const) {
      await stream.setRetention({ maxCount })
      await assertSeen(store, 's', numbers(first, 6))
      const { firstVersion, maxCount: bound } = await stream.info()
      assert.deepEqual([firstVersion, bound], [first, maxCount ?? undefined])
    }
    await stream.append(marked('s', 3, 7))
    await assertSeen(store, 's', numbers(5, 9))
  })

  law('setRetention() changes what it names, and creates the stream if need be', async ({ store }) => {
    const stream = store.stream('s')
    const bounds = async (): Promise<readonly unknown[]> => {
      const { maxCount, maxAgeMs } = await stream.info()
      return [maxCount, maxAgeMs]
    }
    await stream.setRetention({ maxCount: 2 })
    assert.deepEqual([await stream.exists(), ...(await bounds())], [true, 2, undefined])
    await stream.setRetention({ maxAgeMs: MINUTE })
    assert.deepEqual(await bounds(), [2, MINUTE])
    await stream.setRetention({ maxCount: null })
    assert.deepEqual(await bounds(), [undefined, MINUTE])
    await stream.setRetention({})
    assert.deepEqual(await bounds(), [undefined, MINUTE])
    await store.createStream('t', { maxAgeMs: 5, maxCount: 7, metadata: { a: 1 } })
    const { maxAgeMs, maxCount, metadata } = await store.stream('t').info()
    assert.deepEqual([maxAgeMs, maxCount, metadata], [5, 7, { a: 1 }])
  })

  law('maxCount goes by the versions, whatever other bounds hide', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(marked('s', 10))
    await stream.truncateBefore(9)
    await stream.setRetention({ maxCount: 5 })
    await assertSeen(store, 's', [9, 10])
    await stream.append(marked('s', 2, 11))
    await assertSeen(store, 's', [9, 10, 11, 12])
    await stream.append(marked('s', 3, 13))
    await assertSeen(store, 's', numbers(11, 15))
    await stream.delete()
    await stream.append(marked('s', 2, 16))
    await assertSeen(store, 's', [16, 17])
  })

  simulatedLaw('maxAgeMs hides what was recorded longer ago', async ({ store, runtime }) => {
    const stream = await store.createStream('s', { maxAgeMs: 10 * MINUTE })
    for (const version of numbers(1, 5)) {
      await stream.append(marked('s', 1, version))
      await runtime.advance(4 * MINUTE)
    }
    await assertSeen(store, 's', [4, 5])
    assert.equal((await stream.info()).firstVersion, 4)
    await runtime.advance(3 * MINUTE)
    await assertSeen(store, 's', [5])
    assert.equal((await store.info()).events, 1)
    await stream.append(marked('s', 2, 6))
    await assertSeen(store, 's', [5, 6, 7])
    await runtime.advance(60 * MINUTE)
    await assertSeen(store, 's', [])
    const { state, firstVersion, version } = await stream.info()
    assert.deepEqual([state, firstVersion, version], ['live', 8, 7])
    await store.transact(async (tx) => {
      await tx.stream('s').append(marked('s', 1, 8), { expectedVersion: 7 })
      await assertSees(tx, 's', [8], 'with an own event')
      assert.equal((await tx.stream('s').info()).firstVersion, 8)
    })
    await assertSeen(store, 's', [8])
  })

  simulatedLaw('maxAgeMs that is raised or lifted brings nothing back', async ({ store, runtime }) => {
    const stream = store.stream('s')
    await stream.append(marked('s', 2))
    await runtime.advance(10 * MINUTE)
    await stream.append(marked('s', 2, 3))
    await stream.setRetention({ maxAgeMs: 5 * MINUTE })
    await assertSeen(store, 's', [3, 4])
    await stream.setRetention({ maxAgeMs: 60 * MINUTE })
    await assertSeen(store, 's', [3, 4])
    await stream.setRetention({ maxAgeMs: null })
    await assertSeen(store, 's', [3, 4])
    await runtime.advance(10_000 * MINUTE)
    await assertSeen(store, 's', [3, 4])
    assert.equal((await stream.info()).truncateBefore, 3)
  })

  simulatedLaw('a clock that goes back brings back nothing that has expired', async ({ store, runtime }) => {
    const stream = await store.createStream('s', { maxAgeMs: 10 * MINUTE })
    await stream.append(marked('s', 2))
    await runtime.advance(11 * MINUTE)
    await store.stream('t').append(counted(1))
    await assertSeen(store, 's', [])
    runtime.jumpClock(-8 * MINUTE)
    await assertSeen(store, 's', [])
    await stream.append(marked('s', 1, 3))
    await assertSeen(store, 's', [3])
  })

  simulatedLaw(
    'a clock that goes back between two openings brings back nothing that has expired',
    async ({ store, runtime, reopen }) => {
      await store.createStream('s', { maxAgeMs: 10 * MINUTE })
      await store.stream('s').append(marked('s', 2))
      await runtime.advance(11 * MINUTE)
      await store.stream('t').append(counted(1))
      runtime.jumpClock(-8 * MINUTE)
      const again = await reopen()
      await assertSeen(again, 's', [])
      await again.stream('s').append(marked('s', 1, 3))
      await assertSeen(again, 's', [3])
    },
    { needs: 'reopen' },
  )

  simulatedLaw('either bound suffices to hide an event', async ({ store, runtime }) => {
    const stream = await store.createStream('s', { maxCount: 3, maxAgeMs: 10 * MINUTE })
    await stream.append(marked('s', 5))
    await assertSeen(store, 's', [3, 4, 5])
    await runtime.advance(6 * MINUTE)
    await stream.append(marked('s', 1, 6))
    await assertSeen(store, 's', [4, 5, 6])
    await runtime.advance(6 * MINUTE)
    await assertSeen(store, 's', [6])
    await stream.append(marked('s', 4, 7))
    await assertSeen(store, 's', [8, 9, 10])
  })

  simulatedLaw('time for maxAgeMs is recordedAt, not the time of the caller', async ({ store, runtime }) => {
    await store.createStream('s', { maxAgeMs: MINUTE })
    await store.stream('s').append(marked('s', 2).map((event) => ({ ...event, time: new Date(0) })))
    await assertSeen(store, 's', [1, 2])
    await runtime.advance(2 * MINUTE)
    await assertSeen(store, 's', [])
  })

  law(
    'restore() shows what the retention shows, and nothing that it has hidden before',
    async ({ store }) => {
      for (const scavenge of [false, true]) {
        const id = `s${scavenge}`
        const stream = await store.createStream(id, { maxCount: 2 })
        await stream.append(marked(id, 5))
        if (scavenge) await store.scavenge()
        await stream.delete()
        await stream.restore()
        await assertSeen(store, id, [4, 5])
        await stream.delete()
        await stream.setRetention({ maxCount: 4 })
        await stream.restore()
        await assertSeen(store, id, [4, 5])
        await stream.delete()
        await stream.setRetention({ maxCount: 1 })
        await stream.setRetention({ maxCount: null })
        await stream.restore()
        await assertSeen(store, id, [5])
        await stream.append(marked(id, 1, 6))
        await assertSeen(store, id, [5, 6])
      }
    },
  )

  simulatedLaw('restore() brings back nothing that has expired', async ({ store, runtime }) => {
    const stream = await store.createStream('s', { maxAgeMs: 10 * MINUTE })
    await stream.append(marked('s', 2))
    await runtime.advance(6 * MINUTE)
    await stream.append(marked('s', 2, 3))
    await runtime.advance(6 * MINUTE)
    await store.scavenge()
    await stream.delete()
    await stream.restore()
    await assertSeen(store, 's', [3, 4])
    await stream.delete()
    await runtime.advance(6 * MINUTE)
    await stream.setRetention({ maxAgeMs: null })
    await stream.restore()
    await assertSeen(store, 's', [])
    assert.equal(await stream.exists(), true)
  })

  simulatedLaw(
    'restore() of a stream that was scavenged while it was deleted is refused, whatever its retention is or becomes',
    async ({ store, runtime }) => {
      await store.createStream('a', { maxCount: 2 })
      await store.createStream('b', { maxAgeMs: MINUTE })
      await store.stream('c').setRetention({})
      for (const id of ['a', 'b', 'c']) {
        await store.stream(id).append(marked(id, 5))
        await store.stream(id).delete()
      }
      await store.scavenge()
      for (const patch of [{}, { maxCount: 1 }, { maxCount: null, maxAgeMs: null }]) {
        for (const id of ['a', 'b', 'c']) {
          await refuses(store, 'stream-not-restorable', () => store.stream(id).restore(), id)
          await store.stream(id).setRetention(patch)
        }
        await runtime.advance(10 * MINUTE)
      }
      for (const id of ['a', 'b', 'c'])
        await refuses(store, 'stream-not-restorable', () => store.stream(id).restore(), id)
    },
  )

  law('appends beside changes of the retention hide what they must', async ({ store }) => {
    await Promise.all(
      numbers(1, 40).map((n): Promise<unknown> => {
        if (n % 10 === 0) return store.stream('s').setRetention({ maxCount: 50 - n })
        return store.stream('s').append(marked('s', 1, n))
      }),
    )
    await assertSeen(store, 's', numbers(27, 36))
    await assertCounts(store, 1, 10)
  })
}

async function assertCounts(store: EventStore, streams: number, events: number): Promise<void> {
  const info = await store.info()
  assert.deepEqual([info.streams, info.events], [streams, events])
}
