import type { EventStore, IndexName, StreamEntry } from 'eventdb'
import { type Figures, measured, type Seen } from './measured.ts'
import { taggedSource } from './tagged.ts'

/** What those who run a store do now and then. */
export type Administration =
  | { readonly kind: 'check' }
  | { readonly kind: 'scavenge' }
  | {
      readonly kind: 'reindex'
      readonly add: readonly IndexName[]
      readonly drop: readonly IndexName[]
      /** How many the store has. */
      readonly events: number
    }
  | { readonly kind: 'save-snapshots'; readonly bytes: number; readonly times: number }
  | { readonly kind: 'read-snapshots'; readonly bytes: number; readonly times: number }
  | { readonly kind: 'backup' }

/** Streams that are changed at once before a scavenge. */
const STREAMS_AT_ONCE = 500

/** Does it and says how fast. */
export async function administer(
  store: EventStore,
  work: Exclude<Administration, { kind: 'backup' }>,
): Promise<Figures> {
  switch (work.kind) {
    case 'check':
      return check(store)
    case 'scavenge':
      return scavenge(store)
    case 'reindex':
      return perEvent(await measured(() => reindex(store, work)))
    case 'save-snapshots':
    case 'read-snapshots':
      return snapshots(store, work)
  }
}

async function check(store: EventStore): Promise<Figures> {
  let rowsPerEvent = 0
  const seen = await measured(async () => {
    const { problems, events, rows } = await store.check()
    if (problems[0] !== undefined) throw new Error(`The store is damaged: ${problems[0].message}`)
    rowsPerEvent = rows / events
    return events
  })
  return { ...perEvent(seen), rowsPerSecond: seen.perSecond * rowsPerEvent }
}

/** Reclaims half of the streams: every fourth is deleted, and every fourth truncated to its last event. */
async function scavenge(store: EventStore): Promise<Figures> {
  let streams: StreamEntry[] = []
  let number = 0
  for await (const stream of store.streams()) {
    number += 1
    if (number % 2 === 0) streams.push(stream)
    if (streams.length < STREAMS_AT_ONCE) continue
    await hide(store, streams)
    streams = []
  }
  await hide(store, streams)
  return perEvent(await measured(async () => (await store.scavenge()).events))
}

async function hide(store: EventStore, streams: readonly StreamEntry[]): Promise<void> {
  const changes = streams.map(({ streamId, version }, at) => {
    const stream = store.stream(streamId)
    return at % 2 === 0 ? stream.delete() : stream.truncateBefore(version)
  })
  await Promise.all(changes)
}

async function reindex(
  store: EventStore,
  { add, drop, events }: Extract<Administration, { kind: 'reindex' }>,
): Promise<number> {
  await store.reindex({ add, drop })
  return events
}

async function snapshots(
  store: EventStore,
  { kind, bytes, times }: Extract<Administration, { readonly times: number }>,
): Promise<Figures> {
  const next = taggedSource(1)
  const stream = store.stream('area1-1')
  await stream.append(Array.from({ length: times }, next))
  const state = { items: 'x'.repeat(bytes - 12) }
  const saved = stream.snapshots<typeof state>('cart')
  const save = async (): Promise<number> => {
    for (let version = 1; version <= times; version += 1) await saved.save(version, state)
    return times
  }
  const read = async (): Promise<number> => {
    for (let time = 0; time < times; time += 1) {
      if ((await saved.closest())?.state.items.length !== state.items.length) throw new Error('No snapshot')
    }
    return times
  }
  if (kind === 'read-snapshots') await saved.save(times, state)
  const seen = await measured(kind === 'save-snapshots' ? save : read)
  return { ...seen, callsPerSecond: seen.perSecond, mibPerSecond: (seen.perSecond * bytes) / 2 ** 20 }
}

function perEvent(seen: Seen): Figures {
  return { ...seen, eventsPerSecond: seen.perSecond }
}
