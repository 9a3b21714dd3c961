import {
  AppendConditionError,
  ClosedError,
  ConflictError,
  CorruptionError,
  EventNotFoundError,
  IdempotencyConflictError,
  IndexMissingError,
  LimitExceededError,
  ProjectionNotCarriedError,
  ProjectionRefusedError,
  TransactionTooLargeError,
  TransactionTooOldError,
} from '../errors.ts'
import type { Commit, Transaction } from '../kv/contract.ts'
import {
  APPEND_BATCH_BYTES_MAX,
  APPEND_BATCH_EVENTS_MAX,
  APPEND_BATCH_MAX,
  STANDSTILLS_MAX,
} from '../limits.ts'
import { turn } from '../runtime.ts'
import type { PreparedRequest } from './append-options.ts'
import { type Appended, type PlacedAppend, positionAt, resultOf, type SessionRequest } from './appended.ts'
import type { AppendResult } from './contract-appending.ts'
import type { StoreHost } from './host.ts'
import { sweepIfDue } from './key-sweep.ts'
import { lengthOf } from './prepared-event.ts'
import { RecordEncoder } from './record.ts'
import { StoreSession } from './session.ts'
import type { Memory } from './session-streams.ts'

interface Waiting {
  /** Computing the fingerprint of one with an idempotency key takes a moment, but it keeps its place in the queue. */
  request: PreparedRequest
  readonly signal: AbortSignal | undefined
  resolve(appended: readonly Appended[], commit: Commit): void
  reject(error: unknown): void
}

/** An append whose turn has come. */
interface Ready extends Waiting {
  readonly request: SessionRequest
}

interface CommitOptions {
  /** How often it may still be tried again after the process has stood still. */
  readonly triesLeft?: number
  readonly memory?: Memory
}

/** What the transaction that carries a batch decided on one of its appends. */
type Verdict = { readonly appended: readonly Appended[] } | { readonly error: unknown }

/**
 * Writes the appends that are made outside of transactions. Those that wait together share one transaction, in which each is judged on its
 * own, in the order in which they were made, seeing its predecessors. So appends to one stream never conflict with
 * each other within a process, and many appends cost one flush.
 */
export class Appender {
  readonly #host: StoreHost
  /** The host of what goes through the queue: its encoder is its own, because its memory can be used again after each batch. */
  readonly #queueHost: StoreHost
  readonly #records = new RecordEncoder()
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false
  /** Appends with queries that were too slow, or in conflict too often, to share a transaction. Nobody waits for them. */
  readonly #stragglers = new Set<Promise<void>>()

  constructor(host: StoreHost) {
    this.#host = host
    this.#queueHost = { ...host, records: this.#records }
  }

  /** Resolves when the events are durable. */
  append(request: PreparedRequest, signal: AbortSignal | undefined): Promise<readonly AppendResult[]> {
    return new Promise((resolve, reject) => {
      const resolveAll = (appended: readonly Appended[], commit: Commit): void =>
        resolve(appended.map((part) => resultOf(part, commit)))
      this.#enqueue({ request, signal, resolve: resolveAll, reject })
    })
  }

