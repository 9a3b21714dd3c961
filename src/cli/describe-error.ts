import { EventDbError } from 'eventdb'
import { CommandError } from './errors.ts'

const HINTS: Readonly<Record<string, string>> = {
  'store-not-found': 'name the folder of a store with --store or EVENTDB_STORE; append and import create one',
  'index-missing':
    'eventdb reindex --add builds an index, and without options goes on with one that was begun',
  'transaction-too-old': 'a smaller --batch takes less time for each transaction',
  'transaction-too-large': 'a smaller --batch makes smaller transactions',
  'subscription-not-found':
    'eventdb subscriptions list shows those that there are; subscriptions create makes one',
  'projection-switched': 'the same command lists the new copy',
  'projection-building': 'eventdb projections status shows how far it is',
  'projection-not-faulted': 'eventdb projections status shows what it stopped at',
  'projection-not-carried':
    'append with the program that runs it, or let appends pass it by: eventdb projections pause, and resume later',
  'commit-unknown': 'look whether it happened before doing it again; import finds out by itself',
}

/** An error in words for people. */
export interface ErrorDescription {
  readonly message: string
  readonly hint: string | undefined
}

/** Puts any error into one line, with a hint what to do about it. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof CommandError) return { message: error.message, hint: error.hint }
  if (error instanceof EventDbError) return { message: error.message, hint: HINTS[error.code] }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return { message, hint: 'this was not expected; --verbose shows where it comes from' }
}
