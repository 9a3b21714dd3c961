import type { EventStore } from 'eventdb'
import { eventSource, randomOf } from './events.ts'

/** How many streams a large store has, in so many categories. */
const STREAMS = 20_000
const CATEGORIES = 10
/** Of so many events one is of the rare type. */
const RARITY = 10_000

/** The rare type. */
export const RARE_TYPE = 'StockCounted'
/** One of the categories. */
export const CATEGORY = 'area3'

/** Fills a store with events of ten categories, in groups of 1,000. */
export async function build(store: EventStore, events: number): Promise<void> {
  const next = eventSource(1, false)
  const random = randomOf(2)
  for (let done = 0; done < events; done += 1_000) {
    const group = Array.from({ length: Math.min(1_000, events - done) }, (_, at) => {
      const number = Math.floor(random() * STREAMS)
      const event = next()
      const type = (done + at) % RARITY === RARITY / 2 ? RARE_TYPE : event.type
      return store.stream(`area${number % CATEGORIES}-${number}`).append({ ...event, type })
    })
    await Promise.all(group)
  }
}

/** The time, in milliseconds, on a clock that all processes share. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** How long a measurement waits for what it was promised, in milliseconds. */
const PATIENCE_MS = 300_000

/** Waits, but not for ever: a subscription that loses an event shall fail its measurement. */
export async function patiently<T>(promise: Promise<T>, describe: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain: ${describe()}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A promise, and what resolves it. */
export interface Signalled {
  readonly promise: Promise<void>
  resolve(): void
}

/** Something to wait for that somebody else will say. */
export function signalled(): Signalled {
  let resolve!: () => void
  const promise = new Promise<void>((whenDone) => {
    resolve = whenDone
  })
  return { promise, resolve: () => resolve() }
}

/** A part of sorted numbers below which so many of them are. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}
