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
}
