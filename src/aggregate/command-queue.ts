import {
  ClosedError,
  ConflictError,
  LimitExceededError,
  ProjectionRefusedError,
  TooManyConflictsError,
  TransactionTooLargeError,
  TransactionTooOldError,
  WrongExpectedVersionError,
} from '../errors.ts'
import {
  AGGREGATE_QUEUE_MAX,
  AGGREGATE_ROUND_MAX,
  COMMAND_BACKOFF_MS,
  COMMAND_BACKOFF_MS_MAX,
} from '../limits.ts'
import { type Runtime, sleep } from '../runtime.ts'
import type { AppendKey, PlacedAppend } from '../store/appended.ts'
import type { Codecs } from '../store/codecs.ts'
import type { Aggregate } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import type { PreparedEvent } from '../store/prepared-event.ts'
import { Batch, type DecidedCommand } from './batch.ts'
import type { CommandRequest } from './command.ts'
import { decide, isPromise, type Outcome } from './decide.ts'
import { type Folded, loadedOf } from './fold.ts'
import type { LoadWish } from './fold-loader.ts'
import type { WaitingCommand } from './waiting-command.ts'

/** What a queue needs of the engine that it belongs to. */
export interface QueueHost<E extends EventShape, S> {
  readonly aggregate: Aggregate<E, S, unknown>
  readonly runtime: Runtime
  readonly codecs: Codecs
  /** The clock of calls. */
  readonly calls: number
  /** The state to decide upon. */
  state(streamId: string, isStale: boolean): Promise<Folded<S>>
  load(streamId: string, wish: LoadWish): Promise<Folded<S>>
  /** Compares a state with the store, and a key with those that were used. */
  verified(folded: Folded<S>, request: CommandRequest): Promise<Folded<S> | 'changed' | 'repeated'>
  /** Where the events of a command with a key are, if it was done before. */
  positionOfKey(request: CommandRequest): Promise<bigint | undefined | 'new'>
  append(
    streamId: string,
    from: Folded<S>,
    events: readonly PreparedEvent[],
    key: AppendKey | undefined,
  ): Promise<PlacedAppend>
  /** Keeps a state that was just written. */
  keep(streamId: string, folded: Folded<S>): Folded<S>
  /** Lets go of a queue in which nobody waits. */
  forget(streamId: string): void
}

/**
 * The commands on one aggregate. They are decided in order, each on the state that its predecessors have made, and what they decide is appended
 * together: "A command's way" in `docs/aggregates.md` says how, and why that is right.
 */
export class CommandQueue<E extends EventShape, S> {
  readonly #engine: QueueHost<E, S>
  readonly #streamId: string
  #waiting: WaitingCommand<E, S>[] = []
  #running: Promise<void> | undefined
  /** The state is not to be trusted: somebody else has written. */
  #isStale = false
  /** How many commands may share an append. Fewer after a conflict, so that at least the first one gets through. */
  #batchMax = AGGREGATE_ROUND_MAX
  /** Why nothing more is taken, if so. */
  #closed: ClosedError | undefined
  /** Ends the pause after a conflict. Queues come and go with single commands, and this is made for few of them. */
  #pause: AbortController | undefined
  /** The command that is being decided, and may take its time. */
  #deciding: WaitingCommand<E, S> | undefined

  constructor(engine: QueueHost<E, S>, streamId: string) {
    this.#engine = engine
    this.#streamId = streamId
  }

  /** Resolves when nothing waits any more; `undefined` if nothing does. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** @throws LimitExceededError */
  add(command: WaitingCommand<E, S>): void {
    if (this.#waiting.length >= AGGREGATE_QUEUE_MAX) {
      // Those who have given up make room.
      this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled)
    }
    if (this.#waiting.length >= AGGREGATE_QUEUE_MAX) {
      const what = `The queue of commands on ${JSON.stringify(this.#streamId)}`
      throw new LimitExceededError(what, AGGREGATE_QUEUE_MAX, this.#waiting.length + 1, 'commands')
    }
    this.#waiting.push(command)
    this.#running ??= this.#run()
  }

