import { TransactionTooOldError } from '../errors.ts'
import type { KeyValueStore, ReadTransaction } from '../kv/contract.ts'
import { STANDSTILLS_MAX } from '../limits.ts'

/**
 * Runs a piece of reading on a snapshot of its own. It is short, so if its snapshot became too old, the process has stood still: then it
 * runs again. It must have no effects.
 */
export async function onSnapshot<T>(
  kv: KeyValueStore,
  body: (tx: ReadTransaction) => Promise<T>,
): Promise<T> {
  for (let left = STANDSTILLS_MAX; ; left -= 1) {
    try {
      return await kv.readTransact(body)
    } catch (error) {
      if (!(error instanceof TransactionTooOldError) || left === 0) throw error
    }
  }
}
