import { READ_PAGE_EVENTS, SUBSCRIPTION_BYTES_MAX } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { ResolvedGroupSettings } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import { recordBytesOf } from '../store/stored-event.ts'
import { Feed, type FeedScene } from './feed.ts'
import { type Wanted, wantedBy } from './filter.ts'
import type { ReadAhead } from './group-exchange-parts.ts'
import { type PinText, pinOf, pinTextOf } from './group-pin.ts'
import { placeOf, type Sight, type Source } from './source.ts'

interface Ahead {
  readonly place: AnyPlace
  readonly key: bigint
  readonly event: RecordedEvent
}

/** What a desk has read of its source beyond the cursor of its group, and keeps reading. */
export class GroupReadAhead {
  readonly #feeds: FeedScene
  readonly #source: Source
  readonly #sight: Sight
  readonly #wanted: Wanted | undefined
  readonly #pinText: PinText | undefined
  readonly #revision: number
  readonly #onNews: () => void
  readonly #onError: (error: unknown) => void
  #feed: Feed
  #after: AnyPlace
  #through: AnyPlace
  #events: readonly Ahead[] = []
  #bytes = 0
  #reading = new AbortController()
  #consumed: (() => void) | undefined

  constructor(parts: {
    readonly feeds: FeedScene
    readonly source: Source
    readonly sight: Sight
    readonly settings: ResolvedGroupSettings
    readonly revision: number
    readonly cursor: AnyPlace
    readonly onNews: () => void
    readonly onError: (error: unknown) => void
  }) {
    const { feeds, source, sight, settings, revision, cursor } = parts
    this.#feeds = feeds
    this.#source = source
    this.#sight = sight
    this.#wanted = settings.filter === null ? undefined : wantedBy(settings.filter)
    this.#pinText = pinTextOf(settings.strategy)
    this.#revision = revision
    this.#onNews = parts.onNews
    this.#onError = parts.onError
    this.#after = cursor
    this.#through = cursor
    this.#feed = new Feed(feeds, source, sight, { place: cursor })
    void this.#read(this.#feed, this.#reading.signal)
  }

  get request(): ReadAhead {
    return { after: this.#after, through: this.#through, events: this.#events, revision: this.#revision }
  }

  /** Whether events wait to be given out. */
  get hasEvents(): boolean {
    return this.#events.length > 0
  }

  /** Whether the cursor could be moved over events that are not wanted. */
  get isBeyondCursor(): boolean {
    return this.#through > this.#after
  }

  get isFull(): boolean {
    return this.#events.length >= READ_PAGE_EVENTS || this.#bytes >= SUBSCRIPTION_BYTES_MAX
  }

  /** An event that was read ahead. */
  eventAt(place: AnyPlace): RecordedEvent | undefined {
    let [low, high] = [0, this.#events.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.place < place) low = middle + 1
      else high = middle
    }
    const found = this.#events[low]
    return found?.place === place ? found.event : undefined
  }

  keyTextOf(event: RecordedEvent): string | undefined {
    return this.#pinText?.(event)
  }

  /** Forgets what the cursor has passed; reads anew if the cursor is somewhere else. */
  moveTo(cursor: AnyPlace): void {
    if (cursor < this.#after || cursor > this.#through) return this.#startAt(cursor)
    if (cursor === this.#after) return
    let passed = 0
    while (passed < this.#events.length && this.#events[passed]!.place <= cursor) {
      this.#bytes -= recordBytesOf(this.#events[passed]!.event)
      passed += 1
    }
    this.#events = this.#events.slice(passed)
    this.#after = cursor
    this.#wakeReader()
  }

  stop(): void {
    this.#reading.abort(new Error('The subscription does not read any more'))
    this.#wakeReader()
  }

  #startAt(cursor: AnyPlace): void {
    this.stop()
    this.#reading = new AbortController()
    this.#after = cursor
    this.#through = cursor
    this.#events = []
    this.#bytes = 0
    this.#feed = new Feed(this.#feeds, this.#source, this.#sight, { place: cursor })
    void this.#read(this.#feed, this.#reading.signal)
  }

  async #read(feed: Feed, signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const { events, through } = await feed.next(signal)
        if (signal.aborted) return
        this.#add(events, through)
        while (this.isFull && !signal.aborted) {
          await new Promise<void>((resolve) => {
            this.#consumed = resolve
          })
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#onError(error)
    }
  }

  #add(events: readonly RecordedEvent[], through: AnyPlace): void {
    const wanted = this.#wanted === undefined ? events : events.filter(this.#wanted)
    if (wanted.length > 0) {
      this.#events = [...this.#events, ...wanted.map((event) => this.#ahead(event))]
      for (const event of wanted) this.#bytes += recordBytesOf(event)
    }
    this.#through = through
    if (wanted.length > 0) this.#onNews()
  }

  #ahead(event: RecordedEvent): Ahead {
    const text = this.#pinText?.(event)
    return { place: placeOf(this.#source, event), key: text === undefined ? 0n : pinOf(text), event }
  }

  #wakeReader(): void {
    this.#consumed?.()
    this.#consumed = undefined
  }
}
