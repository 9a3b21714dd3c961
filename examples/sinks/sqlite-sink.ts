/**
 * Read models in a SQLite database, by `better-sqlite3`. Copy this file; it needs nothing else. The database should be one connection that nobody
 * else writes with: what they do while a transaction is open would be part of it.
 */
import type { Database } from 'better-sqlite3'
import type { ProjectionSink } from 'eventdb'

/** Makes a sink of a database. Several projections may share it: their transactions come one after the other. */
export function sqliteSink(db: Database): ProjectionSink<Database> {
  db.exec('create table if not exists projection_checkpoints (id text primary key, checkpoint text not null)')
  const read = db
    .prepare<[string], string>('select checkpoint from projection_checkpoints where id = ?')
    .pluck()
  const save = db.prepare<[string, string]>(
    'insert into projection_checkpoints values (?, ?) on conflict (id) do update set checkpoint = excluded.checkpoint',
  )

  // Handlers may wait, and a connection has one transaction at a time: `db.transaction()` is for functions that don't.
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work)
    last = next.catch(() => {})
    return next
  }

  return {
    checkpoint: async (id) => read.get(id),
    commit: (id, expected, write) =>
      inTurn(async () => {
        // From here on, nobody else can write, in no process.
        db.exec('begin immediate')
        try {
          const isExpected = read.get(id) === expected
          if (isExpected) {
            const next = await write(db)
            // SQLite ends some transactions by itself, when the disk is full for example, and a handler may have kept that to itself.
            if (!db.inTransaction)
              throw new Error('The transaction was rolled back by a statement that failed')
            save.run(id, next)
          }
          db.exec('commit')
          return isExpected
        } catch (error) {
          if (db.inTransaction) db.exec('rollback')
          throw error
        }
      }),
  }
}
