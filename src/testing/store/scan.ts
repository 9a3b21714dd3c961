import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import type { AllReadOptions, PositionReadOptions, ReadableSource } from '../../store/contract-reading.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { dataOf } from './laws.ts'

/** What of an event a query looks at. */
interface Looked {
  readonly type: string
  readonly tags: readonly string[]
}

/** Whether a query means an event: the definition of dcb.events, word by word. */
export function isMeantBy({ items }: Query, { type, tags }: Looked): boolean {
  if (items === undefined) return true
  return items.some(({ types = [], tags: wanted = [] }) => {
    const isOfType = types.length === 0 || types.includes(type)
    return isOfType && wanted.every((tag) => tags.includes(tag))
  })
}

/** A source that looks at everything and keeps what is wanted: what an index must give, without one. */
export interface Scan {
  readonly source: (store: Pick<EventStore, 'category' | 'eventType' | 'query'>) => ReadableSource
  readonly isWanted: (event: RecordedEvent) => boolean
  readonly name: string
}

/** The scan that a query means. */
export function scanOfQuery(query: Query): Scan {
  return {
    source: (store) => store.query(query),
    isWanted: (event) => isMeantBy(query, event),
    name: `query ${JSON.stringify(query)}`,
  }
}

/** The scan that a type means. */
export function scanOfType(type: string): Scan {
  return {
    source: (store) => store.eventType(type),
    isWanted: (event) => event.type === type,
    name: `type ${type}`,
  }
}

/** The scan that a category means, with `-` as the separator. */
export function scanOfCategory(category: string): Scan {
  const isIn = (streamId: string): boolean => streamId === category || streamId.startsWith(`${category}-`)
  return {
    source: (store) => store.category(category),
    isWanted: ({ streamId }) => isIn(streamId),
    name: `category ${category}`,
  }
}

/**
 * Where a scan finds events, in order. Links are judged by what they say of themselves, and found only where they lead to something, unless
 * they are not to be resolved.
 */
export async function scannedPlaces(
  store: EventStore,
  { isWanted }: Scan,
  resolveLinks: boolean,
): Promise<bigint[]> {
  const wanted = (await store.all.read({ resolveLinks: false }).toArray()).filter(isWanted).map(placeOf)
  if (!resolveLinks) return wanted
  const found = new Set((await store.all.read().toArray()).map(placeOf))
  return wanted.filter((place) => found.has(place))
}

/** Where an event was found: at its own position, or at that of the link to it. */
export function placeOf({ position, link }: RecordedEvent): bigint {
  return link?.position ?? position
}

/** Makes sure that indexes lead to what scans find. */
export async function assertScans(store: EventStore, scans: readonly Scan[]): Promise<void> {
  for (const scan of scans) {
    const found = (await scan.source(store).read({ resolveLinks: false }).toArray()).map(placeOf)
    assert.deepEqual(found, await scannedPlaces(store, scan, false), scan.name)
  }
}

/** The data of the events that a query means. */
export function dataBy(
  store: {
    query(query: Query): { read(options?: AllReadOptions): AsyncIterable<{ readonly data?: unknown }> }
  },
  query: Query,
  options: PositionReadOptions = {},
): Promise<unknown[]> {
  return dataOf(store.query(query).read(options))
}
