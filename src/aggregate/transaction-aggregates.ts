import { EventNotFoundError, HistoryMissingError, StreamTombstonedError } from '../errors.ts'
import type { AggregateScene, TransactionScene } from '../store/aggregate-scene.ts'
import { plainRequest } from '../store/appended.ts'
import type {
  AggregatesOptions,
  AnyCommandResult,
  CommandCall,
  CommandResult,
  LoadedAggregate,
  LoadOptions,
  TransactionAggregates,
} from '../store/contract-aggregates.ts'
import type { StoreTransaction } from '../store/contract-transactions.ts'
import type { EventShape } from '../store/event.ts'
import { lifeBase } from '../store/life.ts'
import { insideOf } from '../store/store-transaction.ts'
import { callOf, requestOf, wholeCall } from './call.ts'
import type { CommandRequest } from './command.ts'
import { decide } from './decide.ts'
import type { AggregateEngine } from './engine.ts'
import { Fold, type Folded, loadedOf } from './fold.ts'
import { checkLoadOptionsWithin } from './load-options.ts'
import { throughMiddleware } from './middleware.ts'

/** What aggregates within transactions share. */
interface Outside<E extends EventShape, S> {
  readonly scene: AggregateScene
  readonly engine: AggregateEngine<E, S>
  readonly options: AggregatesOptions
  readonly streamIdOf: (id: string) => string
}

/** Aggregates within a transaction. @throws InvalidArgumentError for a transaction of another store */
export function aggregatesWithin<E extends EventShape, S>(
  outside: Outside<E, S>,
  tx: StoreTransaction,
): TransactionAggregates<E, S, never> {
  return new AggregatesWithin(outside, tx, insideOf(tx, outside.scene.host))
}

/** The turns of commands on the streams of a transaction: one after the other, as own writes conflict with nothing. */
const turnsOf = new WeakMap<object, Map<string, Promise<unknown>>>()

class AggregatesWithin<E extends EventShape, S> implements TransactionAggregates<E, S, never> {
  readonly #outside: Outside<E, S>
  readonly #tx: StoreTransaction
  readonly #inside: TransactionScene

  constructor(outside: Outside<E, S>, tx: StoreTransaction, inside: TransactionScene) {
    this.#outside = outside
    this.#tx = tx
    this.#inside = inside
  }

  async load(id: string, options: Omit<LoadOptions, 'signal'> = {}): Promise<LoadedAggregate<S>> {
    checkLoadOptionsWithin(options)
    const streamId = this.#outside.streamIdOf(id)
    const folded = await this.#inTurn(streamId, () => this.#folded(streamId, options))
    return loadedOf({ id, streamId }, folded)
  }

  execute(id: string, ...given: readonly unknown[]): Promise<CommandResult<E, S, undefined>> {
    return this.#run(id, given, false)
  }

  create(id: string, ...given: readonly unknown[]): Promise<CommandResult<E, S, undefined>> {
    return this.#run(id, given, true)
  }

  async #run(
    id: string,
    given: readonly unknown[],
    isCreation: boolean,
  ): Promise<CommandResult<E, S, undefined>> {
    const { engine, options, streamIdOf } = this.#outside
    const streamId = streamIdOf(id)
    const call = callOf(engine.aggregate, given, true)
    const whole = wholeCall(engine.aggregate.category, id, streamId, call, options)
    const run = (changed: CommandCall): Promise<CommandResult<E, S, undefined>> =>
      this.#inTurn(streamId, () => this.#execute(requestOf(call, changed, isCreation)))
    const result = await throughMiddleware(
      options.middleware ?? [],
      whole,
      (changed) => run(changed) as Promise<AnyCommandResult>,
    )
    return result as unknown as CommandResult<E, S, undefined>
  }

  async #execute(request: CommandRequest): Promise<CommandResult<E, S, undefined>> {
    const { engine, scene } = this.#outside
    const { streamId } = request
    const before = await this.#folded(streamId, {})
    const { runtime, keys } = scene.host
    const circumstances = { nowMs: runtime.now(), codecs: keys.codecs }
    const outcome = await decide(engine.aggregate, request, before, circumstances)
    if ('error' in outcome) throw outcome.error
    const { events, prepared, folded } = outcome
    const { session } = this.#inside
    const [appended] = await session.append(
      plainRequest({
        streamId,
        events: prepared,
        expectedVersion: before.version,
        expectedBase: before.base,
      }),
    )
    const result = { position: undefined, decisions: 1, idempotent: appended!.idempotent }
    // Events whose ids were known are there already: the state is what it was.
    if (appended!.idempotent) return { ...loadedOf(request, before), ...result, events: [] }
    engine.keepWithin(session, streamId, folded)
    if (events.length > 0) this.#tx.afterCommit(() => engine.keepCommitted(streamId, folded))
    return { ...loadedOf(request, folded), ...result, events }
  }

  /**
   * The state as the transaction sees it. What is stored is folded outside of it, which may take its time; the transaction only looks where the
   * stream ends and its life begins, and conflicts if that changes. What it has appended itself is folded on top.
   */
  async #folded(streamId: string, { version, asOf }: Omit<LoadOptions, 'signal'>): Promise<Folded<S>> {
    const { engine, scene } = this.#outside
    const { session } = this.#inside
    const untilMs = asOf?.getTime() ?? Number.POSITIVE_INFINITY
    const { version: head, life } = await session.stream(streamId)
    if (life.tombstoned) throw new StreamTombstonedError(streamId)
    const last = version ?? head
    const base = lifeBase(life)
    if (last > head) throw new EventNotFoundError(streamId, last)
    if (last < base) throw new HistoryMissingError(streamId, 1, base)
    const stored = Math.min(last, session.firstPending(streamId) - 1)
    const from =
      engine.stateWithin(session, streamId, { base, last, untilMs }) ??
      (stored > base
        ? await engine.foldedFor(this.#inside, streamId, { version: stored, untilMs }, base)
        : engine.initial(base))
    const fold = new Fold(engine.aggregate, from)
    // If it was stopped by its time, whatever comes behind is later.
    if (from.version < stored) return from
    const own = session
      .pendingEvents(streamId)
      .filter(({ version }) => version > from.version && version <= last)
    const next = own[0]?.version ?? last + 1
    if (next > from.version + 1 && engine.aggregate.hidden !== 'skip') {
      throw new HistoryMissingError(streamId, from.version + 1, next - 1)
    }
    await fold.read(own, untilMs, scene.host.runtime.now())
    return fold.result()
  }

  #inTurn<T>(streamId: string, work: () => Promise<T>): Promise<T> {
    const { session } = this.#inside
    const turns = turnsOf.get(session) ?? new Map<string, Promise<unknown>>()
    turnsOf.set(session, turns)
    const turn = (turns.get(streamId) ?? Promise.resolve()).then(work)
    turns.set(
      streamId,
      turn.catch(() => {}),
    )
    return turn
  }
}
