import type { Coherence, Transaction } from '../kv/contract.ts'
import type { Keyspace } from './keyspace.ts'
import { readSettings, type Settings } from './settings.ts'

/**
 * What the store is, as of the last commit that this process knows: by the rules of "Coherent knowledge" in `docs/transactions.md`. Every
 * transaction that writes rows of the store relies on it, so none commits under settings that have changed.
 */
export class SettingsCache {
  readonly #coherence: Coherence
  readonly #keys: Keyspace
  #known: Settings | undefined

  constructor(coherence: Coherence, keys: Keyspace) {
    this.#coherence = coherence
    this.#keys = keys
  }

  /** What is known, with a conflict that makes the commit check it; `undefined` if it must be read. */
  recall(tx: Transaction): Settings | undefined {
    if (this.#known === undefined) return undefined
    tx.addReadConflictKey(this.#keys.format, { since: this.#coherence.version })
    return this.#known
  }

  /** Reads it, and remembers it if the snapshot still is the newest. @throws FormatError */
  async read(tx: Transaction): Promise<Settings> {
    const settings = await readSettings(tx, this.#keys)
    if ((await tx.readVersion()) === this.#coherence.version) this.#known = settings
    return settings
  }

  /** Forgets it, as others have committed, or this process has changed it. */
  forget(): void {
    this.#known = undefined
  }
}
