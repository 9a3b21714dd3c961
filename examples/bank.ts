/**
 * A bank: accounts, and transfers between them. A transfer is two commands on two aggregates in one transaction, so that no money is on its
 * way, and none gets lost. Around the commands there is what real programs have: who may do what, a log, and which request led to what.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type CommandMiddleware,
  defineAggregate,
  defineEvents,
  type JsonObject,
  openEventStore,
} from 'eventdb'

// ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────

type AccountEvent =
  | { type: 'AccountOpened'; data: { owner: string } }
  | { type: 'Deposited'; data: { amount: number; from: string } }
  | { type: 'Withdrawn'; data: { amount: number; to: string } }

interface Account {
  readonly owner: string | undefined
  readonly balance: number
}

const account = defineAggregate(defineEvents<AccountEvent>(), {
  category: 'account',
  initialState: (): Account => ({ owner: undefined, balance: 0 }),
  evolve: {
    AccountOpened: (account, { data }) => ({ ...account, owner: data.owner }),
    Deposited: (account, { data }) => ({ ...account, balance: account.balance + data.amount }),
    Withdrawn: (account, { data }) => ({ ...account, balance: account.balance - data.amount }),
  },
  commands: {
    open: (_, owner: string) => ({ type: 'AccountOpened', data: { owner } }),
    deposit: ({ owner }, data: { amount: number; from: string }, { id }) => {
      if (owner === undefined) throw new Error(`There is no account ${id}`)
      return { type: 'Deposited', data }
    },
    withdraw: ({ balance }, data: { amount: number; to: string }, { id }) => {
      if (balance < data.amount) throw new Error(`${id} has ${balance} €, not ${data.amount} €`)
      return { type: 'Withdrawn', data }
    },
  },
})

// ── What is around the commands ──────────────────────────────────────────────────────────────────────────

/** Who wants something. A web server would begin one for each request that comes in. */
const request = new AsyncLocalStorage<{ readonly id: string; readonly user: string }>()

const log: CommandMiddleware = async ({ id, name, input }, next) => {
  const line = `  ${request.getStore()?.id} ${id}: ${name} ${JSON.stringify(input)}`
  try {
    const result = await next()
    console.log(`${line} ${result.idempotent ? 'was done before' : 'is decided'}`)
    return result
  } catch (error) {
    console.log(`${line} is refused`)
    throw error
  }
}

const authorise: CommandMiddleware = (command, next) => {
  const user = request.getStore()?.user
  if (command.name === 'withdraw' && user !== command.id) {
    throw new Error(`${user} may not withdraw from the account of ${command.id}`)
  }
  return next()
}

await using store = await openEventStore(':memory:')
const accounts = store.aggregate(account, {
  middleware: [log, authorise],
  // Goes into the metadata of all events.
  context: () => ({ correlationId: request.getStore()?.id }),
})

// ── Transfers ────────────────────────────────────────────────────────────────────────────────────────────

/** All or nothing: if one of the commands refuses, the other has never happened. */
function transfer(from: string, to: string, amount: number, on: typeof accounts = accounts): Promise<void> {
  return store.transact(async (tx) => {
    await on.within(tx).execute(from, 'withdraw', { amount, to })
    await on.within(tx).execute(to, 'deposit', { amount, from })
  })
}

/** Takes what another bank sends, and may send again if it did not hear that it came: the key makes it count once. */
async function receive(to: string, amount: number, transferId: string): Promise<void> {
  const deposit = { amount, from: 'another bank' }
  await accounts.execute(to, 'deposit', deposit, { idempotencyKey: `transfer ${transferId}` })
}

// ── A day at the bank ────────────────────────────────────────────────────────────────────────────────────

await during('r-1', 'ada', 'Ada and Bob open accounts', async () => {
  await accounts.create('ada', 'open', 'Ada')
  await accounts.create('bob', 'open', 'Bob')
})
await during('r-2', 'clerk', 'Ada gets 100 € from another bank, which says so twice', async () => {
  await receive('ada', 100, '4711')
  await receive('ada', 100, '4711')
})
await during('r-3', 'ada', 'Ada gives Bob 30 €', () => transfer('ada', 'bob', 30))
await during('r-4', 'ada', 'Ada gives Bob 80 € that she does not have', () => transfer('ada', 'bob', 80))
await during('r-5', 'ada', 'Ada gives Cleo 20 €, who has no account', () => transfer('ada', 'cleo', 20))
await during('r-6', 'bob', "Bob helps himself to Ada's money", () => transfer('ada', 'bob', 10))

// Ten transfers at once, without log and requests. They are in each other's way, so some run again; none sees half of another.
const quietly = store.aggregate(account)
const outcomes = await Promise.allSettled(
  Array.from({ length: 10 }, () => transfer('ada', 'bob', 10, quietly)),
)
const done = outcomes.filter(({ status }) => status === 'fulfilled').length
console.log(`Ten transfers of 10 € at once: ${done} are done, ${outcomes.length - done} are refused`)
await sayBalances()

console.log('What has request r-3 led to?')
for await (const { streamId, type, metadata } of store.all.read()) {
  if ((metadata as JsonObject | undefined)?.$correlationId === 'r-3') console.log(`  ${streamId}: ${type}`)
}

/** Does something as a user, and says what came of it. */
async function during(id: string, user: string, what: string, work: () => Promise<void>): Promise<void> {
  console.log(what)
  await request.run({ id, user }, work).catch((error: Error) => console.log(`  Sorry: ${error.message}`))
  await sayBalances()
}

async function sayBalances(): Promise<void> {
  const [ada, bob] = [await accounts.load('ada'), await accounts.load('bob')]
  console.log(`  Ada has ${ada.state.balance} €, Bob has ${bob.state.balance} €`)
}
