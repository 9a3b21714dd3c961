import { type EventStore, type OpenEventStoreOptions, openEventStore } from 'eventdb'
import { type OptionSpec, textOption } from './arguments.ts'
import type { Invocation } from './command.ts'
import { UsageError } from './errors.ts'
import { INDEX_NAMES, indexNames } from './index-names.ts'

/** Which store to open, and how. */
export interface StorePlace {
  readonly folder: string
  readonly options: OpenEventStoreOptions
}

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
  return withStore({ folder: storeFolder(invocation), options: { create: false } }, use)
}

/** What can be said of a store that a command makes. */
export const NEW_STORE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'indexes',
    value: 'I,...',
    about: `Indexes of a new store: some of ${INDEX_NAMES}, or none (default all)`,
  },
]

/** What `withStoreToWrite` will open. To be asked before anything else is read or written. @throws UsageError */
export function storeToWrite(invocation: Pick<Invocation, 'args' | 'env'>): StorePlace {
  const names = textOption(invocation.args, 'indexes')
  const indexes =
    names === undefined ? {} : { indexes: names === 'none' ? [] : indexNames('indexes', [names]) }
  return { folder: storeFolder(invocation), options: { create: true, ...indexes } }
}

/** Opens the store for `use`, creating it if there is none, and closes it afterwards. */
export function withStoreToWrite<T>(
  invocation: Invocation,
  use: (store: EventStore) => Promise<T>,
): Promise<T> {
  return withStore(storeToWrite(invocation), use)
}

async function withStore<T>(
  { folder, options }: StorePlace,
  use: (store: EventStore) => Promise<T>,
): Promise<T> {
  const store = await openEventStore(folder, options)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}
