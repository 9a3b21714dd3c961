import { byteString } from '../kv/byte-string.ts'
import type { Coherence, KeyValueStore, Transaction } from '../kv/contract.ts'
import { HeadCache } from './head-cache.ts'
import { InlineCarriers } from './inline-carriers.ts'
import type { Keyspace } from './keyspace.ts'
import type { StoreSession } from './session.ts'
import { SettingsCache } from './settings-cache.ts'
import { StreamNumbers } from './stream-numbers.ts'

/** The sessions of running transactions: one each, as all of a transaction's appends share the numbering of stamps. */
export type Sessions = WeakMap<Transaction, StoreSession>

/**
 * What all stores must share that this process lays over one place of one key-value store. What one of them commits is no
 * foreign commit, so none would hear of the others' appends if each had a memory of its own.
 */
export interface Place {
  readonly heads: HeadCache
  readonly numbers: StreamNumbers
  readonly settings: SettingsCache
  readonly sessions: Sessions
  /** Sessions are shared, and so must be what they hand their events to. */
  readonly inline: InlineCarriers
  /** Lets go of the place; the last one to do so forgets everything. */
  release(): void
}

interface SharedPlace extends Place {
  users: number
}

const placesOf = new WeakMap<Coherence, Map<string, SharedPlace>>()

/** Takes part in a place, which is known by the key-value store's knowledge of commits and by where the keys begin. */
export function joinPlace(kv: KeyValueStore, keys: Keyspace): Place {
  const places = placesOf.get(kv.coherence) ?? new Map<string, SharedPlace>()
  placesOf.set(kv.coherence, places)
  const id = byteString(keys.root.prefix)
  const place = places.get(id) ?? makePlace(kv, keys, () => places.delete(id))
  places.set(id, place)
  place.users += 1
  return place
}

function makePlace(kv: KeyValueStore, keys: Keyspace, forget: () => void): SharedPlace {
  const heads = new HeadCache()
  const settings = new SettingsCache(kv.coherence, keys)
  const stopListening = kv.coherence.onForeignCommit(() => {
    heads.clear()
    settings.forget()
  })
  const place: SharedPlace = {
    heads,
    numbers: new StreamNumbers(kv, keys.streamNumbers),
    settings,
    sessions: new WeakMap(),
    inline: new InlineCarriers(),
    users: 0,
    release: () => {
      place.users -= 1
      if (place.users > 0) return
      stopListening()
      forget()
    },
  }
  return place
}
