import assert from 'node:assert/strict'
import type { EventDbError } from '../../errors.ts'
import type { Subspace } from '../../kv/subspace.ts'
import type { OpenEventStoreOptions } from '../../opening/open-event-store.ts'
import { systemRuntime } from '../../runtime.ts'
import type { EventStore } from '../../store/contract.ts'
import type { NewEvent } from '../../store/event.ts'
import type { SimulatedRuntime } from '../simulated-runtime.ts'

/** What a law is tried on: a fresh, empty event store. */
export interface StoreScene {
  readonly store: EventStore
  /** Where the store keeps its rows. */
  readonly directory: Subspace
  /** Closes the store and opens it again. For laws that need `'reopen'`. */
  reopen(): Promise<EventStore>
  /** A number in [0, 1), the same in each run. */
  random(): number
}

/** A scene on virtual time, which passes while the law waits. */
export interface SimulatedStoreScene extends StoreScene {
  readonly runtime: SimulatedRuntime
}

/** What a law asks of its scene, and how it leaves it. */
export interface StoreLawOptions {
  /** Skipped where the fixture cannot open a store again. */
  readonly needs?: 'reopen'
  /** Whether the law breaks the store on purpose, so that `check()` has to find problems afterwards. @default false */
  readonly damages?: boolean
  /** How to open the store. */
  readonly open?: Pick<OpenEventStoreOptions, 'eventBytesMax' | 'indexes' | 'categorySeparator'>
}

/** How the files of this folder state their laws. */
export interface StoreLaws {
  /** States a law. */
  law(name: string, verify: (scene: StoreScene) => Promise<void>, options?: StoreLawOptions): void
  /** States a law about time. */
  simulatedLaw(
    name: string,
    verify: (scene: SimulatedStoreScene) => Promise<void>,
    options?: StoreLawOptions,
  ): void
}

/** Events of the type `Counted`, whose data are the numbers `from`, `from + 1`, … */
export function counted(count: number, from = 1): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({ type: 'Counted', data: from + index }))
}

/** The whole numbers from `first` to `last`. */
export function numbers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}

/** The data of events, in order. */
export async function dataOf(events: AsyncIterable<{ readonly data?: unknown }>): Promise<unknown[]> {
  const data: unknown[] = []
  for await (const event of events) data.push(event.data)
  return data
}

/** Reads a stream's data from the beginning. */
export function dataIn(store: Pick<EventStore, 'stream'>, streamId: string): Promise<unknown[]> {
  return dataOf(store.stream(streamId).read())
}

/** Lets everything that waits have its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    systemRuntime.defer(resolve)
  })
}

/** A UUID that holds a number. */
export function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}

/** Everything that readers can see of a store, as one text: to show that nothing has changed. */
export async function everythingIn(store: EventStore): Promise<string> {
  const events = await store.all.read({ system: true }).toArray()
  const streams = []
  for await (const entry of store.streams({ system: true })) streams.push(entry)
  const own = await store.readTransact(async (tx) => {
    const rows = []
    for await (const row of tx.kv.getRange([])) rows.push(row)
    return rows
  })
  return JSON.stringify({ events, streams, own }, (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
}

/** Makes sure that a call fails with this code and changes nothing that readers can see. Returns the error. */
export async function refuses(
  store: EventStore,
  code: string,
  call: () => unknown,
  name?: string,
): Promise<EventDbError> {
  const before = await everythingIn(store)
  const error = await failureOf(code, call, name)
  assert.equal(await everythingIn(store), before, `${name ?? code}: nothing is written`)
  return error
}

/** Makes sure that a call fails with this code, thrown or rejected. Returns the error. */
export async function failureOf(code: string, call: () => unknown, name?: string): Promise<EventDbError> {
  let failure: unknown
  try {
    await call()
  } catch (error) {
    failure = error
  }
  assert.ok(failure instanceof Error, `${name ?? code}: it fails`)
  assert.equal((failure as EventDbError).code, code, `${name ?? code}: ${failure.stack}`)
  return failure as EventDbError
}
