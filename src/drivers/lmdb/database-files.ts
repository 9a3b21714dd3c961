import { accessSync, closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type FileOptions, fromFileSystem, makeFile, makeStoreFile } from '../store-folder.ts'

/** Name of the database file in a store's folder. LMDB's lock file beside it ends with `-lock`. */
export const DATABASE_FILE = 'eventdb.mdb'
/** Name of the empty LMDB file whose write lock is the store's gate; see `commit-gate.ts`. */
const GATE_FILE = 'eventdb.gate'

/** Sizes of new lock files. LMDB would make holes, and touching one when the disk is full would kill the process. */
const LOCK_BYTES = 66 * 1_024
const GATE_LOCK_BYTES = 4 * 1_024

/** The files of one store. */
export interface DatabaseFiles {
  readonly database: string
  readonly gate: string
}

/**
 * Makes sure that the folder and the files exist; LMDB makes its own with fixed permissions.
 * @throws StorageError (`not-a-folder`, `permission`, `read-only`, `disk-full`), StoreNotFoundError
 */
export function prepareDatabaseFiles(folder: string, options: FileOptions): DatabaseFiles {
  const database = makeStoreFile(folder, DATABASE_FILE, options)
  const gate = join(folder, GATE_FILE)
  try {
    const { mode = 0o600 } = options
    makeFile(`${database}-lock`, mode, LOCK_BYTES)
    makeFile(gate, mode, 0)
    makeFile(`${gate}-lock`, mode, GATE_LOCK_BYTES)
    // The package does not survive a failure to open one of them.
    for (const file of [database, `${database}-lock`, gate, `${gate}-lock`])
      accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw fromFileSystem(error, folder)
  }
  return { database, gate }
}

/**
 * Flushes what a process may have left behind unflushed when it was killed while committing: LMDB takes it for durable. Only
 * the database file: closing any descriptor of a lock file would drop this process's locks.
 */
export function flushDatabase(file: string): void {
  const descriptor = openSync(file, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
