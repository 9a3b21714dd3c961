import { positionOf, timeOfPosition } from '../kv/stamp.ts'
import { EVENT_TYPE_BYTES_MAX, STREAM_ID_BYTES_MAX } from '../limits.ts'
import type { Query } from './contract-query.ts'
import type {
  AllReadOptions,
  PositionReadOptions,
  ReadableSource,
  StreamReadOptions,
} from './contract-reading.ts'
import type { PendingEvent, RecordedEvent, TransactionEvent } from './event.ts'
import { resolveLinks } from './links.ts'
import { type NextPage, pagedRead, type ReadShape } from './paged-read.ts'
import { checkStreamId, isSystemStream } from './prepared-event.ts'
import { matchesQuery, prepareQuery } from './query.ts'
import { logPages } from './read-all.ts'
import { type IndexSearch, indexPages } from './read-index.ts'
import {
  checkAllReadOptions,
  checkFlag,
  checkPositionReadOptions,
  checkStreamReadOptions,
  type PositionBounds,
  positionBounds,
  shapeOf,
  versionBounds,
} from './read-options.ts'
import { categorySearch, queryPages, typeSearch } from './read-query.ts'
import { streamPages } from './read-stream.ts'
import type { Reading } from './reading.ts'
import type { StoreSession } from './session.ts'
import type { Settings } from './settings.ts'
import { checkName } from './text.ts'

/** Everything that is stored, in the global order. */
export function allSource(reading: Reading): ReadableSource<RecordedEvent, AllReadOptions> {
  return {
    read: (options = {}) => {
      checkAllReadOptions(options)
      const bounds = positionBounds(options)
      const { system = false, signal } = options
      checkFlag('system', system)
      return pagedRead(shapeOf(options), (shape) => logPages(reading, bounds, { ...shape, system }, signal))
    },
  }
}

/** The stored events of one stream. */
export function streamSource(reading: Reading, id: string): ReadableSource<RecordedEvent, StreamReadOptions> {
  checkStreamId(id)
  return {
    read: (options = {}) => {
      checkStreamReadOptions(options)
      const bounds = versionBounds(options)
      return pagedRead(shapeOf(options), (shape) =>
        streamPages(reading, id, bounds, { ...shape, lastStored: () => bounds.last }, options.signal),
      )
    },
  }
}

/** The stored events of a category. @throws InvalidArgumentError, LimitExceededError */
export function categorySource(reading: Reading, category: string): ReadableSource {
  checkName(category, 'A category', STREAM_ID_BYTES_MAX)
  return indexSource(reading, categorySearch(category))
}

/** The stored events of a type. @throws InvalidArgumentError, LimitExceededError */
export function typeSource(reading: Reading, type: string): ReadableSource {
  checkName(type, 'The type of an event', EVENT_TYPE_BYTES_MAX)
  return indexSource(reading, typeSearch(type))
}

/** The stored events that a query means. @throws InvalidArgumentError, LimitExceededError */
export function querySource(reading: Reading, query: Query): ReadableSource {
  const prepared = prepareQuery(query)
  return positionSource((bounds, shape, signal) => queryPages(reading, prepared, bounds, shape, signal))
}

function indexSource(reading: Reading, search: IndexSearch): ReadableSource {
  return positionSource((bounds, shape, signal) => indexPages(reading, search, bounds, shape, signal))
}

type PagesByPosition = (
  bounds: PositionBounds,
  shape: ReadShape,
  signal: AbortSignal | undefined,
) => NextPage<RecordedEvent>

function positionSource(pages: PagesByPosition): ReadableSource {
  return {
    read: (options = {}) => {
      checkPositionReadOptions(options)
      const bounds = positionBounds(options)
      return pagedRead(shapeOf(options), (shape) => pages(bounds, shape, options.signal))
    },
  }
}

/** What a transaction that may write reads with. */
export interface SessionReading {
  readonly session: StoreSession
  readonly reading: Reading
}

/** Everything that a transaction sees: what is stored, then its own events. */
export function allSourceWithin({
  session,
  reading,
}: SessionReading): ReadableSource<TransactionEvent, AllReadOptions> {
  return {
    read: (options = {}) => {
      checkAllReadOptions(options)
      const bounds = positionBounds(options)
      const { system = false, signal } = options
      checkFlag('system', system)
      const own = ownByPosition(
        session,
        reading,
        options,
        ({ streamId }) => system || !isSystemStream(streamId),
      )
      return pagedRead(shapeOf(options), (shape) =>
        withOwn(reading, shape, own, (rest) => logPages(reading, bounds, { ...rest, system }, signal)),
      )
    },
  }
}

