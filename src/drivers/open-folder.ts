import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyValueStore } from '../kv/contract.ts'
import type { Runtime } from '../runtime.ts'

/** What the opener needs to know. */
export interface OpenFolderOptions {
  readonly engine?: 'sqlite' | 'lmdb'
  readonly create?: boolean
  readonly mode?: number
  readonly runtime?: Runtime
}

/** Opens the store in a folder with the engine that made it; a new one with the engine asked for, else SQLite. */
export async function openFolder(folder: string, options: OpenFolderOptions): Promise<KeyValueStore> {
  const engine = existsSync(join(folder, 'eventdb.mdb'))
    ? 'lmdb'
    : existsSync(join(folder, 'eventdb.sqlite'))
      ? 'sqlite'
      : options.engine
  if (engine === 'lmdb') return (await import('./lmdb/index.ts')).openLmdb(folder, options)
  return (await import('./sqlite/index.ts')).openSqlite(folder, options)
}

/** Opens an empty store in memory. */
export async function openInMemory(options: OpenFolderOptions): Promise<KeyValueStore> {
  return (await import('./memory/index.ts')).openMemory(options)
}
