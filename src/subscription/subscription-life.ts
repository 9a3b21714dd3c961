import { ClosedError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type {
  SubscribeOptions,
  SubscriptionEnd,
  SubscriptionEndReason,
} from '../store/contract-subscribing.ts'

/**
 * The end of a subscription: it begins once, for one reason, which aborts `signal`; and it is over when whoever was working has been told
 * and has stopped.
 */
export class SubscriptionLife {
  readonly #runtime: Runtime
  readonly #options: SubscribeOptions
  readonly #ending = new AbortController()
  readonly #settled: Promise<SubscriptionEnd>
  #settle!: (end: SubscriptionEnd) => void
  #end: SubscriptionEnd | undefined
  /** Whether somebody is told of the end: who has asked for it, or who iterates. */
  isHeard = false

  constructor(runtime: Runtime, options: SubscribeOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    const { signal } = options
    if (signal === undefined) return
    const forget = whenAborted(signal, () => this.end('aborted', signal.reason))
    this.signal.addEventListener('abort', forget, { once: true })
    if (signal.aborted) this.end('aborted', signal.reason)
  }

  /** Aborted when the end begins. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** How it ends, once that has begun. */
  get ending(): SubscriptionEnd | undefined {
    return this.#end
  }

  /** Resolves when it is over. */
  get ended(): Promise<SubscriptionEnd> {
    this.isHeard = true
    return this.#settled
  }

  /** Resolves when it is over; for those who do not want to know how. */
  get over(): Promise<unknown> {
    return this.#settled
  }

  /** Begins the end. Only the first reason counts. */
  end(reason: SubscriptionEndReason, error?: unknown): void {
    if (this.#end !== undefined) return
    this.#end = error === undefined ? { reason } : { reason, error }
    this.#ending.abort(error ?? new ClosedError('subscription'))
  }

  /** Begins the end because of what was thrown while reading or writing the store. */
  fail(error: unknown): void {
    if (error instanceof ClosedError) this.end('store-closed', error)
    else this.end('failed', error)
  }

  /** Says that nobody works any more. */
  settle(): void {
    const end = this.#end!
    if (this.#options.onEnd !== undefined) this.#tell(this.#options.onEnd, end)
    else this.#warnIfUnheard(end)
    this.#settle(end)
  }

  #tell(onEnd: (end: SubscriptionEnd) => void, end: SubscriptionEnd): void {
    try {
      onEnd(end)
    } catch (error) {
      this.#runtime.warn?.('The onEnd of a subscription has thrown', error)
    }
  }

  /** An error that nobody is told of would be lost. */
  #warnIfUnheard({ reason, error }: SubscriptionEnd): void {
    if (this.isHeard || (reason !== 'handler-failed' && reason !== 'failed')) return
    this.#runtime.warn?.(`A subscription has ended (${reason}), and nobody has asked for its end`, error)
  }
}

interface Waiting {
  readonly calls: Set<() => void>
  readonly listener: () => void
}

/** Who waits for which signal. */
const waiting = new WeakMap<AbortSignal, Waiting>()

/**
 * Calls when a signal is aborted, unless the returned function was called before. A program that ends has one signal for all that it has
 * subscribed to, and platforms take many listeners for a leak, so all calls share one.
 */
function whenAborted(signal: AbortSignal, call: () => void): () => void {
  const { calls, listener } = waiting.get(signal) ?? listenTo(signal)
  calls.add(call)
  return () => {
    calls.delete(call)
    if (calls.size > 0) return
    signal.removeEventListener('abort', listener)
    waiting.delete(signal)
  }
}

function listenTo(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>()
  const listener = (): void => {
    for (const call of calls) call()
  }
  signal.addEventListener('abort', listener, { once: true })
  waiting.set(signal, { calls, listener })
  return { calls, listener }
}
