import { AppendConditionError } from '../../errors.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import type { NewEvent, TransactionEvent } from '../../store/event.ts'
import { nextTurn } from './laws.ts'

/** An event, and the stream that it goes to. */
export type Decision = NewEvent & { readonly streamId: string }

/** Decides on what happened: returns what happens next, or throws. */
export type Decide = (
  store: EventStore,
  query: Query,
  decision: (events: readonly TransactionEvent[]) => Decision,
) => Promise<void>

/** The two ways to decide within a boundary. */
export const STYLES = ['transact()', 'failIfEventsMatch'] as const

/** How a program decides: in a transaction, or on a condition that makes it try again. */
export function deciding(style: (typeof STYLES)[number]): Decide {
  return style === 'transact()' ? decideInTransaction : decideOnCondition
}

const decideInTransaction: Decide = (store, query, decision) =>
  store.transact(async (tx) => {
    const events = await tx.query(query).read().toArray()
    await nextTurn()
    const { streamId, ...event } = decision(events)
    await tx.stream(streamId).append(event)
  })

/** More often than there are others that could get in first. */
const TRIES_MAX = 100

const decideOnCondition: Decide = async (store, query, decision) => {
  for (let tries = 1; ; tries += 1) {
    const events = await store.query(query).read().toArray()
    await nextTurn()
    const { streamId, ...event } = decision(events)
    const after = events.at(-1)?.position
    const failIfEventsMatch = { query, ...(after !== undefined && { after }) }
    try {
      await store.stream(streamId).append(event, { failIfEventsMatch })
      return
    } catch (error) {
      if (!(error instanceof AppendConditionError) || tries >= TRIES_MAX) throw error
    }
  }
}

/** The errors of those that failed. */
export async function outcomesOf(attempts: readonly Promise<unknown>[]): Promise<Error[]> {
  const outcomes = await Promise.allSettled(attempts)
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []))
}
