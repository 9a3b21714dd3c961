/**
 * Sales: what was sold on each day, and who buys most. A projection keeps both up to date: the days are its partitions, and the buyers its read
 * model. Then a question that nobody had thought of is answered by one that runs once over the past, and keeps nothing.
 */
import { defineEvents, defineProjection, openEventStore } from 'eventdb'

type OrderEvent =
  | { type: 'OrderPlaced'; data: { customer: string; total: number } }
  | { type: 'OrderCancelled'; data: { customer: string; total: number } }

const orderEvents = defineEvents<OrderEvent>()

const sales = defineProjection(orderEvents, {
  name: 'sales',
  source: { kind: 'category', category: 'order' },
  partitionBy: ({ time }) => time.toISOString().slice(0, 10),
  initialState: () => ({ sold: 0, cancelled: 0 }),
  on: {
    OrderPlaced: async ({ sold, cancelled }, { data }, context) => {
      const { customer } = data
      const spent = Number((await context.kv.get(['customer', customer])) ?? 0)
      // One row to find the customer by, and one by which they are in order.
      context.kv.clear(['spent', spent, customer])
      context.kv.set(['spent', spent + data.total, customer], null)
      context.kv.set(['customer', customer], spent + data.total)
      return { sold: sold + data.total, cancelled }
    },
    OrderCancelled: ({ sold, cancelled }, { data }) => ({ sold, cancelled: cancelled + data.total }),
  },
})

await using store = await openEventStore(':memory:')
await place('order-1', 'ada', 18, '2024-05-01T09:00Z')
await place('order-2', 'bob', 35, '2024-05-01T11:30Z')
await place('order-3', 'ada', 22, '2024-05-02T08:15Z')
await cancel('order-2', 'bob', 35, '2024-05-02T10:00Z')

// ── It runs from now on: here, or in another process if this one ends ────────────────────────────────────────────────────────────────

await using projection = await store.project(sales)
const position = await place('order-4', 'cleo', 9, '2024-05-03T15:45Z')

// Whoever has just written sees what they have written.
await projection.waitFor(position)
for await (const { partition, state } of projection.partitions({ prefix: '2024-05-' })) {
  console.log(`${partition}: sold for ${state.sold} €, cancelled for ${state.cancelled} €`)
}
const [best] = await projection.kv.getRange(['spent'], { reverse: true, limit: 1 }).toArray()
console.log(`the best customer is ${best?.key[2]}, with ${best?.key[1]} €`)

// ── Once: who has cancelled, and ordered again within two days? ──────────────────────────────────────────────────────────────────────

await place('order-5', 'bob', 30, '2024-05-03T20:00Z')
const returned = await store.runOnce(
  defineProjection(orderEvents, {
    name: 'returned',
    source: { kind: 'category', category: 'order' },
    partitionBy: ({ data }) => data.customer,
    initialState: () => ({ cancelledAt: 0, again: 0 }),
    on: {
      OrderCancelled: (state, { time }) => ({ ...state, cancelledAt: time.getTime() }),
      OrderPlaced: (state, { time, data }) =>
        time.getTime() - state.cancelledAt < 2 * 86_400_000
          ? { ...state, again: state.again + data.total }
          : undefined,
    },
  }),
)
for await (const { partition, state } of returned.partitions()) {
  if (state.again > 0) console.log(`${partition} has cancelled, and then bought for ${state.again} €`)
}

async function place(streamId: string, customer: string, total: number, time: string): Promise<bigint> {
  const placed = { type: 'OrderPlaced', data: { customer, total }, time: new Date(time) } as const
  const { position } = await store.stream<OrderEvent>(streamId).append(placed)
  return position!
}

async function cancel(streamId: string, customer: string, total: number, time: string): Promise<void> {
  const cancelled = { type: 'OrderCancelled', data: { customer, total }, time: new Date(time) } as const
  await store.stream<OrderEvent>(streamId).append(cancelled)
}
