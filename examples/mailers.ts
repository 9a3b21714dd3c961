/**
 * Mailers: whoever opens an account is written a letter. It shows the three kinds of subscriptions side by side: a screen that shows what
 * happens from now on (volatile), a report that is brought up to date now and then (catch-up), and two mailers who share the work, one
 * of whom leaves early, and lose no letter (persistent).
 */
import { type Delivery, openEventStore, type RecordedEvent } from 'eventdb'

type AccountEvent =
  | { type: 'AccountOpened'; data: { address: string } }
  | { type: 'AddressCorrected'; data: { address: string } }

const store = await openEventStore(':memory:')
const accounts = store.category('account')
const letters = store.category('letter')

await open('ada', 'ada@example.com')
await open('bob', 'bob@example.com')

// ── From now on: a screen. What came before, it does not show; nobody waits for it, and nobody repeats anything for it ──────────────

const shown: string[] = []
const screen = await accounts.subscribe({ type: 'volatile' }, ({ streamId, type }) => {
  shown.push(`${streamId} ${type}`)
})

await open('cleo', 'cleo at example.com')
await open('dora', 'dora@example.org')

// ── From the start, and later from where it was: a report, which keeps its place beside what it has counted ──────────────────────────

const report = { accounts: 0, after: undefined as bigint | undefined }
console.log(`the report counts ${await bringUpToDate()} accounts`)
await open('emmy', 'emmy@example.org')
console.log(`and when it is brought up to date, one more: ${await bringUpToDate()}`)

// ── Whoever comes first: mailers. The store keeps what is done, and what each of them has in its hands ───────────────────────────────

const group = await accounts.createSubscription('letters', {
  filter: { types: ['AccountOpened'] },
  // Two letters to one account are never under way at a time.
  strategy: 'pinned',
  maxRetryCount: 2,
  retryBackoff: { initialMs: 10, maxMs: 20 },
  checkpointLowerBound: 1,
  checkpointAfterMs: 50,
})
let attempts = 0
const mailers = [await hire(), await hire()]
await group.info().then(({ consumers }) => console.log(`${consumers.length} mailers are at work`))
await written(4)
await until(async () => (await group.info()).parked === 1)
for await (const { event, reason } of group.parked()) {
  console.log(`after ${attempts} attempts, ${event?.streamId} is set aside: ${reason}`)
}

// What one of them has and has not done when it leaves goes to the other.
await mailers[0]!.close()
await open('fay', 'fay@example.org')
await written(5)
console.log('one mailer has left, and the other writes to account-fay')

await store
  .stream<AccountEvent>('account-cleo')
  .append({ type: 'AddressCorrected', data: { address: 'cleo@example.com' } })
console.log(`the address is corrected, and ${await group.replay('all')} event replayed`)
await written(6)
await until(async () => (await group.info()).lag === 0)
const { parked } = await group.info()
console.log(`everybody has a letter; events set aside: ${parked}`)

await until(() => shown.length === 5)
console.log(`the screen has shown: ${shown.join(', ')}`)
// Closing the store would do: it ends all subscriptions, and waits for handlers in flight.
await screen.close()
await store.close()

async function open(name: string, address: string): Promise<void> {
  await store
    .stream<AccountEvent>(`account-${name}`)
    .append({ type: 'AccountOpened', data: { address } }, { expectedVersion: 'no-stream' })
}

/** Counts what it has not counted yet. Who keeps place and counts in one transaction counts each event once, whatever happens. */
async function bringUpToDate(): Promise<number> {
  const { after } = report
  let onCaughtUp = (): void => {}
  const caughtUp = new Promise<void>((resolve) => {
    onCaughtUp = resolve
  })
  const subscription = await accounts.subscribe({ type: 'catch-up', after, onCaughtUp }, ({ type }) => {
    if (type === 'AccountOpened') report.accounts += 1
  })
  await caughtUp
  await subscription.close()
  report.after = subscription.checkpoint
  return report.accounts
}

/** Another consumer of the group; it could as well be in another process. */
function hire(): Promise<{ close(): Promise<void> }> {
  return accounts.subscribe({ type: 'persistent', group: 'letters' }, writeLetter)
}

/**
 * Is called at least once for each account, and again, later, if it throws. The key makes sure that a letter is written once, even if
 * nobody hears any more that it was.
 */
async function writeLetter({ streamId }: RecordedEvent, { attempt }: Delivery<RecordedEvent>): Promise<void> {
  const account = await store.stream<AccountEvent>(streamId).read().toArray()
  const address = account.at(-1)!.data.address
  if (!address.includes('@')) {
    attempts = attempt
    throw new Error(`"${address}" is no address`)
  }
  const written = { type: 'LetterWritten', data: { address } }
  await store.stream(`letter-${streamId}`).append(written, { idempotencyKey: `letter to ${streamId}` })
}

/** Waits until so many letters are there. */
async function written(count: number): Promise<void> {
  let seen = 0
  for await (const _ of await letters.subscribe({ type: 'catch-up', mustExist: false })) {
    seen += 1
    if (seen === count) return
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}
