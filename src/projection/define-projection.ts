import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import {
  EVENT_TYPE_BYTES_MAX,
  INLINE_SOURCE_BYTES_MAX,
  PROJECTION_NAME_BYTES_MAX,
  STREAM_ID_BYTES_MAX,
} from '../limits.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type {
  InlineProjectionDefinition,
  Projection,
  ProjectionDefinition,
} from '../store/contract-projections.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkStreamId, checkWritableStreamId } from '../store/prepared-event.ts'
import { checkName, describe, utf8Length } from '../store/text.ts'
import { sourceOf } from '../subscription/source.ts'

const checkNames = onlyNames(
  'A projection',
  'name',
  'version',
  'source',
  'resolveLinks',
  'partitionBy',
  'initialState',
  'on',
  'any',
  'deleted',
  'timer',
  'clock',
  'encode',
  'decode',
  'fromOlder',
)

const checkInlineNames = onlyNames(
  'An inline projection',
  'name',
  'version',
  'source',
  'partitionBy',
  'initialState',
  'on',
  'any',
  'deleted',
  'encode',
  'decode',
  'fromOlder',
)

/** Handlers and other functions that may be given. */
const FUNCTIONS = ['any', 'deleted', 'timer', 'encode', 'decode', 'fromOlder'] as const

