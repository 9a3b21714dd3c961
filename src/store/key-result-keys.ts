import { CorruptionError } from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import type { Subspace } from '../kv/subspace.ts'
import type { Stamped } from '../tuple/pack.ts'

/** The keys under which the results of appends are kept that have an idempotency key, and the order in which they expire. */
export class KeyResultKeys {
  readonly #root: Subspace
  readonly #results: number
  readonly #expiries: number
  readonly #stampAt: number

  constructor(root: Subspace, results: number, expiries: number) {
    this.#root = root
    this.#results = results
    this.#expiries = expiries
    // Behind the type code of a stamp.
    this.#stampAt = root.pack([expiries]).length + 1
  }

  /** One part of a result. */
  part(idempotencyKey: string, part: number): Uint8Array {
    return this.#root.pack([this.#results, idempotencyKey, part])
  }

  /** All parts of a result. */
  parts(idempotencyKey: string): KeyRange {
    return this.#root.range([this.#results, idempotencyKey])
  }

  /** All results. */
  all(): KeyRange {
    return this.#root.range([this.#results])
  }

  /** What the key of a part says. @throws CorruptionError */
  placeOfPart(key: Uint8Array): { readonly idempotencyKey: string; readonly part: number } {
    const [, idempotencyKey, part] = this.#root.unpack(key)
    if (typeof idempotencyKey !== 'string' || typeof part !== 'number') {
      throw new CorruptionError('A key of the result of an idempotency key is damaged', { key })
    }
    return { idempotencyKey, part }
  }

  /** The place of an idempotency key that is being used in the order in which they expire. */
  newExpiry(idempotencyKey: string, userVersion: number): Stamped {
    const stamp = { type: 'versionstamp', transactionVersion: undefined, userVersion } as const
    return this.#root.packStamped([this.#expiries, stamp, idempotencyKey])
  }

  /** All idempotency keys in the order in which they expire. */
  expiries(): KeyRange {
    return this.#root.range([this.#expiries])
  }

  /** What a key of the order of expiry says. @throws CorruptionError */
  placeOfExpiry(key: Uint8Array): { readonly idempotencyKey: string; readonly stamp: Uint8Array } {
    const [, , idempotencyKey, ...more] = this.#root.unpack(key)
    if (typeof idempotencyKey !== 'string' || more.length > 0) {
      throw new CorruptionError('A key of the order in which idempotency keys expire is damaged', { key })
    }
    return { idempotencyKey, stamp: key.slice(this.#stampAt, this.#stampAt + STAMP_BYTES) }
  }
}
