/** The SQLite driver, the default: one file in a folder, durable, open to several processes. */
import { withDirectories } from '../../directory/directory-layer.ts'
import type { KeyValueStore } from '../../kv/contract.ts'
import { type OptimisticOptions, openOptimisticStore } from '../../kv/key-value-store.ts'
import { type FileOptions, prepareDatabaseFile } from './database-file.ts'
import type { SqliteLibrary } from './handle.ts'
import { loadSqlite, type SqliteLibraryName } from './libraries.ts'
import { sqliteEngine } from './sqlite-engine.ts'

export type { FileOptions } from './database-file.ts'
export type { SqliteHandle, SqliteLibrary, SqliteStatement, SqliteValue } from './handle.ts'
export type { SqliteLibraryName } from './libraries.ts'

/** Options of `openSqlite`. */
export interface SqliteOptions extends FileOptions, OptimisticOptions {
  /**
   * Which SQLite to use: a name, or anything of the right shape.
   * @default `node:sqlite` where the runtime has it, else `better-sqlite3`
   */
  readonly library?: SqliteLibraryName | SqliteLibrary
}

/**
 * Opens the SQLite database in a folder as a key-value store, and makes both if need be. What was acknowledged
 * survives a crash of the process and of the machine.
 *
 * @throws StorageError if the folder or file cannot be used; EngineMissingError if there is no SQLite;
 * FormatError if the file's layout is unknown; StoreNotFoundError with `create: false`
 */
export async function openSqlite(folder: string, options: SqliteOptions = {}): Promise<KeyValueStore> {
  const { library } = options
  const loaded = typeof library === 'object' ? library : loadSqlite(library)
  const file = prepareDatabaseFile(folder, options)
  return withDirectories(openOptimisticStore(sqliteEngine(loaded, file), options))
}
