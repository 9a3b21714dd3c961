import { type EventStore, type IndexName, openEventStore } from 'eventdb'
import type { Figures } from './measured.ts'
import { lmdbByHand } from './programs/lmdb-by-hand.ts'
import { sqliteByHand } from './programs/sqlite-by-hand.ts'
import { lmdbRows, sqliteRows } from './programs/stored-rows.ts'
import { type CatchUp, catchUp, type RawScan, rawScan } from './subscription-catch-up.ts'
import { build } from './subscription-events.ts'
import { type FanOut, fanOut, type RawAppends, rawAppends } from './subscription-fan-out.ts'
import { type Latency, latency, type RawCommits, rawCommits } from './subscription-latency.ts'
import { type Persistent, persistent } from './subscription-persistent.ts'

/** One measurement of subscriptions, or of the engine alone, on a place. Runs in a process of its own. */
export interface SubscriptionCell {
  readonly engine: 'sqlite' | 'lmdb'
  readonly folder: string
  readonly indexes: readonly IndexName[]
  readonly work: SubscriptionWork
}

/** What is done with the event store. */
export type StoreWork =
  | { readonly kind: 'build'; readonly events: number }
  | CatchUp
  | Latency
  | FanOut
  | Persistent

/** What is done with the engine alone. */
export type RawWork = RawScan | RawCommits | RawAppends

/** What is done. */
export type SubscriptionWork = StoreWork | RawWork

async function main(): Promise<void> {
  const cell = JSON.parse(process.argv[2]!) as SubscriptionCell
  console.log(JSON.stringify(await run(cell)))
}

async function run({ engine, folder, indexes, work }: SubscriptionCell): Promise<Figures> {
  switch (work.kind) {
    case 'raw-scan': {
      const rows = engine === 'sqlite' ? sqliteRows(folder) : lmdbRows(folder)
      const figures = await rawScan(rows, work)
      await rows.close()
      return figures
    }
    case 'raw-commits':
    case 'raw-appends': {
      const program = await (engine === 'sqlite' ? sqliteByHand : lmdbByHand)(folder)
      const figures = await (work.kind === 'raw-commits'
        ? rawCommits(program, work)
        : rawAppends(program, work))
      await program.close()
      return figures
    }
    default: {
      const store = await openEventStore(folder, { engine, indexes })
      const figures = await runOnStore(store, { engine, folder, indexes }, work)
      await store.close()
      return figures
    }
  }
}

async function runOnStore(
  store: EventStore,
  place: Omit<SubscriptionCell, 'work'>,
  work: StoreWork,
): Promise<Figures> {
  switch (work.kind) {
    case 'build':
      await build(store, work.events)
      return {}
    case 'catch-up':
      return catchUp(store, work)
    case 'latency':
      return latency(store, place, work)
    case 'fan-out':
      return fanOut(store, work)
    case 'persistent':
      return persistent(store, place, work)
  }
}

await main()