  /** Refuses what is not under way to the disk. */
  close(): void {
    const error = new ClosedError('event store')
    this.#closed = error
    for (const command of this.#waiting.splice(0)) command.reject(error)
    this.#deciding?.reject(error)
    this.#pause?.abort(error)
  }

  async #run(): Promise<void> {
    // Lets those in who come in the same breath.
    await undefined
    while (this.#waiting.length > 0) {
      try {
        await this.#round()
      } catch (error) {
        // The state cannot be had, which concerns all.
        for (const command of this.#waiting.splice(0)) command.reject(error)
      }
    }
    this.#running = undefined
    this.#engine.forget(this.#streamId)
  }

  /** Decides commands until they are to be appended, and appends what they have decided. */
  async #round(): Promise<void> {
    let batch = new Batch<E, S>(await this.#state())
    while (batch.decided.length < this.#batchMax && !batch.isFull) {
      const command = this.#waiting.shift()
      if (command === undefined) break
      if (command.isSettled) continue
      const next: Batch<E, S> | undefined = await this.#take(command, batch).catch((error: unknown) => {
        // Nothing of the kind is known; whoever waits must hear of it all the same.
        for (const waiting of [command, ...batch.decided.map((one) => one.command)]) waiting.reject(error)
        return undefined
      })
      if (next === undefined) return
      batch = next
    }
    await this.#append(batch, undefined)
  }

  async #state(): Promise<Folded<S>> {
    const folded = await this.#engine.state(this.#streamId, this.#isStale)
    this.#isStale = false
    return folded
  }

  /** Decides a command. Returns the batch in which to go on, or nothing if the round is over. */
  async #take(command: WaitingCommand<E, S>, given: Batch<E, S>): Promise<Batch<E, S> | undefined> {
    let batch: Batch<E, S> | undefined = given
    const { key } = command.request
    if (key !== undefined) {
      batch = await this.#written(batch, command)
      if (batch === undefined || command.isSettled || (await this.#isRepeated(command))) return batch
    }
    if (this.#isClosedFor(command)) return batch
    command.decisions += 1
    const { aggregate, runtime, codecs } = this.#engine
    const circumstances = { nowMs: runtime.now(), codecs }
    const deciding = decide(aggregate, command.request, batch.folded, circumstances)
    let outcome: Outcome<E, S>
    if (isPromise(deciding)) {
      // Nobody shall wait for one that takes its time; and what it decides is right if what it was decided upon has been written.
      batch = await this.#written(batch, command)
      if (batch === undefined) return undefined
      if (this.#isClosedFor(command)) return batch
      this.#deciding = command
      const settled = await command.orGone(deciding)
      this.#deciding = undefined
      if (settled === 'gone' || command.isSettled) return batch
      outcome = settled
    } else outcome = deciding
    return this.#settle(command, outcome, batch)
  }

  /** Whether the store was closed while a command was on its way to be decided; then it is told. */
  #isClosedFor(command: WaitingCommand<E, S>): boolean {
    if (this.#closed !== undefined) command.reject(this.#closed)
    return command.isSettled
  }

  /** Puts what was decided where it belongs. */
  async #settle(
    command: WaitingCommand<E, S>,
    outcome: Outcome<E, S>,
    given: Batch<E, S>,
  ): Promise<Batch<E, S> | undefined> {
    let batch: Batch<E, S> | undefined = given
    if ('error' in outcome) {
      return this.#keep({ command, refusal: outcome, events: [], folded: batch.folded }, batch)
    }
    const { prepared, events, folded } = outcome
    const { key } = command.request
    const one = { command, refusal: undefined, events, folded }
    if (prepared.length === 0 && key === undefined) return this.#keep(one, batch)
    // Events whose ids the caller knows may be there already, and so may those with a key: such an append stands alone.
    const standsAlone = key !== undefined || prepared.some(({ id }) => id !== undefined)
    if (standsAlone || batch.isTooSmallFor(prepared.length)) {
      batch = await this.#written(batch, command)
      if (batch === undefined || command.isSettled) return batch
    }
    batch.add(one, prepared)
    if (!standsAlone) return batch
    const fingerprint = await key?.fingerprint
    return this.#append(batch, key && { text: key.text, fingerprint: fingerprint! })
  }

  /** Keeps what writes nothing until what it was decided upon is written; if that is nothing new, it must be how the stream is. */
  async #keep(one: DecidedCommand<E, S>, batch: Batch<E, S>): Promise<Batch<E, S> | undefined> {
    if (batch.hasEvents) {
      batch.add(one, [])
      return batch
    }
    const { command } = one
    const isSure = batch.folded.seenAt >= command.calledAt && command.request.key === undefined
    let verdict: Folded<S> | 'changed' | 'repeated' = batch.folded
    try {
      if (!isSure) verdict = await this.#engine.verified(batch.folded, command.request)
    } catch (error) {
      this.#isStale = true
      command.reject(error)
      return undefined
    }
    if (verdict === 'repeated') {
      // It may have expired in between.
      if (!(await this.#isRepeated(command))) this.#again([one])
      return batch
    }
    if (verdict === 'changed') {
      this.#isStale = true
      this.#again([one])
      // One without a key is believed as soon as the state was had anew.
      if (command.request.key !== undefined) await this.#count(command)
      return undefined
    }
    this.#tell(one, undefined)
    return new Batch(verdict)
  }

  /** Whether a command with a key was done before; then it is settled. */
  async #isRepeated(command: WaitingCommand<E, S>): Promise<boolean> {
    try {
      const position = await this.#engine.positionOfKey(command.request)
      if (position === 'new') return false
      await this.#repeat(command, position)
    } catch (error) {
      command.reject(error)
    }
    return true
  }

  async #repeat(command: WaitingCommand<E, S>, position: bigint | undefined): Promise<void> {
    const folded = await this.#engine.load(command.request.streamId, {})
    const { decisions } = command
    command.resolve({
      ...loadedOf(command.request, folded),
      events: [],
      position,
      decisions,
      idempotent: true,
    })
  }

  /** Writes a batch before somebody goes on who must not be in it. Returns the next one; if that failed, whoever goes on waits again. */
  async #written(batch: Batch<E, S>, before: WaitingCommand<E, S>): Promise<Batch<E, S> | undefined> {
    if (!batch.hasEvents) return batch
    // Those that fail go in front of it.
    this.#waiting.unshift(before)
    const next = await this.#append(batch, undefined)
    if (next !== undefined) this.#waiting = this.#waiting.filter((command) => command !== before)
    return next
  }

  /** Appends what a batch has decided, and tells everybody. Returns the next batch, or nothing if the state must be had anew. */
  async #append(batch: Batch<E, S>, key: AppendKey | undefined): Promise<Batch<E, S> | undefined> {
    if (!batch.hasEvents && key === undefined) return batch
    const calls = this.#engine.calls
    try {
      const placed = await this.#engine.append(this.#streamId, batch.from, batch.prepared, key)
      if (placed.idempotent) return await this.#onRepeated(batch, placed)
      for (const one of batch.decided) this.#tell(one, placed)
      this.#batchMax = Math.min(AGGREGATE_ROUND_MAX, this.#batchMax * 2)
      return new Batch(this.#engine.keep(this.#streamId, { ...batch.folded, seenAt: calls }))
    } catch (error) {
      this.#isStale = true
      if (error instanceof WrongExpectedVersionError) await this.#onConflict(batch)
      else this.#onFailure(batch, error)
      return undefined
    }
  }

  async #onRepeated(batch: Batch<E, S>, { position }: PlacedAppend): Promise<undefined> {
    this.#isStale = true
    for (const { command } of batch.decided) {
      await this.#repeat(command, position).catch((error: unknown) => command.reject(error))
    }
  }

  /** Somebody else has written. All are decided again; it counts for the first, as only its turn was certain. */
  async #onConflict({ decided }: Batch<E, S>): Promise<void> {
    const waiting = decided.filter(({ command }) => !command.isSettled)
    const first = waiting.find(({ events }) => events.length > 0) ?? waiting[0]
    this.#again(decided)
    this.#batchMax = Math.max(1, Math.floor(decided.length / 2))
    if (first !== undefined) await this.#count(first.command)
  }

  /** Counts a conflict, and pauses before the next attempt, if there is to be one. */
  async #count(first: WaitingCommand<E, S>): Promise<void> {
    first.conflicts += 1
    const { name, retriesMax } = first.request
    if (first.conflicts > retriesMax) {
      first.reject(new TooManyConflictsError(this.#streamId, name, first.conflicts))
      return
    }
    if (this.#closed !== undefined) return
    const { runtime } = this.#engine
    this.#pause = new AbortController()
    const pause = Math.min(COMMAND_BACKOFF_MS_MAX, COMMAND_BACKOFF_MS * 2 ** (first.conflicts - 1))
    await sleep(runtime, pause * runtime.random(), this.#pause.signal).catch(() => {})
    this.#pause = undefined
  }

  /** What concerns one event or one transaction is tried with each command alone; anything else is told to all whose events it concerns. */
  #onFailure({ decided }: Batch<E, S>, error: unknown): void {
    if (isOfOne(error) && decided.length > 1) {
      this.#batchMax = 1
      this.#again(decided)
      return
    }
    for (const { command, events } of decided) if (events.length > 0) command.reject(error)
    // One with a key may have no events.
    if (decided.length === 1) decided[0]!.command.reject(error)
    this.#again(decided.filter(({ command }) => !command.isSettled))
  }

  #again(decided: readonly DecidedCommand<E, S>[]): void {
    const commands = decided.map(({ command }) => command).filter((command) => !command.isSettled)
    if (this.#closed !== undefined) {
      for (const command of commands) command.reject(this.#closed)
    } else this.#waiting.unshift(...commands)
  }

  #tell({ command, refusal, events, folded }: DecidedCommand<E, S>, placed: PlacedAppend | undefined): void {
    if (refusal !== undefined) return command.reject(refusal.error)
    const last = events.at(-1)
    const position = last && placed?.positionAt(last.version)
    const { decisions } = command
    command.resolve({ ...loadedOf(command.request, folded), events, position, decisions, idempotent: false })
  }
}

/** Whether an error of an append may be due to one of several commands. */
function isOfOne(error: unknown): boolean {
  return (
    error instanceof LimitExceededError ||
    error instanceof ProjectionRefusedError ||
    error instanceof TransactionTooLargeError ||
    error instanceof TransactionTooOldError ||
    error instanceof ConflictError
  )
}
