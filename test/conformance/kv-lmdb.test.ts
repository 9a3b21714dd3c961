import { openLmdb } from 'eventdb/lmdb'
import { kvConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import type { KeyValueStore } from '../../src/kv/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('lmdb', () => {
  kvConformance({
    test,
    open: async (options) => {
      const folder = await temporaryFolder()
      const opened: KeyValueStore[] = []
      const open = async (): Promise<KeyValueStore> => {
        const kv = await openLmdb(folder.path, options)
        opened.push(kv)
        return kv
      }
      return {
        kv: await open(),
        reopen: async () => {
          await opened.at(-1)!.close()
          return open()
        },
        // The package shares LMDB's environment among the stores of a process, so this is a second store with its own read
        // transactions and write lock, but the same map; real processes are in lmdb-engine.test.ts.
        second: open,
        dispose: async () => {
          for (const kv of opened) await kv.close()
          await folder.remove()
        },
      }
    },
  })
})
