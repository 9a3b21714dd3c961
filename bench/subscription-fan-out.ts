import type { EventStore } from 'eventdb'
import { eventSource } from './events.ts'
import { type Figures, measured } from './measured.ts'
import type { BenchEvent, Program } from './program.ts'
import { patiently, signalled } from './subscription-events.ts'

/** Many live subscribers, and what is appended meanwhile. */
export interface FanOut {
  readonly kind: 'fan-out'
  readonly subscribers: number
  /** All of them to everything, or each to a stream of its own, which takes its turn in being appended to. */
  readonly of: 'all' | 'streams'
  readonly events: number
}

/** The same appends to the hand-written program. */
export interface RawAppends {
  readonly kind: 'raw-appends'
  readonly events: number
}

/** Appends in flight. */
const IN_FLIGHT = 128
/** Streams that are appended to where nothing depends on them. */
const STREAMS = 1_000

/** Appends while all listen. Over when each has seen everything that is for it, in order. */
export async function fanOut(store: EventStore, work: FanOut): Promise<Figures> {
  const listeners = Array.from({ length: work.subscribers }, () => new Listener())
  const subscriptions = await Promise.all(
    listeners.map((listener, number) => {
      const see = ({ position }: { readonly position: bigint }): void => listener.see(position)
      return work.of === 'all'
        ? store.all.subscribe({ type: 'catch-up', from: 'end' }, see)
        : store.stream(streamOf(number)).subscribe({ type: 'catch-up', from: 'end', mustExist: false }, see)
    }),
  )
  const streams = work.of === 'streams' ? work.subscribers : STREAMS
  const append = appender((id, event) => store.stream(id).append(event), streams)
  const round = async (events: number): Promise<number> => {
    // Turns are whole, so that each stream gets as many events as the others.
    const own = work.of === 'all' ? events : Math.ceil(events / streams)
    const delivered = listeners.map((listener) => listener.expect(own))
    const began = performance.now()
    await append(work.of === 'all' ? events : own * streams)
    appendMs = performance.now() - began
    await patiently(
      Promise.all(delivered),
      () => `one has seen ${listeners.find((it) => it.isWaiting)?.count}`,
    )
    return own * listeners.length
  }
  let appendMs = 0
  await round(Math.ceil(work.events / 5))
  const seen = await measured(() => round(work.events))
  for (const subscription of subscriptions) await subscription.close()
  const appended = work.of === 'all' ? work.events : Math.ceil(work.events / streams) * streams
  return { ...seen, deliveredPerSecond: seen.perSecond, appendsPerSecond: (appended * 1_000) / appendMs }
}

/** Appends, and nobody listens. */
export async function rawAppends(program: Program, { events }: RawAppends): Promise<Figures> {
  const append = appender((id, event) => program.append(id, event), STREAMS)
  await append(Math.ceil(events / 5))
  const seen = await measured(() => append(events))
  return { ...seen, appendsPerSecond: seen.perSecond }
}

/** Counts what comes, and makes sure that it comes in order. */
class Listener {
  count = 0
  #expected = 0
  #last = 0n
  #done: (() => void) | undefined

  get isWaiting(): boolean {
    return this.count < this.#expected
  }

  /** Resolves when so many more events have come. */
  expect(events: number): Promise<void> {
    this.#expected = this.count + events
    const { promise, resolve } = signalled()
    this.#done = resolve
    if (!this.isWaiting) resolve()
    return promise
  }

  see(position: bigint): void {
    if (position <= this.#last) throw new Error(`${position} comes behind ${this.#last}`)
    this.#last = position
    this.count += 1
    if (this.count === this.#expected) this.#done?.()
    if (this.count > this.#expected) throw new Error('More came than was appended')
  }
}

function streamOf(number: number): string {
  return `fan-${number}`
}

/** Keeps appends in flight, to one stream after the other. */
function appender(
  append: (streamId: string, event: BenchEvent) => Promise<unknown>,
  streams: number,
): (events: number) => Promise<number> {
  const next = eventSource(process.pid, false)
  let count = 0
  return async (events) => {
    let left = events
    const client = async (): Promise<void> => {
      for (; left > 0; ) {
        left -= 1
        count += 1
        await append(streamOf(count % streams), next())
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, client))
    return events
  }
}
