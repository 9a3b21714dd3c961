import { ClosedError, IdempotencyConflictError } from '../errors.ts'
import { AGGREGATE_CACHE_STATES } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { AggregateScene, TransactionScene } from '../store/aggregate-scene.ts'
import type { AppendKey, PlacedAppend } from '../store/appended.ts'
import type { Codecs } from '../store/codecs.ts'
import type { Aggregate, CommandResult } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import { readKeyResult } from '../store/key-results.ts'
import type { PreparedEvent } from '../store/prepared-event.ts'
import { AggregateSnapshots } from './aggregate-snapshots.ts'
import type { CommandRequest } from './command.ts'
import { CommandQueue } from './command-queue.ts'
import type { Folded } from './fold.ts'
import { FoldLoader, type LoadWish } from './fold-loader.ts'
import { StateCache } from './state-cache.ts'
import { identify, lookAt, NO_STREAM } from './stream-look.ts'
import { WaitingCommand } from './waiting-command.ts'

/** What a store has of one kind of aggregates: their states in memory, and the queues of their commands. */
export class AggregateEngine<E extends EventShape, S> {
  readonly aggregate: Aggregate<E, S, unknown>
  readonly runtime: Runtime
  readonly codecs: Codecs
  readonly #scene: AggregateScene
  readonly #snapshots: AggregateSnapshots<E, S>
  readonly #loader: FoldLoader<E, S>
  readonly #cache: StateCache<S>
  readonly #queues = new Map<string, CommandQueue<E, S>>()
  /** What transactions under way have made, by their sessions. */
  readonly #within = new WeakMap<object, Map<string, Folded<S>>>()
  #calls = 0
  #isClosed = false

  constructor(scene: AggregateScene, aggregate: Aggregate<E, S, unknown>) {
    this.#scene = scene
    this.aggregate = aggregate
    this.runtime = scene.host.runtime
    this.codecs = scene.host.keys.codecs
    this.#snapshots = new AggregateSnapshots(scene, aggregate)
    this.#loader = new FoldLoader(aggregate, this.#snapshots)
    // What is left when the beginning is hidden changes without a write, so it cannot be kept.
    const { cacheMax = AGGREGATE_CACHE_STATES, hidden } = aggregate
    this.#cache = new StateCache(hidden === 'skip' ? 0 : cacheMax)
  }

  /** The clock of calls: goes on with each command, so that what was seen before one was called is told from what was seen after. */
  get calls(): number {
    return this.#calls
  }

