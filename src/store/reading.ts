import type { KeyValueStore, Reader, ReadTransaction, Transaction } from '../kv/contract.ts'
import { READ_TURN_MS } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { PendingEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { onSnapshot } from './on-snapshot.ts'

/** One snapshot, and what reading from it takes. */
export interface View {
  readonly keys: Keyspace
  /** Reads. In a transaction that writes, they count as conflicts. */
  readonly tx: ReadTransaction
  /** The same, without conflicts. */
  readonly quiet: Reader
  /** The transaction that the reading is part of, if that may write. */
  readonly own: Transaction | undefined
  /** Milliseconds since 1970 by which events expire: the clock, but it never goes back. */
  readonly now: number
  /** An event that the transaction itself has appended. */
  pendingAt(number: number, version: number): PendingEvent | undefined
}

/** What reading needs: where the keys are, a snapshot for each piece, and a pause between two of them. */
export interface Reading {
  readonly keys: Keyspace
  /** Runs a piece of reading on a snapshot: a new one, or that of the transaction one is in. It must have no effects. */
  onSnapshot<T>(body: (view: View) => Promise<T>): Promise<T>
  /** Lets the event loop turn: embedded engines read without waiting, so a long read would stop everything else. */
  pause(): Promise<void>
}

/** A transaction that may write, with the events that it has appended. */
export interface WritingView {
  readonly tx: Transaction
  /** An event that it has appended, hidden or not. */
  pendingAt(number: number, version: number): PendingEvent | undefined
}

type ReadingHost = Pick<StoreHost, 'keys' | 'runtime' | 'clock'>

/** Reads outside of transactions. `assertOpen` throws once the store is closed. */
export function readingOf(kv: KeyValueStore, host: ReadingHost, assertOpen: () => void): Reading {
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
      return onSnapshot(kv, (tx) => body(viewOf(tx, host)))
    },
    pause,
  }
}

/** Reads within a transaction that only reads. */
export function readingIn(tx: ReadTransaction, host: ReadingHost): Reading {
  const view = viewOf(tx, host)
  return { keys: host.keys, onSnapshot: (body) => body(view), pause: () => turn(host.runtime) }
}

/** Reads within a transaction that may write. */
export function readingWithin(session: WritingView, host: ReadingHost): Reading {
  const view = viewWithin(session, host)
  return { keys: host.keys, onSnapshot: (body) => body(view), pause: () => turn(host.runtime) }
}

/** What a transaction that only reads sees. */
export function viewOf(tx: ReadTransaction, { keys, clock }: ReadingHost): View {
  return { keys, tx, quiet: tx, own: undefined, now: clock.now(), pendingAt: () => undefined }
}

/** What a transaction that may write sees. */
export function viewWithin(session: WritingView, { keys, clock }: ReadingHost): View {
  const { tx } = session
  return {
    keys,
    tx,
    quiet: tx.snapshot,
    own: tx,
    now: clock.now(),
    pendingAt: (number, version) => session.pendingAt(number, version),
  }
}

/** What a transaction sees without depending on it: for what will be there later as well. */
export function quietViewOf(tx: Transaction, { keys, clock }: ReadingHost): View {
  const { snapshot } = tx
  const quiet: ReadTransaction = {
    get: (key) => snapshot.get(key),
    getMany: (several) => snapshot.getMany(several),
    getRange: (range, options) => snapshot.getRange(range, options),
    readHorizon: () => tx.readHorizon(),
    readVersion: () => tx.readVersion(),
    watch: (target, options) => tx.watch(target, options),
  }
  return { keys, tx: quiet, quiet, own: undefined, now: clock.now(), pendingAt: () => undefined }
}
