import { BufferedRows, NO_ROWS } from '../kv/buffered-rows.ts'
import { SINK_CHECKPOINT_MS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { SinkProjection } from '../store/contract-sinks.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import type { FeedScene } from '../subscription/feed.ts'
import { CopyFeed } from './copy-feed.ts'
import { CopyKeys } from './copy-keys.ts'
import { withinTransaction } from './define-sink-projection.ts'
import { type Failure, Handling } from './handling.ts'
import { waitFor } from './leasing.ts'
import { type ProjectionSource, projectionSource } from './projection-source.ts'
import { lastEvent, type SinkCheckpoint } from './sink-checkpoint.ts'
import { commitInto, type KnownCheckpoint, type SinkOutcome, type SinkScene } from './sink-commit.ts'
import { StateMemory } from './state-memory.ts'
import { isOfStore } from './store-failures.ts'

/** How often it looks whether there is something to do, although nobody said so, in milliseconds. */
const LOOK_MS = 60_000
const UNBOUNDED = { rowsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY }

/** What a term takes. */
export interface TermScene<Tx> extends SinkScene<Tx> {
  readonly feeds: FeedScene
  readonly source: ProjectionSource
  /** The highest position that somebody in this process waits for. */
  wanted(): bigint | undefined
  /** A batch was committed. */
  onCommitted(known: KnownCheckpoint, isCaughtUp: boolean): void
  /** Everything that is there was handled. */
  onCaughtUp(): void
  /** Something has failed that is tried again in another way. */
  onProblem(error: unknown): void
}

/** Why a term is over: another process moves the checkpoint, which is `text` now; or it stands at a fault. */
export type TermEnd =
  | { readonly kind: 'lost'; readonly text: string | undefined }
  | { readonly kind: 'faulted'; readonly failure: SinkFailure }

/** What it stopped at: an event, or nothing but the source. */
export type SinkFailure = Pick<Failure, 'event' | 'error'>

/** The source of a projection into a sink. */
export function sinkSource<Tx>(projection: SinkProjection<EventShape, Tx>): ProjectionSource {
  return projectionSource(withinTransaction(projection, undefined as Tx))
}

/** Handles batch after batch in transactions of the sink, as long as nobody else does. */
export class SinkTerm<Tx> {
  readonly #scene: TermScene<Tx>
  readonly #feed: CopyFeed
  readonly #signal: AbortSignal
  #known: KnownCheckpoint
  /** The event that has failed last. If it fails again, it is at fault. */
  #suspect: AnyPlace | undefined
  /** Events that are taken one by one, as one of them cannot be committed. */
  #careful = 0
  /** When what was read, but is of no interest, is to be committed. */
  #flushAtMs: number | undefined
  #wake: (() => void) | undefined
  #isWoken = false

  constructor(
    scene: TermScene<Tx>,
    known: KnownCheckpoint,
    suspect: AnyPlace | undefined,
    signal: AbortSignal,
  ) {
    this.#scene = scene
    this.#known = known
    this.#suspect = suspect
    this.#signal = signal
    this.#feed = new CopyFeed(scene.feeds, scene.source, known, signal)
  }

  /** Somebody waits for a position, or wants it to look around. */
  wake(): void {
    this.#isWoken = true
    this.#wake?.()
  }

  /** The place of an event in the source. */
  readonly placeOf = (event: RecordedEvent): AnyPlace => this.#feed.placeOf(event)

  /** Goes on until it must begin anew. @throws SinkRefusal, ClosedError, the signal's reason, what the sink or the store throws */
  async run(): Promise<TermEnd> {
    for (;;) {
      this.#signal.throwIfAborted()
      const failure = await this.#gather()
      if (failure !== undefined) return { kind: 'faulted', failure }
      const end = this.#hasWork() ? await this.#batch() : await this.#rest()
      if (end !== undefined) return end
    }
  }

  async #gather(): Promise<SinkFailure | undefined> {
    try {
      await this.#feed.gather(this.#scene.host.runtime)
      return undefined
    } catch (error) {
      if (this.#signal.aborted || isOfStore(error)) throw error
      return { event: undefined, error }
    }
  }

  #hasWork(): boolean {
    const { reached, events } = this.#feed
    if (events.length > 0) return true
    const { place, position } = this.#known
    if (reached.place === place && reached.position <= position) return false
    const wanted = this.#scene.wanted()
    if (wanted !== undefined && wanted > position) return true
    const nowMs = this.#scene.host.runtime.monotonic()
    this.#flushAtMs ??= nowMs + SINK_CHECKPOINT_MS
    return nowMs >= this.#flushAtMs
  }

  /** Waits at the end of the source until something comes. */
  async #rest(): Promise<undefined> {
    const { runtime } = this.#scene.host
    this.#scene.onCaughtUp()
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#feed.listen(() => this.#wake?.())
    if (this.#isWoken || this.#feed.isReady) this.#wake?.()
    this.#isWoken = false
    const flushMs = this.#flushAtMs === undefined ? LOOK_MS : this.#flushAtMs - runtime.monotonic()
    await waitFor(runtime, woken, Math.max(0, Math.ceil(flushMs)), this.#signal)
    this.#wake = undefined
  }

  /** Handles what was read, in one transaction. Where that fails, finds out why. */
  async #batch(): Promise<TermEnd | undefined> {
    this.#isWoken = false
    for (let steps = this.#careful > 0 ? 1 : Number.MAX_SAFE_INTEGER; ; ) {
      this.#signal.throwIfAborted()
      const { outcome, handling } = await this.#attempt(steps)
      switch (outcome.kind) {
        case 'done':
          this.#moveOn(outcome.known, handling)
          return undefined
        case 'lost':
          return outcome
        case 'failed': {
          const failure = handling?.failure
          // Nothing but a handler fails there.
          if (failure?.event === undefined) throw outcome.error
          if (failure.step === 0 && this.#isSuspect(failure.event)) return { kind: 'faulted', failure }
          this.#suspect = this.placeOf(failure.event)
          steps = Math.max(1, failure.step)
          break
        }
        case 'unwritten': {
          const { error } = outcome
          const event = handling?.first?.event
          if (handling === undefined || event === undefined) throw error
          this.#scene.onProblem(error)
          if (handling.steps > 1) this.#careful = handling.steps
          else if (this.#isSuspect(event)) return { kind: 'faulted', failure: { event, error } }
          else this.#suspect = this.placeOf(event)
          steps = 1
        }
      }
    }
  }

  #isSuspect(event: RecordedEvent): boolean {
    return this.#suspect !== undefined && this.#suspect === this.placeOf(event)
  }

  async #attempt(
    steps: number,
  ): Promise<{ readonly outcome: SinkOutcome; readonly handling: Handling<null> | undefined }> {
    let handling: Handling<null> | undefined
    const outcome = await commitInto(this.#scene, this.#known, async (tx) => {
      handling = this.#newHandling(tx)
      return this.#handle(handling, steps)
    })
    return { outcome, handling }
  }

  /** Handles events up to the end of the batch, and says where that is. @throws what a handler throws */
  async #handle(handling: Handling<null>, steps: number): Promise<SinkCheckpoint> {
    const { events, reached } = this.#feed
    await handling.run(events, { steps, clockMs: undefined })
    if (handling.failure !== undefined) throw handling.failure.error
    if (handling.taken === events.length) handling.moveTo(reached.place, reached.position)
    const { place, position, handled, taken } = handling
    const { handled: before, skipped, last } = this.#known
    const latest = events[taken - 1]
    return { place, position, handled: before + handled, skipped, last: latest ? lastEvent(latest) : last }
  }

  #newHandling(tx: Tx): Handling<null> {
    const { host, projection } = this.#scene
    return new Handling<null>(
      {
        projection: withinTransaction(projection, tx),
        keyspace: host.keys,
        keys: new CopyKeys(host.keys, 0),
        memory: new StateMemory<null>(0),
        runtime: host.runtime,
        rows: new BufferedRows(NO_ROWS, UNBOUNDED),
        isStream: this.#scene.isStream,
        placeOf: this.placeOf,
        onStop: undefined,
      },
      { ...this.#known, eventPosition: 0n, watermarkMs: undefined },
    )
  }

  #moveOn(known: KnownCheckpoint, handling: Handling<null> | undefined): void {
    this.#known = known
    this.#flushAtMs = undefined
    this.#feed.done(handling?.taken ?? 0)
    this.#careful = Math.max(0, this.#careful - (handling?.steps ?? 0))
    this.#scene.onCommitted(known, this.#feed.reached.isEnd && this.#feed.events.length === 0)
  }
}
