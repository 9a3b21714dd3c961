import {
  LimitExceededError,
  ProjectionNotCarriedError,
  ProjectionRefusedError,
  TransactionTooLargeError,
} from '../errors.ts'
import { BufferedRows, rowsOf } from '../kv/buffered-rows.ts'
import { PROJECTION_CHECKPOINT_MS, PROJECTION_RETRY_MS_MAX } from '../limits.ts'
import type { Projection, ProjectOptions } from '../store/contract-projections.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import type { FeedScene } from '../subscription/feed.ts'
import { callBack } from './call-back.ts'
import { comeIntoForce } from './coming-into-force.ts'
import {
  type Batch,
  type CommitOutcome,
  commitBatch,
  EffectFailure,
  hasNothingBetween,
  type Led,
} from './committing.ts'
import { CopyFeed } from './copy-feed.ts'
import { faultOf, isAskedFor, seenFault, warningOf } from './faults.ts'
import { ForceDoor } from './force-door.ts'
import { type Failure, Handling } from './handling.ts'
import { type Lead, type LeaseScene, waitFor } from './leasing.ts'
import type { ControlRow } from './projection-rows.ts'
import { type ProjectionSource, projectionSource } from './projection-source.ts'
import { lookAndWatch } from './row-watch.ts'
import { StateMemory } from './state-memory.ts'
import { isOfStore, RowsFailure } from './store-failures.ts'

/** What leading a copy takes. */
export interface LeaderScene<S> extends LeaseScene {
  readonly projection: Projection<EventShape, S>
  readonly options: ProjectOptions
  readonly cacheMax: number
  readonly feeds: FeedScene
  /** The highest position that somebody in this process waits for. */
  wanted(): bigint | undefined
}

/** Steps that failed in a way that only shows when they are committed. */
type Verdict = 'done' | 'again' | 'over'

/** How long a copy that is being built waits at the end of its source before it looks again whether it may take over. */
const LOOK_AGAIN_MS = 50
/** How often somebody who is paused looks whether it still is. */
const PAUSE_LOOK_MS = 60_000

/**
 * One term of a leader: it handles batch after batch, until it leads no more. What it remembers is good for its term only.
 */
export class CopyLeader<S> {
  readonly #scene: LeaderScene<S>
  readonly #source: ProjectionSource
  readonly #memory: StateMemory<S>
  readonly #feed: CopyFeed
  readonly #door: ForceDoor
  readonly #signal: AbortSignal
  #led: Led
  #isBuilding: boolean
  /** Steps that are taken one by one, as one of them has failed. */
  #careful = 0
  /** When what was read, but is of no interest, is to be committed. */
  #flushAtMs: number | undefined
  /** Where a copy that is being built has tried to take the place of the one that serves. */
  #triedAt: bigint | undefined
  /** When the first timer is due. */
  #nextDueMs: number | undefined
  #wake: (() => void) | undefined
  /** Whether it has committed anything. */
  hasCommitted = false
  #isWoken = false

  constructor(scene: LeaderScene<S>, { control, row }: Lead, signal: AbortSignal) {
    const { projection, feeds, keys, name, generation } = scene
    this.#scene = scene
    this.#signal = signal
    this.#source = projectionSource(projection)
    this.#memory = new StateMemory(scene.cacheMax)
    this.#led = { name, generation, keys, control }
    this.#isBuilding = row.building === keys.copy
    this.#door = new ForceDoor(scene)
    this.#feed = new CopyFeed(feeds, this.#source, control, signal)
  }

  /** Somebody waits for a position, or wants it to look around. */
  wake(): void {
    this.#isWoken = true
    this.#wake?.()
  }

