import assert from 'node:assert/strict'
import type { Subspace } from '../../kv/subspace.ts'
import { CHUNK_BYTES } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { counted, numbers, refuses, type StoreLaws } from './laws.ts'

/** What the record of an event of type `A` in stream `s` takes besides its data, up to version 127. */
const OVERHEAD = 28
const EVENT_BYTES_MAX = 1_000
const MIB = 1_024 * 1_024

/** Events of all sizes. */
export function sizeLaws({ law }: StoreLaws): void {
  for (const [size, chunks] of [
    [CHUNK_BYTES - 1, 0],
    [CHUNK_BYTES, 0],
    [CHUNK_BYTES + 1, 2],
    [2 * CHUNK_BYTES, 2],
    [2 * CHUNK_BYTES + 1, 3],
    [MIB, 16],
  ] as const) {
    law(
      `append() keeps an event of ${size} bytes, in ${chunks} chunks`,
      async ({ store, directory, random }) => {
        const bytes = Uint8Array.from({ length: size - OVERHEAD }, () => random() * 256)
        await store.stream('s').append({ type: 'A', data: bytes })
        assert.equal(await countChunks(store, directory), chunks)
        const text = 'é'.repeat(Math.floor((size - OVERHEAD - 2) / 2))
        await store.stream('s').append({ type: 'A', data: text })
        const [first, second] = await store.stream('s').read().toArray()
        assert.equal(Buffer.compare(first!.data as Uint8Array, bytes), 0)
        assert.equal(second!.data, text)
        const [fromAll] = await store.all.read().toArray()
        assert.equal(Buffer.compare(fromAll!.data as Uint8Array, bytes), 0)
      },
    )
  }

  law('append() keeps large and small events of one transaction apart', async ({ store }) => {
    const sizes = [10, 200_000, 5, 70_000, 65_536, 300_000, 1]
    await store
      .stream('s')
      .append(sizes.map((size, index) => ({ type: 'A', data: new Uint8Array(size).fill(index + 1) })))
    const events = await store.stream('s').read({ direction: 'backwards' }).toArray()
    for (const [index, size] of sizes.toReversed().entries()) {
      assert.deepEqual(events[index]!.data, new Uint8Array(size).fill(sizes.length - index))
    }
  })

  law('tx.stream.read() shows large events of its own', async ({ store }) => {
    const bytes = new Uint8Array(3 * CHUNK_BYTES).fill(7)
    await store.stream('s').append({ type: 'A', data: bytes })
    await store.transact(async (tx) => {
      await tx.stream('s').append({ type: 'A', data: bytes })
      for await (const { data } of tx.stream('s').read()) assert.deepEqual(data, bytes)
    })
  })

  law(
    `append() takes an event of eventBytesMax bytes, and refuses one more`,
    async ({ store }) => {
      const largest = new Uint8Array(EVENT_BYTES_MAX - OVERHEAD)
      const tooLarge = new Uint8Array(EVENT_BYTES_MAX - OVERHEAD + 1)
      await store.stream('s').append({ type: 'A', data: largest })
      assert.equal(((await store.stream('s').event(1))!.data as Uint8Array).length, largest.length)
      for (const append of [
        () => store.stream('s').append({ type: 'A', data: tooLarge }),
        () => store.stream('s').append([{ type: 'A' }, { type: 'A', data: tooLarge }, { type: 'A' }]),
        () => store.transact((tx) => tx.stream('s').append({ type: 'A', data: tooLarge })),
      ]) {
        const error = await refuses(store, 'limit-exceeded', append)
        assert.deepEqual(error.details, {
          what: 'An event',
          limit: EVENT_BYTES_MAX,
          actual: EVENT_BYTES_MAX + 1,
          unit: 'bytes',
        })
      }
    },
    { open: { eventBytesMax: EVENT_BYTES_MAX } },
  )

  law(
    'append() that is too large does not take its neighbours with it',
    async ({ store }) => {
      const outcomes = await Promise.allSettled([
        store.stream('s').append(counted(1)),
        store.stream('s').append({ type: 'A', data: 'x'.repeat(EVENT_BYTES_MAX) }),
        store.stream('t').append({ type: 'A', data: 'x'.repeat(EVENT_BYTES_MAX) }),
        store.stream('s').append(counted(1, 2)),
      ])
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
      )
      assert.deepEqual(
        (await store.stream('s').read().toArray()).map(({ version }) => version),
        [1, 2],
      )
      assert.equal(await store.stream('t').exists(), false)
    },
    { open: { eventBytesMax: EVENT_BYTES_MAX } },
  )

  law(
    'append() of more than a transaction holds is refused, and does not take its neighbours with it',
    async ({ store }) => {
      const megabytes = store.kv.limits.bytesMax / MIB
      const bytes = new Uint8Array(8 * MIB)
      const tooMuch = numbers(0, megabytes / 8).map(() => ({ type: 'A', data: bytes }))
      const [before, refused, after] = await Promise.allSettled([
        store.stream('s').append(counted(1)),
        store.stream('s').append(tooMuch),
        store.stream('s').append(counted(1, 2)),
      ])
      assert.deepEqual([before!.status, after!.status], ['fulfilled', 'fulfilled'])
      assert.ok(refused!.status === 'rejected')
      assert.equal(refused.reason.code, 'transaction-too-large')
      assert.equal((await store.stream('s').info()).version, 2)
    },
  )
}

async function countChunks(store: EventStore, directory: Subspace): Promise<number> {
  const range = new Keyspace(directory).chunks()
  return store.kv.readTransact(async (tx) => (await tx.getRange(range).toArray()).length)
}
