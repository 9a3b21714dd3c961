import { closeSync, fsyncSync, openSync } from 'node:fs'
import { type FileOptions, fromFileSystem, makeStoreFile } from '../store-folder.ts'

export type { FileOptions } from '../store-folder.ts'

/** Name of the database file in a store's folder. */
export const DATABASE_FILE = 'eventdb.sqlite'

/**
 * Makes sure that the folder and the file exist, and that what the file holds is flushed. Returns the file's path.
 * @throws StorageError (`not-a-folder`, `permission`, `read-only`, `disk-full`), StoreNotFoundError
 */
export function prepareDatabaseFile(folder: string, options: FileOptions): string {
  const file = makeStoreFile(folder, DATABASE_FILE, options)
  try {
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
  const descriptor = openIfThere(`${file}-wal`)
  if (descriptor === undefined) return
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Whoever closes a store last removes its WAL, at any moment. */
function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
