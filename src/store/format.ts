import { FormatError, InvalidArgumentError } from '../errors.ts'
import type { KeyValueStore } from '../kv/contract.ts'
import type { IndexName } from './contract-reading.ts'
import type { Keyspace } from './keyspace.ts'
import {
  checkCategorySeparator,
  checkIndexNames,
  DEFAULT_SETTINGS,
  decodeSettings,
  FORMAT,
  readableIndexes,
  type Settings,
  writeSettings,
} from './settings.ts'

/** What a caller wants a store to be. */
export interface WantedSettings {
  readonly indexes?: readonly IndexName[]
  readonly categorySeparator?: string
}

/** Checks what a caller wants a store to be. @throws InvalidArgumentError */
export function checkWanted({ indexes, categorySeparator }: WantedSettings): void {
  if (indexes !== undefined) checkIndexNames(indexes, 'The indexes of a store')
  if (categorySeparator !== undefined) checkCategorySeparator(categorySeparator)
}

/**
 * Makes sure that the store is one that we know and the caller wants, and marks an empty place as one. A store that we know is only read.
 * Returns what it is.
 * @throws FormatError, InvalidArgumentError, having changed nothing
 */
export async function claimFormat(
  kv: KeyValueStore,
  keys: Keyspace,
  wanted: WantedSettings,
): Promise<Settings> {
  const state = await kv.readTransact(async (tx) => {
    const record = await tx.get(keys.format)
    const rows = record === undefined ? await tx.getRange(keys.root.everything(), { limit: 1 }).toArray() : []
    return { record, isEmpty: rows.length === 0 }
  })
  if (state.record !== undefined) return notOther(decodeSettings(state.record), wanted)
  if (!state.isEmpty) {
    throw new FormatError('The place of the store holds something that eventdb did not write', 'no format', {
      format: FORMAT,
    })
  }
  return kv.transact(async (tx) => {
    const record = await tx.get(keys.format)
    if (record !== undefined) return notOther(decodeSettings(record), wanted)
    const settings = newSettings(wanted)
    writeSettings(tx, keys, settings)
    return settings
  })
}

function newSettings({
  indexes = readableIndexes(DEFAULT_SETTINGS),
  categorySeparator = DEFAULT_SETTINGS.categorySeparator,
}: WantedSettings): Settings {
  return {
    categorySeparator,
    indexes: Object.fromEntries(indexes.map((name) => [name, 'ready'])),
    inline: [],
  }
}

function notOther(found: Settings, { indexes, categorySeparator }: WantedSettings): Settings {
  if (categorySeparator !== undefined && categorySeparator !== found.categorySeparator) {
    throw new InvalidArgumentError(
      `The store separates categories by ${JSON.stringify(found.categorySeparator)}, not ${JSON.stringify(categorySeparator)}; this is fixed when a store is made`,
      { found: found.categorySeparator, wanted: categorySeparator },
    )
  }
  const ready = readableIndexes(found)
  if (
    indexes === undefined ||
    (ready.length === new Set(indexes).size && ready.every((name) => indexes.includes(name)))
  ) {
    return found
  }
  throw new InvalidArgumentError(
    `The store has the indexes [${ready}], not [${indexes}]; open it without the option, and change them with reindex()`,
    { found: ready, wanted: indexes },
  )
}
