import { defineInlineProjection, defineProjection } from '../../src/projection/index.ts'
import type { EventStore } from '../../src/store/contract.ts'
import { writeGroups } from '../../src/testing/store/group-writing.ts'

/** The store that `docs/keyspace.md` shows byte by byte: one of everything that can be stored. */
export async function writeExampleStore(store: EventStore): Promise<void> {
  const first = store.stream('order-1')
  await first.append([
    { type: 'OrderPlaced' },
    {
      type: 'OrderPaid',
      id: '0190a6e0-0000-7000-8000-000000000001',
      time: new Date('2023-12-31T12:00:00.500Z'),
      tags: ['paid', 'customer:ada'],
      metadata: { by: 'ann' },
      data: { euro: 22 },
    },
    { type: 'Receipt', data: Uint8Array.of(0xca, 0xfe), metadata: Uint8Array.of(0x01) },
  ])
  await store.transact(async (tx) => {
    await tx.createStream('order-2', { metadata: { owner: 'ada' } })
    tx.kv.set(['open', 'order-2'], { euro: 5 })
    tx.kv.set(['logo', 1], Uint8Array.of(0xca, 0xfe))
  })
  await store.stream('order-2').append({ type: 'Scan', data: new Uint8Array(70_000).fill(0x7a) })
  await store.transact(async (tx) => {
    await tx.stream('list').linkTo({ streamId: 'order-1', version: 2 })
    await tx.stream('order-1').truncateBefore(2)
    await tx.stream('order-1').snapshots('total').save(3, { euro: 22 })
  })
  await store.stream('order-3').append({ type: 'OrderPlaced' }, { idempotencyKey: 'request-9' })
  await store.scavenge()
  const directory = await store.kv.openDirectory(['eventdb'])
  await writeGroups({ store, directory, category: 'order', streamId: 'order-1' })
  await writeProjections(store)
}

/** One that has rows of every kind, and one that is part of every append. */
async function writeProjections(store: EventStore): Promise<void> {
  const { position } = await store.stream('bill-1').append({ type: 'Billed', data: { euro: 7 } })
  const bills = defineProjection<{ euro: number }>({
    name: 'bills',
    source: { kind: 'category', category: 'bill' },
    partitionBy: 'stream',
    initialState: () => ({ euro: 0 }),
    on: {
      Billed: ({ euro }, { data, streamId }, { emit, kv, schedule }) => {
        const { euro: more } = data as { euro: number }
        kv.set(['largest', more], streamId)
        emit('reminders', { type: 'BillSent', id: '0190a6e0-0000-7000-8000-000000000002' })
        schedule('late', new Date('2024-01-08'))
        return { euro: euro + more }
      },
    },
    timer: (state) => state,
  })
  const running = await store.project(bills)
  await running.waitFor(position!)
  await running.close()
  const users = defineInlineProjection<{ isTaken: boolean }>({
    name: 'users',
    source: { kind: 'category', category: 'user' },
    partitionBy: 'stream',
    initialState: () => ({ isTaken: false }),
    on: { Registered: () => ({ isTaken: true }) },
  })
  await using _carried = await store.project(users)
  await store.stream('user-ada').append({ type: 'Registered' })
}
