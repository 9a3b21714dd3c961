import type { Capabilities, KeyValueBackupOptions } from './contract.ts'
import type { Row } from './rows.ts'

/**
 * The seam between the optimistic engine of this folder and what it stands on: a sorted map of bytes with pinned
 * read views and one durable write at a time. See `docs/transactions.md` for what each promise is used for.
 *
 * Everything but a backup is synchronous: embedded engines are, and a promise costs more than most reads.
 */
export interface Engine {
  /** Name for people, such as `sqlite`. */
  readonly name: string
  readonly capabilities: Capabilities
  /** Pins a view of the newest durable commit. */
  openSnapshot(): EngineSnapshot
  /**
   * Takes the write lock of the store, over all processes, runs `apply`, and makes its rows durable before it
   * returns `true`. If `apply` returns `false` or throws, nothing is written. Returns `'busy'`, soon and without
   * having run `apply`, if another process holds the lock.
   *
   * @throws StorageError if nothing was written; CommitUnknownError if that cannot be said
   */
  write(apply: (writer: EngineWriter) => boolean): boolean | 'busy'
  /** Differs from what it returned before if any process has committed in between. Cheap. */
  changeCounter(): number
  /**
   * Copies the newest durable commit and all before it into a new folder, which appears when it is complete and durable. Others go on
   * reading and writing meanwhile, and so does the event loop. If it fails or is given up, nothing is left behind. Missing where
   * there are no files.
   *
   * @throws StorageError, the signal's reason
   */
  backup?(folder: string, options: KeyValueBackupOptions): Promise<void>
  /** Releases everything. Called once, with no snapshot open and no backup under way. */
  close(): void | Promise<void>
}

/** A pinned view. */
export interface EngineSnapshot {
  /** Returns a value that stays valid, or `undefined`. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Returns up to `limit` rows of a half-open range, from its beginning or, reversed, from its end. */
  range(begin: Uint8Array, end: Uint8Array, limit: number, reverse: boolean): Row[]
  close(): void
}

/** The write side, valid inside `apply` only. Reads see what was committed and what was written before. */
export interface EngineWriter {
  get(key: Uint8Array): Uint8Array | undefined
  range(begin: Uint8Array, end: Uint8Array, limit: number, reverse: boolean): Row[]
  set(key: Uint8Array, value: Uint8Array): void
  clear(key: Uint8Array): void
  clearRange(begin: Uint8Array, end: Uint8Array): void
}
