import { openMemory } from 'eventdb/memory'
import { openSqlite, type SqliteLibraryName } from 'eventdb/sqlite'
import { type KvFixture, kvConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { withDirectories } from '../../src/directory/index.ts'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { loadSqlite } from '../../src/drivers/sqlite/libraries.ts'
import { type Engine, type KeyValueStore, openOptimisticStore } from '../../src/kv/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('memory', () => {
  kvConformance({
    test,
    open: async (options) => {
      const kv = await openMemory(options)
      return { kv, dispose: () => kv.close() }
    },
  })
})

describe('memory, shared as by several processes', () => {
  kvConformance({
    test,
    open: async (options) => {
      const engine = sharedEngine()
      return fixtureOf(async () => withDirectories(openOptimisticStore(engine, options)))
    },
  })
})

for (const library of ['better-sqlite3', 'node:sqlite'] as const) {
  describe.runIf(isHere(library))(`sqlite, by ${library}`, () => {
    kvConformance({
      test,
      open: async (options) => {
        const folder = await temporaryFolder()
        return fixtureOf(() => openSqlite(folder.path, { ...options, library }), folder.remove)
      },
    })
  })
}

/** Node has `node:sqlite` from 22.5 on; `better-sqlite3` works on the version of Node for which it was installed. */
function isHere(library: SqliteLibraryName): boolean {
  try {
    loadSqlite(library).open(':memory:').close()
    return true
  } catch {
    return false
  }
}

/** A fixture whose stores all come from one `open`, and share what is below it. */
async function fixtureOf(
  open: () => Promise<KeyValueStore>,
  remove?: () => Promise<void>,
): Promise<KvFixture> {
  const kv = await open()
  const opened = [kv]
  const openAnother = async (): Promise<KeyValueStore> => {
    const another = await open()
    opened.push(another)
    return another
  }
  return {
    kv,
    reopen: async () => {
      await opened.at(-1)!.close()
      return openAnother()
    },
    second: openAnother,
    dispose: async () => {
      for (const store of opened) await store.close()
      await remove?.()
    },
  }
}

/** The memory engine outliving its stores, so that several may share it, and one may be opened again. */
function sharedEngine(): Engine {
  return { ...memoryEngine(), capabilities: { durable: true, multiProcess: true }, close: () => {} }
}
