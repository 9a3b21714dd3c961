import { CommitUnknownError, CorruptionError, StorageError, type StorageProblem } from '../../errors.ts'

/** What a failed call may have done to the transaction: nothing, or, while committing, nobody knows. */
export type SqlitePhase = 'opening' | 'reading' | 'writing' | 'committing' | 'copying to'

/** The primary result codes of SQLite that mean something to a caller. See sqlite.org/rescode.html. */
const PROBLEMS: Readonly<Record<string, StorageProblem>> = {
  SQLITE_FULL: 'disk-full',
  SQLITE_READONLY: 'read-only',
  SQLITE_CANTOPEN: 'permission',
  SQLITE_PERM: 'permission',
  SQLITE_BUSY: 'locked',
  SQLITE_LOCKED: 'locked',
  SQLITE_NOTADB: 'not-a-database',
  SQLITE_IOERR: 'io',
}

/** `node:sqlite` gives numbers. */
const NAMES: Readonly<Record<number, string>> = {
  3: 'SQLITE_PERM',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
}

/** Turns what a SQLite library threw into one of our errors. Errors that are not SQLite's come back as they are. */
export function fromSqlite(error: unknown, phase: SqlitePhase, path: string): unknown {
  const code = sqliteCode(error)
  if (code === undefined) return error
  if (code === 'SQLITE_CORRUPT')
    return new CorruptionError(`SQLite found the file damaged: ${messageOf(error)}`, { path })
  const problem = PROBLEMS[code] ?? 'other'
  if (phase === 'committing' && problem !== 'locked' && !couldNotWrite(error))
    return new CommitUnknownError(error)
  return new StorageError(`SQLite could not go on ${phase} ${path}: ${messageOf(error)}`, problem, {
    path,
    cause: error,
  })
}

/**
 * Whether a commit failed because a frame could not be written to the WAL, as on a full disk. The frame that marks the commit is the
 * last of all, and SQLite flushes only after it: so it is not there, or not whole, and no recovery will take it for a commit.
 * (If flushing fails, the mark may be there.)
 */
function couldNotWrite(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  return (
    code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE' || errcode === FULL || errcode === IOERR_WRITE
  )
}

const FULL = 13
const IOERR_WRITE = 778

/** Whether another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === 'SQLITE_BUSY'
}

/** Whether a file was found to be damaged. */
export function isDamaged(error: unknown): boolean {
  return sqliteCode(error) === 'SQLITE_CORRUPT'
}

/** The primary result code, by name; `undefined` if the error does not come from SQLite. */
function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return NAMES[errcode & 0xff] ?? 'SQLITE_ERROR'
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined
  return (
    Object.keys(PROBLEMS).find((name) => code.startsWith(name)) ??
    (code.startsWith('SQLITE_CORRUPT') ? 'SQLITE_CORRUPT' : code)
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
