/**
 * The part of a SQLite library that the driver needs. `better-sqlite3` has this shape, and so has `node:sqlite`; any other
 * handle that has it can be passed in as well.
 */
export interface SqliteHandle {
  prepare(sql: string): SqliteStatement
  exec(sql: string): unknown
  close(): unknown
}

/** A prepared statement. Parameters and columns are `Uint8Array`, `number` or `null` only. */
export interface SqliteStatement {
  run(...parameters: SqliteValue[]): unknown
  get(...parameters: SqliteValue[]): unknown
  all(...parameters: SqliteValue[]): unknown[]
}

/** What the driver stores. */
export type SqliteValue = Uint8Array | number | null

/** Opens connections to one database file. */
export interface SqliteLibrary {
  /** Name for people: `better-sqlite3` or `node:sqlite`. */
  readonly name: string
  /** How a worker thread gets the library: what it passes to `require`. */
  readonly specifier: string
  open(file: string): SqliteHandle
}
