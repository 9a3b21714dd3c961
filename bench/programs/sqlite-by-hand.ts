import { createRequire } from 'node:module'
import type { OpenProgram } from '../program.ts'
import { grouped } from './grouping.ts'
import { type Head, look, rowsFrom } from './rows.ts'

/** As much of `better-sqlite3` as is used here; the package has no types of its own. */
interface Statement {
  run(...parameters: unknown[]): void
  get(...parameters: unknown[]): unknown
  all(...parameters: unknown[]): unknown[]
  raw(): Statement
  pluck(): Statement
}
type Sqlite = new (
  file: string,
) => { exec(sql: string): void; prepare(sql: string): Statement; close(): void }

const Database: Sqlite = createRequire(import.meta.url)('better-sqlite3')
const LOG_BEGIN = Buffer.from('15011501', 'hex')
const LOG_END = Buffer.from('15011502', 'hex')
const STREAM_BEGIN = Buffer.from('15011504', 'hex')
const STREAM_END = Buffer.from('15011505', 'hex')
const NAME_BEGIN = Buffer.from('15011503', 'hex')

/** The best program for SQLite that we could write: one thread, grouped commits, heads in memory, rows made by hand. */
export const sqliteByHand: OpenProgram = async (folder) => {
  const db = new Database(`${folder}/by-hand.sqlite`)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536')
  db.exec('CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID')
  const put = db.prepare('INSERT INTO kv (k, v) VALUES (?, ?)')
  const range = db.prepare('SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT 512').raw()
  const get = db.prepare('SELECT v FROM kv WHERE k = ?').pluck()
  const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')]
  const pages = function* (from: Buffer, to: Buffer): Generator<[Buffer, Buffer][]> {
    let next = from
    for (let page = range.all(next, to); page.length > 0; page = range.all(next, to)) {
      yield page as [Buffer, Buffer][]
      next = Buffer.concat([(page.at(-1) as [Buffer, Buffer])[0], Buffer.from([0])])
    }
  }
  const heads = readHeads(pages)
  const lastKey = db.prepare('SELECT max(k) FROM kv WHERE k < ?').pluck().get(LOG_END) as Buffer | null
  const rows = rowsFrom(heads, lastKey === null ? 0n : lastKey.readBigUInt64BE(5))
  const append = grouped((group) => {
    begin.run()
    for (const { streamId, events } of group)
      for (const event of events) rows.event(streamId, event, (key, value) => put.run(key, value))
    commit.run()
  })
  return {
    append: (streamId, event) => append(streamId, [event]),
    appendBatch: append,
    readStream: async (streamId, touch) => {
      const number = heads.get(streamId)?.number
      if (number === undefined) return 0
      let seen = 0
      const from = Buffer.alloc(8)
      STREAM_BEGIN.copy(from)
      from[4] = 0x17
      from.writeUIntBE(number, 5, 3)
      const to = Buffer.from(from)
      to.writeUIntBE(number + 1, 5, 3)
      for (const page of pages(from, to)) {
        for (const [, stamp] of page) {
          const key = Buffer.concat([LOG_BEGIN, Buffer.from([0x33]), stamp])
          if (look(get.get(key) as Buffer, touch)) seen += 1
        }
      }
      return seen
    },
    readLog: async (touch) => {
      let seen = 0
      for (const page of pages(LOG_BEGIN, LOG_END))
        for (const [, value] of page) if (look(value, touch)) seen += 1
      return seen
    },
    close: async () => {
      db.close()
    },
  }
}

function readHeads(pages: (from: Buffer, to: Buffer) => Iterable<[Buffer, Buffer][]>): Map<string, Head> {
  const versions = new Map<number, number>()
  for (const page of pages(STREAM_BEGIN, STREAM_END))
    for (const [key] of page) versions.set(key.readUIntBE(5, 3), key.readUIntBE(9, 3))
  const heads = new Map<string, Head>()
  for (const page of pages(NAME_BEGIN, STREAM_BEGIN)) {
    for (const [key, value] of page) {
      const number = value.readUIntBE(1, 3)
      heads.set(key.toString('latin1', 5, key.length - 1), { number, version: versions.get(number) ?? 0 })
    }
  }
  return heads
}
