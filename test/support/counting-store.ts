import assert from 'node:assert/strict'
import type { KeyValueStore, Transaction } from 'eventdb/kv'
import { openLmdb } from 'eventdb/lmdb'
import { openSqlite, type SqliteLibraryName } from 'eventdb/sqlite'
import { loadSqlite } from '../../src/drivers/sqlite/libraries.ts'

/** Rows that make the store large enough for a backup to take a while and to report on its way. */
const BULK_ROWS = 50_000
const BULK_ROWS_AT_ONCE = 5_000
const EVERYTHING = { begin: new Uint8Array(0), end: Uint8Array.of(0xff) }

/** What stores are backed up with. */
export type BackedUpEngine = 'better-sqlite3' | 'node:sqlite' | 'lmdb'

/** Those that work here: which SQLite there is depends on the version of Node. */
export const ENGINES_HERE: readonly BackedUpEngine[] = (
  ['better-sqlite3', 'node:sqlite', 'lmdb'] as const
).filter((engine) => engine === 'lmdb' || isHere(engine))

function isHere(library: SqliteLibraryName): boolean {
  try {
    loadSqlite(library).open(':memory:').close()
    return true
  } catch {
    return false
  }
}

/** Opens a store with an engine, and for SQLite with a certain library. */
export function openWith(engine: BackedUpEngine, folder: string): Promise<KeyValueStore> {
  return engine === 'lmdb' ? openLmdb(folder) : openSqlite(folder, { library: engine })
}

/** Fills a store with rows that stay as they are. */
export async function fill(kv: KeyValueStore): Promise<void> {
  for (let first = 0; first < BULK_ROWS; first += BULK_ROWS_AT_ONCE)
    await kv.transact((tx) => {
      for (let row = first; row < first + BULK_ROWS_AT_ONCE; row += 1)
        tx.set(bytes(`bulk/${String(row).padStart(9, '0')}`), Buffer.alloc(300, row & 0xff))
    })
}

/** Processes that count on in one store conflict at every step. */
const ATTEMPTS_MAX = 100_000

/** Counts one further: two counters at both ends of the store, a log, and a stamp. All of them agree at each moment. */
export async function countOn(kv: KeyValueStore): Promise<number> {
  const body = async (tx: Transaction): Promise<number> => {
    const next = (await counter(tx, 'a')) + 1
    tx.set(bytes('a'), bytes(String(next)))
    tx.set(bytes('z'), bytes(String(next)))
    tx.set(bytes(`log/${String(next).padStart(9, '0')}`), Buffer.alloc(300, next & 0xff))
    tx.setStampedValue(bytes('stamp'), Buffer.alloc(12), 0)
    return next
  }
  return kv.transact(body, { attemptsMax: ATTEMPTS_MAX })
}

/** Reads a store that was counted on from end to end, holds it to what must be true of it, and returns the count. */
export async function lookAtCount(kv: KeyValueStore): Promise<number> {
  return kv.readTransact(async (tx) => {
    const rows = await tx.getRange(EVERYTHING).toArray()
    const rowsOf = (prefix: string): Buffer[] =>
      rows
        .filter(({ key }) => bytes(prefix).equals(key.subarray(0, prefix.length)))
        .map(({ value }) => Buffer.from(value))
    const bulk = Array.from({ length: BULK_ROWS }, (_, row) => [300, row & 0xff])
    assert.deepEqual(
      rowsOf('bulk/').map((value) => [value.length, value[0]]),
      bulk,
    )
    const [a, z] = [await counter(tx, 'a'), await counter(tx, 'z')]
    assert.equal(z, a)
    const log = Array.from({ length: a }, (_, row) => (row + 1) & 0xff)
    assert.deepEqual(
      rowsOf('log/').map((value) => value[0]),
      log,
    )
    const stamp = await tx.get(bytes('stamp'))
    if (a > 0) assert.ok(Buffer.compare(stamp!, await tx.readHorizon()) <= 0)
    return a
  })
}

/** The number of commits and the newest stamp that a store shows. */
export async function stateOf(kv: KeyValueStore): Promise<{ version: number; stamp: string }> {
  return kv.readTransact(async (tx) => ({
    version: await tx.readVersion(),
    stamp: Buffer.from(await tx.readHorizon()).toString('hex'),
  }))
}

async function counter(tx: Pick<Transaction, 'get'>, key: string): Promise<number> {
  return Number(Buffer.from((await tx.get(bytes(key))) ?? []).toString() || 0)
}

function bytes(text: string): Buffer {
  return Buffer.from(text)
}
