import { createHash } from 'node:crypto'
import {
  type EventRead,
  type EventStore,
  type Query,
  type RecordedEvent,
  StreamTombstonedError,
} from 'eventdb'
import { CATEGORIES, SNAPSHOTS, STREAMS, TYPES } from './store-with-everything.ts'

/** What a read yields: each event, or whatever else it is, as text. */
export type Seen = readonly string[]

/** What reading a tombstoned stream comes to. */
export const TOMBSTONED: string = JSON.stringify({ tombstoned: true })

/** One way to read a store. */
export interface StoreRead {
  readonly name: string
  /** What it goes through. */
  readonly through: 'stream' | 'log' | 'index' | 'snapshots'
  /** The stream, if it is of one. */
  readonly streamId?: string
  read(store: EventStore): Promise<Seen>
}

const QUERIES: readonly Query[] = [
  {},
  { items: [{ types: ['A'], tags: ['t'] }] },
  { items: [{ tags: ['t', 'u'] }] },
  { items: [{ types: ['B'] }, { types: ['Large'], tags: ['t'] }, { tags: ['nobody'] }] },
]

/** Every way to read that the campaign of damages tries. */
export const READS: readonly StoreRead[] = [
  ...[...STREAMS, ...STREAMS.map((id) => `$$${id}`)].flatMap((streamId) =>
    bothWays(
      `stream ${streamId}`,
      'stream',
      (store, options) => store.stream(streamId).read(options),
      streamId,
    ),
  ),
  ...bothWays(
    'links',
    'stream',
    (store, options) => store.stream('list-links').read({ ...options, resolveLinks: false }),
    'list-links',
  ),
  ...bothWays('all', 'log', (store, options) => store.all.read(options)),
  ...bothWays('all and system', 'log', (store, options) => store.all.read({ ...options, system: true })),
  ...CATEGORIES.flatMap((category) =>
    bothWays(`category ${category}`, 'index', (store, options) => store.category(category).read(options)),
  ),
  ...TYPES.flatMap((type) =>
    bothWays(`type ${type}`, 'index', (store, options) => store.eventType(type).read(options)),
  ),
  ...QUERIES.flatMap((query) =>
    bothWays(
      `query ${JSON.stringify(query)}`,
      query.items === undefined ? 'log' : 'index',
      (store, options) => store.query(query).read(options),
    ),
  ),
  ...SNAPSHOTS.flatMap(([streamId, name]) => [
    closestRead(streamId, name, 9),
    closestRead(streamId, name, 3),
    snapshotList(streamId, name),
  ]),
]

function bothWays(
  name: string,
  through: StoreRead['through'],
  read: (
    store: EventStore,
    options: { readonly direction: 'forwards' | 'backwards' },
  ) => EventRead<RecordedEvent>,
  streamId?: string,
): StoreRead[] {
  return (['forwards', 'backwards'] as const).map((direction) => ({
    name: `${name} ${direction}`,
    through,
    ...(streamId !== undefined && { streamId }),
    read: async (store) => {
      try {
        return (await read(store, { direction }).toArray()).map(eventText)
      } catch (error) {
        if (error instanceof StreamTombstonedError) return [TOMBSTONED]
        throw error
      }
    },
  }))
}

/** The closest snapshot to a version: what comes out in place of a lost one is an older one, or none. */
export function closestRead(streamId: string, name: string, version: number): StoreRead {
  return {
    name: `closest snapshot ${name} of ${streamId} to ${version}`,
    through: 'snapshots',
    streamId,
    read: async (store) => {
      const snapshot = await store.stream(streamId).snapshots(name).closest(version)
      return snapshot === undefined ? [] : [textOf(snapshot)]
    },
  }
}

function snapshotList(streamId: string, name: string): StoreRead {
  return {
    name: `list of snapshots ${name} of ${streamId}`,
    through: 'snapshots',
    streamId,
    read: async (store) => (await store.stream(streamId).snapshots(name).list()).map(textOf),
  }
}

/** Everything about an event, in the form that it is compared in. */
export function eventText(event: RecordedEvent): string {
  const { position, streamId, version, id, type, time, recordedAt, tags, metadata, data, link } = event
  return textOf({ position, recordedAt, time, streamId, version, id, type, tags, metadata, data, link })
}

function textOf(value: object): string {
  return JSON.stringify(value, (_, member) => {
    if (typeof member === 'bigint') return `${member}`
    return member instanceof Uint8Array ? createHash('sha1').update(member).digest('hex') : member
  })
}
