import { defineEvents } from '../events/define-events.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { Projection, ProjectionDefinition } from '../store/contract-projections.ts'
import type { SinkHandler, SinkProjection, SinkProjectionDefinition } from '../store/contract-sinks.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { defineProjection } from './define-projection.ts'

const checkNames = onlyNames(
  'A projection into a sink',
  'name',
  'version',
  'source',
  'resolveLinks',
  'on',
  'any',
  'deleted',
)

/**
 * Describes a read model in a database of one's own: what to write there for the events of a source.
 *
 * ```ts
 * const orders = defineSinkProjection(orderEvents, {
 *   name: 'orders',
 *   source: { kind: 'category', category: 'order' },
 *   on: {
 *     OrderPlaced: (tx: Database, { streamId, data }) =>
 *       tx.prepare('insert into orders values (?, ?)').run(streamId, data.total),
 *   },
 * })
 * ```
 *
 * The events may be left out; then any type can have a case, and data is `unknown`.
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function defineSinkProjection<E extends EventShape, Tx>(
  events: EventTypes<E>,
  definition: SinkProjectionDefinition<E, Tx>,
): SinkProjection<E, Tx>
export function defineSinkProjection<Tx>(
  definition: SinkProjectionDefinition<EventShape, Tx>,
): SinkProjection<EventShape, Tx>
export function defineSinkProjection<Tx>(
  ...given:
    | readonly [EventTypes<EventShape>, SinkProjectionDefinition<EventShape, Tx>]
    | readonly [SinkProjectionDefinition<EventShape, Tx>]
): SinkProjection<EventShape, Tx> {
  const [events, definition] = given.length === 1 ? [defineEvents<EventShape>(), given[0]] : given
  checkNames(definition)
  // What is wrong with a projection is wrong with this one. The handlers are only looked at.
  const alike = { ...definition, initialState: () => null } as unknown as ProjectionDefinition<
    EventShape,
    null
  >
  const { name, version, source, resolveLinks, form } = defineProjection(events, alike)
  return { name, version, source, resolveLinks, events, form, definition }
}

/** The projection that handles events in one transaction of a sink. It has no state: all that its handlers do is in the transaction. */
export function withinTransaction<Tx>(
  { definition, ...projection }: SinkProjection<EventShape, Tx>,
  tx: Tx,
): Projection<EventShape, null> {
  const { name, source, on = {}, any, deleted } = definition
  const bound = Object.entries(on).map(([type, handler]) => [type, boundTo(tx, handler!)] as const)
  return {
    ...projection,
    isInline: false,
    definition: {
      name,
      source,
      initialState: () => null,
      on: Object.fromEntries(bound),
      any: any && boundTo(tx, any),
      deleted: deleted && boundTo(tx, deleted),
    },
  }
}

function boundTo<Tx, Input>(
  tx: Tx,
  handler: SinkHandler<Tx, Input>,
): (state: null, input: Input, context: { readonly position: bigint }) => Promise<undefined> | undefined {
  return (_state, input, { position }) => {
    const returned = handler(tx, input, { position })
    // Query builders give what can be waited for, but is no promise.
    return isThenable(returned) ? Promise.resolve(returned).then(() => undefined) : undefined
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}
