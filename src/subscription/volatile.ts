import { SUBSCRIPTION_BYTES_MAX } from '../limits.ts'
import type { SubscriptionEnd, VolatileOptions, VolatileSubscription } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import { recordBytesOf } from '../store/stored-event.ts'
import type { Feed } from './feed.ts'
import type { Wanted } from './filter.ts'
import { type Handling, Outlet, OwnersError, owners, type SupplyPage } from './outlet.ts'
import type { SubscriptionLife } from './subscription-life.ts'
import { untilAborted } from './tail.ts'

/** What a volatile subscription is made of. */
export interface VolatileParts {
  readonly life: SubscriptionLife
  readonly feed: Feed
  readonly wanted: Wanted | undefined
  readonly handling: Handling | undefined
  readonly bufferSize: number
  readonly options: VolatileOptions<RecordedEvent>
}

/** Events from now on. They wait in an inbox, from which the oldest go when there are too many. */
export class Volatile implements VolatileSubscription<RecordedEvent> {
  readonly #parts: VolatileParts
  readonly #outlet: Outlet
  /** What waits is from `#first` on. */
  #inbox: RecordedEvent[] = []
  #first = 0
  #bytes = 0
  #lagged = 0
  #arrived: (() => void) | undefined

  constructor(parts: VolatileParts) {
    this.#parts = parts
    this.#outlet = new Outlet(parts.life, { take: (signal) => this.#take(signal) }, parts.handling)
    void this.#receive()
  }

  get lagged(): number {
    return this.#lagged
  }

  get ended(): Promise<SubscriptionEnd> {
    return this.#parts.life.ended
  }

  close(): Promise<void> {
    return this.#outlet.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  [Symbol.asyncIterator](): AsyncIterator<RecordedEvent> {
    return this.#outlet.iterator()
  }

  /** Fills the inbox, however slow the consumer is. */
  async #receive(): Promise<void> {
    const { feed, life, wanted } = this.#parts
    try {
      while (!life.signal.aborted) {
        const { events } = await feed.next(life.signal)
        this.#put(wanted === undefined ? events : owners(() => events.filter(wanted)))
      }
    } catch (error) {
      if (error instanceof OwnersError) life.end('handler-failed', error.cause)
      else if (!life.signal.aborted) life.fail(error)
    }
  }

  #put(events: readonly RecordedEvent[]): void {
    if (events.length === 0) return
    for (const event of events) {
      this.#inbox.push(event)
      this.#bytes += recordBytesOf(event)
    }
    this.#dropOldest()
    this.#arrived?.()
  }

  #dropOldest(): void {
    const { bufferSize, options } = this.#parts
    let dropped = 0
    for (; this.#isTooMuch(bufferSize); dropped += 1) this.#takeOldest()
    if (dropped === 0) return
    this.#lagged += dropped
    owners(() => options.onLagged?.(dropped))
  }

  /** Whether there are too many. The newest stays, however large it is. */
  #isTooMuch(bufferSize: number): boolean {
    const waiting = this.#inbox.length - this.#first
    return waiting > bufferSize || (this.#bytes > SUBSCRIPTION_BYTES_MAX && waiting > 1)
  }

  #takeOldest(): RecordedEvent {
    const event = this.#inbox[this.#first]!
    this.#bytes -= recordBytesOf(event)
    this.#first += 1
    // Half of it are events that are gone, so moving the others costs each of them one move.
    if (this.#first * 2 >= this.#inbox.length) {
      this.#inbox = this.#inbox.slice(this.#first)
      this.#first = 0
    }
    return event
  }

  /** One event at a time: the others still wait, and may be too many when more come. */
  async #take(signal: AbortSignal): Promise<SupplyPage> {
    if (this.#first === this.#inbox.length) {
      await untilAborted(
        new Promise<void>((resolve) => {
          this.#arrived = resolve
        }),
        signal,
      )
    }
    return { events: [this.#takeOldest()] }
  }
}
