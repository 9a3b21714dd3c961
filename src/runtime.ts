/**
 * The only door to time and chance. Everything else in the library takes a `Runtime`, so that tests can run on
 * a simulated clock and a seeded source of randomness.
 */

/** What the library needs to know of the world: the clock, timers and random bytes. */
export interface Runtime {
  /** Milliseconds since 1970-01-01 UTC; may jump in both directions. */
  now(): number
  /** Milliseconds on a clock that never goes back; only differences mean anything. */
  monotonic(): number
  /** Calls back once, after at least `delayMs`, and keeps the process alive until then. The returned function cancels. */
  schedule(delayMs: number, callback: () => void): () => void
  /** Like `schedule`, but lets the process end before: for housekeeping. */
  scheduleBackground(delayMs: number, callback: () => void): () => void
  /** Calls back after pending input, output and promise callbacks have had their turn. */
  defer(callback: () => void): void
  /** A number in [0, 1). */
  random(): number
  /** Fills `target` with cryptographically strong random bytes. */
  randomBytes(target: Uint8Array): void
  /** Tells people of something that no code has asked for. @default nobody is told */
  warn?(message: string, error: unknown): void
}

/** The real world. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  scheduleBackground: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  defer: (callback) => {
    setImmediate(callback)
  },
  random: () => Math.random(),
  randomBytes: (target) => {
    crypto.getRandomValues(target as Uint8Array<ArrayBuffer>)
  },
  warn: (message, error) => console.warn(...(error === undefined ? [message] : [message, error])),
}

/** Waits one turn of the event loop, so that input, timers and whoever else waits have theirs. */
export function turn(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => runtime.defer(resolve))
}

/** Waits, and rejects with the signal's reason if it aborts first. */
export function sleep(runtime: Runtime, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = runtime.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