  /** Runs a command. */
  execute(request: CommandRequest): Promise<CommandResult<E, S>> {
    if (this.#isClosed) return Promise.reject(new ClosedError('event store'))
    this.#calls += 1
    const command = new WaitingCommand<E, S>(request, this.#calls)
    if (command.isSettled) return command.result
    const { streamId } = request
    let queue = this.#queues.get(streamId)
    if (queue === undefined) {
      queue = new CommandQueue(this, streamId)
      this.#queues.set(streamId, queue)
    }
    try {
      queue.add(command)
    } catch (error) {
      command.reject(error)
    }
    return command.result
  }

  /** Folds a stream, and keeps the newest state. Always looks at the store. */
  async load(streamId: string, { version, untilMs, signal }: LoadWish): Promise<Folded<S>> {
    const seenAt = this.#calls
    const known = this.#cache.get(streamId)
    const beganAt = this.runtime.monotonic()
    const wanted = { known, version, untilMs, signal, seenAt }
    const folded = await this.#loader.load(this.#scene.reading, streamId, wanted)
    const isWhole = version === undefined && untilMs === undefined
    if (!isWhole) return folded
    // The store has gone back: it was replaced by an older copy of itself.
    if (known !== undefined && folded.version < known.version) this.#cache.delete(streamId)
    const loadMs = Math.max(folded.loadMs, this.runtime.monotonic() - beganAt)
    const kept = { ...folded, loadMs: folded.version === known?.version ? folded.loadMs : loadMs }
    this.#cache.set(streamId, kept)
    return kept
  }

  /**
   * The fold of what is stored of a stream, for a transaction that sees the stream's life begin at `base`. It is folded outside, unless the
   * transaction sees another life: its own doing, or somebody's who makes it conflict.
   */
  async foldedFor(
    { view }: TransactionScene,
    streamId: string,
    { version, untilMs }: LoadWish & { readonly version: number },
    base: number,
  ): Promise<Folded<S>> {
    const wanted = { known: this.#cache.get(streamId), version, untilMs, seenAt: 0 }
    const folded = await this.#loader.load(this.#scene.reading, streamId, wanted).catch(() => undefined)
    if (folded?.base === base) return folded
    const { keys, pause } = this.#scene.reading
    return this.#loader.load({ keys, pause, onSnapshot: (body) => body(view) }, streamId, wanted)
  }

  /** A state that a transaction has made itself, if it is of use: its events may be hidden by now, even from the transaction. */
  stateWithin(
    session: object,
    streamId: string,
    { base, last, untilMs }: { readonly base: number; readonly last: number; readonly untilMs: number },
  ): Folded<S> | undefined {
    const made = this.#within.get(session)?.get(streamId)
    const isUsable = made?.base === base && made.version <= last && made.latestMs <= untilMs
    return isUsable ? made : undefined
  }

  /** Keeps a state that a transaction has made, for the rest of it. */
  keepWithin(session: object, streamId: string, folded: Folded<S>): void {
    const made = this.#within.get(session) ?? new Map<string, Folded<S>>()
    this.#within.set(session, made)
    made.set(streamId, folded)
  }

  /** The state of a stream whose life has just begun at a version. */
  initial(base: number): Folded<S> {
    return this.#loader.initial(base, base, 0)
  }

  /** The state to decide upon: what is in memory, unless that is known to be behind. */
  async state(streamId: string, isStale: boolean): Promise<Folded<S>> {
    return (isStale ? undefined : this.#cache.get(streamId)) ?? (await this.load(streamId, {}))
  }

  /**
   * Compares a state with the store, and a key with those that were used, on one snapshot. Returns the state as seen now, or what there is
   * instead.
   */
  async verified(
    folded: Folded<S>,
    { streamId, key }: CommandRequest,
  ): Promise<Folded<S> | 'changed' | 'repeated'> {
    const seenAt = this.#calls
    const { look, known } = await this.#scene.reading.onSnapshot(async (view) => {
      const stream = await identify(view, streamId)
      const look = stream === undefined ? NO_STREAM : await lookAt(view, stream)
      return { look, known: key && (await readKeyResult(view.tx, this.#scene.host, key.text)) }
    })
    if (known !== undefined && known !== 'expired') return 'repeated'
    if (look.head !== folded.version || look.base !== folded.base) return 'changed'
    const seen = { ...folded, seenAt }
    this.#cache.set(streamId, seen)
    return seen
  }

  /** Where the events of a command with a key are, if it was done before. @throws IdempotencyConflictError if that was another command */
  async positionOfKey({ key }: CommandRequest): Promise<bigint | undefined | 'new'> {
    const { host, reading } = this.#scene
    const known = await reading.onSnapshot((view) => readKeyResult(view.tx, host, key!.text))
    if (known === undefined || known === 'expired') return 'new'
    if (known.fingerprint !== (await key!.fingerprint)) {
      throw new IdempotencyConflictError({ idempotencyKey: key!.text })
    }
    return known.results.at(-1)?.recordedPosition
  }

  /** Appends events that were decided upon a state, if that is still how the stream is. */
  append(
    streamId: string,
    { version, base }: Folded<S>,
    events: readonly PreparedEvent[],
    key: AppendKey | undefined,
  ): Promise<PlacedAppend> {
    const append = { streamId, events, expectedVersion: version, expectedBase: base }
    return this.#scene.append({ appends: [append], conditions: [], queries: [], key })
  }

  /** Keeps a state that was just written, and takes a snapshot if it is time. Returns what is known of it now. */
  keep(streamId: string, folded: Folded<S>): Folded<S> {
    const isSaved = this.#snapshots.isDue(folded, streamId) && this.#snapshots.save(streamId, folded)
    const kept = isSaved ? { ...folded, snapshot: folded.version, loadMs: 0 } : folded
    this.#cache.set(streamId, kept)
    return kept
  }

  /** Keeps a state that a transaction has written, which may have done more to the stream. */
  keepCommitted(streamId: string, folded: Folded<S>): void {
    this.#cache.delete(streamId)
    this.keep(streamId, { ...folded, seenAt: 0 })
  }

  /** Lets go of a queue in which nobody waits. */
  forget(streamId: string): void {
    if (this.#queues.get(streamId)?.running === undefined) this.#queues.delete(streamId)
  }

  /** Refuses what is not decided, and waits for what is under way to the disk. */
  async close(): Promise<void> {
    this.#isClosed = true
    const queues = [...this.#queues.values()]
    for (const queue of queues) queue.close()
    await Promise.all(queues.map(({ running }) => running))
    await this.#snapshots.settled()
  }

  /** Whether there is nothing to wait for. */
  get isIdle(): boolean {
    return this.#queues.size === 0 && this.#snapshots.settled() === undefined
  }
}