  /** Resolves when the events of an append to one stream are durable. */
  appendOne(request: PreparedRequest, signal: AbortSignal | undefined): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const resolveOne = ([appended]: readonly Appended[], commit: Commit): void =>
        resolve(resultOf(appended!, commit))
      this.#enqueue({ request, signal, resolve: resolveOne, reject })
    })
  }

  /** Resolves when the events of an append to one stream are durable, with the position of each. */
  appendPlaced(request: PreparedRequest): Promise<PlacedAppend> {
    return new Promise((resolve, reject) => {
      const resolvePlaced = ([appended]: readonly Appended[], commit: Commit): void =>
        resolve({
          ...resultOf(appended!, commit),
          positionAt: (version) => positionAt(version, appended!, commit),
        })
      this.#enqueue({ request, signal: undefined, resolve: resolvePlaced, reject })
    })
  }

  /** Refuses new appends, and resolves when those that wait are done. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    await Promise.all(this.#stragglers)
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
      const batch = await this.#take()
      if (batch.length > 0) await this.#commit(this.#queueHost, batch)
      await sweepIfDue(this.#host)
    }
    this.#running = undefined
  }

  async #take(): Promise<readonly Ready[]> {
    let [events, bytes] = [0, 0]
    const taken: Ready[] = []
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const request = next.request instanceof Promise ? await next.request : next.request
      // It may have left the queue meanwhile.
      if (this.#queue[0] !== next) continue
      for (const append of request.appends) {
        events += append.events.length
        for (const { data, metadata } of append.events) bytes += lengthOf(data) + lengthOf(metadata)
      }
      const isFull =
        taken.length >= APPEND_BATCH_MAX || events > APPEND_BATCH_EVENTS_MAX || bytes > APPEND_BATCH_BYTES_MAX
      if (taken.length > 0 && isFull) break
      this.#queue.shift()
      taken.push(Object.assign(next, { request }))
    }
    return taken
  }

  async #commit(
    host: StoreHost,
    batch: readonly Ready[],
    { triesLeft = STANDSTILLS_MAX, memory = 'use-memory' }: CommitOptions = {},
  ): Promise<void> {
    try {
      let verdicts: Verdict[] = []
      let commit: Commit | undefined
      const body = async (tx: Transaction): Promise<void> => {
        if (host === this.#queueHost) this.#records.reuse()
        verdicts = await judge(host, tx, batch, memory)
        tx.afterCommit((made) => {
          commit = made
        })
      }
      // The turn of the event loop in which others may join was waited for already.
      await this.#host.kv.transact(body, { commitAtOnce: true })
      for (const [index, waiting] of batch.entries()) settle(waiting, verdicts[index]!, commit!)
    } catch (error) {
      // Unless it has searched for long, the process has stood still. The next transaction will be young again.
      const mayStandStill = batch.length === 1 || !batch.some(hasQueries)
      if (error instanceof TransactionTooOldError && mayStandStill && triesLeft > 0) {
        await this.#commit(host, batch, { triesLeft: triesLeft - 1, memory })
      } else if (!(error instanceof RefusedAppend)) await this.#fail(host, batch, error)
      else if (batch.length > 1 || memory === 'use-memory') await this.#part(host, batch, error.index)
      else batch[0]!.reject(error.cause)
    }
  }

  /** One append that is too large for a transaction, or too slow, or in conflict again and again, must not take the others with it. */
  async #fail(host: StoreHost, batch: readonly Ready[], error: unknown): Promise<void> {
    if (!isOfOne(error) || batch.length === 1) {
      for (const waiting of batch) waiting.reject(error)
      return
    }
    const others = batch.filter((waiting) => !hasQueries(waiting))
    for (const straggler of batch.filter(hasQueries)) this.#letStraggle(straggler)
    if (others.length < batch.length) return others.length === 0 ? undefined : this.#commit(host, others)
    for (const waiting of others) await this.#commit(host, [waiting])
  }

  /** An inline projection has refused one of them: it stands alone, and is judged once more on what is stored. The others go before and after it. */
  async #part(host: StoreHost, batch: readonly Ready[], refused: number): Promise<void> {
    const parts = [batch.slice(0, refused), [batch[refused]!], batch.slice(refused + 1)]
    for (const [at, part] of parts.entries()) {
      if (part.length > 0)
        await this.#commit(host, part, { memory: at === 1 ? 'read-snapshot' : 'use-memory' })
    }
  }

  #letStraggle(waiting: Ready): void {
    const straggling = this.#commit(this.#host, [waiting]).finally(() => this.#stragglers.delete(straggling))
    this.#stragglers.add(straggling)
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
    waiting.resolve = (appended, commit) => {
      settled()
      resolve(appended, commit)
    }
    waiting.reject = (error) => {
      settled()
      reject(error)
    }
  }
}

/** A refusal that rests on memory alone would not be validated, as nothing is committed; so it is judged again. */
async function judge(
  host: StoreHost,
  tx: Transaction,
  batch: readonly Ready[],
  memory: Memory,
): Promise<Verdict[]> {
  const keepsEvents = batch.some(({ request }) => request.queries.length > 0)
  const session = new StoreSession(host, tx, { memory, keepsEvents })
  const verdicts = await judgeEach(session, batch)
  if (!session.writesNothing || memory === 'read-snapshot') return verdicts
  return judgeEach(new StoreSession(host, tx, { memory: 'read-snapshot', keepsEvents }), batch)
}

async function judgeEach(session: StoreSession, batch: readonly Ready[]): Promise<Verdict[]> {
  await session.lookForIds(batch.flatMap(({ request }) => request.appends))
  const verdicts: Verdict[] = []
  for (const [index, { request }] of batch.entries()) {
    try {
      const appended = session.append(request)
      verdicts.push({ appended: appended instanceof Promise ? await appended : appended })
    } catch (error) {
      if (!isVerdict(error)) throw error
      verdicts.push({ error })
    }
    // What inline projections make of it belongs to it: the next one is judged upon that.
    if (session.hasToHandOn) await handOn(session, index)
  }
  return verdicts
}

async function handOn(session: StoreSession, index: number): Promise<void> {
  try {
    await session.handOn()
  } catch (error) {
    const isRefusal = error instanceof ProjectionRefusedError || error instanceof ProjectionNotCarriedError
    throw isRefusal ? new RefusedAppend(index, error) : error
  }
}

/** An inline projection has refused one append of a batch, whose events are written already: the transaction is lost. */
class RefusedAppend extends Error {
  readonly index: number

  constructor(index: number, cause: unknown) {
    super('An inline projection has refused an append', { cause })
    this.index = index
  }
}

function hasQueries({ request }: Ready): boolean {
  return request.queries.length > 0
}

/** Whether an error says something of one append, not of the transaction. */
function isVerdict(error: unknown): boolean {
  return (
    error instanceof AppendConditionError ||
    error instanceof IdempotencyConflictError ||
    error instanceof EventNotFoundError ||
    error instanceof IndexMissingError ||
    error instanceof LimitExceededError ||
    error instanceof CorruptionError
  )
}

/** Whether an error of a transaction may be due to a single append. */
function isOfOne(error: unknown): boolean {
  return (
    error instanceof ProjectionRefusedError ||
    error instanceof TransactionTooLargeError ||
    error instanceof TransactionTooOldError ||
    error instanceof ConflictError
  )
}

function settle(waiting: Waiting, verdict: Verdict, commit: Commit): void {
  if ('error' in verdict) waiting.reject(verdict.error)
  else waiting.resolve(verdict.appended, commit)
}
