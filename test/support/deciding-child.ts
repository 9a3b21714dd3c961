/**
 * One of several processes that decide within the same boundaries: `deciding-child.ts <folder> <engine> <name>`. Reports `ready`, begins when it
 * is told to `go`, and reports what it got when it is `done`.
 */
import {
  AppendConditionError,
  ConflictError,
  type EventStore,
  openEventStore,
  TransactionTooOldError,
} from 'eventdb'
import { type DeciderReport, INVOICES, SEATS } from './decided.ts'
import { report, told } from './told.ts'

const [folder, engine, name] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string]
const store = await openEventStore(folder, { engine })
const going = told('go')
report({ event: 'ready' } satisfies DeciderReport)
await going
const seats: number[] = []
for (let n = 0; n < Math.max(INVOICES, SEATS); n += 1) {
  const [, taken] = await Promise.all([
    n < INVOICES && again(() => createInvoice(store)),
    n < SEATS && again(() => takeSeat(store, n)),
  ])
  if (taken) seats.push(n)
}
await store.close()
report({ event: 'done', seats } satisfies DeciderReport)
process.exit(0)

/** The next number is one more than that of the newest invoice, whoever wrote it. */
function createInvoice(on: EventStore): Promise<void> {
  return on.transact(async (tx) => {
    const last = await tx
      .query({ items: [{ types: ['InvoiceCreated'] }] })
      .read()
      .last()
    const number = ((last?.data as { number: number } | undefined)?.number ?? 0) + 1
    await tx.stream(`invoices-${name}`).append({ type: 'InvoiceCreated', data: { number } })
  })
}

/** Takes a seat unless it is taken. Returns whether it got it. */
async function takeSeat(on: EventStore, seat: number): Promise<boolean> {
  const tags = [`seat:${seat}`]
  const query = { items: [{ types: ['SeatTaken'], tags }] }
  try {
    await on
      .stream(`seats-${name}`)
      .append({ type: 'SeatTaken', data: { seat }, tags }, { failIfEventsMatch: { query } })
    return true
  } catch (error) {
    if (error instanceof AppendConditionError) return false
    throw error
  }
}

/** Runs a transaction again if this process stood still for longer than one may take, or was always the slowest of those in each other's way. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof TransactionTooOldError || error instanceof ConflictError)) throw error
    }
  }
}
