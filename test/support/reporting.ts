import Database from 'better-sqlite3'
import { Pool, type PoolClient } from 'pg'
import { pgSink } from '../../examples/sinks/pg-sink.ts'
import { sqliteSink } from '../../examples/sinks/sqlite-sink.ts'
import type { Reporting } from './reported-sums.ts'

/** A SQLite database in a file. */
export function sqliteReporting(file: string): Reporting<Database.Database> {
  const db = new Database(file)
  db.pragma('journal_mode = wal')
  db.pragma('synchronous = normal')
  return {
    sink: sqliteSink(db),
    run: (tx, sql, ...parameters) => tx.prepare(sql.replaceAll(/\$\d/g, '?')).run(...parameters),
    rows: async (sql) => db.prepare<[], unknown[]>(sql).raw().all(),
    [Symbol.asyncDispose]: async () => void db.close(),
  }
}

/** A database of a PostgreSQL server, by its address. */
export function postgresReporting(url: string): Reporting<PoolClient> {
  const pool = new Pool({ connectionString: url, max: 4 })
  // Connections that are idle are lost as well.
  pool.on('error', () => {})
  return {
    sink: pgSink(pool),
    run: (tx, sql, ...parameters) => tx.query(sql, [...parameters]),
    rows: async (sql) => (await pool.query({ text: sql, rowMode: 'array' })).rows,
    [Symbol.asyncDispose]: () => pool.end(),
  }
}
