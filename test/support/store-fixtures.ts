import type { EventStore } from 'eventdb'
import { openEventStore } from 'eventdb'
import type { StoreFixture, StoreOpenOptions } from 'eventdb/testing'
import { temporaryFolder } from './temporary-folder.ts'

/** A store that can be closed and opened again. */
export async function reopenable(
  open: () => Promise<EventStore>,
  remove: () => Promise<void>,
): Promise<StoreFixture> {
  let store = await open()
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await open()
      return store
    },
    dispose: async () => {
      await store.close()
      await remove()
    },
  }
}

/** A store in a folder of its own. */
export async function storeInFolder(
  engine: 'sqlite' | 'lmdb',
  options: StoreOpenOptions,
): Promise<StoreFixture> {
  const folder = await temporaryFolder()
  return reopenable(() => openEventStore(folder.path, { ...options, engine }), folder.remove)
}