/** One stream as a transaction sees it: what is stored, then its own events. */
export function streamSourceWithin(
  { session, reading }: SessionReading,
  id: string,
): ReadableSource<TransactionEvent, StreamReadOptions> {
  checkStreamId(id)
  return {
    read: (options = {}) => {
      checkStreamReadOptions(options)
      const bounds = versionBounds(options)
      const own = async (): Promise<readonly PendingEvent[]> =>
        session.pendingEvents(id).filter(({ version }) => version >= bounds.first && version <= bounds.last)
      // The rows of own events are there, but they lead nowhere yet. Own events may come while this is read.
      const lastStored = (): number => session.firstPending(id) - 1
      return pagedRead(shapeOf(options), (shape) =>
        withOwn(reading, shape, own, (rest) =>
          streamPages(reading, id, bounds, { ...rest, lastStored }, options.signal),
        ),
      )
    },
  }
}

/** The events of a category as a transaction sees them. */
export function categorySourceWithin(
  scene: SessionReading,
  category: string,
): ReadableSource<TransactionEvent> {
  checkName(category, 'A category', STREAM_ID_BYTES_MAX)
  return indexSourceWithin(scene, categorySearch(category))
}

/** The events of a type as a transaction sees them. */
export function typeSourceWithin(scene: SessionReading, type: string): ReadableSource<TransactionEvent> {
  checkName(type, 'The type of an event', EVENT_TYPE_BYTES_MAX)
  return indexSourceWithin(scene, typeSearch(type))
}

/** The events that a query means as a transaction sees them. */
export function querySourceWithin(scene: SessionReading, query: Query): ReadableSource<TransactionEvent> {
  const { reading } = scene
  const prepared = prepareQuery(query)
  return positionSourceWithin(
    scene,
    (event) => matchesQuery(prepared, event),
    (bounds, shape, signal) => queryPages(reading, prepared, bounds, shape, signal),
  )
}

function indexSourceWithin(scene: SessionReading, search: IndexSearch): ReadableSource<TransactionEvent> {
  return positionSourceWithin(
    scene,
    (event, settings) => search.isMeant(event, settings),
    (bounds, shape, signal) => indexPages(scene.reading, search, bounds, shape, signal),
  )
}

function positionSourceWithin(
  { session, reading }: SessionReading,
  isMeant: (event: TransactionEvent, settings: Settings) => boolean,
  pages: PagesByPosition,
): ReadableSource<TransactionEvent> {
  return {
    read: (options = {}) => {
      checkPositionReadOptions(options)
      const bounds = positionBounds(options)
      const own = ownByPosition(
        session,
        reading,
        options,
        (event, settings) => !isSystemStream(event.streamId) && isMeant(event, settings),
      )
      return pagedRead(shapeOf(options), (shape) =>
        withOwn(reading, shape, own, (rest) => pages(bounds, rest, options.signal)),
      )
    },
  }
}

type OwnEvents = () => Promise<readonly PendingEvent[]>

/** Own events have no position yet, but it will be higher than any that can be named; they are recorded after now. */
function ownByPosition(
  session: StoreSession,
  reading: Reading,
  { from, after, to, before }: PositionReadOptions,
  isWanted: (event: PendingEvent, settings: Settings) => boolean,
): OwnEvents {
  return async () => {
    // The log's own time counts if it is ahead of the clock.
    const now = await reading.onSnapshot(async ({ tx, now: clock }) =>
      Math.max(clock, timeOfPosition(positionOf(await tx.readHorizon()))),
    )
    const isPast = (bound: bigint | Date | undefined): boolean =>
      !(bound instanceof Date) || bound.getTime() <= now
    const isOpen = (bound: bigint | Date | undefined): boolean =>
      bound === undefined || (bound instanceof Date && bound.getTime() > now)
    const reachesEnd = [from, after].every(isPast) && [to, before].every(isOpen)
    const settings = await session.settings()
    return reachesEnd ? session.pendingEvents().filter((event) => isWanted(event, settings)) : []
  }
}

/** Joins stored and own events: own ones are the newest, so they come last, or first when going backwards. */
function withOwn(
  reading: Reading,
  shape: ReadShape,
  own: OwnEvents,
  open: (shape: ReadShape) => NextPage<RecordedEvent>,
): NextPage<TransactionEvent> {
  const found: OwnEvents = async () => {
    const events = await own()
    return shape.resolveLinks ? reading.onSnapshot((view) => resolveLinks(view, events)) : events
  }
  return shape.backwards ? ownFirst(shape, found, open) : ownLast(shape, found, open)
}

function ownLast(
  shape: ReadShape,
  own: OwnEvents,
  open: (shape: ReadShape) => NextPage<RecordedEvent>,
): NextPage<TransactionEvent> {
  const next = open(shape)
  let left = shape.limit
  let ended = false
  return async () => {
    if (ended) return undefined
    const page = await next()
    if (page !== undefined) {
      left -= page.length
      return page
    }
    ended = true
    return (await own()).slice(0, left)
  }
}

function ownFirst(
  shape: ReadShape,
  own: OwnEvents,
  open: (shape: ReadShape) => NextPage<RecordedEvent>,
): NextPage<TransactionEvent> {
  let next: NextPage<RecordedEvent> | undefined
  return async () => {
    if (next !== undefined) return next()
    const newest = (await own()).toReversed().slice(0, shape.limit)
    next = open({ ...shape, limit: shape.limit - newest.length })
    return newest
  }
}
