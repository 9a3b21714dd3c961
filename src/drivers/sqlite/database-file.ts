import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError, type StorageProblem, StoreNotFoundError } from '../../errors.ts'

/** Name of the database file in a store's folder. */
export const DATABASE_FILE = 'eventdb.sqlite'

/** How to make a store's folder and file. */
export interface FileOptions {
  /** Permissions of a new database file; its folder gets the same plus search. @default 0o600 */
  readonly mode?: number
  /** Whether to make a store where there is none. @default true */
  readonly create?: boolean
}

/**
 * Makes sure that the folder and the file exist, and that what the file holds is flushed. Returns the file's path.
 * @throws StorageError (`not-a-folder`, `permission`, `read-only`, `disk-full`), StoreNotFoundError
 */
export function prepareDatabaseFile(folder: string, { mode = 0o600, create = true }: FileOptions): string {
  const file = join(folder, DATABASE_FILE)
  try {
    if (existsSync(folder) && !statSync(folder).isDirectory()) {
      throw new StorageError(`${folder} is a file, and a store needs a folder`, 'not-a-folder', {
        path: folder,
      })
    }
    if (!existsSync(file)) {
      if (!create) throw new StoreNotFoundError(folder)
      mkdirSync(folder, { recursive: true, mode: folderMode(mode) })
      closeSync(openSync(file, 'ax', mode))
    }
    flushWal(file)
  } catch (error) {
    throw fromFileSystem(error, folder)
  }
  return file
}

/**
 * Flushes a WAL that another process may have left behind unflushed when it was killed: SQLite will take its commits for
 * durable. Only the WAL: closing any descriptor of the database file itself would drop SQLite's locks on it.
 */
function flushWal(file: string): void {
  if (!existsSync(`${file}-wal`)) return
  const descriptor = openSync(`${file}-wal`, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Who may read may also enter. */
function folderMode(fileMode: number): number {
  return fileMode | ((fileMode & 0o444) >> 2)
}

const PROBLEMS: Readonly<Record<string, StorageProblem>> = {
  ENOTDIR: 'not-a-folder',
  EACCES: 'permission',
  EPERM: 'permission',
  EROFS: 'read-only',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
}

/** Turns what the file system threw into one of our errors. */
export function fromFileSystem(error: unknown, path: string): unknown {
  if (
    !(error instanceof Error) ||
    !('code' in error) ||
    error instanceof StorageError ||
    error instanceof StoreNotFoundError
  )
    return error
  const problem = PROBLEMS[String(error.code)] ?? 'io'
  return new StorageError(`The folder ${path} cannot be used: ${error.message}`, problem, {
    path,
    cause: error,
  })
}
