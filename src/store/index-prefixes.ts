import type { Subspace } from '../kv/subspace.ts'
import { INDEX_PREFIXES_KEPT_MAX } from '../limits.ts'

/** Type code of a versionstamp in the tuple encoding. */
const VERSIONSTAMP_CODE = 0x33

/** What the rows of an index begin with, remembered: few texts come again and again, and each is packed for each event. */
export class IndexPrefixes {
  readonly #space: Subspace
  readonly #known = new Map<string, Uint8Array>()

  constructor(space: Subspace) {
    this.#space = space
  }

  /** Everything before the stamp in the rows about `text`. Not to be changed. */
  of(text: string): Uint8Array {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const packed = this.#space.pack([text])
    const prefix = new Uint8Array(packed.length + 1)
    prefix.set(packed)
    prefix[packed.length] = VERSIONSTAMP_CODE
    if (this.#known.size >= INDEX_PREFIXES_KEPT_MAX) this.#known.clear()
    this.#known.set(text, prefix)
    return prefix
  }
}
