import {
  ClosedError,
  CorruptionError,
  IdempotencyConflictError,
  LimitExceededError,
  TransactionTooLargeError,
  TransactionTooOldError,
  WrongExpectedVersionError,
} from '../errors.ts'
import type { Commit, Transaction } from '../kv/contract.ts'
import {
  APPEND_BATCH_BYTES_MAX,
  APPEND_BATCH_EVENTS_MAX,
  APPEND_BATCH_MAX,
  STANDSTILLS_MAX,
} from '../limits.ts'
import { turn } from '../runtime.ts'
import { type Appended, positionIn, type SessionAppend, type SessionCondition } from './appended.ts'
import type { AppendResult } from './contract.ts'
import type { StoreHost } from './host.ts'
import type { Payload } from './prepared-event.ts'
import { RecordEncoder } from './record.ts'
import { StoreSession } from './session.ts'

/** An append that was asked for outside of any transaction. */
export interface AppendRequest {
  readonly appends: readonly SessionAppend[]
  readonly conditions: readonly SessionCondition[]
  readonly signal: AbortSignal | undefined
}

interface Waiting extends AppendRequest {
  resolve(results: readonly AppendResult[]): void
  reject(error: unknown): void
}

const NO_CONDITIONS: readonly SessionCondition[] = []

/** What the transaction that carries a batch decided on one of its appends. */
type Verdict = { readonly appended: readonly Appended[] } | { readonly error: unknown }

/**
 * Writes the appends that are made outside of transactions. Those that wait together share one transaction, in which each is judged on its
 * own, in the order in which they were made, seeing its predecessors. So appends to one stream never conflict with
 * each other within a process, and many appends cost one flush.
 */
export class Appender {
  readonly #host: StoreHost
  /** Of its own, because its memory can be used again after each batch. */
  readonly #records = new RecordEncoder()
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false

  constructor(host: StoreHost) {
    this.#host = { ...host, records: this.#records }
  }

  /** Resolves when the events are durable. */
  append({ appends, conditions, signal }: AppendRequest): Promise<readonly AppendResult[]> {
    return new Promise((resolve, reject) => this.#enqueue({ appends, conditions, signal, resolve, reject }))
  }

  /** Resolves when the events are durable. */
  appendOne(append: SessionAppend, signal: AbortSignal | undefined): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const resolveOne = (results: readonly AppendResult[]): void => resolve(results[0]!)
      this.#enqueue({ appends: [append], conditions: NO_CONDITIONS, signal, resolve: resolveOne, reject })
    })
  }

  /** Refuses new appends, and resolves when those that wait are done. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  #enqueue(waiting: Waiting): void {
    const { signal } = waiting
    if (this.#closed) throw new ClosedError('event store')
    if (signal !== undefined) {
      signal.throwIfAborted()
      this.#leaveOnAbort(waiting, signal)
    }
    this.#queue.push(waiting)
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      // Lets everything that is about to append do so: the more share a flush, the better.
      await turn(this.#host.runtime)
      const batch = this.#take()
      if (batch.length > 0) await this.#commit(batch)
    }
    this.#running = undefined
  }

  #take(): Waiting[] {
    let [taken, events, bytes] = [0, 0, 0]
    for (const { appends } of this.#queue) {
      for (const append of appends) {
        events += append.events.length
        for (const { data, metadata } of append.events) bytes += lengthOf(data) + lengthOf(metadata)
      }
      const isFull =
        taken >= APPEND_BATCH_MAX || events > APPEND_BATCH_EVENTS_MAX || bytes > APPEND_BATCH_BYTES_MAX
      if (taken > 0 && isFull) break
      taken += 1
    }
    return this.#queue.splice(0, taken)
  }

  async #commit(batch: readonly Waiting[], triesLeft: number = STANDSTILLS_MAX): Promise<void> {
    try {
      let verdicts: Verdict[] = []
      let commit: Commit | undefined
      const body = async (tx: Transaction): Promise<void> => {
        this.#records.reuse()
        verdicts = await this.#judge(tx, batch)
        tx.afterCommit((made) => {
          commit = made
        })
      }
      // The turn of the event loop in which others may join was waited for already.
      await this.#host.kv.transact(body, { commitAtOnce: true })
      for (const [index, waiting] of batch.entries()) settle(waiting, verdicts[index]!, commit!)
    } catch (error) {
      // The process has stood still, as nothing else makes this transaction old. The next one will be young again.
      if (error instanceof TransactionTooOldError && triesLeft > 0) await this.#commit(batch, triesLeft - 1)
      else await this.#fail(batch, error)
    }
  }

  /** One append that is too large for a transaction must not take the others with it. */
  async #fail(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (error instanceof TransactionTooLargeError && batch.length > 1) {
      for (const waiting of batch) await this.#commit([waiting])
    } else {
      for (const waiting of batch) waiting.reject(error)
    }
  }

  /** A refusal that rests on memory alone would not be validated, as nothing is committed; so it is judged again. */
  async #judge(tx: Transaction, batch: readonly Waiting[]): Promise<Verdict[]> {
    const session = new StoreSession(this.#host, tx, 'use-memory')
    const verdicts = await judgeEach(session, batch)
    return session.isEmpty ? judgeEach(new StoreSession(this.#host, tx, 'read-snapshot'), batch) : verdicts
  }

  #leaveOnAbort(waiting: Waiting, signal: AbortSignal): void {
    const { resolve, reject } = waiting
    const onAbort = (): void => {
      if (!this.#queue.includes(waiting)) return
      this.#queue = this.#queue.filter((other) => other !== waiting)
      reject(signal.reason)
    }
    const settled = (): void => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    waiting.resolve = (results) => {
      settled()
      resolve(results)
    }
    waiting.reject = (error) => {
      settled()
      reject(error)
    }
  }
}

async function judgeEach(session: StoreSession, batch: readonly Waiting[]): Promise<Verdict[]> {
  await session.lookForIds(batch.flatMap(({ appends }) => appends))
  const verdicts: Verdict[] = []
  for (const { appends, conditions } of batch) {
    try {
      const appended = session.append(appends, conditions)
      verdicts.push({ appended: appended instanceof Promise ? await appended : appended })
    } catch (error) {
      if (!isVerdict(error)) throw error
      verdicts.push({ error })
    }
  }
  return verdicts
}

/** Whether an error says something of one append, not of the transaction. */
function isVerdict(error: unknown): boolean {
  return (
    error instanceof WrongExpectedVersionError ||
    error instanceof IdempotencyConflictError ||
    error instanceof LimitExceededError ||
    error instanceof CorruptionError
  )
}

function settle(waiting: Waiting, verdict: Verdict, commit: Commit): void {
  if ('error' in verdict) waiting.reject(verdict.error)
  else waiting.resolve(verdict.appended.map((appended) => resultOf(appended, commit)))
}

function resultOf(appended: Appended, commit: Commit): AppendResult {
  const { streamId, firstVersion, lastVersion, idempotent } = appended
  return { streamId, firstVersion, lastVersion, position: positionIn(commit, appended), idempotent }
}

function lengthOf(payload: Payload | undefined): number {
  return payload === undefined ? 0 : payload.length
}
