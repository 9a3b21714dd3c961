import type { AnyPlace } from '../../src/store/broker.ts'
import type { Delivery } from '../../src/store/contract-subscribing.ts'
import type { RecordedEvent } from '../../src/store/event.ts'
import { HandedEvent } from '../../src/subscription/group-delivery.ts'
import type { GroupSight } from './group-sight.ts'

/** An event in a handler. */
export interface Handling {
  readonly event: number
  readonly process: string
  readonly delivery: Delivery<RecordedEvent>
  readonly isAlone: boolean
  /** Whether it is in the body of a loop, which goes on when its subscription has been closed. */
  readonly iterates: boolean
  /** Whether its process has died or stood still meanwhile, so that others may have it. */
  isInterrupted: boolean
  /** What the handler has said itself: that it is done, or not. */
  said: 'done' | 'undone' | undefined
}

/** Keeps what handlers did with each event, and finds what they must never see. */
export class HandlingBook {
  /** Events that were handled to the end, at least once. */
  readonly done = new Set<number>()
  /** How often something went wrong with an event: it failed, or its process was lost. */
  readonly blame = new Map<number, number>()
  readonly problems: string[] = []
  /** What was stored when somebody looked last. */
  sight: GroupSight | undefined
  /** What events are pinned by, if they are. */
  #keyOf: ((event: number) => string) | undefined
  /** Events that were parked some time, and that later ones of the same key need not wait for. */
  readonly #passed = new Set<number>()
  readonly #eventAt = new Map<AnyPlace, number>()
  readonly #running = new Set<Handling>()
  #names = 0

  constructor(keyOf: ((event: number) => string) | undefined) {
    this.#keyOf = keyOf
  }

  nextName(): number {
    this.#names += 1
    return this.#names
  }

  begin(
    process: string,
    delivery: Delivery<RecordedEvent>,
    how: Pick<Handling, 'iterates' | 'isInterrupted'>,
  ): Handling {
    const event = Number(delivery.event.data)
    const isAlone = delivery instanceof HandedEvent && delivery.item.isAlone
    const handling: Handling = { event, process, delivery, isAlone, said: undefined, ...how }
    // One that stands still has only not noticed it yet.
    if (how.isInterrupted) this.#accuse(event)
    else {
      this.#assertFree(handling)
      this.#assertInOrder(handling)
    }
    this.#running.add(handling)
    delivery.signal.addEventListener('abort', () => this.#accuse(event), { once: true })
    return handling
  }

  end(handling: Handling, isDone: boolean): void {
    this.#running.delete(handling)
    if (isDone && handling.said !== 'undone') this.done.add(handling.event)
    else this.#accuse(handling.event)
  }

  /** A process is lost, for now or for ever: what it handles may go to others. */
  interrupt(process: string): void {
    for (const handling of this.#running) {
      if (handling.process !== process || handling.isInterrupted) continue
      handling.isInterrupted = true
      this.#accuse(handling.event)
    }
  }

  /** The group was reset: everything comes again, also what is in handlers, and processes hear of it only later. */
  startOver(): void {
    this.done.clear()
    this.#keyOf = undefined
    for (const handling of this.#running) handling.isInterrupted = true
  }

  /** An event has its place. */
  appended(place: AnyPlace, event: number): void {
    this.#eventAt.set(place, event)
  }

  /** A consumer is lost with what it had, whether that was handed over or not. */
  lose(consumer: number): void {
    for (const { place } of this.sight?.hands.get(consumer) ?? []) this.#accuse(this.#eventAt.get(place)!)
  }

  /** Later events of the same key go on without the one at this place. */
  passOver(place: AnyPlace): void {
    this.#passed.add(this.#eventAt.get(place)!)
  }

  #accuse(event: number): void {
    this.blame.set(event, (this.blame.get(event) ?? 0) + 1)
  }

  #assertFree({ event, process, isAlone }: Handling): void {
    for (const other of this.#running) {
      if (other.isInterrupted) continue
      const isOwn = other.process === process
      // Nobody waits for one whose time is over, or whose subscription is.
      const isOver = other.delivery.signal.aborted
      if (isOwn && !isOver && (isAlone || other.isAlone)) {
        this.problems.push(`${process} handles ${event} beside ${other.event}, one of which is alone`)
      }
      if (other.delivery.signal.aborted || other.said !== undefined) continue
      if (other.event === event) this.problems.push(`${event} is in two handlers`)
      if (other.event !== event && this.#keyOf?.(event) === (this.#keyOf?.(other.event) ?? '')) {
        this.problems.push(`${event} and ${other.event}, which are of one key, are in handlers`)
      }
    }
  }

  #assertInOrder({ event }: Handling): void {
    const key = this.#keyOf?.(event)
    if (key === undefined) return
    for (let earlier = 0; earlier < event; earlier += 1) {
      if (this.#keyOf!(earlier) !== key || this.done.has(earlier) || this.#passed.has(earlier)) continue
      this.problems.push(`${event} is handled before ${earlier}, which is of the same key`)
    }
  }
}
