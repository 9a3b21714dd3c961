import type { ByteString } from './byte-string.ts'
import { KeyOrder } from './key-order.ts'

/** A set of keys that can be asked for its members in a range. */
export class SortedKeys {
  readonly #members = new Set<ByteString>()
  readonly #order = new KeyOrder()

  get size(): number {
    return this.#members.size
  }

  has(key: ByteString): boolean {
    return this.#members.has(key)
  }

  add(key: ByteString): void {
    const before = this.#members.size
    this.#members.add(key)
    if (this.#members.size !== before) this.#order.add(key)
  }

  /** Removes all members of the half-open range, and returns them. */
  deleteRange(begin: ByteString, end: ByteString): ByteString[] {
    const removed = this.#order.deleteRange(begin, end)
    for (const key of removed) this.#members.delete(key)
    return removed
  }

  /** Whether any member lies in the half-open range. */
  intersects(begin: ByteString, end: ByteString): boolean {
    return this.#order.intersects(begin, end)
  }

  /** The members of the half-open range, in order. */
  between(begin: ByteString, end: ByteString): ByteString[] {
    return this.#order.between(begin, end)
  }

  /** How many members lie in the half-open range; cheaper than `between`. */
  count(begin: ByteString, end: ByteString): number {
    return this.#order.count(begin, end)
  }

  /** All members, in order. */
  all(): readonly ByteString[] {
    return this.#order.all()
  }
}
