import { createRequire } from 'node:module'
import { EngineMissingError } from '../../errors.ts'
import type { SqliteHandle, SqliteLibrary } from './handle.ts'

/** Which SQLite to use: the runtime's own, or the package. */
export type SqliteLibraryName = 'node:sqlite' | 'better-sqlite3'

const require = createRequire(import.meta.url)

/**
 * Loads a SQLite library: the one that is named, else `node:sqlite` where the runtime has it, else `better-sqlite3`.
 * @throws EngineMissingError if there is none
 */
export function loadSqlite(name?: SqliteLibraryName): SqliteLibrary {
  if (name === 'node:sqlite') return nodeSqlite()
  if (name === 'better-sqlite3') return betterSqlite3()
  return hasNodeSqlite() ? nodeSqlite() : betterSqlite3()
}

function hasNodeSqlite(): boolean {
  return process.getBuiltinModule?.('node:sqlite') !== undefined
}

function nodeSqlite(): SqliteLibrary {
  const load = (): { DatabaseSync: new (file: string) => SqliteHandle } => require('node:sqlite')
  const { DatabaseSync } = loadOrExplain(load, 'this Node has no node:sqlite; it came with Node 22.5')
  return { name: 'node:sqlite', specifier: 'node:sqlite', open: (file) => new DatabaseSync(file) }
}

function betterSqlite3(): SqliteLibrary {
  const load = (): (new (file: string) => SqliteHandle) => require('better-sqlite3')
  const Database = loadOrExplain(
    load,
    'install better-sqlite3 (npm install better-sqlite3@12), or run Node 22.5 or later, which has node:sqlite',
  )
  return {
    name: 'better-sqlite3',
    specifier: require.resolve('better-sqlite3'),
    open: (file) => new Database(file),
  }
}

function loadOrExplain<T>(load: () => T, hint: string): T {
  try {
    return load()
  } catch (cause) {
    throw new EngineMissingError('SQLite', ['better-sqlite3', 'node:sqlite'], hint, cause)
  }
}
