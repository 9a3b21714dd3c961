import type { EventStore } from '../../src/store/contract.ts'

/** The store that `docs/keyspace.md` shows byte by byte: one of everything that can be stored. */
export async function writeExampleStore(store: EventStore): Promise<void> {
  await store.stream('order-1').append([
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
}
