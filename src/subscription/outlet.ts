import { InvalidArgumentError } from '../errors.ts'
import type { HandlerContext, SubscriptionEnd } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import type { SubscriptionLife } from './subscription-life.ts'

/** Events that have arrived together. */
export interface SupplyPage {
  readonly events: readonly RecordedEvent[]
  /** Called when all of them were handled, or handed over and followed by a request for more. */
  onFinished?(): void
}

/** Where events come from: waits until there are some. A page may be empty. */
export interface Supply {
  take(signal: AbortSignal): Promise<SupplyPage>
}

/** A handler of one event or of several. */
export type Handling =
  | { readonly kind: 'each'; readonly handle: (event: RecordedEvent, context: HandlerContext) => unknown }
  | {
      readonly kind: 'batch'
      readonly size: number
      readonly handle: (events: readonly RecordedEvent[], context: HandlerContext) => unknown
    }

/** Hands events over, to a handler or to a loop, one after the other. */
export class Outlet {
  readonly #life: SubscriptionLife
  readonly #supply: Supply
  readonly #isHandled: boolean
  #isIterated = false
  /** The page that a loop was given last. */
  #latest: SupplyPage | undefined
  /** The last event of the page under way that is done with. */
  handled: RecordedEvent | undefined

  constructor(life: SubscriptionLife, supply: Supply, handling: Handling | undefined) {
    this.#life = life
    this.#supply = supply
    this.#isHandled = handling !== undefined
    if (handling !== undefined) void this.#run(handling)
    else life.signal.addEventListener('abort', () => life.settle(), { once: true })
    if (life.signal.aborted && handling === undefined) life.settle()
  }

  async close(): Promise<void> {
    this.#life.end('closed')
    await this.#life.over
  }

  /** Hands over to a handler until the end. */
  async #run(handling: Handling): Promise<void> {
    const life = this.#life
    try {
      while (!life.signal.aborted) {
        const page = await this.#takePage()
        if (page === undefined) break
        await this.#handlePage(page, handling)
      }
    } catch (error) {
      life.end('handler-failed', error)
    }
    life.settle()
  }

  async #handlePage(page: SupplyPage, handling: Handling): Promise<void> {
    const context: HandlerContext = { signal: this.#life.signal }
    const { events } = page
    const step = handling.kind === 'each' ? 1 : handling.size
    for (let at = 0; at < events.length; at += step) {
      if (context.signal.aborted) return
      const handled =
        handling.kind === 'each'
          ? handling.handle(events[at]!, context)
          : handling.handle(events.slice(at, at + step), context)
      if (isThenable(handled)) await handled
      this.handled = events[Math.min(at + step, events.length) - 1]
    }
    this.#finish(page)
  }

  #finish(page: SupplyPage): void {
    this.handled = undefined
    page.onFinished?.()
  }

  /** The next page; `undefined` at the end. What goes wrong in the store ends the subscription; what its owner's code throws comes out. */
  async #takePage(): Promise<SupplyPage | undefined> {
    try {
      return await this.#supply.take(this.#life.signal)
    } catch (error) {
      if (error instanceof OwnersError) throw error.cause
      if (!this.#life.signal.aborted) this.#life.fail(error)
      return undefined
    }
  }

  /** One event after the other. Can be asked for once. */
  iterator(): AsyncIterator<RecordedEvent> {
    this.#beIterated()
    const { signal } = this.#life
    const turns = new Turns()
    let page: readonly RecordedEvent[] = []
    let at = 0
    const nextPage = async (): Promise<IteratorResult<RecordedEvent>> => {
      page = []
      at = 0
      const found = await this.#nextPage()
      if (found === undefined) return NO_MORE
      page = found
      at = 1
      return { value: page[0]!, done: false }
    }
    const step = (): Promise<IteratorResult<RecordedEvent>> => {
      if (at > 0) this.handled = page[at - 1]
      if (at === page.length) return nextPage()
      // What is left of the page was not handed over, so the page is not finished.
      if (signal.aborted) return this.#over()
      at += 1
      return Promise.resolve({ value: page[at - 1]!, done: false })
    }
    // Most events are there, and whoever iterates them one by one need not wait in a line.
    const next = (): Promise<IteratorResult<RecordedEvent>> =>
      turns.isFree && at < page.length ? step() : turns.take(step)
    return { next, return: () => this.#leave() }
  }

  /** Pages that are not empty. Can be asked for once. */
  batches(): AsyncIterable<readonly RecordedEvent[]> {
    this.#beIterated()
    const turns = new Turns()
    const step = async (): Promise<IteratorResult<readonly RecordedEvent[]>> => {
      const page = await this.#nextPage()
      return page === undefined ? NO_MORE : { value: page, done: false }
    }
    const iterator = { next: () => turns.take(step), return: () => this.#leave() }
    return { [Symbol.asyncIterator]: () => iterator }
  }

  #beIterated(): void {
    if (this.#isHandled || this.#isIterated) {
      throw new InvalidArgumentError(
        this.#isHandled
          ? 'A subscription with a handler cannot be iterated'
          : 'A subscription can be iterated once',
      )
    }
    this.#isIterated = true
    this.#life.isHeard = true
  }

  /** The next page that is not empty, as the one before was handed over; `undefined` at the end. Throws what has ended it. */
  async #nextPage(): Promise<readonly RecordedEvent[] | undefined> {
    const { signal } = this.#life
    for (;;) {
      if (this.#latest !== undefined) this.#finishSafely(this.#latest)
      this.#latest = undefined
      const page = signal.aborted ? undefined : await this.#takeSafely()
      if (page === undefined || signal.aborted) return endOfLoop(this.#life.ending).value
      this.#latest = page
      if (page.events.length > 0) return page.events
    }
  }

  async #over(): Promise<typeof NO_MORE> {
    return endOfLoop(this.#life.ending)
  }

  async #leave(): Promise<typeof NO_MORE> {
    await this.close()
    return NO_MORE
  }

  async #takeSafely(): Promise<SupplyPage | undefined> {
    try {
      return await this.#takePage()
    } catch (error) {
      this.#life.end('handler-failed', error)
      return undefined
    }
  }

  #finishSafely(page: SupplyPage): void {
    try {
      this.#finish(page)
    } catch (error) {
      this.#life.end('handler-failed', error)
    }
  }
}

/** What the subscriber's own code has thrown: a predicate or a callback. */
export class OwnersError {
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

/** Runs code of the subscriber. @throws OwnersError */
export function owners<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw new OwnersError(error)
  }
}

/** Whether something must be awaited: most handlers return nothing, and awaiting that costs a turn. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** How a loop ends: quietly if the subscription was closed, else by what ended it. */
export function endOfLoop(end: SubscriptionEnd | undefined): typeof NO_MORE {
  if (end !== undefined && end.reason !== 'closed') throw end.error
  return NO_MORE
}

const NO_MORE = { value: undefined, done: true } as const

/** Lets calls that do not wait for the one before take turns. */
class Turns {
  #last: Promise<unknown> | undefined

  /** Whether nobody waits. */
  get isFree(): boolean {
    return this.#last === undefined
  }

  take<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last === undefined ? step() : this.#last.then(step)
    const settled: Promise<unknown> = result.then(
      () => this.#pass(settled),
      () => this.#pass(settled),
    )
    this.#last = settled
    return result
  }

  #pass(settled: Promise<unknown>): void {
    if (this.#last === settled) this.#last = undefined
  }
}
