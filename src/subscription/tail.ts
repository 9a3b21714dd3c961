import { ClosedError } from '../errors.ts'
import type { Watch } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import { READ_PAGE_BYTES, READ_PAGE_EVENTS, TAIL_BYTES_MAX, TAIL_EVENTS_MAX } from '../limits.ts'
import type { RecordedEvent } from '../store/event.ts'
import { resolveLinks } from '../store/links.ts'
import { readLogPage } from '../store/read-all.ts'
import { ALL_POSITIONS } from '../store/read-options.ts'
import type { Reading, View } from '../store/reading.ts'
import { linkTargetOf, recordBytesOf } from '../store/stored-event.ts'

/** An event of the log, and what it is with its link resolved: itself, what it points to, or nothing if that is hidden. */
export interface TailEvent {
  readonly event: RecordedEvent
  readonly resolved: RecordedEvent | undefined
}

/** A piece of the log: everything behind one position through another. */
export interface TailPage {
  readonly after: bigint
  readonly through: bigint
  readonly events: readonly TailEvent[]
  /** Whether the log ended there when it was read. */
  readonly isEnd: boolean
}

/** Full pages in a row after which the tail is too far behind to be one. */
const FULL_PAGES_MAX = TAIL_EVENTS_MAX / READ_PAGE_EVENTS

interface KeptPage extends TailPage {
  readonly bytes: number
}

/**
 * The end of the log, read once for all subscribers that follow it. It keeps the last pages, and reads on only while someone waits at the
 * end. Whoever is not within what it keeps reads by itself.
 */
export class LogTail {
  readonly #reading: Reading
  #pages: readonly KeptPage[] = []
  /** Everything up to here was read, or is of no interest to anybody. */
  #through: bigint | undefined
  /** Pages in a row that have not come to the end. */
  #fullPages = 0
  #waiting = 0
  #advancing: Promise<void> | undefined
  #watch: Watch | undefined
  #wake: (() => void) | undefined
  #isClosed = false

  constructor(reading: Reading) {
    this.#reading = reading
  }

  /**
   * A page that holds what follows a position, waiting until there is one; `undefined` if the position is behind what is kept.
   * @throws ClosedError, CorruptionError, the signal's reason
   */
  async next(position: bigint, signal: AbortSignal): Promise<TailPage | undefined> {
    for (;;) {
      if (this.#isClosed) throw new ClosedError('event store')
      signal.throwIfAborted()
      const through = this.#through
      if (through !== undefined && position < through) return this.#pageAfter(position)
      if (through !== undefined && position > through && this.#waiting === 0) this.#forget()
      await this.#wait(position, signal)
    }
  }

  /** Wakes everybody who waits, for good. */
  close(): void {
    this.#isClosed = true
    this.#forget()
    this.#stopWatching()
  }

  #pageAfter(position: bigint): TailPage | undefined {
    const from = this.#pages.findLastIndex(({ after }) => after <= position)
    const first = this.#pages[from]
    if (first === undefined || position >= first.through) return undefined
    const pages = this.#pages.slice(from, this.#endOfPage(from))
    const { through, isEnd } = pages.at(-1)!
    return {
      after: first.after,
      through,
      events: pages.length === 1 ? first.events : pages.flatMap(({ events }) => events),
      isEnd: isEnd && from + pages.length === this.#pages.length,
    }
  }

  /** Whoever is behind several pages gets them together, as one. Returns where that ends. */
  #endOfPage(from: number): number {
    let [events, bytes, end] = [0, 0, from]
    for (const page of this.#pages.slice(from)) {
      events += page.events.length
      bytes += page.bytes
      if (end > from && (events > READ_PAGE_EVENTS || bytes > READ_PAGE_BYTES)) break
      end += 1
    }
    return end
  }

  async #wait(position: bigint, signal: AbortSignal): Promise<void> {
    this.#waiting += 1
    try {
      this.#advancing ??= this.#advance(position).finally(() => {
        this.#advancing = undefined
      })
      await untilAborted(this.#advancing, signal)
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#stopWatching()
    }
  }

  /** Reads the next page, or waits until there may be one. */
  async #advance(position: bigint): Promise<void> {
    const { horizon, page, watch } = await this.#reading.onSnapshot((view) => this.#readPage(view, position))
    if (this.#isClosed) return watch?.cancel()
    if (page !== undefined) {
      watch?.cancel()
      this.#keep(page, horizon)
      return
    }
    this.#through ??= position
    if (watch !== undefined && this.#waiting > 0) await this.#untilFired(watch)
    else watch?.cancel()
  }

  async #readPage(
    view: View,
    position: bigint,
  ): Promise<{ readonly horizon: bigint; readonly page?: KeptPage; readonly watch?: Watch }> {
    const horizon = positionOf(await view.tx.readHorizon())
    // Nobody may begin beyond the end: those who are there would never hear of what comes before.
    const after = this.#through ?? (position < horizon ? position : horizon)
    if (horizon <= after) {
      this.#through ??= after
      return { horizon, watch: view.tx.watch(view.keys.log()) }
    }
    const shape = { limit: READ_PAGE_EVENTS, backwards: false, resolveLinks: false, system: true }
    const bounds = { ...ALL_POSITIONS, first: after + 1n }
    const { events, end } = await readLogPage(view, bounds, READ_PAGE_EVENTS, shape)
    return {
      horizon,
      page: {
        after,
        through: end ?? horizon,
        events: await resolvedIn(view, events),
        isEnd: end === undefined || end >= horizon,
        bytes: events.reduce((sum, event) => sum + recordBytesOf(event), 0),
      },
    }
  }

  /** Keeps what those at the end may want. If the end runs away, all read by themselves, so that nobody waits while the tail catches up. */
  #keep(page: KeptPage, horizon: bigint): void {
    this.#fullPages = page.isEnd ? 0 : this.#fullPages + 1
    if (this.#fullPages > FULL_PAGES_MAX) {
      this.#forget()
      this.#through = horizon
      return
    }
    const pages = [...this.#pages, page]
    let events = 0
    let bytes = 0
    let first = pages.length
    while (first > 0) {
      const older = pages[first - 1]!
      events += older.events.length + 1
      bytes += older.bytes
      if (first < pages.length && (events > TAIL_EVENTS_MAX || bytes > TAIL_BYTES_MAX)) break
      first -= 1
    }
    this.#pages = pages.slice(first)
    this.#through = page.through
  }

  #forget(): void {
    this.#pages = []
    this.#through = undefined
    this.#fullPages = 0
  }

  async #untilFired(watch: Watch): Promise<void> {
    this.#watch = watch
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      // A store that closes fails its watches. Whoever looks next finds that out.
      watch.fired.then(resolve, resolve)
    })
  }

  #stopWatching(): void {
    this.#watch?.cancel()
    this.#watch = undefined
    this.#wake?.()
    this.#wake = undefined
  }
}

/** Nearly no events are links, and those that are not cost nothing. */
async function resolvedIn(view: View, events: readonly RecordedEvent[]): Promise<readonly TailEvent[]> {
  const resolved: TailEvent[] = []
  for (const event of events) {
    const isLink = linkTargetOf(event) !== undefined
    resolved.push({ event, resolved: isLink ? (await resolveLinks(view, [event]))[0] : event })
  }
  return resolved
}

/** Waits for something, but not longer than the signal allows. @throws the signal's reason */
export function untilAborted<T>(waiting: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    waiting.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
