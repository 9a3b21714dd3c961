import { FormatError, StorageError } from '../../errors.ts'
import type { SqliteHandle } from './handle.ts'

/** Marks our files in SQLite's header: "evdb". */
const APPLICATION_ID = 0x65766462
/** Layout of the table. Another layout is another number. */
const USER_VERSION = 1

/** The statements that make an empty database of ours: `main`, or another that is attached to a connection. */
export function schemaOf(database: 'main' | 'copy'): string {
  return `
    CREATE TABLE IF NOT EXISTS ${database}.kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
    PRAGMA ${database}.application_id = ${APPLICATION_ID};
    PRAGMA ${database}.user_version = ${USER_VERSION};
  `
}

/**
 * Refuses foreign files before it changes anything, and makes the table in a new one.
 * @throws StorageError (`not-a-database`), FormatError
 */
export function prepareSchema(handle: SqliteHandle, file: string): void {
  const pragma = (name: string): unknown => Object.values(handle.prepare(`PRAGMA ${name}`).get() as object)[0]
  const [application, version] = [pragma('application_id'), pragma('user_version')]
  const isNew =
    application === 0 && version === 0 && handle.prepare('SELECT 1 FROM sqlite_master').get() === undefined
  if (!isNew && application !== APPLICATION_ID) {
    throw new StorageError(`${file} is a SQLite database, but not one of eventdb`, 'not-a-database', {
      path: file,
    })
  }
  if (!isNew && version !== USER_VERSION) {
    throw new FormatError(
      `${file} has a layout that this version of eventdb does not know`,
      version,
      USER_VERSION,
    )
  }
  if (pragma('journal_mode = WAL') !== 'wal') {
    throw new StorageError(`SQLite cannot use a write-ahead log in the place of ${file}`, 'other', {
      path: file,
    })
  }
  if (isNew) createTable(handle)
}

/** Two processes may do this at a time, so it must not fail if it is done already. */
function createTable(handle: SqliteHandle): void {
  handle.exec('BEGIN IMMEDIATE')
  handle.exec(schemaOf('main'))
  handle.exec('COMMIT')
}
