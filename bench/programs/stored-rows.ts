import { createRequire } from 'node:module'
import { open } from 'lmdb'

/** The rows of a store, read by nothing but the engine: what no way to read events can be faster than. */
export interface StoredRows {
  /** The records of all events, in order. */
  log(): Iterable<Uint8Array>
  /** The records that an index has under a text, in order: a row of the index and a row of the log for each. */
  index(space: IndexSpace, text: string): Iterable<Uint8Array>
  close(): Promise<void>
}

/** The number of an index in keys. */
export type IndexSpace = 10 | 11

/** As much of `better-sqlite3` as is used here; the package has no types of its own. */
interface Statement {
  all(...parameters: unknown[]): unknown[]
  get(...parameters: unknown[]): unknown
  raw(): Statement
  pluck(): Statement
}
type Sqlite = new (
  file: string,
) => { exec(sql: string): void; prepare(sql: string): Statement; close(): void }

const LOG = Buffer.from('15011501', 'hex')
const AFTER_LOG = Buffer.from('15011502', 'hex')
/** A byte and a stamp: how keys of the log and of indexes end. */
const STAMP_ELEMENT_BYTES = 13

/** Reads the table of a store on SQLite. */
export function sqliteRows(folder: string): StoredRows {
  const Database: Sqlite = createRequire(import.meta.url)('better-sqlite3')
  const db = new Database(`${folder}/eventdb.sqlite`)
  db.exec('PRAGMA cache_size = -65536')
  const range = db.prepare('SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT 512').raw()
  const get = db.prepare('SELECT v FROM kv WHERE k = ?').pluck()
  const pages = function* (from: Buffer, to: Buffer): Generator<[Buffer, Buffer][]> {
    let next = from
    for (let page = range.all(next, to); page.length > 0; page = range.all(next, to)) {
      yield page as [Buffer, Buffer][]
      next = Buffer.concat([(page.at(-1) as [Buffer, Buffer])[0], Buffer.from([0])])
    }
  }
  return {
    *log() {
      for (const page of pages(LOG, AFTER_LOG)) for (const [, value] of page) yield value
    },
    *index(space, text) {
      const [from, to] = rangeOf(space, text)
      for (const page of pages(from, to)) for (const [key] of page) yield get.get(logKeyOf(key)) as Buffer
    },
    close: async () => db.close(),
  }
}

/** Reads the main database of a store on LMDB, whose keys have a byte in front. */
export function lmdbRows(folder: string): StoredRows {
  const db = open<Buffer, Buffer>({
    path: `${folder}/eventdb.mdb`,
    noSubdir: true,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
    overlappingSync: false,
  })
  const inFront = Buffer.from([1])
  const scan = (from: Buffer, to: Buffer): Iterable<{ key: Buffer; value: Buffer }> =>
    db.getRange({ start: Buffer.concat([inFront, from]), end: Buffer.concat([inFront, to]) }) as never
  return {
    *log() {
      for (const { value } of scan(LOG, AFTER_LOG)) yield value
    },
    *index(space, text) {
      for (const { key } of scan(...rangeOf(space, text))) {
        yield db.getBinary(Buffer.concat([inFront, logKeyOf(key)]))!
      }
    },
    close: () => db.close(),
  }
}

function rangeOf(space: IndexSpace, text: string): [from: Buffer, to: Buffer] {
  const from = Buffer.concat([Buffer.from([0x15, 1, 0x15, space, 2]), Buffer.from(text), Buffer.from([0])])
  return [from, Buffer.concat([from, Buffer.from([0xff])])]
}

/** The key in the log of what a row of an index stands for. */
function logKeyOf(key: Buffer): Buffer {
  return Buffer.concat([LOG, key.subarray(key.length - STAMP_ELEMENT_BYTES)])
}
