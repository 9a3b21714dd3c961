import { type Aggregates, defineAggregate, defineEvents, type NewEvent } from 'eventdb'

/** Pieces that each stock begins with. */
export const STOCK = 50

/** A stock: what is left of it. */
export interface Stock {
  readonly left: number
}

/** Somebody has taken a piece of a stock. */
export type Taken = { readonly type: 'Taken'; readonly data: { readonly by: string } }

/** Stocks as they are defined in each process. `onDecide` is told of every decision. */
export function stockAggregate(onDecide: () => unknown) {
  const take = ({ left }: Stock, by: string): NewEvent<Taken> => {
    onDecide()
    if (left === 0) throw new Error('sold out')
    return { type: 'Taken', data: { by } }
  }
  return defineAggregate(defineEvents<Taken>(), {
    category: 'stock',
    initialState: (): Stock => ({ left: STOCK }),
    evolve: { Taken: ({ left }) => ({ left: left - 1 }) },
    commands: {
      take,
      takeLater: async (stock, by: string) => {
        await new Promise((resolve) => setImmediate(resolve))
        return take(stock, by)
      },
    },
  })
}

/** Stocks of a store. */
export type StockUse = Aggregates<Taken, Stock, ReturnType<typeof stockAggregate>['commands']>

/** How everybody takes: commands that decide at once share appends; asynchronous ones and those with keys have one each. */
export type Manner = 'at once' | 'later' | 'with keys'

/** Everybody wants a piece of one stock at the same moment. */
export interface StormOrder {
  readonly id: string
  readonly manner: Manner
  readonly takers: readonly string[]
}

/** What one of them was told. */
export type Outcome =
  | { readonly by: string; readonly refusal: string }
  | { readonly by: string; readonly version: number; readonly left: number; readonly isRepeated: boolean }

/** What a process says: of each storm, what came of it, and how many decisions that took. */
export type StormReport =
  | { readonly event: 'ready' }
  | {
      readonly event: 'over'
      readonly id: string
      readonly outcomes: readonly Outcome[]
      readonly decisions: number
    }

/** Lets everybody take a piece at once. */
export function storm(stocks: StockUse, { id, manner, takers }: StormOrder): Promise<Outcome[]> {
  const take = async (by: string): Promise<Outcome> => {
    // Each conflict is an append of somebody else, and there are no more of them than pieces: whoever is refused, it is not for that.
    const retriesMax = STOCK
    const options = manner === 'with keys' ? { retriesMax, idempotencyKey: `${id}: ${by}` } : { retriesMax }
    try {
      const command = manner === 'later' ? 'takeLater' : 'take'
      const { version, state, idempotent } = await stocks.execute(id, command, by, options)
      return { by, version, left: state.left, isRepeated: idempotent }
    } catch (error) {
      return { by, refusal: error instanceof Error ? error.message : String(error) }
    }
  }
  return Promise.all(takers.map(take))
}
