import { APPEND_BATCH_BYTES_MAX, APPEND_EVENTS_MAX } from '../limits.ts'
import type { FoldedEvent } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import { lengthOf, type PreparedEvent } from '../store/prepared-event.ts'
import type { Folded } from './fold.ts'
import type { WaitingCommand } from './waiting-command.ts'

/** A command that was decided on a state that its predecessors have made, and how that ended. */
export interface DecidedCommand<E extends EventShape, S> {
  readonly command: WaitingCommand<E, S>
  /** Why it refused, if it did. */
  readonly refusal: { readonly error: unknown } | undefined
  readonly events: readonly FoldedEvent<E>[]
  /** The state behind it. */
  readonly folded: Folded<S>
}

/** Commands that were decided one upon the other, whose events become one append. */
export class Batch<E extends EventShape, S> {
  /** The state that it began with. */
  readonly from: Folded<S>
  readonly decided: DecidedCommand<E, S>[] = []
  readonly prepared: PreparedEvent[] = []
  #folded: Folded<S>
  #bytes = 0

  constructor(from: Folded<S>) {
    this.from = from
    this.#folded = from
  }

  /** The state with all of its events. */
  get folded(): Folded<S> {
    return this.#folded
  }

  /** Whether there is something to be written. */
  get hasEvents(): boolean {
    return this.prepared.length > 0
  }

  /** Whether nothing more should be put into the same append. */
  get isFull(): boolean {
    return this.#bytes > APPEND_BATCH_BYTES_MAX
  }

  /** Whether so many events more are too many for one append. */
  isTooSmallFor(events: number): boolean {
    return this.prepared.length + events > APPEND_EVENTS_MAX
  }

  add(one: DecidedCommand<E, S>, prepared: readonly PreparedEvent[]): void {
    this.decided.push(one)
    // What is known of snapshots is that of now: it was decided while the batch before was being written, perhaps.
    const { snapshot, loadMs } = this.#folded
    this.#folded = { ...one.folded, snapshot, loadMs }
    for (const event of prepared) {
      this.prepared.push(event)
      this.#bytes += lengthOf(event.data) + lengthOf(event.metadata)
    }
  }
}
