import type { AllReadOptions, EventSource, StreamReadOptions } from './contract.ts'
import type { PendingEvent, RecordedEvent, TransactionEvent } from './event.ts'
import { type NextPage, pagedRead, type ReadShape } from './paged-read.ts'
import { checkStreamId, isSystemStream } from './prepared-event.ts'
import { logPages } from './read-all.ts'
import {
  checkAllReadOptions,
  checkStreamReadOptions,
  positionBounds,
  shapeOf,
  type VersionBounds,
  versionBounds,
} from './read-options.ts'
import { streamPages } from './read-stream.ts'
import type { Reading } from './reading.ts'
import type { StoreSession } from './session.ts'

/** Everything that is stored, in the global order. */
export function allSource(reading: Reading): EventSource<RecordedEvent, AllReadOptions> {
  return {
    read: (options = {}) => {
      checkAllReadOptions(options)
      const bounds = positionBounds(options)
      return pagedRead(shapeOf(options), (shape) =>
        logPages(reading, bounds, shape, options.system ?? false, options.signal),
      )
    },
  }
}

/** The stored events of one stream. */
export function streamSource(reading: Reading, id: string): EventSource<RecordedEvent, StreamReadOptions> {
  checkStreamId(id)
  return {
    read: (options = {}) => {
      checkStreamReadOptions(options)
      const bounds = versionBounds(options)
      return pagedRead(shapeOf(options), (shape) => streamPages(reading, id, bounds, shape, options.signal))
    },
  }
}

/** Everything that a transaction sees: what is stored, then its own events. */
export function allSourceIn(
  session: StoreSession,
  reading: Reading,
): EventSource<TransactionEvent, AllReadOptions> {
  return {
    read: (options = {}) => {
      checkAllReadOptions(options)
      const bounds = positionBounds(options)
      // Own events have no position yet, but it will be higher than any that can be named.
      const reachesEnd = options.to === undefined && options.before === undefined
      const own = (): readonly PendingEvent[] =>
        reachesEnd
          ? session.pendingEvents().filter(({ streamId }) => options.system || !isSystemStream(streamId))
          : []
      return pagedRead(shapeOf(options), (shape) =>
        withOwn(shape, own, (rest) =>
          logPages(reading, bounds, rest, options.system ?? false, options.signal),
        ),
      )
    },
  }
}

/** One stream as a transaction sees it: what is stored, then its own events. */
export function streamSourceIn(
  session: StoreSession,
  reading: Reading,
  id: string,
): EventSource<TransactionEvent, StreamReadOptions> {
  checkStreamId(id)
  return {
    read: (options = {}) => {
      checkStreamReadOptions(options)
      const bounds = versionBounds(options)
      const own = (): readonly PendingEvent[] =>
        session.pendingEvents(id).filter(({ version }) => isWithin(version, bounds))
      const firstOwn = (): number => session.pendingEvents(id)[0]?.version ?? Number.POSITIVE_INFINITY
      return pagedRead(shapeOf(options), (shape) =>
        withOwn(shape, own, (rest) =>
          storedPages(firstOwn, bounds, rest, (within, shapeLeft) =>
            streamPages(reading, id, within, shapeLeft, options.signal),
          ),
        ),
      )
    },
  }
}

/**
 * Reads what is stored of a stream. The rows of own events are in the write buffer, but their stamps are not known: only older
 * rows can be followed. Own events may come while this is read, and then the rest is read within narrower bounds.
 */
function storedPages(
  firstOwn: () => number,
  bounds: VersionBounds,
  shape: ReadShape,
  open: (within: VersionBounds, shape: ReadShape) => NextPage<RecordedEvent>,
): NextPage<RecordedEvent> {
  let { first } = bounds
  let left = shape.limit
  let end = firstOwn()
  const openRest = (): NextPage<RecordedEvent> =>
    open({ first, last: Math.min(bounds.last, end - 1) }, { ...shape, limit: left })
  let next = openRest()
  return async () => {
    if (!shape.backwards && firstOwn() !== end) {
      end = firstOwn()
      next = openRest()
    }
    const page = await next()
    if (page !== undefined) left -= page.length
    first = (page?.at(-1)?.version ?? 0) + 1
    return page
  }
}

function isWithin(version: number, { first, last }: VersionBounds): boolean {
  return version >= first && version <= last
}

/** Joins stored and own events: own ones are the newest, so they come last, or first when going backwards. */
function withOwn(
  shape: ReadShape,
  own: () => readonly PendingEvent[],
  open: (shape: ReadShape) => NextPage<RecordedEvent>,
): NextPage<TransactionEvent> {
  return shape.backwards ? ownFirst(shape, own, open) : ownLast(shape, own, open)
}

function ownLast(
  shape: ReadShape,
  own: () => readonly PendingEvent[],
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
    return own().slice(0, left)
  }
}

function ownFirst(
  shape: ReadShape,
  own: () => readonly PendingEvent[],
  open: (shape: ReadShape) => NextPage<RecordedEvent>,
): NextPage<TransactionEvent> {
  let next: NextPage<RecordedEvent> | undefined
  return async () => {
    if (next !== undefined) return next()
    const newest = own().toReversed().slice(0, shape.limit)
    next = open({ ...shape, limit: shape.limit - newest.length })
    return newest
  }
}
