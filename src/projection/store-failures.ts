import { ClosedError, CommitUnknownError, StorageError, TransactionTooOldError } from '../errors.ts'

/** Whether something failed because the store cannot be read or written, which is no event's fault. */
export function isOfStore(error: unknown): boolean {
  return (
    error instanceof StorageError ||
    error instanceof ClosedError ||
    error instanceof TransactionTooOldError ||
    error instanceof CommitUnknownError
  )
}

/** The rows of a projection could not be read. What handlers throw, of whatever class, is another matter. */
export class RowsFailure extends Error {
  constructor(cause: unknown) {
    super('The rows of a projection cannot be read', { cause })
  }
}
