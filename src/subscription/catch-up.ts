import type { AnyPlace } from '../store/broker.ts'
import type { CatchUpOptions, CatchUpSubscription, SubscriptionEnd } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import type { Feed } from './feed.ts'
import type { Wanted } from './filter.ts'
import { type Handling, Outlet, owners, type Supply, type SupplyPage } from './outlet.ts'
import { placeOf, type Source } from './source.ts'
import type { SubscriptionLife } from './subscription-life.ts'

/** What a catch-up subscription is made of. */
export interface CatchUpParts {
  readonly life: SubscriptionLife
  readonly feed: Feed
  readonly source: Source
  readonly wanted: Wanted | undefined
  readonly handling: Handling | undefined
  readonly options: CatchUpOptions<RecordedEvent, AnyPlace>
}

/** Everything behind a place, and then what follows. */
export class CatchUp implements CatchUpSubscription<RecordedEvent, AnyPlace> {
  readonly #parts: CatchUpParts
  readonly #outlet: Outlet
  /** What came before is done with. */
  #place: AnyPlace
  #isCaughtUp = false

  constructor(parts: CatchUpParts) {
    this.#parts = parts
    this.#place = parts.feed.place
    this.#outlet = new Outlet(parts.life, this.#supply(), parts.handling)
  }

  get checkpoint(): AnyPlace | undefined {
    const { source } = this.#parts
    const { handled } = this.#outlet
    const place = handled === undefined ? this.#place : placeOf(source, handled)
    return place === source.origin ? undefined : place
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp
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

  batches(): AsyncIterable<readonly RecordedEvent[]> {
    return this.#outlet.batches()
  }

  #supply(): Supply {
    const { feed, wanted, options } = this.#parts
    return {
      take: async (signal): Promise<SupplyPage> => {
        const { events, through, isEnd } = await feed.next(signal)
        if (this.#isCaughtUp && !isEnd) {
          this.#isCaughtUp = false
          owners(() => options.onFellBehind?.())
        }
        return {
          events: wanted === undefined ? events : owners(() => events.filter(wanted)),
          onFinished: () => {
            this.#place = through
            if (this.#isCaughtUp || !isEnd) return
            this.#isCaughtUp = true
            options.onCaughtUp?.()
          },
        }
      },
    }
  }
}
