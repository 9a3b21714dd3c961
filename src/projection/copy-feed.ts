import { PROJECTION_BATCH_BYTES, PROJECTION_BATCH_EVENTS, PROJECTION_BATCH_MS } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { RecordedEvent } from '../store/event.ts'
import { positionFoundAt, recordBytesOf } from '../store/stored-event.ts'
import { Feed, type FeedScene } from '../subscription/feed.ts'
import type { SourcePage } from '../subscription/source.ts'
import { placeOf } from '../subscription/source.ts'
import { waitFor } from './leasing.ts'
import { laterOf } from './projection-rows.ts'
import type { ProjectionSource } from './projection-source.ts'

/** How long to wait for more when there is something to be handled, in milliseconds. */
const GATHER_MS = 5

/** Where a source was read to. */
export interface Reached {
  readonly place: AnyPlace
  readonly position: bigint
  /** Whether there was no more. */
  readonly isEnd: boolean
}

/** What is behind the checkpoint of a copy: read ahead, until it is handled. */
export class CopyFeed {
  readonly #feed: Feed
  readonly #isStream: boolean
  readonly #signal: AbortSignal
  #next: Promise<SourcePage> | undefined
  #onReady: (() => void) | undefined
  #isReady = false
  #hasFailed = false
  #bytes = 0
  #events: RecordedEvent[] = []
  #reached: Reached

  constructor(
    scene: FeedScene,
    { source, sight }: ProjectionSource,
    start: Omit<Reached, 'isEnd'>,
    signal: AbortSignal,
  ) {
    const { isStream } = source
    this.#isStream = isStream
    this.#feed = new Feed(scene, source, sight, { place: start.place })
    this.#reached = { ...start, isEnd: false }
    this.#signal = signal
  }

  /** What was read and is not handled. */
  get events(): readonly RecordedEvent[] {
    return this.#events
  }

  /** Reads on, and calls when there is a page to be taken. */
  listen(call: () => void): void {
    this.#onReady = call
    if (this.#next !== undefined) return
    this.#next = this.#begin()
    this.#next.catch(() => {})
  }

  /** Whether a page can be taken at once, or reading has failed. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Whether reading has failed, which whoever takes the page is told. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** What was read so far. */
  get reached(): Reached {
    return this.#reached
  }

  /** Whether more should be read before it is handled. */
  get wantsMore(): boolean {
    return (
      !this.#reached.isEnd &&
      this.#events.length < PROJECTION_BATCH_EVENTS &&
      this.#bytes < PROJECTION_BATCH_BYTES
    )
  }

  /** Reads on, if that can be done without waiting or nothing else is to be done. @throws what reading throws */
  async gather(runtime: Runtime): Promise<void> {
    const untilMs = runtime.monotonic() + PROJECTION_BATCH_MS
    while (this.wantsMore || this.#isReady) {
      if (!(await this.#hasPage(runtime))) return
      await this.take()
      // Where there is little of interest, what was looked at is worth a checkpoint now and then.
      if (runtime.monotonic() > untilMs) return
    }
  }

  /** Waits for a page; not for long if there is something to be handled. Returns whether there is one to be taken. */
  async #hasPage(runtime: Runtime): Promise<boolean> {
    if (this.#events.length === 0) await this.ready()
    else if (!this.#isReady) {
      const ready = this.ready().catch(() => {})
      await waitFor(runtime, ready, GATHER_MS, this.#signal)
    }
    return this.#isReady && !(this.#hasFailed && this.#events.length > 0)
  }

  /** Resolves when there is a page to be taken. @throws what reading throws */
  async ready(): Promise<void> {
    this.#next ??= this.#begin()
    await this.#next
  }

  /** Takes the page that is ready. */
  async take(): Promise<void> {
    const next = this.#next!
    this.#next = undefined
    this.#isReady = false
    const page = await next
    for (const event of page.events) {
      this.#events.push(event)
      this.#bytes += recordBytesOf(event)
    }
    const last = page.events.at(-1)
    const known = last === undefined ? this.#reached.position : positionFoundAt(last)
    const position = this.#positionOf(page, known)
    const furthest = laterOf(position, this.#reached.position)
    this.#reached = { place: page.through, position: furthest, isEnd: page.isEnd }
  }

  /** Events were handled and committed. */
  done(count: number): void {
    for (const event of this.#events.slice(0, count)) this.#bytes -= recordBytesOf(event)
    this.#events = this.#events.slice(count)
  }

  /** Versions say nothing of the log. At the end of a stream, all of the log has been looked at. */
  #positionOf({ through, isEnd }: SourcePage, known: bigint): bigint {
    if (!this.#isStream) return through as bigint
    return isEnd ? (this.#feed.position ?? known) : known
  }

  /** The place of an event. */
  placeOf(event: RecordedEvent): AnyPlace {
    return placeOf({ isStream: this.#isStream }, event)
  }

  #begin(): Promise<SourcePage> {
    const next = this.#feed.next(this.#signal)
    const settle = (hasFailed: boolean): void => {
      this.#isReady = true
      this.#hasFailed = hasFailed
      this.#onReady?.()
    }
    next.then(
      () => settle(false),
      () => settle(true),
    )
    return next
  }
}
