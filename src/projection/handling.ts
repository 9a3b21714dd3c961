import { InvalidArgumentError } from '../errors.ts'
import type { BufferedRows } from '../kv/buffered-rows.ts'
import type { Transaction } from '../kv/contract.ts'
import {
  PARTITION_BYTES_MAX,
  PROJECTION_BATCH_EVENTS,
  PROJECTION_BATCH_MS,
  PROJECTION_BATCH_ROWS,
  PROJECTION_WRITTEN_BYTES,
} from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { AnyPlace } from '../store/broker.ts'
import type {
  DeletedStream,
  EmittedEvents,
  ProjectedEvent,
  ProjectionHandler,
} from '../store/contract-projections.ts'
import type { JsonObject, NewEvent, RecordedEvent } from '../store/event.ts'
import { DELETED, TOMBSTONED } from '../store/life.ts'
import { SYSTEM_PREFIX } from '../store/prepared-event.ts'
import {
  appendedCopyOf,
  freshCopyOf,
  isSystemEvent,
  linkTargetOf,
  positionFoundAt,
  stampOfEvent,
} from '../store/stored-event.ts'
import { checkName } from '../store/text.ts'
import { userKeyWriter } from '../store/user-keys.ts'
import { TurnTaker } from '../subscription/turn-taker.ts'
import { BatchStates, type StateScene } from './batch-states.ts'
import { type Cause, type Effect, EventCause, emitted, linked, roughSizeOfEffect } from './effects.ts'
import { timeMsIn } from './event-time.ts'
import { laterOf } from './projection-rows.ts'
import { type Step, StepContext, type StepWork } from './step-context.ts'
import { RowsFailure } from './store-failures.ts'
import { type Timer, Timers } from './timers.ts'

/** Where handling begins. */
export interface HandlingStart {
  readonly place: AnyPlace
  readonly position: bigint
  /** Position of the last event of the source before. */
  readonly eventPosition: bigint
  readonly watermarkMs: number | undefined
}

/** What handling takes. */
export interface HandlingScene<S> extends StateScene<S> {
  readonly runtime: Runtime
  readonly rows: BufferedRows
  /** Whether places are versions. */
  readonly isStream: boolean
  readonly placeOf: (event: RecordedEvent) => AnyPlace
  /** Ends everything behind this event; `undefined` if nobody can. */
  readonly onStop: (() => void) | undefined
  /** Gets what is emitted, in place of keeping it to be appended. */
  readonly onEmit?: (emitted: EmittedEvents) => void
}

/** What went wrong, and with what. */
export interface Failure {
  /** Which of the events and timers of the batch, from 0 on. */
  readonly step: number
  readonly event: RecordedEvent | undefined
  readonly timer: Timer | undefined
  readonly partition: string | undefined
  readonly error: unknown
}

/** How far to go. */
export interface HandlingLimits {
  /** Events and timers, at most. */
  readonly steps: number
  /** Asked before each event and timer, in place of all other limits, if nothing of it is to be committed: whether to go on. May throw. */
  readonly goesOn?: (() => boolean) | undefined
  /** Until when timers are due that no event makes due, in milliseconds since 1970. */
  readonly clockMs: number | undefined
}

/**
 * Handles the events of one batch, without a transaction: what comes of it is in states, rows and effects, to be committed or forgotten. See
 * "A batch" in `docs/projections.md`.
 */
export class Handling<S> {
  readonly #scene: HandlingScene<S>
  readonly #work: StepWork
  readonly #timers: Timers
  /** Whether there can be timers. */
  readonly hasTimers: boolean
  readonly #turns: TurnTaker
  readonly #startedAtMs: number
  readonly states: BatchStates<S>
  readonly effects: Effect[] = []
  #effectsSize = 0
  /** Work on rows that a handler has begun and does not know of. */
  #pending: Promise<unknown>[] = []
  #forgets = false
  #partition: string | undefined
  place: AnyPlace
  position: bigint
  eventPosition: bigint
  watermarkMs: number | undefined
  /** Events that were taken in, handled or not. */
  taken = 0
  /** Events that were handled. */
  handled = 0
  /** Events and timers that were dealt with. */
  steps = 0
  /** What was dealt with first. */
  first: Omit<Failure, 'step' | 'error'> | undefined
  /** Whether it ended before the last event, without a failure. */
  isCut = false
  failure: Failure | undefined

