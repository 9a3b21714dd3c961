import { UnknownEventError } from '../errors.ts'
import type { Aggregate, FoldedEvent, LoadedAggregate } from '../store/contract-aggregates.ts'
import type { EventShape, TransactionEvent } from '../store/event.ts'
import { LINK_TYPE } from '../store/prepared-event.ts'
import { timeMsOf } from '../store/stored-event.ts'

/** A state, and what it is the fold of. Never changed once it is made. */
export interface Folded<S> {
  readonly state: S
  /** Version of the last event of the stream that was looked at. */
  readonly version: number
  /** Where the life of the stream begins that its events belong to. */
  readonly base: number
  /** Whether it is the fold of all events of its life: not of what is left of them. */
  readonly isWhole: boolean
  /** The latest time of its events, in milliseconds since 1970. */
  readonly latestMs: number
  /** Version of the newest snapshot that is known, else the base. */
  readonly snapshot: number
  /** How long it took to load since there was a snapshot, in milliseconds; 0 if it was at hand. */
  readonly loadMs: number
  /** When this was the state of the whole stream, on the engine's clock of calls. */
  readonly seenAt: number
}

/** Whether there are events in a state. */
export function hasEvents({ version, base }: Folded<unknown>): boolean {
  return version > base
}

/** What a caller is told of a state. */
export function loadedOf<S>(
  { id, streamId }: { readonly id: string; readonly streamId: string },
  folded: Folded<S>,
): LoadedAggregate<S> {
  return { id, streamId, state: folded.state, version: folded.version, exists: hasEvents(folded) }
}

/** What is folded: an event that was read, or one that was just decided. */
type AnyEvent = Pick<TransactionEvent, 'type' | 'streamId' | 'version'>

/** Folds events into a state, one after the other. */
export class Fold<E extends EventShape, S> {
  readonly #aggregate: Aggregate<E, S, unknown>
  readonly #from: Folded<S>
  #state: S
  #version: number
  #latestMs: number
  #isOwn = false

  constructor(aggregate: Aggregate<E, S, unknown>, from: Folded<S>) {
    this.#aggregate = aggregate
    this.#from = from
    this.#state = from.state
    this.#version = from.version
    this.#latestMs = from.latestMs
  }

  /** Version of the last event. */
  get version(): number {
    return this.#version
  }

  /** What it has come to. */
  result(): Folded<S> {
    return { ...this.#from, state: this.#state, version: this.#version, latestMs: this.#latestMs }
  }

  /**
   * Takes events that were read, in order. Returns whether one of them was later than `untilMs`, before which it stopped.
   * @throws UnknownEventError, ValidationError, and what `evolve` and upcasters throw
   */
  async read(events: readonly TransactionEvent[], untilMs: number, now: number): Promise<boolean> {
    const { types } = this.#aggregate.events
    for (const event of events) {
      const timeMs = timeMsOf(event) ?? now
      if (timeMs > untilMs) return true
      // A link says something of another stream.
      if (event.type === LINK_TYPE) this.#pass(event.version, timeMs)
      else if (types === undefined) this.take(event, timeMs)
      else {
        const today = this.#aggregate.events.upToDate(event)
        for (const part of today instanceof Promise ? await today : today) this.#evolve(part)
        this.#pass(event.version, timeMs)
      }
    }
    return false
  }

  /** Takes an event as it is. @throws UnknownEventError, and what `evolve` throws */
  take(event: AnyEvent, timeMs: number): void {
    this.#evolve(event)
    this.#pass(event.version, timeMs)
  }

  #evolve(event: AnyEvent): void {
    const { category, mustKnow, copy, evolve } = this.#aggregate
    if (mustKnow !== undefined && !mustKnow.has(event.type)) throw new UnknownEventError(event, { category })
    // Those who hold the state that this began with shall not see it change.
    if (copy !== undefined && !this.#isOwn) this.#state = copy(this.#state)
    this.#isOwn = true
    this.#state = evolve(this.#state, event as FoldedEvent<EventShape> as FoldedEvent<E>)
  }

  #pass(version: number, timeMs: number): void {
    this.#version = version
    if (timeMs > this.#latestMs) this.#latestMs = timeMs
  }
}
