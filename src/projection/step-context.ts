import { InvalidArgumentError } from '../errors.ts'
import { TIMER_NAME_BYTES_MAX } from '../limits.ts'
import type { EventPlace } from '../store/contract-appending.ts'
import type { ProjectionContext } from '../store/contract-projections.ts'
import type { KeyValueWriter } from '../store/contract-transactions.ts'
import type { NewEvent, RecordedEvent } from '../store/event.ts'
import { checkName, describe } from '../store/text.ts'
import type { TimerPlace } from './copy-keys.ts'
import type { Cause } from './effects.ts'
import type { Timer } from './timers.ts'

/** What is being handled. */
export interface Step {
  readonly partition: string
  readonly cause: Cause
  /** The event, if it is one. */
  readonly event: RecordedEvent | undefined
  /** The timer, if it is one. */
  readonly timer: Timer | undefined
}

/** What handlers can do, for whoever carries it out. */
export interface StepWork {
  readonly kv: KeyValueWriter
  readonly hasTimers: boolean
  /** Whether what is handled has a position. */
  readonly hasPositions: boolean
  emit(step: Step, streamId: string, events: NewEvent | readonly NewEvent[]): void
  link(step: Step, streamId: string, event: EventPlace): void
  schedule(step: Step, place: TimerPlace): void
  cancel(place: Pick<TimerPlace, 'partition' | 'name'>): void
  forget(): void
  stop(): void
}

/**
 * What one call of a handler is given. It is good for nothing once the handler has returned. What it can do are properties, made when they are
 * asked for: handlers take contexts apart, and most of them use little of it.
 */
export class StepContext implements ProjectionContext {
  readonly #step: Step
  readonly #work: StepWork
  #isOver = false

  constructor(step: Step, work: StepWork) {
    this.#step = step
    this.#work = work
  }

  get kv(): KeyValueWriter {
    return guarded(this.#work.kv, () => this.#assertInTime())
  }

  get partition(): string {
    return this.#step.partition
  }

  get position(): bigint {
    if (!this.#work.hasPositions)
      throw new InvalidArgumentError('An event that an inline projection handles has no position yet')
    return this.#step.cause.position
  }

  get emit(): ProjectionContext['emit'] {
    return (streamId, events) => {
      this.#assertInTime()
      this.#work.emit(this.#step, streamId, events)
    }
  }

  get linkTo(): ProjectionContext['linkTo'] {
    return (streamId, event) => {
      this.#assertInTime()
      this.#work.link(this.#step, streamId, event)
    }
  }

  get schedule(): ProjectionContext['schedule'] {
    return (name, at) => this.#schedule(name, at)
  }

  get cancel(): ProjectionContext['cancel'] {
    return (name) => {
      this.#assertTimers(name)
      this.#work.cancel({ partition: this.#step.partition, name })
    }
  }

  get forget(): ProjectionContext['forget'] {
    return () => {
      this.#assertInTime()
      this.#work.forget()
    }
  }

  get stop(): ProjectionContext['stop'] {
    return () => {
      this.#assertInTime()
      this.#work.stop()
    }
  }

  /** The handler has returned. */
  end(): void {
    this.#isOver = true
  }

  #schedule(name: string, at: Date): void {
    this.#assertTimers(name)
    const dueMs = at instanceof Date ? at.getTime() : Number.NaN
    if (Number.isNaN(dueMs)) {
      throw new InvalidArgumentError(`A timer is due at a valid Date, not at ${describe(at)}`, { at })
    }
    const { partition, timer } = this.#step
    if (timer !== undefined && dueMs <= timer.dueMs) {
      throw new InvalidArgumentError(
        'A timer can schedule another one only for later than it was due itself, or it might never end',
        { name, at },
      )
    }
    this.#work.schedule(this.#step, { partition, name, dueMs })
  }

  #assertTimers(name: string): void {
    this.#assertInTime()
    checkName(name, 'The name of a timer', TIMER_NAME_BYTES_MAX)
    if (this.#work.hasTimers) return
    throw new InvalidArgumentError('A projection that schedules timers needs a `timer` handler')
  }

  /** What a handler does behind its own back would belong to another event. */
  #assertInTime(): void {
    if (!this.#isOver) return
    throw new InvalidArgumentError(
      'The handler of this event has returned already; what it does must be awaited',
    )
  }
}

function guarded(kv: KeyValueWriter, assertInTime: () => void): KeyValueWriter {
  return {
    get: (key) => {
      assertInTime()
      return kv.get(key)
    },
    getRange: (prefix, options) => {
      assertInTime()
      return kv.getRange(prefix, options)
    },
    set: (key, value) => {
      assertInTime()
      kv.set(key, value)
    },
    clear: (key) => {
      assertInTime()
      kv.clear(key)
    },
    clearRange: (prefix) => {
      assertInTime()
      kv.clearRange(prefix)
    },
  }
}
