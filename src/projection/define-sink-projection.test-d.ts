import { defineEvents } from '../events/define-events.ts'
import type { EventStore } from '../store/contract.ts'
import type { ProjectionSink } from '../store/contract-sinks.ts'
import { defineSinkProjection } from './define-sink-projection.ts'

type OrderEvent =
  | { type: 'OrderPlaced'; data: { total: number } }
  | { type: 'OrderCancelled'; data: { why: string } }
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

interface Client {
  query(sql: string, values: readonly unknown[]): Promise<unknown>
}
interface PooledClient extends Client {
  release(): void
}

declare const store: EventStore
declare const sink: ProjectionSink<Client>
declare const pooled: ProjectionSink<PooledClient>
declare const numbers: ProjectionSink<number>
declare function same<A, B>(is: Same<A, B>): void

const events = defineEvents<OrderEvent>()
const source = { kind: 'category', category: 'order' } as const

// One handler says what the transaction is; the others know, and know their events.
const orders = defineSinkProjection(events, {
  name: 'orders',
  source,
  on: {
    OrderPlaced: (tx: Client, { data, streamId, position }, context) => {
      same<typeof data.total, number>(true)
      same<typeof context.position, typeof position>(true)
      return tx.query('', [streamId, data.total])
    },
    OrderCancelled: (tx, { data }) => {
      same<typeof tx, Client>(true)
      same<typeof data.why, string>(true)
    },
  },
  any: (tx, { type }) => {
    same<typeof tx, Client>(true)
    same<typeof type, 'OrderPlaced' | 'OrderCancelled'>(true)
  },
  deleted: async (tx, { streamId, isTombstone }) => {
    same<typeof isTombstone, boolean>(true)
    await tx.query('', [streamId])
  },
})
void store.projectInto(sink, orders)
// What a sink gives may be more than what is asked for.
void store.projectInto(pooled, orders)
// @ts-expect-error a number is no client
void store.projectInto(numbers, orders)
// @ts-expect-error there is no cache
void store.projectInto(sink, orders, { cacheMax: 5 })
// @ts-expect-error it has no state
void store.project(orders)

defineSinkProjection(events, {
  name: 'orders',
  source,
  on: {
    // @ts-expect-error there is no such event
    OrderLost: () => {},
  },
})

defineSinkProjection(events, {
  name: 'orders',
  source,
  on: {
    // @ts-expect-error there is no such data
    OrderPlaced: (_tx: Client, { data }) => data.why,
  },
})

// @ts-expect-error it has no partitions
defineSinkProjection(events, { name: 'orders', source, any: () => {}, partitionBy: 'stream' })

// Without events, any type may have a case, and data is unknown.
const untyped = defineSinkProjection({
  name: 'untyped',
  source,
  on: {
    Whatever: (tx: PooledClient, { data }) => {
      same<typeof data, unknown>(true)
      tx.release()
    },
  },
})
void store.projectInto(pooled, untyped)
// @ts-expect-error a client that is not from a pool cannot be released
void store.projectInto(sink, untyped)

void (async (): Promise<void> => {
  const running = await store.projectInto(sink, orders)
  const { state } = await running.status()
  same<typeof state, 'standing-by' | 'faulted' | 'failing' | 'catching-up' | 'live'>(true)
  await running.skip({ position: 5n })
  // @ts-expect-error positions are bigints
  await running.skip({ position: 5 })
})()
