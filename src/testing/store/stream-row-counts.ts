import assert from 'node:assert/strict'
import type { KeyRange, Row } from '../../kv/rows.ts'
import type { Subspace } from '../../kv/subspace.ts'
import type { EventStore } from '../../store/contract.ts'
import type { ScavengeReport } from '../../store/contract-admin.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { readEvent } from '../../store/read-event.ts'
import { INDEX_NAMES } from '../../store/settings.ts'
import { decodePlace } from '../../store/small-values.ts'
import { streamNumberOf } from '../../store/stored-event.ts'
import { numberOf } from '../../store/stream-rows.ts'
import type { StoreScene } from './laws.ts'

/** What there is of a stream, by kind of row. */
export interface Rows {
  readonly log: number
  readonly stream: number
  readonly index: number
  readonly ids: number
  readonly chunks: number
}

/** No rows at all. */
export const NONE: Rows = { log: 0, stream: 0, index: 0, ids: 0, chunks: 0 }

/** Counts the rows of a stream; chunks are those of the whole store. */
export async function rowsOf(
  { store, directory }: Pick<StoreScene, 'store' | 'directory'>,
  id: string,
): Promise<Rows> {
  const keys = new Keyspace(directory)
  return store.kv.readTransact(async (tx) => {
    const number = (await numberOf(tx, keys, id))!
    const count = async (range: KeyRange, isMeant: (row: Row) => unknown): Promise<number> => {
      const rows = await tx.getRange(range).toArray()
      const meant = await Promise.all(rows.map(isMeant))
      return meant.filter(Boolean).length
    }
    const indexes = INDEX_NAMES.map((index) =>
      count(
        keys.indexRows(index),
        ({ key, value }) => decodePlace(value, keys.stampAtEnd(key)).number === number,
      ),
    )
    const isOfStream = async ({ key }: Row): Promise<boolean> =>
      streamNumberOf((await readEvent(tx, keys, keys.stampOfLogKey(key)))!) === number
    return {
      log: await count(keys.log(), isOfStream),
      stream: await count(keys.streamRange(number, 1, Number.MAX_SAFE_INTEGER), () => true),
      index: (await Promise.all(indexes)).reduce((sum, rows) => sum + rows, 0),
      ids: await count(keys.eventIds(), ({ key }) => keys.placeOfEventIdKey(key).number === number),
      chunks: await count(keys.chunks(), () => true),
    }
  })
}

/** Every row of a store. */
export function everyRow(store: EventStore, directory: Subspace): Promise<Row[]> {
  return store.kv.readTransact((tx) => tx.getRange(directory.everything()).toArray())
}

/** Scavenges, and makes sure that the store is whole before and after. */
export async function scavenge(store: EventStore): Promise<ScavengeReport> {
  assert.deepEqual((await store.check()).problems, [])
  const report = await store.scavenge()
  assert.deepEqual((await store.check()).problems, [])
  return report
}
