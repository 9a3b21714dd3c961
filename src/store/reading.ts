import type { KeyValueStore, Reader, ReadTransaction } from '../kv/contract.ts'
import { READ_TURN_MS } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { onSnapshot } from './on-snapshot.ts'

/** What reading needs: where the keys are, a snapshot for each piece, and a pause between two of them. */
export interface Reading {
  readonly keys: Keyspace
  /** Runs a piece of reading on a snapshot: a new one, or that of the transaction one is in. It must have no effects. */
  onSnapshot<T>(body: (tx: Reader) => Promise<T>): Promise<T>
  /** Lets the event loop turn: embedded engines read without waiting, so a long read would stop everything else. */
  pause(): Promise<void>
}

/** Reads outside of transactions. `assertOpen` throws once the store is closed. */
export function readingOf(
  kv: KeyValueStore,
  host: Pick<StoreHost, 'keys' | 'runtime'>,
  assertOpen: () => void,
): Reading {
  const { keys, runtime } = host
  let turnedAt = runtime.monotonic()
  const pause = async (): Promise<void> => {
    await turn(runtime)
    turnedAt = runtime.monotonic()
  }
  return {
    keys,
    onSnapshot: async (body) => {
      assertOpen()
      // Many short reads, one after the other, are a long read as well.
      if (runtime.monotonic() - turnedAt > READ_TURN_MS) await pause()
      return onSnapshot(kv, body)
    },
    pause,
  }
}

/** Reads within a transaction. */
export function readingIn(
  tx: Reader | ReadTransaction,
  { keys, runtime }: Pick<StoreHost, 'keys' | 'runtime'>,
): Reading {
  return { keys, onSnapshot: (body) => body(tx), pause: () => turn(runtime) }
}
