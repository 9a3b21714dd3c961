import {
  type Aggregates,
  defineAggregate,
  defineEvents,
  type EventStore,
  type NewEvent,
  type SnapshotPolicy,
  type StoreTransaction,
  TransactionTooOldError,
} from 'eventdb'

/** Accounts that all executing processes share. */
export const ACCOUNTS: readonly string[] = ['a', 'b', 'c', 'd']
/** Events between two snapshots. */
export const EVERY = 3

/** An amount came or went: part `part` of the `of` events of an order. */
export type Moved = {
  readonly type: 'Moved'
  readonly data: { readonly by: string; readonly amount: number; readonly part: number; readonly of: number }
}

/** What an account holds, and a digest of all that ever happened to it, in order. */
export interface Account {
  readonly balance: number
  readonly digest: number
}

/** Two versions of a program: one counts in euros, the other, which came later, in cents. */
export type Unit = 1 | 100

/** What a process is to do. */
export interface Order {
  /** Its name: there is no other with the same. */
  readonly by: string
  readonly kind: 'move' | 'moveLater' | 'moveInParts' | 'transfer'
  readonly account: string
  readonly amount: number
  /** Where a transfer goes. */
  readonly to: string
  readonly hasKey: boolean
}

/** What came of an order. */
export type OrderEnd =
  | { readonly event: 'done'; readonly by: string; readonly position?: string; readonly isRepeated: boolean }
  | { readonly event: 'refused'; readonly by: string }

/** What an executing process says. */
export type ExecutingReport =
  | { readonly event: 'ready' | 'open' }
  | { readonly event: 'begun'; readonly order: Order }
  | { readonly event: 'problem'; readonly text: string }
  | OrderEnd

/** Each conflict is an event of a transfer, of which there are some; giving up is not what is looked at here. */
const RETRIES = 1_000

class Overdrawn extends Error {}

type Movement = Pick<Order, 'by' | 'amount'> & { readonly part?: number; readonly of?: number }

/** Accounts as a version of the program defines them. Without a policy, they have no snapshots. `onEvolve` is told of each event that is folded. */
export function accountAggregate(
  unit: Unit,
  policy?: Pick<SnapshotPolicy<Account>, 'onProblem'>,
  onEvolve: () => unknown = () => {},
) {
  const move = (
    { balance }: Account,
    { by, amount, part = 0, of = 1 }: Movement,
    whole = amount,
  ): NewEvent<Moved> => {
    if (balance + whole * unit < 0) throw new Overdrawn(`There are only ${balance}`)
    return { type: 'Moved', data: { by, amount, part, of } }
  }
  return defineAggregate(defineEvents<Moved>(), {
    category: 'account',
    initialState: (): Account => ({ balance: 0, digest: 0 }),
    evolve: {
      Moved: ({ balance, digest }, { data: { by, amount, part }, version }) => {
        onEvolve()
        return { balance: balance + amount * unit, digest: digestOf(digest, `${version} ${by} ${part}`) }
      },
    },
    commands: {
      move: (account, movement: Movement) => move(account, movement),
      moveLater: async (account, movement: Movement) => {
        await new Promise((resolve) => setImmediate(resolve))
        return move(account, movement)
      },
      moveInParts: (account, { by, amount }: Movement) =>
        [0, 1, 2].map((part) => move(account, { by, amount, part, of: 3 }, 3 * amount)),
    },
    snapshots: policy && { ...policy, every: EVERY, schemaVersion: unit },
  })
}

/** Accounts of a store. */
export type AccountUse = Aggregates<Moved, Account, ReturnType<typeof accountAggregate>['commands']>

/** Goes on with a digest. */
export function digestOf(digest: number, text: string): number {
  let next = digest
  for (const letter of text) next = (Math.imul(next, 31) + letter.charCodeAt(0)) | 0
  return next
}

/** Does what an order says. Only that an account is overdrawn is an end of it; any other failure is one of the process. */
export async function perform(store: EventStore, accounts: AccountUse, order: Order): Promise<OrderEnd> {
  const { by } = order
  try {
    if (order.kind === 'transfer') {
      await transfer(store, accounts, order)
      return { event: 'done', by, isRepeated: false }
    }
    const { kind, account, amount, hasKey } = order
    const options = { retriesMax: RETRIES, ...(hasKey && { idempotencyKey: by }) }
    const { position, idempotent } = await accounts.execute(account, kind, { by, amount }, options)
    return { event: 'done', by, position: `${position}`, isRepeated: idempotent }
  } catch (error) {
    if (error instanceof Overdrawn) return { event: 'refused', by }
    throw error
  }
}

/** All or nothing; without a key, so that it is not repeated. */
async function transfer(
  store: EventStore,
  accounts: AccountUse,
  { by, account, to, amount }: Order,
): Promise<void> {
  const body = async (tx: StoreTransaction): Promise<void> => {
    const within = accounts.within(tx)
    await within.execute(account, 'move', { by, amount: -amount, part: 0, of: 2 })
    await within.execute(to, 'move', { by, amount, part: 1, of: 2 })
  }
  for (;;) {
    try {
      return await store.transact(body)
    } catch (error) {
      // This process stood still for longer than a transaction may take.
      if (!(error instanceof TransactionTooOldError)) throw error
    }
  }
}

/** Orders without end: the same for the same name and chance. */
export function* ordersOf(name: string, random: () => number): Generator<Order, never> {
  for (let number = 1; ; number += 1) {
    const chance = random()
    const from = Math.floor(random() * ACCOUNTS.length)
    const step = 1 + Math.floor(random() * (ACCOUNTS.length - 1))
    const kind =
      chance < 0.4 ? 'move' : chance < 0.6 ? 'moveLater' : chance < 0.8 ? 'moveInParts' : 'transfer'
    const amount = Math.floor(random() * 50)
    yield {
      by: `${name}-${number}`,
      kind,
      account: ACCOUNTS[from]!,
      amount: kind === 'transfer' ? amount : amount - 24,
      to: ACCOUNTS[(from + step) % ACCOUNTS.length]!,
      hasKey: kind !== 'transfer' && random() < 0.7,
    }
  }
}
