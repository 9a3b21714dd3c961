/** The LMDB driver: one file in a folder, durable, open to several processes. It knows the engine contract of `kv` and the optional `lmdb` package, and nothing of what is stored. */
import { withDirectories } from '../../directory/directory-layer.ts'
import type { KeyValueStore } from '../../kv/contract.ts'
import { type OptimisticOptions, openOptimisticStore } from '../../kv/key-value-store.ts'
import type { FileOptions } from '../store-folder.ts'
import { prepareDatabaseFiles } from './database-files.ts'
import { openLmdbEngine } from './lmdb-engine.ts'
import { loadLmdb } from './lmdb-library.ts'

export type { FileOptions } from '../store-folder.ts'

/** Options of `openLmdb`. */
export interface LmdbOptions extends FileOptions, OptimisticOptions {
  /** Address space to begin with, in bytes; it is doubled whenever the file has filled it. @default 1 GiB */
  readonly mapBytes?: number
}

/**
 * Opens the LMDB database in a folder as a key-value store, and makes both if need be. What was acknowledged survives a
 * crash of the process and of the machine. Needs the package `lmdb` in version 2.9.4, which is not installed with this one.
 *
 * A commit blocks the event loop while another process commits. Leave the store's four files together, and do not open the
 * two `-lock` files in a process that has the store open: closing them would drop its locks.
 *
 * @throws EngineMissingError if the package is missing or unsafe; StorageError if the folder or file cannot be used;
 * FormatError if the file's layout is unknown; StoreNotFoundError with `create: false`
 */
export async function openLmdb(folder: string, options: LmdbOptions = {}): Promise<KeyValueStore> {
  const library = await loadLmdb()
  const engine = await openLmdbEngine(library, prepareDatabaseFiles(folder, options), options.mapBytes)
  try {
    return withDirectories(openOptimisticStore(engine, options))
  } catch (error) {
    await engine.close()
    throw error
  }
}
