import assert from 'node:assert/strict'
import { defineInlineProjection } from '../../projection/define-projection.ts'
import type { Runtime } from '../../runtime.ts'
import type { EventStore } from '../../store/contract.ts'
import type {
  AppendedEvent,
  InlineContext,
  InlineProjectionDefinition,
  Projection,
  ProjectionHandle,
  ProjectionStatus,
} from '../../store/contract-projections.ts'
import type { EventShape } from '../../store/event.ts'
import { waitUntil } from './group-consumers.ts'
import { dataOf, type StoreLaws } from './laws.ts'
import { Failure, type Log } from './projection-examples.ts'

/** What can be set of an inline projection. */
export type InlineSettings<S> = Partial<InlineProjectionDefinition<EventShape, S>>

/** An inline projection of the category `s`, called `p`, that keeps the data of what it handles. */
export function inlineLogs(settings: InlineSettings<Log> = {}): Projection<EventShape, Log> {
  return defineInlineProjection<Log>({
    name: 'p',
    source: { kind: 'category', category: 's' },
    initialState: () => [],
    any: (state, { data }) => [...state, data],
    ...settings,
  })
}

/** The same, but its handler does something before. */
export function inlineDoing(
  also: (state: Log, event: AppendedEvent, context: InlineContext) => unknown,
  settings: InlineSettings<Log> = {},
): Projection<EventShape, Log> {
  return inlineLogs({
    any: async (state, event, context) => {
      await also(state, event, context)
      return [...state, event.data]
    },
    ...settings,
  })
}

/** The same, but it refuses events whose data is on a list. */
export function inlineRefusing(
  refused: readonly unknown[],
  settings: InlineSettings<Log> = {},
): Projection<EventShape, Log> {
  return inlineDoing((_state, { data }) => {
    if (refused.includes(data)) throw new Failure(`not ${String(data)}`)
  }, settings)
}

/** An inline projection of everything, called `p`, that counts events by partition: the stream unless it is said otherwise. */
export function inlineCounts(settings: InlineSettings<number> = {}): Projection<EventShape, number> {
  return defineInlineProjection<number>({
    name: 'p',
    source: { kind: 'all' },
    partitionBy: 'stream',
    initialState: () => 0,
    any: (state) => state + 1,
    ...settings,
  })
}

/** Waits until a projection is in force, and nothing is being built. */
export async function inForce(
  runtime: Runtime,
  handle: Pick<ProjectionHandle<unknown>, 'status'>,
  version = 1,
): Promise<ProjectionStatus> {
  let status: ProjectionStatus | undefined
  await waitUntil(runtime, `version ${version} is in force`, async () => {
    status = await handle.status()
    return status.state === 'inline' && status.version === version && status.building === undefined
  })
  return status!
}

/** The data of all events of a category, in the order of the log: what a log of it should hold. */
export function dataOfCategory(store: EventStore, category = 's'): Promise<unknown[]> {
  return dataOf(store.category(category).read())
}

/** The projection `p` holds the data of all events of its category, in the order of the log. */
export async function assertAllHandled(store: EventStore, name = 'p', category = 's'): Promise<void> {
  const state = await store.projection(name).state()
  assert.deepEqual(state ?? [], await dataOfCategory(store, category))
}

/** The laws of inline projections: their names say so. */
export function ofInlineProjections({ law, simulatedLaw }: StoreLaws): StoreLaws {
  return {
    law: (name, verify, options) => law(`inline projections: ${name}`, verify, options),
    simulatedLaw: (name, verify, options) => simulatedLaw(`inline projections: ${name}`, verify, options),
  }
}
