/**
 * Executes commands without pause until it is killed: `executing-child.ts <folder> <engine> <name> <seed> <unit>`. Loads everything, reports
 * `ready`, and opens the store when it is told, in JSON, which orders of others are unfinished. Then it reports `open`, finishes those, and makes
 * its own: each is reported when it is `begun`, and when it is `done` or `refused`.
 */
import { type EventStore, openEventStore, TransactionTooOldError } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import {
  type AccountUse,
  accountAggregate,
  type ExecutingReport,
  type Order,
  ordersOf,
  perform,
  type Unit,
} from './account.ts'
import { onTold, report } from './told.ts'

const IN_FLIGHT = 8
/** For so long at most, what is done is not told, in milliseconds: when the process is killed, some has happened that nobody knows of. */
const SILENCE_MS_MAX = 10

const [folder, engine, name, seed, unit] = process.argv.slice(2) as [
  string,
  'sqlite' | 'lmdb',
  string,
  string,
  string,
]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
const orders = ordersOf(name, random)
onTold(async (line) => {
  const store = await openEventStore(folder, { engine })
  const onProblem = (error: unknown): void => {
    // Unless this process stood still for longer than a transaction may take.
    if (!(error instanceof TransactionTooOldError)) say({ event: 'problem', text: String(error) })
  }
  const accounts = store.aggregate(accountAggregate(Number(unit) as Unit, { onProblem }))
  const unfinished = (JSON.parse(line) as Order[]).values()
  say({ event: 'open' })
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => work(store, accounts, unfinished)))
})
say({ event: 'ready' })

async function work(store: EventStore, accounts: AccountUse, unfinished: Iterator<Order>): Promise<void> {
  for (;;) {
    const { value: left } = unfinished.next()
    const order = (left as Order | undefined) ?? orders.next().value
    say({ event: 'begun', order })
    const end = await perform(store, accounts, order)
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS_MAX * random()))
    say(end)
  }
}

function say(what: ExecutingReport): void {
  report(what)
}
