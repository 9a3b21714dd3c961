import { StreamNotFoundError, StreamTombstonedError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { StreamState } from '../store/contract-streams.ts'
import type { RecordedEvent } from '../store/event.ts'
import { prepareQuery } from '../store/query.ts'
import { readLogPage } from '../store/read-all.ts'
import { type IndexSearch, readIndexPage } from '../store/read-index.ts'
import { ALL_POSITIONS } from '../store/read-options.ts'
import { categorySearch, querySearch, typeSearch } from '../store/read-query.ts'
import { readStreamPage } from '../store/read-stream.ts'
import type { View } from '../store/reading.ts'
import { readSettings, type Settings } from '../store/settings.ts'
import { isPlaceOf, isSystemEvent } from '../store/stored-event.ts'
import { headOf, numberOf } from '../store/stream-rows.ts'

/** What was found behind a place on one snapshot. */
export interface SourcePage {
  readonly events: readonly RecordedEvent[]
  /** The place up to which everything has been looked at. */
  readonly through: AnyPlace
  /** Whether there was no more. */
  readonly isEnd: boolean
}

/** How a source is looked at. */
export interface Sight {
  readonly resolveLinks: boolean
  readonly system: boolean
}

/** A source of events, as subscriptions use it: a page behind a place, and the same choice among events of the log. */
export interface Source {
  readonly name: SourceName
  /** Whether places are versions; else they are positions. */
  readonly isStream: boolean
  /** Before the first event. */
  readonly origin: AnyPlace
  /** Reads about `limit` events behind a place. @throws IndexMissingError, StreamTombstonedError, CorruptionError */
  page(view: View, after: AnyPlace, limit: number): Promise<SourcePage>
  /** Whether an event of the log, its link not yet resolved, is one of the source's. */
  isMeant(event: RecordedEvent, settings: Settings): boolean
}

/** The place of an event in a source: its link's, if it was found through one. */
export function placeOf(source: Pick<Source, 'isStream'>, event: RecordedEvent): AnyPlace {
  const found = event.link ?? event
  return source.isStream ? found.version : found.position
}

/** Makes the source with a name. @throws InvalidArgumentError, LimitExceededError */
export function sourceOf(name: SourceName, sight: Sight): Source {
  switch (name.kind) {
    case 'all':
      return logSource(name, sight, sight.system)
    case 'stream':
      return streamSource(name, name.streamId, sight)
    case 'category':
      return indexSource(name, categorySearch(name.category), sight)
    case 'type':
      return indexSource(name, typeSearch(name.type), sight)
    case 'query': {
      const search = querySearch(prepareQuery(name.query))
      return search === undefined ? logSource(name, sight, false) : indexSource(name, search, sight)
    }
    default:
      return name satisfies never
  }
}

function logSource(name: SourceName, { resolveLinks }: Sight, system: boolean): Source {
  return {
    name,
    isStream: false,
    origin: 0n,
    page: async (view, after, limit) => {
      const shape = { limit, backwards: false, resolveLinks, system }
      const bounds = { ...ALL_POSITIONS, first: (after as bigint) + 1n }
      const { events, end } = await readLogPage(view, bounds, limit, shape)
      return { events, through: end ?? (await horizonFrom(view, after)), isEnd: end === undefined }
    },
    isMeant: (event) => system || !isSystemEvent(event),
  }
}

function indexSource(name: SourceName, search: IndexSearch, { resolveLinks }: Sight): Source {
  return {
    name,
    isStream: false,
    origin: 0n,
    page: async (view, after, limit) => {
      const shape = { limit: Number.POSITIVE_INFINITY, backwards: false, resolveLinks }
      const bounds = { ...ALL_POSITIONS, first: (after as bigint) + 1n }
      const { events, next } = await readIndexPage(view, search, bounds, limit, shape)
      const through = next === undefined ? await horizonFrom(view, after) : next - 1n
      return { events, through, isEnd: next === undefined }
    },
    isMeant: (event, settings) => !isSystemEvent(event) && search.isMeant(event, settings),
  }
}

function streamSource(name: SourceName, streamId: string, { resolveLinks }: Sight): Source {
  const id = new TextEncoder().encode(streamId)
  return {
    name,
    isStream: true,
    origin: 0,
    page: async (view, after, limit) => {
      const number = await numberOf(view.tx, view.keys, streamId)
      if (number === undefined) return { events: [], through: after, isEnd: true }
      const shape = { limit, backwards: false, resolveLinks, lastStored: () => Number.MAX_SAFE_INTEGER }
      const bounds = { first: (after as number) + 1, last: Number.MAX_SAFE_INTEGER }
      const page = await readStreamPage(view, { streamId, number }, bounds, limit, shape)
      return { ...page, through: page.through ?? after }
    },
    isMeant: (event) => isPlaceOf(event, id, event.version),
  }
}

/** The newest position of a snapshot, but never behind where one is. */
async function horizonFrom(view: View, after: AnyPlace): Promise<bigint> {
  const horizon = positionOf(await view.tx.readHorizon())
  return horizon > after ? horizon : (after as bigint)
}

/**
 * Makes sure that a source can be subscribed to.
 * @throws StreamNotFoundError, StreamTombstonedError, IndexMissingError
 */
export async function assertSubscribable(
  view: View,
  source: Source,
  mustExist: boolean,
  stateOf: (streamId: string) => Promise<{ readonly state: StreamState }>,
): Promise<void> {
  if (source.name.kind === 'stream') {
    const { streamId } = source.name
    const { state } = await stateOf(streamId)
    if (state === 'tombstoned') throw new StreamTombstonedError(streamId)
    if (mustExist && state !== 'live') throw new StreamNotFoundError(streamId)
    return
  }
  assertIndexed(source, await readSettings(view.tx, view.keys))
}

function assertIndexed({ name }: Source, settings: Settings): void {
  searchOf(name)?.plan(settings)
}

function searchOf(name: SourceName): IndexSearch | undefined {
  if (name.kind === 'category') return categorySearch(name.category)
  if (name.kind === 'type') return typeSearch(name.type)
  return name.kind === 'query' ? querySearch(prepareQuery(name.query)) : undefined
}

/** The place behind the last event of a source, as one snapshot shows it. */
export async function endOf(view: View, source: Source): Promise<AnyPlace> {
  if (source.name.kind !== 'stream') return horizonFrom(view, 0n)
  const number = await numberOf(view.tx, view.keys, source.name.streamId)
  return number === undefined ? 0 : ((await headOf(view.tx, view.keys, number))?.version ?? 0)
}