  constructor(scene: HandlingScene<S>, start: HandlingStart) {
    this.#scene = scene
    this.hasTimers = scene.projection.definition.timer !== undefined
    this.place = start.place
    this.position = start.position
    this.eventPosition = start.eventPosition
    this.watermarkMs = start.watermarkMs
    this.states = new BatchStates(scene, scene.rows)
    this.#timers = new Timers(scene.rows, scene.keyspace, scene.keys)
    this.#turns = new TurnTaker(scene.runtime)
    this.#startedAtMs = scene.runtime.monotonic()
    this.#work = this.#makeWork()
  }

  /** When the first timer is due; `undefined` if there is none. @throws CorruptionError */
  async nextDueMs(): Promise<number | undefined> {
    return this.hasTimers ? (await this.#timers.first())?.dueMs : undefined
  }

  /** Handles events, until all are done, the batch is large enough, or one fails. */
  async run(events: readonly RecordedEvent[], limits: HandlingLimits): Promise<void> {
    if (this.hasTimers && !(await this.#runTimers(this.watermarkMs, limits, undefined))) return
    for (const event of events) {
      if (this.#isFull(limits)) return
      const timeMs = this.hasTimers ? timeMsIn(event) : undefined
      if (timeMs !== undefined && !(await this.#runTimersBefore(event, timeMs, limits))) return
      if (!(await this.#runEvent(event))) return
      if (timeMs !== undefined) this.watermarkMs = Math.max(this.watermarkMs ?? timeMs, timeMs)
      this.taken += 1
      this.#moveTo(event)
      if (this.hasTimers && !(await this.#runTimers(this.watermarkMs, limits, event))) return
    }
    const { clockMs } = limits
    if (clockMs === undefined || !this.hasTimers) return
    if (!(await this.#runTimers(clockMs, limits, undefined))) return
    this.watermarkMs = Math.max(this.watermarkMs ?? clockMs, clockMs)
  }

  /** Writes what handlers have done to rows other than states. */
  repeatOn(tx: Transaction): void {
    this.#scene.rows.repeatOn(tx)
  }

  /** Moves to the end of what was read. */
  moveTo(place: AnyPlace, position: bigint): void {
    this.place = place
    if (position > this.position) this.position = position
  }

  /** Whether the batch must end here. Says so. */
  #isFull({ steps, goesOn }: HandlingLimits): boolean {
    const isFull = goesOn === undefined ? this.#isLarge(steps) : !goesOn()
    if (isFull) this.isCut = true
    return isFull
  }

  #isLarge(steps: number): boolean {
    const { rows, runtime } = this.#scene
    return (
      this.steps >= Math.min(steps, PROJECTION_BATCH_EVENTS) ||
      this.states.count + rows.size + this.effects.length > PROJECTION_BATCH_ROWS ||
      this.states.size + rows.bytes + this.#effectsSize > PROJECTION_WRITTEN_BYTES ||
      (this.steps > 0 && runtime.monotonic() - this.#startedAtMs > PROJECTION_BATCH_MS)
    )
  }

  /** Runs the timers that an event makes due. Returns whether to go on. */
  async #runTimersBefore(event: RecordedEvent, timeMs: number, limits: HandlingLimits): Promise<boolean> {
    // Whatever is before the event has been looked at: whoever runs its timers has come that far.
    this.position = laterOf(positionFoundAt(event) - 1n, this.position)
    return (await this.#runTimers(timeMs, limits, event)) && !this.#isFull(limits)
  }

  /** Runs the timers that are due by a time, one after the other. Returns whether to go on. */
  async #runTimers(
    untilMs: number | undefined,
    limits: HandlingLimits,
    event: RecordedEvent | undefined,
  ): Promise<boolean> {
    const until = Math.max(untilMs ?? Number.NEGATIVE_INFINITY, this.watermarkMs ?? Number.NEGATIVE_INFINITY)
    for (;;) {
      const timer = await this.#timers.first()
      if (timer === undefined || timer.dueMs > until) return true
      if (this.#isFull(limits)) return false
      if (!(await this.#runTimer(timer, event))) return false
      this.watermarkMs = Math.max(this.watermarkMs ?? timer.dueMs, timer.dueMs)
    }
  }

  async #runTimer(timer: Timer, event: RecordedEvent | undefined): Promise<boolean> {
    const { projection, rows, keys } = this.#scene
    const { definition } = projection
    const { partition, name, dueMs, origin } = timer
    const cause: Cause = {
      step: this.steps,
      place: this.place,
      position: this.eventPosition,
      timer: { dueMs, partition, name, scheduledAt: origin.position },
      causationId: origin.causationId,
      correlationId: origin.correlationId,
    }
    const step: Step = { partition, cause, event: undefined, timer }
    this.first ??= { event, timer, partition }
    try {
      await this.#timers.cancel(timer)
      rows.clear(keys.owed(timer))
      await this.#call(definition.timer!, { name, due: new Date(dueMs) }, step)
    } catch (error) {
      if (error instanceof RowsFailure) throw error.cause
      return this.#fail({ event, timer, partition, error })
    }
    this.steps += 1
    if (this.#turns.isDue) await this.#turns.take()
    return true
  }

  async #runEvent(event: RecordedEvent): Promise<boolean> {
    this.#partition = undefined
    try {
      const wasHandled = await this.#handle(event)
      if (wasHandled) this.handled += 1
    } catch (error) {
      if (error instanceof RowsFailure) throw error.cause
      return this.#fail({ event, timer: undefined, partition: this.#partition, error })
    }
    this.first ??= { event, timer: undefined, partition: this.#partition }
    this.steps += 1
    if (this.#turns.isDue) await this.#turns.take()
    return true
  }

  #fail(failure: Omit<Failure, 'step'>): false {
    this.failure = { step: this.steps, ...failure }
    return false
  }

  /** Hands an event to its handlers; tells whether it has any. */
  async #handle(event: RecordedEvent): Promise<boolean> {
    if (isSystemEvent(event)) return this.#handleDeletion(event)
    // A link that was not resolved is no event of anybody's.
    if (linkTargetOf(event) !== undefined) return false
    const { events, definition, isInline } = this.#scene.projection
    // Inline projections see the same of an event before it is recorded and afterwards.
    const upToDate = events.upToDate(isInline ? appendedCopyOf(event) : freshCopyOf(event))
    let wasHandled = false
    for (const one of upToDate instanceof Promise ? await upToDate : upToDate) {
      const handler = caseOf(definition.on, one.type) ?? definition.any
      if (handler === undefined) continue
      const projected = one as unknown as ProjectedEvent
      const partition = this.#partitionOf(projected)
      if (partition === undefined) continue
      this.#partition = partition
      await this.#call(handler as ProjectionHandler<unknown, S>, projected, this.#stepOf(event, partition))
      wasHandled = true
    }
    return wasHandled
  }

  /** A deletion is an event of the stream's system stream. */
  async #handleDeletion(event: RecordedEvent): Promise<boolean> {
    const { definition, isInline } = this.#scene.projection
    const { type } = event
    if (definition.deleted === undefined || (type !== DELETED && type !== TOMBSTONED)) return false
    const streamId = event.streamId.slice(SYSTEM_PREFIX.length)
    const { version } = event.data as JsonObject
    const deletion = {
      streamId,
      version: typeof version === 'number' ? version : 0,
      isTombstone: type === TOMBSTONED,
      ...(!isInline && { position: event.position }),
      time: event.time,
    } as DeletedStream
    const partition = definition.partitionBy === 'stream' ? streamId : ''
    this.#partition = partition
    await this.#call(definition.deleted, deletion, this.#stepOf(event, partition))
    return true
  }

  #partitionOf(event: ProjectedEvent): string | undefined {
    const { partitionBy } = this.#scene.projection.definition
    if (partitionBy === undefined) return ''
    const partition = partitionBy === 'stream' ? event.streamId : partitionBy(event)
    if (partition === undefined || partition === '') return partition
    checkName(partition, 'A partition', PARTITION_BYTES_MAX)
    return partition
  }

  #stepOf(event: RecordedEvent, partition: string): Step {
    const cause = new EventCause(this.steps, this.#scene.placeOf(event), this.#positionOf(event), event)
    return { partition, cause, event, timer: undefined }
  }

  async #call<Input>(handler: ProjectionHandler<Input, S>, input: Input, step: Step): Promise<void> {
    const { partition } = step
    const found = this.states.get(partition)
    const state = found instanceof Promise ? await found : found
    const context = new StepContext(step, this.#work)
    this.#forgets = false
    try {
      const returned = handler(state, input, context)
      const next = returned instanceof Promise ? await returned : returned
      if (this.#pending.length > 0) await Promise.all(this.#pending)
      if (this.#forgets) this.states.forget(partition)
      else this.states.put(partition, next === undefined ? state : next)
    } finally {
      this.#pending = []
      context.end()
    }
  }

  #moveTo(event: RecordedEvent): void {
    this.place = this.#scene.placeOf(event)
    this.eventPosition = this.#positionOf(event)
    if (this.eventPosition > this.position) this.position = this.eventPosition
  }

  /** One that is just being appended is behind everything that has a position. */
  #positionOf(event: RecordedEvent): bigint {
    return stampOfEvent(event) === undefined ? this.position : positionFoundAt(event)
  }

  #makeWork(): StepWork {
    const { rows, keys, keyspace, onStop, onEmit, projection } = this.#scene
    return {
      hasPositions: !projection.isInline,
      kv: userKeyWriter(rows, keys.model),
      hasTimers: this.hasTimers,
      emit: ({ cause }, streamId, events) => {
        const effect = emitted(cause, streamId, events, keyspace.codecs)
        if (onEmit === undefined) this.#keep(effect)
        else onEmit({ streamId, events: Array.isArray(events) ? events : [events as NewEvent] })
      },
      link: ({ cause, event }, streamId, target) => {
        const effect = linked(cause, streamId, target, event)
        if (onEmit === undefined) this.#keep(effect)
        else onEmit({ streamId, link: { streamId: target.streamId, version: target.version } })
      },
      schedule: ({ cause }, place) => {
        const { causationId, correlationId, position } = cause
        this.#later(() => this.#timers.schedule(place, { position, causationId, correlationId }))
      },
      cancel: (place) => this.#later(() => this.#timers.cancel(place)),
      forget: () => {
        this.#forgets = true
      },
      stop: () => {
        if (onStop === undefined) throw new InvalidArgumentError('Only what is run once can be stopped')
        onStop()
      },
    }
  }

  #keep(effect: Effect): void {
    this.effects.push(effect)
    this.#effectsSize += roughSizeOfEffect(effect)
  }

  /** One after the other, as each looks at what was there before. */
  #later(work: () => Promise<void>): void {
    const last = this.#pending.at(-1)
    const next = last === undefined ? work() : last.then(work)
    next.catch(() => {})
    this.#pending.push(next)
  }
}

function caseOf<Handler>(
  cases: Readonly<Record<string, Handler>> | undefined,
  type: string,
): Handler | undefined {
  return cases !== undefined && Object.hasOwn(cases, type) ? cases[type] : undefined
}