/**
 * Describes a projection: what to make of the events of a source.
 *
 * ```ts
 * const sales = defineProjection(orderEvents, {
 *   name: 'sales-per-day',
 *   source: { kind: 'category', category: 'order' },
 *   partitionBy: ({ time }) => time.toISOString().slice(0, 10),
 *   initialState: () => ({ orders: 0, total: 0 }),
 *   on: {
 *     OrderPlaced: (state, { data }) => ({ orders: state.orders + 1, total: state.total + data.total }),
 *   },
 * })
 * ```
 *
 * The events may be left out; then any type can have a case, and data is `unknown`.
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function defineProjection<E extends EventShape, S>(
  events: EventTypes<E>,
  definition: ProjectionDefinition<E, S>,
): Projection<E, S>
export function defineProjection<S>(
  definition: ProjectionDefinition<EventShape, S>,
): Projection<EventShape, S>
export function defineProjection<S>(
  ...given:
    | readonly [EventTypes<EventShape>, ProjectionDefinition<EventShape, S>]
    | readonly [ProjectionDefinition<EventShape, S>]
): Projection<EventShape, S> {
  const [events, definition] = given.length === 1 ? [defineEvents<EventShape>(), given[0]] : given
  checkNames(definition)
  return projectionOf(events, definition, false)
}

/**
 * Describes a projection that is part of every transaction which appends events of its source: see "Inline" in `docs/projections.md`.
 *
 * ```ts
 * const emails = defineInlineProjection(userEvents, {
 *   name: 'emails',
 *   source: { kind: 'category', category: 'user' },
 *   partitionBy: ({ data }) => data.email,
 *   initialState: () => ({ isTaken: false }),
 *   on: {
 *     UserRegistered: (state) => {
 *       if (state.isTaken) throw new Error('There is a user with this address')
 *       return { isTaken: true }
 *     },
 *   },
 * })
 * ```
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function defineInlineProjection<E extends EventShape, S>(
  events: EventTypes<E>,
  definition: InlineProjectionDefinition<E, S>,
): Projection<E, S>
export function defineInlineProjection<S>(
  definition: InlineProjectionDefinition<EventShape, S>,
): Projection<EventShape, S>
export function defineInlineProjection<S>(
  ...given:
    | readonly [EventTypes<EventShape>, InlineProjectionDefinition<EventShape, S>]
    | readonly [InlineProjectionDefinition<EventShape, S>]
): Projection<EventShape, S> {
  const [events, definition] = given.length === 1 ? [defineEvents<EventShape>(), given[0]] : given
  checkInlineNames(definition)
  return projectionOf(
    events,
    { ...definition, resolveLinks: false } as ProjectionDefinition<EventShape, S>,
    true,
  )
}

function projectionOf<S>(
  events: EventTypes<EventShape>,
  definition: ProjectionDefinition<EventShape, S>,
  isInline: boolean,
): Projection<EventShape, S> {
  if (typeof events?.upToDate !== 'function') {
    throw new InvalidArgumentError(`Events are made by defineEvents, not ${describe(events)}`, { events })
  }
  checkDefinition(definition)
  const { name, version = 1, source, resolveLinks = source.kind !== 'all' } = definition
  checkCases(definition, events)
  const copy = structuredClone(source)
  sourceOf(copy, { resolveLinks, system: false })
  if (isInline) checkInlineSource(copy)
  const form = formOf(definition, copy, resolveLinks, isInline)
  return { name, version, isInline, source: copy, resolveLinks, events, form, definition }
}

function checkDefinition<S>(definition: ProjectionDefinition<EventShape, S>): void {
  const { name, version, source, resolveLinks, partitionBy, initialState, deleted, clock } = definition
  checkName(name, 'The name of a projection', PROJECTION_NAME_BYTES_MAX)
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 1)) {
    throw new InvalidArgumentError(
      `The version of a projection must be a whole number from 1 on, not ${describe(version)}`,
      { version },
    )
  }
  checkSource(source)
  if (resolveLinks !== undefined && typeof resolveLinks !== 'boolean') {
    throw new InvalidArgumentError(`"resolveLinks" must be true or false, not ${describe(resolveLinks)}`)
  }
  if (partitionBy !== undefined && partitionBy !== 'stream') checkFunction('partitionBy', partitionBy)
  checkFunction('initialState', initialState)
  for (const one of FUNCTIONS) if (definition[one] !== undefined) checkFunction(one, definition[one])
  if ((definition.encode === undefined) !== (definition.decode === undefined)) {
    throw new InvalidArgumentError('A projection has `encode` and `decode`, or neither')
  }
  if (clock !== undefined && clock !== 'events' && clock !== 'wall') {
    throw new InvalidArgumentError(`"clock" must be 'events' or 'wall', not ${describe(clock)}`, { clock })
  }
  if (deleted !== undefined) checkDeleted(source, partitionBy)
}

function checkSource(source: unknown): asserts source is SourceName {
  const { kind, streamId, category, type } = (source ?? {}) as Readonly<Record<string, unknown>>
  switch (kind) {
    case 'all':
    case 'query':
      return
    case 'stream':
      return checkStreamId(streamId)
    case 'category':
      return checkName(category, 'A category', STREAM_ID_BYTES_MAX)
    case 'type':
      return checkName(type, 'The type of an event', EVENT_TYPE_BYTES_MAX)
    default:
      throw new InvalidArgumentError(
        `The source of a projection is { kind: 'all' }, or one of the kinds category, stream, type and query, not ${describe(kind)}`,
        { source },
      )
  }
}

function checkInlineSource(source: SourceName): void {
  if (source.kind === 'stream') checkWritableStreamId(source.streamId)
  const bytes = utf8Length(JSON.stringify(source))
  if (bytes > INLINE_SOURCE_BYTES_MAX) {
    throw new LimitExceededError('The source of an inline projection', INLINE_SOURCE_BYTES_MAX, bytes)
  }
}

function checkDeleted({ kind }: SourceName, partitionBy: unknown): void {
  if (kind === 'type' || kind === 'query') {
    throw new InvalidArgumentError(`"deleted" is for sources that have streams, not for one by ${kind}`)
  }
  if (typeof partitionBy === 'function') {
    throw new InvalidArgumentError(
      `"deleted" needs a projection without partitions, or with partitionBy: 'stream'`,
    )
  }
}

function checkCases<S>(
  { on = {}, any }: ProjectionDefinition<EventShape, S>,
  { types }: EventTypes<EventShape>,
): void {
  if (typeof on !== 'object' || on === null) {
    throw new InvalidArgumentError(`"on" must be an object of handlers by type, not ${describe(on)}`, { on })
  }
  for (const [type, handler] of Object.entries(on)) {
    checkFunction(`on.${type}`, handler)
    if (types === undefined || types.includes(type)) continue
    throw new InvalidArgumentError(
      `There is no event type ${describe(type)}, only ${types.map(describe).join(', ')}`,
      { type },
    )
  }
  if (Object.keys(on).length === 0 && any === undefined) {
    throw new InvalidArgumentError('A projection needs a handler: a case in "on", or "any"')
  }
}

function checkFunction(name: string, given: unknown): void {
  if (typeof given === 'function') return
  throw new InvalidArgumentError(`"${name}" must be a function, not ${describe(given)}`, { [name]: given })
}

/** What can be told of a definition. What its functions do cannot. */
function formOf<S>(
  definition: ProjectionDefinition<EventShape, S>,
  source: SourceName,
  resolveLinks: boolean,
  isInline: boolean,
): string {
  const { partitionBy, on = {}, clock = 'events' } = definition
  return JSON.stringify({
    source,
    resolveLinks,
    partitionBy: typeof partitionBy === 'function' ? 'function' : (partitionBy ?? null),
    on: Object.keys(on).toSorted(),
    also: ['any', 'deleted', 'timer', 'encode', 'decode'].filter(
      (name) => definition[name as (typeof FUNCTIONS)[number]] !== undefined,
    ),
    clock,
    ...(isInline && { inline: true }),
  })
}
