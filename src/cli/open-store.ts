import { type EventStore, openEventStore } from 'eventdb'
import { textOption } from './arguments.ts'
import type { Invocation } from './command.ts'
import { UsageError } from './errors.ts'

/** The folder that `--store` or `EVENTDB_STORE` names. @throws UsageError if neither does */
export function storeFolder({ args, env }: Pick<Invocation, 'args' | 'env'>): string {
  const folder = textOption(args, 'store') ?? env.EVENTDB_STORE
  if (folder === ':memory:') throw new UsageError('A store in memory would be gone at once; name a folder')
  if (folder !== undefined && folder !== '') return folder
  throw new UsageError('Which store? Name its folder with --store DIR, or set EVENTDB_STORE')
}

/** Opens the store that is there for `use`, and closes it afterwards. @throws StoreNotFoundError */
export function withExistingStore<T>(
  invocation: Invocation,
  use: (store: EventStore) => Promise<T>,
): Promise<T> {
  return withStore(storeFolder(invocation), false, use)
}

/** Opens the store for `use`, creating it if there is none, and closes it afterwards. */
export function withStoreToWrite<T>(
  invocation: Invocation,
  use: (store: EventStore) => Promise<T>,
): Promise<T> {
  return withStore(storeFolder(invocation), true, use)
}

async function withStore<T>(
  folder: string,
  create: boolean,
  use: (store: EventStore) => Promise<T>,
): Promise<T> {
  const store = await openEventStore(folder, { create })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}
