import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts'

/** A SQLite database of one test, in a file, so that it can have several connections. */
export interface SqliteReports extends AsyncDisposable {
  /** Opens a connection. It waits for nobody, as whoever it waits for may be in the same thread. */
  connect(): Database.Database
}

/** Makes an empty database with the tables that a script creates. */
export async function sqliteReports(script: string): Promise<SqliteReports> {
  const folder: TemporaryFolder = await temporaryFolder()
  const connections: Database.Database[] = []
  const connect = (): Database.Database => {
    const database = new Database(join(folder.path, 'reports.sqlite'), { timeout: 0 })
    database.pragma('journal_mode = wal')
    database.pragma('synchronous = off')
    connections.push(database)
    return database
  }
  connect().exec(script)
  return {
    connect,
    [Symbol.asyncDispose]: async () => {
      for (const database of connections) database.close()
      await folder.remove()
    },
  }
}
