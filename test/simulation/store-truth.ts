import type { EventStore } from 'eventdb'
import { openEventStore } from 'eventdb'
import type { Row } from '../../src/kv/rows.ts'
import { type Keyspace, keyspaceOf } from '../../src/store/keyspace.ts'
import type { Life } from '../../src/store/life.ts'
import { readLife } from '../../src/store/life-rows.ts'
import { decodeName, headOf } from '../../src/store/stream-rows.ts'
import { allRows, databaseWith, fixedRuntime, type OpenDatabase } from '../format/fixed-world.ts'
import { spaceOf } from './store-damaging.ts'
import { closestRead, eventText, READS, type Seen } from './store-reads.ts'
import { SNAPSHOTS, writeEverything } from './store-with-everything.ts'

/** The space of the caller's own keys, which mean nothing to the store. */
export const USER = 8
const LIFE = 9

/** A stream as it really is. */
export interface TrueStream {
  readonly streamId: string
  readonly head: number
  readonly life: Life
}

/** A store that is whole: its rows, and what every read of it yields. */
export interface Truth {
  readonly keys: Keyspace
  /** Length of what all keys of the store begin with. */
  readonly prefixLength: number
  /** The rows that belong to the store; the caller's own keys do not. */
  readonly rows: readonly Row[]
  /** All other rows of the database. */
  readonly others: readonly Row[]
  readonly reads: ReadonlyMap<string, Seen>
  /** Every event that there is, hidden or not; links are not followed. */
  readonly events: ReadonlySet<string>
  /** Every snapshot that there is, as `closest` shows it. */
  readonly snapshots: ReadonlySet<string>
  /** By their numbers. */
  readonly streams: ReadonlyMap<number, TrueStream>
}

/** Writes a store with everything, checks it, and reads it. */
export async function writeTruth(): Promise<Truth> {
  const database = databaseWith()
  await using store = await openStore(database)
  await writeEverything(store)
  const { problems } = await store.check()
  if (problems.length > 0) throw new Error(`The store is not whole: ${JSON.stringify(problems)}`)
  const keys = keyspaceOf(await database.kv.openDirectory(['eventdb']))
  const prefixLength = keys.root.prefix.length
  const all = allRows(database.engine)
  const rows = all.filter((row) => isWithin(row, keys.root.prefix) && spaceOf(row, prefixLength) !== USER)
  const others = all.filter((row) => !rows.includes(row))
  const reads = new Map<string, Seen>()
  for (const { name, read } of READS) reads.set(name, await read(store))
  const streams = await streamsOf(database, keys)
  const unhidden = all.filter((row) => !rows.includes(row) || spaceOf(row, prefixLength) !== LIFE)
  return { keys, prefixLength, rows, others, reads, streams, ...(await everHidden(unhidden)) }
}

/** Opens a store whose clock stands still. */
export function openStore({ kv }: OpenDatabase): Promise<EventStore> {
  return openEventStore(kv, { runtime: fixedRuntime() })
}

function streamsOf({ kv }: OpenDatabase, keys: Keyspace): Promise<Map<number, TrueStream>> {
  return kv.readTransact(async (tx) => {
    const streams = new Map<number, TrueStream>()
    for await (const { key, value } of tx.getRange(keys.nameRange('', undefined))) {
      const number = decodeName(keys, key, value)
      const head = (await headOf(tx, keys, number))?.version ?? 0
      streams.set(number, {
        streamId: keys.streamIdOfName(key),
        head,
        life: await readLife(tx, keys, number),
      })
    }
    return streams
  })
}

/** What there is without the rows that hide it. */
async function everHidden(rows: readonly Row[]): Promise<Pick<Truth, 'events' | 'snapshots'>> {
  await using store = await openStore(databaseWith(rows))
  const all = await store.all.read({ system: true, resolveLinks: false }).toArray()
  const snapshots = new Set<string>()
  for (const [streamId, name, versions] of SNAPSHOTS)
    for (const version of versions)
      for (const text of await closestRead(streamId, name, version).read(store)) snapshots.add(text)
  return { events: new Set(all.map(eventText)), snapshots }
}

function isWithin({ key }: Row, prefix: Uint8Array): boolean {
  return prefix.every((byte, at) => key[at] === byte)
}
