import { FormatError, StorageError } from '../../errors.ts'
import type { SqliteHandle } from './handle.ts'
import { isBusy } from './sqlite-errors.ts'

/** Marks our files in SQLite's header: "evdb". */
const APPLICATION_ID = 0x65766462
/** Layout of the table. Another layout is another number. */
const USER_VERSION = 1

/**
 * Who turns a new file into one with a WAL needs it for itself for a moment. Where two do so at a time, SQLite tells one of them at once that it
 * is busy, whatever its timeout, as both could wait for each other. So we try again: for 10 seconds, as the timeout is elsewhere.
 */
const ATTEMPTS_MAX = 2_000
const PAUSE_MS = 5
/** What nobody ever wakes. */
const nobody = new Int32Array(new SharedArrayBuffer(4))

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
  for (let attempt = 1; ; attempt += 1) {
    try {
      prepare(handle, file)
      return
    } catch (error) {
      if (!isBusy(error) || attempt === ATTEMPTS_MAX) throw error
      leaveTransaction(handle)
      Atomics.wait(nobody, 0, 0, PAUSE_MS)
    }
  }
}

function prepare(handle: SqliteHandle, file: string): void {
  const pragma = (name: string): unknown => Object.values(handle.prepare(`PRAGMA ${name}`).get() as object)[0]
  // Of one moment: another process may be making the table right now.
  handle.exec('BEGIN')
  const [application, version] = [pragma('application_id'), pragma('user_version')]
  const isEmpty = handle.prepare('SELECT 1 FROM sqlite_master').get() === undefined
  handle.exec('COMMIT')
  const isNew = application === 0 && version === 0 && isEmpty
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

function leaveTransaction(handle: SqliteHandle): void {
  try {
    handle.exec('ROLLBACK')
  } catch {
    // There was none.
  }
}

/** Two processes may do this at a time, so it must not fail if it is done already. */
function createTable(handle: SqliteHandle): void {
  handle.exec('BEGIN IMMEDIATE')
  handle.exec(schemaOf('main'))
  handle.exec('COMMIT')
}
