import type { EventStore } from '../../store/contract.ts'
import type { DeliveryHandler, GroupSettings } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { QUICK } from './group-consumers.ts'
import { numbers } from './laws.ts'

/** How events of one key are told in these laws: `[key, number]` is the event's data. */
export type Keyed = readonly [key: string, number: number]

/** Settings of groups that keep the order of a key. */
export const PINNED_GROUPS: readonly GroupSettings[] = [
  { ...QUICK, strategy: 'pinned' },
  { ...QUICK, strategy: 'pinned-by-correlation' },
]

/** Watches that events of a key are begun one at a time and in order, whoever handles them. */
export class OrderWatch {
  /** What was begun, in order, as `key/number`. */
  readonly begun: string[] = []
  /** The numbers that were handled without an error, by key. */
  readonly finished: Map<string, number[]> = new Map<string, number[]>()
  /** Whether what is broken is mended. */
  isFixed = false
  /** The most that were in handlers at the same time. */
  busyMost = 0
  readonly #busy = new Map<string, string>()

  /** A handler that does the same as `react`, under watch. */
  watching(react: DeliveryHandler<RecordedEvent>): DeliveryHandler<RecordedEvent> {
    return async (event, delivery) => {
      const [key, number] = event.data as Keyed
      const name = nameOf(event)
      const other = this.#busy.get(key)
      this.#busy.set(key, name)
      this.busyMost = Math.max(this.busyMost, this.#busy.size)
      this.begun.push(name)
      try {
        await react(event, delivery)
        const numbersOfKey = this.finished.get(key) ?? []
        this.finished.set(key, [...numbersOfKey, number])
      } finally {
        this.#busy.delete(key)
      }
      // Not before the event counts as handled, so that this cannot be taken for one that failed.
      if (other !== undefined) this.finished.set(`${name} was begun beside ${other}`, [])
    }
  }
}

/** Appends `count` events to each of the streams `k1`, `k2`, …, one key after the other in turn. */
export async function appendKeyed(store: EventStore, keys: number, count: number, after = 0): Promise<void> {
  const parts = numbers(after + 1, after + count).flatMap((number) =>
    keysOf(keys).map((key) => ({ streamId: key, events: keyed([key, number]) })),
  )
  for (const part of parts) await store.stream(part.streamId).append(part.events)
}

/** Appends one event to the stream of its key. */
export async function appendOne(store: EventStore, data: Keyed): Promise<void> {
  await store.stream(data[0]).append(keyed(data))
}

function keyed(data: Keyed): { type: string; data: Keyed; metadata: { $correlationId: string } } {
  return { type: 'Keyed', data, metadata: { $correlationId: `correlation of ${data[0]}` } }
}

/** The keys `k1`, `k2`, … */
export function keysOf(count: number): string[] {
  return numbers(1, count).map((number) => `k${number}`)
}

/** All keys with the numbers from 1 to `count`. */
export function orderOf(keys: number, count: number): Map<string, number[]> {
  return new Map(keysOf(keys).map((key) => [key, numbers(1, count)]))
}

/** The key of an event of these laws. */
export function keyOf(event: RecordedEvent): string {
  return (event.data as Keyed)[0]
}

/** An event of these laws as `key/number`. */
export function nameOf(event: RecordedEvent): string {
  return (event.data as Keyed).join('/')
}
