import { StreamTombstonedError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import { READ_PAGE_EVENTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { RecordedEvent } from '../store/event.ts'
import { RESTORED, TOMBSTONED } from '../store/life.ts'
import type { Reading, View } from '../store/reading.ts'
import { readSettings, type Settings } from '../store/settings.ts'
import { systemStreamOf } from '../store/stream-changes.ts'
import type { Sight, Source, SourcePage } from './source.ts'
import type { LogTail, TailPage } from './tail.ts'

/** What feeds read with. */
export interface FeedScene {
  readonly reading: Reading
  readonly tail: LogTail
}

/** Where a feed begins. */
export interface FeedStart {
  readonly place: AnyPlace
  /** The position through which the source has been looked at, if it is known: for places that are no positions. */
  readonly position?: bigint | undefined
  /** The position before the time at which it begins, if that is yet to come. */
  readonly floor?: bigint | undefined
}

/**
 * The one reading loop: what is behind a place, in order, without end. See "One reading loop" in `docs/subscriptions.md`.
 */
export class Feed {
  readonly #scene: FeedScene
  readonly #source: Source
  readonly #sight: Sight
  #place: AnyPlace
  /** Everything of the source up to here is behind `#place`; `undefined` before the end was seen once. */
  #position: bigint | undefined
  /** What is recorded up to here is not wanted: it is before the time at which the feed begins. */
  #floor: bigint | undefined
  #settings: Settings | undefined
  #hasSeenEnd = false

  constructor(scene: FeedScene, source: Source, sight: Sight, start: FeedStart) {
    this.#scene = scene
    this.#source = source
    this.#sight = sight
    this.#place = start.place
    this.#position = start.position ?? positionAt(source, start.place)
    this.#floor = start.floor
  }

  /** The place up to which it has given everything. */
  get place(): AnyPlace {
    return this.#place
  }

  /** Everything in the log up to here is behind its place; `undefined` as long as that is not known. */
  get position(): bigint | undefined {
    return this.#position
  }

  /** Goes on behind another place. */
  seek(place: AnyPlace): void {
    this.#place = place
    this.#position = positionAt(this.#source, place)
    this.#floor = undefined
    this.#hasSeenEnd = false
  }

  /**
   * What comes next. At the end it waits until the log has grown, but the first time it says so with a page that may be empty. A page
   * without events says that there is nothing wanted up to `through`.
   * @throws ClosedError, CorruptionError, IndexMissingError, StreamTombstonedError, the signal's reason
   */
  async next(signal: AbortSignal): Promise<SourcePage> {
    for (;;) {
      if (this.#hasSeenEnd && this.#position !== undefined) {
        const page = await this.#scene.tail.next(this.#position, signal)
        if (page !== undefined) return this.#fromFloor(this.#fromTail(page))
      }
      signal.throwIfAborted()
      const { page, position } = await this.#scene.reading.onSnapshot((view) => this.#readPage(view))
      signal.throwIfAborted()
      const hasMoved = page.through > this.#place || position !== this.#position
      this.#place = page.through
      this.#position = position
      const isNews = hasMoved || !this.#hasSeenEnd
      this.#hasSeenEnd = page.isEnd
      if (isNews) return this.#fromFloor(page)
    }
  }

  #fromFloor(page: SourcePage): SourcePage {
    const floor = this.#floor
    if (floor === undefined) return page
    if (this.#position !== undefined && this.#position >= floor) this.#floor = undefined
    return {
      ...page,
      events: page.events.filter(({ link, position }) => (link?.position ?? position) > floor),
    }
  }

  async #readPage(view: View): Promise<{ readonly page: SourcePage; readonly position: bigint | undefined }> {
    this.#settings ??= await readSettings(view.tx, view.keys)
    const page = await this.#source.page(view, this.#place, READ_PAGE_EVENTS)
    if (page.isEnd) {
      const horizon = positionOf(await view.tx.readHorizon())
      const known = this.#position ?? 0n
      return { page, position: horizon > known ? horizon : known }
    }
    return { page, position: positionAt(this.#source, page.through) }
  }

  /** Chooses from a page of the log what is the source's. */
  #fromTail(page: TailPage): SourcePage {
    const source = this.#source
    const events: RecordedEvent[] = []
    let place = this.#place
    for (const { event, resolved } of page.events) {
      if (event.position <= this.#position!) continue
      if (this.#isRestored(event)) return this.#untilRestored(events, place, event.position)
      this.#refuseTombstone(event)
      if (!source.isMeant(event, this.#settings!)) continue
      const found = source.isStream ? event.version : event.position
      if (found <= this.#place) continue
      place = found
      const seen = this.#sight.resolveLinks ? resolved : event
      if (seen !== undefined) events.push(seen)
    }
    this.#position = page.through
    this.#place = source.isStream ? place : page.through
    return { events, through: this.#place, isEnd: page.isEnd }
  }

  /** What a restored stream has behind the place is older than the restoration, so the feed must read it by itself. */
  #untilRestored(events: readonly RecordedEvent[], place: AnyPlace, position: bigint): SourcePage {
    this.#hasSeenEnd = false
    this.#position = position
    this.#place = place
    return { events, through: place, isEnd: false }
  }

  #isRestored(event: RecordedEvent): boolean {
    const { name } = this.#source
    return (
      name.kind === 'stream' && event.type === RESTORED && event.streamId === systemStreamOf(name.streamId)
    )
  }

  #refuseTombstone(event: RecordedEvent): void {
    const { name } = this.#source
    if (name.kind !== 'stream' || event.type !== TOMBSTONED) return
    if (event.streamId === systemStreamOf(name.streamId)) throw new StreamTombstonedError(name.streamId)
  }
}

/** Positions say of themselves what has been looked at; versions don't. */
function positionAt(source: Source, place: AnyPlace): bigint | undefined {
  return source.isStream ? undefined : (place as bigint)
}
