import assert from 'node:assert/strict'
import { openEventStore } from '../../opening/open-event-store.ts'
import { defineProjection } from '../../projection/define-projection.ts'
import type { Runtime } from '../../runtime.ts'
import type { EventStore } from '../../store/contract.ts'
import type {
  Projection,
  ProjectionDefinition,
  ProjectionEnd,
  ProjectionEntry,
  ProjectionFault,
  ProjectionHandle,
  ProjectionReader,
  RunningProjection,
} from '../../store/contract-projections.ts'
import type { KeyValueReader } from '../../store/contract-transactions.ts'
import type { EventShape, NewEvent } from '../../store/event.ts'
import type { Tuple } from '../../tuple/elements.ts'
import { waitUntil } from './group-consumers.ts'
import type { SimulatedStoreScene, StoreLaws } from './laws.ts'

/** The data of events in the order in which they were handled. So it tells which they were. */
export type Log = readonly unknown[]

/** What can be set of a projection. */
export type Settings<S> = Partial<ProjectionDefinition<EventShape, S>>

/** A projection of everything, called `p`, that keeps the data of what it handles. */
export function logs(settings: Settings<Log> = {}): Projection<EventShape, Log> {
  return defineProjection<Log>({
    name: 'p',
    source: { kind: 'all' },
    initialState: () => [],
    any: (state, { data }) => [...state, data],
    ...settings,
  })
}

/** A projection of everything, called `p`, that counts; what its handler does besides is for the caller to say. */
export function counts(
  also: NonNullable<Settings<number>['any']>,
  settings: Settings<number> = {},
): Projection<EventShape, number> {
  return defineProjection<number>({
    name: 'p',
    source: { kind: 'all' },
    initialState: () => 0,
    any: async (state, event, context) => {
      await also(state, event, context)
      return state + 1
    },
    ...settings,
  })
}

/** An event of type `A`. */
export function a(data: unknown, more: Partial<NewEvent> = {}): NewEvent {
  return { type: 'A', data, ...more }
}

/** Appends to the stream `s`, and returns the position of the last event. */
export async function append(store: EventStore, ...data: readonly unknown[]): Promise<bigint> {
  const { position } = await store.stream('s').append(data.map((one) => a(one)))
  return position!
}

/** Waits until everything was handled that is in the log now. */
export async function caughtUp(
  store: EventStore,
  handle: Pick<ProjectionHandle<unknown>, 'waitFor'> = store.projection('p'),
): Promise<void> {
  const newest = { direction: 'backwards', limit: 1, system: true, resolveLinks: false } as const
  const [last] = await store.all.read(newest).toArray()
  if (last !== undefined) await handle.waitFor(last.position)
}

/** Runs a projection until everything was handled that is in the log now, and ends it. Returns what it holds. */
export async function made<S>(
  store: EventStore,
  projection: Projection<EventShape, S>,
): Promise<Record<string, S>> {
  const running = await store.project(projection)
  await caughtUp(store, running)
  await running.close()
  return statesOf(running)
}

/** All states by partition. */
export async function statesOf<S>(
  reader: Pick<ProjectionReader<S>, 'partitions'>,
): Promise<Record<string, S>> {
  const states: [string, S][] = []
  for await (const { partition, state } of reader.partitions()) states.push([partition, state])
  return Object.fromEntries(states)
}

/** The rows of a read model that begin with a prefix, as pairs. */
export async function rowsOf(
  kv: KeyValueReader,
  prefix: Tuple = [],
  options?: { readonly limit?: number; readonly reverse?: boolean },
): Promise<[key: Tuple, value: unknown][]> {
  const rows: [Tuple, unknown][] = []
  for await (const { key, value } of kv.getRange(prefix, options)) rows.push([key, value])
  return rows
}

/** The projections of a store, as it lists them. */
export function projectionsOf(store: EventStore): Promise<ProjectionEntry[]> {
  return store.projections().toArray()
}

/** Waits until it stands at a fault, for the so-manieth time. */
export async function faulted(
  runtime: Runtime,
  handle: Pick<ProjectionHandle<unknown>, 'status'>,
  attempts = 1,
): Promise<ProjectionFault> {
  let fault: ProjectionFault | undefined
  await waitUntil(runtime, 'it stands at a fault', async () => {
    fault = (await handle.status()).fault
    return fault !== undefined && fault.attempts >= attempts
  })
  return fault!
}

/** Waits until nothing is being built any more. */
export async function switched(
  runtime: Runtime,
  handle: Pick<ProjectionHandle<unknown>, 'status'>,
  version: number,
): Promise<void> {
  await waitUntil(runtime, `version ${version} serves`, async () => {
    const status = await handle.status()
    return status.version === version && status.building === undefined
  })
}

/** Why it runs no more; fails if it runs. */
export async function endOf(
  runtime: Runtime,
  { ended }: Pick<RunningProjection<unknown>, 'ended'>,
): Promise<ProjectionEnd> {
  let end: ProjectionEnd | undefined
  void ended.then((known) => {
    end = known
  })
  await waitUntil(runtime, 'it runs no more', () => end !== undefined)
  return end!
}

/** The same store, opened again beside itself, on the same time: another process, as far as projections can tell. */
export function secondStore({ store, directory, runtime }: SimulatedStoreScene): Promise<EventStore> {
  return openEventStore(store.kv, { directory, runtime })
}

/** What is thrown where something is to fail. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** Makes sure that a stream has never been written. */
export async function assertUnwritten(store: EventStore, streamId: string): Promise<void> {
  assert.equal(await store.stream(streamId).exists(), false, `${streamId} is unwritten`)
}

/** The laws of projections: their names say so. */
export function ofProjections({ law, simulatedLaw }: StoreLaws): StoreLaws {
  return {
    law: (name, verify, options) => law(`projections: ${name}`, verify, options),
    simulatedLaw: (name, verify, options) => simulatedLaw(`projections: ${name}`, verify, options),
  }
}
