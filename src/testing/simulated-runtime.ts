import { type Runtime, sleep, systemRuntime } from '../runtime.ts'

/** Real milliseconds without anything to do after which a promise is taken to be stuck: it may wait for a real disk. */
const IDLE_MS_MAX = 10_000
/** Callbacks after which a run is taken to be endless. */
const STEPS_MAX = 1_000_000

/** How to make a simulated runtime. */
export interface SimulatedRuntimeOptions {
  /** Chooses everything that is left to chance. The same seed gives the same run. */
  readonly seed: number
  /** Where the clock begins, in milliseconds since 1970. @default 2024-01-01 UTC */
  readonly startMs?: number
  /** Whether callbacks that are due at the same time run in random order. @default false, in the order they came */
  readonly shuffle?: boolean
}

/**
 * A world with a virtual clock: time passes only when a test says so, and then as fast as the callbacks run.
 * Between two callbacks, promise callbacks drain, as they do between two turns of the real event loop.
 *
 * @example
 * const runtime = simulatedRuntime({ seed: 1 })
 * const waiting = sleep(runtime, 60_000)
 * await runtime.advance(60_000)
 * await waiting
 */
export interface SimulatedRuntime extends Runtime {
  /** Lets time pass, and runs what becomes due. */
  advance(ms: number): Promise<void>
  /** Runs everything that is due or scheduled, however late; background timers only as long as others are waiting. */
  runUntilIdle(): Promise<void>
  /** Runs whatever is scheduled until the promise settles. Rejects if it never can. */
  run<T>(promise: Promise<T>): Promise<T>
  /** Makes the wall clock jump; `monotonic` goes on as if nothing had happened. */
  jumpClock(ms: number): void
}

/** Makes a runtime on virtual time with a seeded source of randomness. Nothing of it is cryptographically strong. */
export function simulatedRuntime(options: SimulatedRuntimeOptions): SimulatedRuntime {
  return new VirtualTime(options)
}

/** Makes a source of numbers in [0, 1): Mulberry32, small and even enough for tests. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Scheduled {
  readonly atMs: number
  readonly background: boolean
  readonly callback: () => void
}

class VirtualTime implements SimulatedRuntime {
  readonly random: () => number
  readonly #shuffle: boolean
  /** In the order in which they were scheduled. */
  readonly #scheduled = new Set<Scheduled>()
  #elapsedMs = 0
  #clockMs: number

  constructor({ seed, startMs = Date.UTC(2024, 0, 1), shuffle = false }: SimulatedRuntimeOptions) {
    this.random = seededRandom(seed)
    this.#clockMs = startMs
    this.#shuffle = shuffle
  }

  now(): number {
    return Math.floor(this.#clockMs + this.#elapsedMs)
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    return this.#add(delayMs, false, callback)
  }

  scheduleBackground(delayMs: number, callback: () => void): () => void {
    return this.#add(delayMs, true, callback)
  }

  defer(callback: () => void): void {
    this.#add(0, false, callback)
  }

  randomBytes(target: Uint8Array): void {
    for (let at = 0; at < target.length; at += 1) target[at] = Math.floor(this.random() * 256)
  }

  jumpClock(ms: number): void {
    this.#clockMs += ms
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms
    await drain()
    for (let steps = 0; await this.#step(untilMs); steps += 1) assertBounded(steps)
    // Others may have let time pass meanwhile, and it never goes back.
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs)
  }

  async runUntilIdle(): Promise<void> {
    await drain()
    for (let steps = 0; this.#isAnyoneWaiting(); steps += 1) {
      assertBounded(steps)
      await this.#step(Number.POSITIVE_INFINITY)
    }
  }

  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    promise.then(settle, settle)
    await drain()
    for (let steps = 0, idleMs = 0; !settled; steps += 1) {
      assertBounded(steps)
      if (await this.#step(Number.POSITIVE_INFINITY)) continue
      if (idleMs > IDLE_MS_MAX) throw new Error('The promise waits for something that nobody has scheduled')
      await sleep(systemRuntime, 1)
      idleMs += 1
    }
    return promise
  }

  #add(delayMs: number, background: boolean, callback: () => void): () => void {
    const scheduled: Scheduled = { atMs: this.#elapsedMs + Math.max(0, delayMs), background, callback }
    this.#scheduled.add(scheduled)
    return () => void this.#scheduled.delete(scheduled)
  }

  /** Runs the next callback that is due by then. Returns whether there was one. */
  async #step(untilMs: number): Promise<boolean> {
    const next = this.#next()
    if (next === undefined || next.atMs > untilMs) return false
    this.#scheduled.delete(next)
    this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs)
    next.callback()
    await drain()
    return true
  }

  #next(): Scheduled | undefined {
    let earliest: Scheduled[] = []
    for (const scheduled of this.#scheduled) {
      const best = earliest[0]?.atMs ?? Number.POSITIVE_INFINITY
      if (scheduled.atMs < best) earliest = [scheduled]
      else if (scheduled.atMs === best) earliest.push(scheduled)
    }
    return earliest[this.#shuffle ? Math.floor(this.random() * earliest.length) : 0]
  }

  #isAnyoneWaiting(): boolean {
    for (const { background } of this.#scheduled) if (!background) return true
    return false
  }
}

function assertBounded(steps: number): void {
  if (steps > STEPS_MAX) throw new Error(`The simulation did not come to an end after ${STEPS_MAX} steps`)
}

/** Lets everything that waits for promises only come to rest, and real input and output have its turn. */
function drain(): Promise<void> {
  return new Promise((resolve) => systemRuntime.defer(resolve))
}
