import { InvalidArgumentError } from '../errors.ts'
import type { Delivery, NackAction } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import { describe } from '../store/text.ts'
import type { Item } from './group-rows.ts'

/** What became of an event that was handed over. */
export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly action: 'retry' | 'park' | 'stop'; readonly reason: string }

/** Whom a delivery tells. */
export interface DeliveryDesk {
  /** Notes a verdict. Resolves when it is durable: whether the event was still there. */
  settle(delivery: HandedEvent, verdict: Verdict): Promise<boolean>
}

/** An event that was handed over. */
export class HandedEvent implements Delivery<RecordedEvent> {
  readonly event: RecordedEvent
  readonly item: Item
  /** On the monotonic clock: until then it is its consumer's. */
  readonly deadlineMs: number
  readonly #desk: DeliveryDesk
  #ending: AbortController | undefined
  /** Whether a verdict was given, or its time is over. */
  isSettled = false
  /** Whether its time is over. */
  isOverdue = false

  constructor(desk: DeliveryDesk, item: Item, event: RecordedEvent, deadlineMs: number) {
    this.#desk = desk
    this.item = item
    this.event = event
    this.deadlineMs = deadlineMs
  }

  get attempt(): number {
    return this.item.retries + 1
  }

  get signal(): AbortSignal {
    this.#ending ??= new AbortController()
    return this.#ending.signal
  }

  /** Made when it is asked for, so that it can be taken out of the delivery. */
  get ack(): () => Promise<boolean> {
    return () => this.#desk.settle(this, { kind: 'done' })
  }

  get nack(): (action: NackAction, reason?: string) => Promise<boolean> {
    return async (action, reason = '') => this.#desk.settle(this, verdictOf(action, reason))
  }

  /** Tells the handler that the event is no longer its own. */
  abort(reason: unknown): void {
    this.isSettled = true
    this.hurry(reason)
  }

  /** Tells the handler that the subscription ends. What it says of the event still counts. */
  hurry(reason: unknown): void {
    this.#ending ??= new AbortController()
    this.#ending.abort(reason)
  }
}

/** @throws InvalidArgumentError */
function verdictOf(action: NackAction, reason: unknown): Verdict {
  if (typeof reason !== 'string') {
    throw new InvalidArgumentError(`The reason of a nack must be a string, not ${describe(reason)}`, {
      reason,
    })
  }
  switch (action) {
    case 'skip':
      return { kind: 'done' }
    case 'retry':
    case 'park':
    case 'stop':
      return { kind: 'failed', action, reason }
    default:
      action satisfies never
      throw new InvalidArgumentError(
        `An event is nacked with 'retry', 'park', 'skip' or 'stop', not ${describe(action)}`,
        { action },
      )
  }
}

/** Says what is to be done with an event whose handler has thrown. */
export type OnHandlerError = (error: unknown, delivery: Delivery<RecordedEvent>) => NackAction | undefined

/** What becomes of an event whose handler has thrown: it is retried, unless its owner says otherwise. */
export function verdictOn(error: unknown, handed: HandedEvent, onError: OnHandlerError | undefined): Verdict {
  let action: NackAction | undefined
  let reason = reasonOf(error)
  try {
    action = onError?.(error, handed)
  } catch (other) {
    reason = `${reason}; and onError has thrown: ${reasonOf(other)}`
  }
  if (action === 'skip') return { kind: 'done' }
  return { kind: 'failed', action: action ?? 'retry', reason }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
