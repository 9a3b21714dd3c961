import { makeAggregates } from '../aggregate/aggregates.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { KeyValueStore } from '../kv/contract.ts'
import type { Subspace } from '../kv/subspace.ts'
import { EVENT_BYTES_LIMIT } from '../limits.ts'
import { makeProjections } from '../projection/projections.ts'
import type { Runtime } from '../runtime.ts'
import { Codecs } from '../store/codecs.ts'
import type { EventStore, EventStoreOptions } from '../store/contract.ts'
import { makeEventStore } from '../store/event-store.ts'
import { checkWanted, claimFormat } from '../store/format.ts'
import { keyspaceOf } from '../store/keyspace.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { makeBroker } from '../subscription/broker.ts'

/** The directory of a store that was given none. */
const DEFAULT_DIRECTORY = ['eventdb']

/** Options of `openEventStore`. */
export interface OpenEventStoreOptions extends EventStoreOptions {
  /** Where in the key-value store to keep everything. @default the directory `eventdb` */
  readonly directory?: Subspace
  /** Whether to make a store in a folder where there is none. @default true */
  readonly create?: boolean
  /** Which engine to make a new store in a folder with; an existing one is recognised. @default 'sqlite' */
  readonly engine?: 'sqlite' | 'lmdb'
  /** Permissions of new files. @default 0o600 */
  readonly mode?: number
  /** Time and chance. @default the real ones */
  readonly runtime?: Runtime
}

const checkOptions = onlyNames(
  'The options of openEventStore',
  'directory',
  'create',
  'engine',
  'mode',
  'runtime',
  'eventBytesMax',
  'indexes',
  'categorySeparator',
  'idempotencyKeyMs',
  'codecs',
)

/**
 * Opens an event store: in a folder (made if need be), in memory (`':memory:'`), or over a key-value store that the
 * caller opened and will close.
 *
 * ```ts
 * await using store = await openEventStore('./data')
 * await store.stream('cart-1').append({ type: 'ItemAdded', data: { sku: 'a' } })
 * ```
 *
 * @throws StorageError if the folder cannot be used; EngineMissingError; StoreNotFoundError with `create: false`;
 * FormatError if the store is of a format that this version does not know; InvalidArgumentError if it has other indexes, or
 * another separator, than wanted
 */
export async function openEventStore(
  where: string | KeyValueStore,
  options: OpenEventStoreOptions = {},
): Promise<EventStore> {
  checkOptions(options)
  checkEventBytesMax(options.eventBytesMax)
  checkIdempotencyKeyMs(options.idempotencyKeyMs)
  checkWanted(options)
  checkPlace(where, options.engine)
  const codecs = new Codecs(options.codecs)
  const ownsKv = typeof where === 'string'
  const kv = ownsKv ? await openPlace(where, options) : where
  try {
    const root = options.directory ?? (await kv.createOrOpenDirectory(DEFAULT_DIRECTORY))
    const keys = keyspaceOf(root, codecs)
    const { categorySeparator } = await claimFormat(kv, keys, options)
    return makeEventStore({
      kv,
      keys,
      ownsKv,
      makeBroker,
      makeAggregates,
      makeProjections,
      ...options,
      categorySeparator,
    })
  } catch (error) {
    if (ownsKv) await kv.close()
    throw error
  }
}

function checkPlace(where: unknown, engine: unknown): void {
  const isStore = typeof where === 'object' && where !== null && 'createOrOpenDirectory' in where
  if (typeof where !== 'string' && !isStore) {
    throw new InvalidArgumentError(
      `A store is opened in a folder, in ':memory:', or over a key-value store, not in ${describe(where)}`,
      { where },
    )
  }
  if (engine === undefined || engine === 'sqlite' || engine === 'lmdb') return
  throw new InvalidArgumentError(`An engine is 'sqlite' or 'lmdb', not ${describe(engine)}`, { engine })
}

function checkEventBytesMax(bytes: number | undefined): void {
  if (bytes === undefined || (Number.isInteger(bytes) && bytes >= 1 && bytes <= EVENT_BYTES_LIMIT)) return
  throw new InvalidArgumentError(
    `eventBytesMax must be a whole number from 1 to ${EVENT_BYTES_LIMIT}, not ${bytes}`,
    {
      eventBytesMax: bytes,
    },
  )
}

function checkIdempotencyKeyMs(duration: number | undefined): void {
  if (duration === undefined || (Number.isSafeInteger(duration) && duration >= 0)) return
  throw new InvalidArgumentError(
    `idempotencyKeyMs must be a whole number of milliseconds from 0 on, not ${duration}`,
    { idempotencyKeyMs: duration },
  )
}

async function openPlace(place: string, options: OpenEventStoreOptions): Promise<KeyValueStore> {
  if (place === '') throw new InvalidArgumentError('The folder of a store must not be empty')
  const { openFolder, openInMemory } = await import('../drivers/open-folder.ts')
  return place === ':memory:' ? openInMemory(options) : openFolder(place, options)
}