  /** Leads, until it must begin anew: it leads no more, somebody has changed something, or it has waited after a fault. @throws ClosedError */
  async run(): Promise<void> {
    if (await this.#waitToBegin()) return
    this.#nextDueMs = await this.#newHandling().nextDueMs()
    for (;;) {
      this.#signal.throwIfAborted()
      if (!(await this.#gather())) return
      if (!this.#hasWork()) {
        await this.#rest()
        continue
      }
      if ((await this.#batch()) === 'over') return
    }
  }

  /** Waits while the projection is paused, or stands at a fault. Returns whether it has waited. */
  async #waitToBegin(): Promise<boolean> {
    const { reading, rows, name, keys, host } = this.#scene
    const { seen, changed, cancel } = await lookAndWatch(
      reading,
      [rows.keyOf(name), keys.control],
      async ({ tx }) => ({ row: await rows.read(tx, name), control: await rows.control(tx, keys) }),
    )
    try {
      const { runtime } = host
      const { fault } = seen.control ?? {}
      if (seen.row?.isPaused) {
        await waitFor(runtime, changed, PAUSE_LOOK_MS, this.#signal)
        return true
      }
      const leftMs = fault === undefined ? 0 : fault.retryAtMs - runtime.now()
      // One that is later than any pause can be was put there by a clock that was ahead.
      if (leftMs <= 0 || leftMs > PROJECTION_RETRY_MS_MAX) return false
      await waitFor(runtime, changed, leftMs, this.#signal)
      return true
    } finally {
      cancel()
    }
  }

  /** Reads on, if that can be done without waiting or nothing else is to be done. Returns whether to go on. */
  async #gather(): Promise<boolean> {
    try {
      await this.#feed.gather(this.#scene.host.runtime)
      return true
    } catch (error) {
      if (this.#signal.aborted || isOfStore(error)) throw error
      await this.#commitFault({ event: undefined, timer: undefined, partition: undefined, error })
      return false
    }
  }

  #hasWork(): boolean {
    const { control } = this.#led
    const { reached, events } = this.#feed
    if (events.length > 0 || this.#isTimerDue()) return true
    if (control.fault !== undefined) return true
    if (this.#isAtEnd() && this.#triedAt !== reached.position) return true
    if (reached.place === control.place && reached.position <= control.position) return false
    const wanted = this.#scene.wanted()
    if (wanted !== undefined && wanted > control.position) return true
    const nowMs = this.#scene.host.runtime.monotonic()
    this.#flushAtMs ??= nowMs + PROJECTION_CHECKPOINT_MS
    return nowMs >= this.#flushAtMs
  }

  /** Whether it is at the end of its source, where something is to be done: taking the place of the one that serves, or coming into force. */
  #isAtEnd(): boolean {
    if (!this.#feed.reached.isEnd || this.#careful > 0) return false
    return this.#isBuilding || this.#scene.projection.isInline
  }

  #isTimerDue(): boolean {
    if (this.#nextDueMs === undefined) return false
    const watermarkMs = this.#led.control.watermarkMs ?? Number.NEGATIVE_INFINITY
    return this.#nextDueMs <= Math.max(watermarkMs, this.#clockMs() ?? Number.NEGATIVE_INFINITY)
  }

  /** What the clock says, if it makes timers due. Only a copy that serves goes by it. */
  #clockMs(): number | undefined {
    const { projection, host } = this.#scene
    if (projection.definition.clock !== 'wall' || this.#isBuilding || !this.#feed.reached.isEnd)
      return undefined
    return host.runtime.now()
  }

  /** Waits at the end of the source until something comes, or something is due. */
  async #rest(): Promise<void> {
    const { runtime } = this.#scene.host
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#feed.listen(() => this.#wake?.())
    if (this.#isWoken || this.#feed.isReady) this.#wake?.()
    this.#isWoken = false
    await waitFor(runtime, woken, this.#restMs(), this.#signal)
    this.#wake = undefined
    if (!this.#feed.isReady) this.#triedAt = undefined
  }

  #restMs(): number {
    const { runtime } = this.#scene.host
    const isOnItsWay = this.#isBuilding || this.#scene.projection.isInline
    let untilMs = isOnItsWay ? LOOK_AGAIN_MS : PAUSE_LOOK_MS
    if (this.#flushAtMs !== undefined) untilMs = Math.min(untilMs, this.#flushAtMs - runtime.monotonic())
    if (this.#clockMs() !== undefined && this.#nextDueMs !== undefined)
      untilMs = Math.min(untilMs, this.#nextDueMs - runtime.now())
    return Math.max(0, untilMs)
  }

  /** Handles what was read, and commits it. */
  async #batch(): Promise<Verdict> {
    this.#isWoken = false
    this.#triedAt = this.#feed.reached.position
    if (this.#isAtEnd() && (await this.#comeIntoForce())) return 'over'
    const steps = this.#careful > 0 ? 1 : Number.MAX_SAFE_INTEGER
    const events = this.#feed.events
    const clockMs = await this.#timersUntil()
    let handling = await this.#handle(events, steps, clockMs)
    const { failure } = handling
    if (failure !== undefined) {
      handling.states.drop()
      if (failure.step === 0) return this.#commitFault(failure)
      handling = await this.#handle(events, failure.step, clockMs)
      if (handling.failure !== undefined) {
        handling.states.drop()
        return 'again'
      }
    }
    return this.#commit(handling, events)
  }

  /** Tries to. Returns whether there is nothing more to do here. */
  async #comeIntoForce(): Promise<boolean> {
    const outcome = await comeIntoForce(this.#scene, this.#led)
    if (outcome.kind === 'done') this.#moveOn(outcome.control, outcome.hasSwitched, true)
    if (outcome.kind === 'outrun') await this.#door.knock(this.#led)
    return outcome.kind !== 'not-yet' && outcome.kind !== 'outrun'
  }

  /**
   * A copy that is being built runs the timers that were due for the one that serves, before it takes its place: if it has handled everything
   * that made them so.
   */
  async #timersUntil(): Promise<number | undefined> {
    if (!this.#isBuilding) return this.#clockMs()
    const { reading, rows, name, projection } = this.#scene
    const { position, isEnd } = this.#feed.reached
    if (!isEnd || projection.definition.timer === undefined) return undefined
    return reading.onSnapshot(async ({ tx }) => {
      const serving = await rows.copyAt(tx, (await rows.read(tx, name))?.serving)
      if (serving === undefined) return undefined
      const isBehind = await hasNothingBetween(rows, tx, position, serving.control.position)
      return isBehind ? serving.control.watermarkMs : undefined
    })
  }

  async #handle(
    events: readonly RecordedEvent[],
    steps: number,
    clockMs: number | undefined,
  ): Promise<Handling<S>> {
    const handling = this.#newHandling()
    await handling.run(events, { steps, clockMs })
    return handling
  }

  #newHandling(): Handling<S> {
    const { projection, host, reading, keys, rows } = this.#scene
    const base = rowsOf((body) =>
      reading
        .onSnapshot(({ tx }) => body(tx))
        .catch((error: unknown) => {
          throw new RowsFailure(error)
        }),
    )
    return new Handling<S>(
      {
        projection,
        keyspace: rows.keyspace,
        keys,
        memory: this.#memory,
        runtime: host.runtime,
        rows: new BufferedRows(base, host.kv.limits),
        isStream: this.#source.source.isStream,
        placeOf: (event) => this.#feed.placeOf(event),
        onStop: undefined,
      },
      this.#led.control,
    )
  }

  async #commit(handling: Handling<S>, events: readonly RecordedEvent[]): Promise<Verdict> {
    const { reached } = this.#feed
    const isAll = handling.taken === events.length && !handling.isCut && handling.failure === undefined
    if (isAll) handling.moveTo(reached.place, reached.position)
    const batch: Batch = {
      handling: handling as Handling<unknown>,
      place: handling.place,
      position: handling.position,
      fault: undefined,
    }
    const nextDueMs = await handling.nextDueMs()
    let outcome: CommitOutcome
    try {
      handling.states.encode()
    } catch (error) {
      return this.#blame(error, handling)
    }
    try {
      outcome = await commitBatch(this.#scene, this.#led, batch)
    } catch (error) {
      return this.#judge(error, handling)
    }
    if (outcome.kind !== 'done') {
      handling.states.drop()
      return 'over'
    }
    handling.states.remember()
    this.#feed.done(handling.taken)
    this.#careful = Math.max(0, this.#careful - handling.steps)
    this.#nextDueMs = nextDueMs
    this.#flushAtMs = undefined
    this.#moveOn(outcome.control, outcome.hasSwitched)
    return 'done'
  }

  /** Finds out whether it is the fault of what was handled that a batch could not be committed. */
  async #judge(error: unknown, handling: Handling<S>): Promise<Verdict> {
    if (error instanceof EffectFailure) return this.#blame(error.cause, handling)
    if (
      error instanceof LimitExceededError ||
      error instanceof TransactionTooLargeError ||
      error instanceof ProjectionRefusedError ||
      error instanceof ProjectionNotCarriedError
    ) {
      return this.#blame(error, handling)
    }
    handling.states.drop()
    throw error
  }

  /** Finds out which of the events and timers of a batch is to blame: one by one, if there are several. */
  async #blame(error: unknown, handling: Handling<S>): Promise<Verdict> {
    handling.states.drop()
    if (handling.steps <= 1) {
      const first = handling.first ?? { event: undefined, timer: undefined, partition: undefined }
      return this.#commitFault({ ...first, error })
    }
    this.#careful = handling.steps
    return 'again'
  }

  async #commitFault(failure: Omit<Failure, 'step'>): Promise<'over'> {
    const { host, options, projection } = this.#scene
    const { control } = this.#led
    const fault = faultOf(failure, control.fault, host.runtime.now(), (event) => this.#feed.placeOf(event))
    const batch: Batch = { handling: undefined, place: control.place, position: control.position, fault }
    const outcome = await commitBatch(this.#scene, this.#led, batch)
    if (outcome.kind !== 'done') return 'over'
    const seen = seenFault(fault)
    if (options.onFault !== undefined) this.#tell(() => options.onFault!(seen))
    else if (fault.attempts === 1 || isAskedFor(control.fault))
      host.runtime.warn?.(warningOf(projection, seen), failure.error)
    return 'over'
  }

  #moveOn(control: ControlRow, hasSwitched: boolean, isAtEnd = false): void {
    this.#led = { ...this.#led, control }
    this.hasCommitted = true
    if (hasSwitched) this.#isBuilding = false
    const { options } = this.#scene
    const { version, position, handled } = control
    const { reached, events } = this.#feed
    const isCaughtUp = isAtEnd || (reached.isEnd && events.length === 0)
    if (options.onProgress !== undefined)
      this.#tell(() => options.onProgress!({ version, position, handled, isCaughtUp }))
  }

  /** What a callback throws is nobody's fault but its own. */
  #tell(call: () => unknown): void {
    callBack(this.#scene.host.runtime, call)
  }
}
