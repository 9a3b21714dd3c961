/**
 * Reports: what customers have bought, in tables of a SQLite database of our own, which any SQL tool can query. Rows and checkpoint change in one
 * transaction there, so that each event counts exactly once, whatever happens to this program.
 */
import Database from 'better-sqlite3'
import { defineEvents, defineSinkProjection, openEventStore } from 'eventdb'
import { sqliteSink } from './sinks/sqlite-sink.ts'

type OrderEvent =
  | { type: 'OrderPlaced'; data: { customer: string; total: number } }
  | { type: 'OrderCancelled'; data: { why: string } }

const reports = new Database(':memory:')
reports.exec('create table if not exists orders (id text primary key, customer text, total integer)')

const orders = defineSinkProjection(defineEvents<OrderEvent>(), {
  name: 'orders',
  source: { kind: 'category', category: 'order' },
  on: {
    OrderPlaced: (tx: Database.Database, { streamId, data }) =>
      tx.prepare('insert into orders values (?, ?, ?)').run(streamId, data.customer, data.total),
    OrderCancelled: (tx, { streamId }) => tx.prepare('delete from orders where id = ?').run(streamId),
  },
})

await using store = await openEventStore(':memory:')
await place('order-1', 'ada', 18)
await place('order-2', 'bob', 35)
await place('order-3', 'ada', 22)
await store.stream('order-2').append({ type: 'OrderCancelled', data: { why: 'too late' } })

// ── It goes on behind its checkpoint, which is in the same database as the rows ──────────────────────────────────────────────────────

await using running = await store.projectInto(sqliteSink(reports), orders)
await running.waitFor(await place('order-4', 'cleo', 9))

const report = reports.prepare(
  'select customer, sum(total) as euros from orders group by customer order by euros desc',
)
for (const { customer, euros } of report.iterate() as Iterable<{ customer: string; euros: number }>) {
  console.log(`${customer} has bought for ${euros} €`)
}
const { state, handled } = await running.status()
console.log(`${handled} events are in the database; the projection is ${state}`)

async function place(streamId: string, customer: string, total: number): Promise<bigint> {
  const { position } = await store.stream(streamId).append({ type: 'OrderPlaced', data: { customer, total } })
  return position!
}
