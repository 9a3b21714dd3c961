import { open as openLmdbFile } from 'lmdb'
import { afterEach, describe, expect, test } from 'vitest'
import { openLmdb } from '../../src/drivers/lmdb/index.ts'
import { loadSqlite } from '../../src/drivers/sqlite/libraries.ts'
import { decodeCommitRecord, encodeCommitRecord } from '../../src/kv/commit-record.ts'
import type { KeyValueStore } from '../../src/kv/contract.ts'
import { openEventStore } from '../../src/opening/open-event-store.ts'
import type { EventStore } from '../../src/store/contract.ts'
import { codeIn, readPage, tableRows } from '../docs/markdown.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { writeExampleStore } from './example-store.ts'
import { allRows, databaseWith, fixedRuntime } from './fixed-world.ts'
import { blocksOf, formatRows, parseRows, sorted } from './vectors.ts'

const PAGE = 'docs/keyspace.md'
const page = readPage(PAGE)
const blocks = blocksOf(page, 'vectors').map(({ section, text }) => ({ section, rows: parseRows(text) }))
const documented = blocks.flatMap(({ rows }) => rows)
/** The rows of the log, and the chunks. */
const eventRows = documented.filter(({ key }) => /^21,1,21,[12],/.test(key.join()))

const open: (EventStore | KeyValueStore)[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

/** Opens the store in a database, in the fixed world. */
async function storeIn(kv: KeyValueStore): Promise<EventStore> {
  const store = await openEventStore(kv, { runtime: fixedRuntime() })
  open.push(kv, store)
  return store
}

/** Writes the example store, and gives back the rows of its database. */
async function written() {
  const { engine, kv } = databaseWith()
  const store = await storeIn(kv)
  await writeExampleStore(store)
  return { rows: allRows(engine), store }
}

/** Everything that can be read of a store. */
async function contentsOf(store: EventStore) {
  const events = await store.all.read({ system: true }).toArray()
  return {
    events: events.map((event) => event.toJSON()),
    streams: await collect(store.streams({ system: true })),
    metadata: await store.stream('order-2').metadata(),
    own: await store.readTransact((tx) => collect(tx.kv.getRange([]))),
    info: await store.info(),
  }
}

describe(`the vectors of ${PAGE}`, () => {
  test('are found by this test', () => {
    expect(blocks.map(({ section }) => section)).toEqual(
      expect.arrayContaining(['Directories', 'The log', 'Chunks', 'Commit records']),
    )
  })

  test.each(blocks.map(({ section, rows }) => [section, rows] as const))(
    'under "%s" are what the code writes',
    async (_, rows) => {
      const keys = new Set(rows.map(({ key }) => key.join()))
      const { rows: found } = await written()
      expect(formatRows(found.filter(({ key }) => keys.has(key.join())))).toBe(formatRows(sorted(rows)))
    },
  )

  test('are every row that the code writes', async () => {
    const { rows } = await written()
    expect(formatRows(rows)).toBe(formatRows(sorted(documented)))
  })

  test('read as what was written', async () => {
    const read = await storeIn(databaseWith(documented).kv)
    expect(await contentsOf(read)).toEqual(await contentsOf((await written()).store))
  })

  test('pass the check', async () => {
    const read = await storeIn(databaseWith(documented).kv)
    expect((await read.check()).problems).toEqual([])
  })

  test('decode as commit records, and encode to the same bytes', () => {
    const records = documented.filter(({ key }) => key[0] === 0xff)
    const again = records.map((row) => {
      const { lastPosition, writeSet } = decodeCommitRecord(row)
      return { key: row.key, value: encodeCommitRecord(lastPosition, writeSet) }
    })
    expect(records.length).toBeGreaterThan(1)
    expect(formatRows(again)).toBe(formatRows(records))
  })

  test('open as directories', async () => {
    const { kv } = databaseWith(documented)
    open.push(kv)
    expect(await kv.listDirectories()).toEqual(['eventdb'])
    expect((await kv.openDirectory(['eventdb'])).prefix).toEqual(Uint8Array.of(0x15, 0x01))
    expect((await kv.createOrOpenDirectory(['next'])).prefix).toEqual(Uint8Array.of(0x15, 0x02))
  })

  test.each(eventRows.map((row) => [formatRows([row]).slice(7, 60), row] as const))(
    'are not taken for events when a byte is changed: %s',
    async (_, row) => {
      const value = row.value.slice()
      value[value.length - 5]! ^= 0x01
      const damaged = documented.map((other) => (other === row ? { key: row.key, value } : other))
      const read = await storeIn(databaseWith(damaged).kv)
      expect((await read.check()).problems.map(({ kind }) => kind)).toContain('damaged')
    },
  )
})

test(`the SQLite file has the table and the pragmas of ${PAGE}`, async () => {
  await using folder = await temporaryFolder()
  await (await openEventStore(folder.path)).close()
  const db = loadSqlite().open(`${folder.path}/eventdb.sqlite`)
  try {
    expect(db.prepare('SELECT sql FROM sqlite_master').all()).toEqual([
      { sql: blocksOf(page, 'sql')[0]!.text.trim() },
    ])
    const said = tableRows(page)
      .filter(({ cells }) => /^`[a-z_]+`$/.test(cells[0]!))
      .map(({ cells }) => [codeIn(cells[0]), codeIn(cells[1])])
    const found = said.map(([name]) => db.prepare(`PRAGMA ${name}`).get() as Record<string, unknown>)
    expect(said.map(([name]) => name)).toEqual(['application_id', 'user_version', 'journal_mode'])
    expect(found.map((row) => Object.entries(row)[0]!.map(String))).toEqual(said)
  } finally {
    db.close()
  }
})

test(`the LMDB file has the rows of ${PAGE} behind the byte 01, and then its own`, async () => {
  await using folder = await temporaryFolder()
  const kv = await openLmdb(folder.path, { runtime: fixedRuntime() })
  await writeExampleStore(await storeIn(kv))
  for (const it of open.splice(0).reverse()) await it.close()
  const options = { noSubdir: true, encoding: 'binary', keyEncoding: 'binary' } as const
  const db = openLmdbFile<Uint8Array, Uint8Array>(`${folder.path}/eventdb.mdb`, options)
  const found = [...db.getRange({})].map(({ key, value }) => ({ key, value }))
  const prefixed = sorted(documented).map(({ key, value }) => ({ key: Uint8Array.of(1, ...key), value }))
  const own = parseRows(blocksOf(page, 'lmdb')[0]!.text)
  await db.close()
  expect(formatRows(found)).toBe(formatRows([...prefixed, ...own]))
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
