import { join } from 'node:path'
import { ClosedError } from '../../errors.ts'
import type { KeyValueBackupOptions } from '../../kv/contract.ts'
import type { Engine, EngineSnapshot, EngineWriter } from '../../kv/engine.ts'
import { sleep, systemRuntime } from '../../runtime.ts'
import { makeBackupFolder } from '../backup-folder.ts'
import { type CommitGate, openCommitGate } from './commit-gate.ts'
import { copyPages, type DatabaseHead, readHead } from './copy-pages.ts'
import { DATABASE_FILE, type DatabaseFiles, flushDatabase } from './database-files.ts'
import { openEnvironment } from './environment.ts'
import { checkFileHeader } from './file-header.ts'
import { fromLmdb, isDestroyedLock, type LmdbPhase } from './lmdb-errors.ts'
import { type LmdbLibrary, type LmdbStore, type LmdbTxn, READ_ONLY } from './lmdb-library.ts'
import { clearRangeOf, rangeOf } from './ranges.ts'
import { ABSENT_KEY, copyOf, RowEncoding, STATE_KEY } from './row-encoding.ts'
import { decodeCommits, encodeState, prepareState } from './state-row.ts'

/** Address space to begin with, in bytes. */
const MAP_BYTES = 1_024 * 1_024 * 1_024
/** Snapshots that all processes together can have open. */
const READERS_MAX = 1_024
/** Writes after which the read views of killed processes are looked for: they keep pages from being used again. */
const WRITES_PER_READER_CHECK = 4_096
/** Values up to twice this size are copied out of the map, and never shared with V8, which cannot follow a map that moves. */
const READ_BUFFER_BYTES = 8 * 1_024 * 1_024
/** How often opening is tried when other processes are just closing the same files, and the longest pause in between. */
const OPEN_ATTEMPTS_MAX = 50
const OPEN_PAUSE_MS_MAX = 10

/**
 * Opens LMDB as an engine: all rows in the root database. A snapshot is a read transaction; a write is one synchronous
 * transaction, which returns when its pages and then its meta page are flushed. The write lock cannot be tried, so `write`
 * blocks while another process writes, and is never busy.
 *
 * @throws StorageError, FormatError, CorruptionError
 */
export async function openLmdbEngine(
  library: LmdbLibrary,
  files: DatabaseFiles,
  mapBytes: number = MAP_BYTES,
): Promise<Engine> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return openOnce(library, files, mapBytes)
    } catch (error) {
      // Who is the last to close an LMDB file destroys its locks; another process may have got hold of them just before.
      if (attempt >= OPEN_ATTEMPTS_MAX || !isDestroyedLock(error))
        throw fromLmdb(error, 'opening', files.database)
      await sleep(systemRuntime, OPEN_PAUSE_MS_MAX * systemRuntime.random())
    }
  }
}

function openOnce(library: LmdbLibrary, files: DatabaseFiles, mapBytes: number): Engine {
  const { database } = files
  const gate = openCommitGate(library, files.gate)
  try {
    return gate.hold(() => {
      checkFileHeader(database)
      flushDatabase(database)
      const rows = new RowEncoding()
      const store = openEnvironment(library, database, { mapBytes, readersMax: READERS_MAX }, rows)
      try {
        prepareState(store, rows, database)
        reserveReadBuffer(library, store)
        return new LmdbEngine(library, database, gate, store, rows)
      } catch (error) {
        void store.close()
        throw error
      }
    })
  } catch (error) {
    void gate.close()
    throw error
  }
}

/** The libraries whose read buffer is large enough; it is one for all stores of a thread. */
const reserved = new WeakSet<LmdbLibrary>()

function reserveReadBuffer(library: LmdbLibrary, store: LmdbStore): void {
  if (!reserved.has(library)) store._allocateGetBuffer(READ_BUFFER_BYTES)
  reserved.add(library)
}

/** A commit that stays as it is until the transaction is ended, and the bytes of the file that lead to it. */
interface PinnedHead {
  readonly transaction: LmdbTxn
  readonly head: DatabaseHead
}

class LmdbEngine implements Engine {
  readonly name = 'lmdb'
  readonly capabilities = { durable: true, multiProcess: true }
  readonly #library: LmdbLibrary
  readonly #file: string
  readonly #gate: CommitGate
  readonly #store: LmdbStore
  readonly #rows: RowEncoding
  readonly #writer: EngineWriter
  /** Its only use is to see commits: between two looks it is reset, so that it pins nothing. */
  readonly #observer: LmdbTxn
  #writes = 0
  #closed = false

  constructor(library: LmdbLibrary, file: string, gate: CommitGate, store: LmdbStore, rows: RowEncoding) {
    this.#library = library
    this.#file = file
    this.#gate = gate
    this.#store = store
    this.#rows = rows
    this.#writer = writerOn(store, rows)
    this.#observer = this.#openTxn()
    library.nativeAddon.resetTxn(this.#observer.address)
  }

  openSnapshot(): EngineSnapshot {
    return this.#guard('reading', () => this.#snapshotOf(this.#openTxn()))
  }

  write(apply: (writer: EngineWriter) => boolean): boolean {
    this.#assertOpen()
    this.#writes += 1
    if (this.#writes % WRITES_PER_READER_CHECK === 0) this.#guard('reading', () => this.#store.readerCheck())
    return this.#guard('writing', () => this.#gate.hold(() => this.#transact(apply)))
  }

  /**
   * Counts commits in a row of its own. LMDB's number of the last transaction would not do: other processes see it as soon
   * as the meta page is written, while snapshots still show the commit before, until the page is flushed.
   */
  changeCounter(): number {
    this.#assertOpen()
    return this.#guard('reading', () => {
      const commits = this.#commits({ transaction: this.#observer })
      this.#library.nativeAddon.resetTxn(this.#observer.address)
      return commits
    })
  }

  /**
   * Copies the pages of the newest commit, which a read transaction pins. Not with the package's `backup`: it cannot be stopped, goes
   * on with memory that is freed when the store is closed, and maps the file anew in another thread without a lock.
   */
  async backup(folder: string, options: KeyValueBackupOptions): Promise<void> {
    const place = { folder, source: this.#file, signal: options.signal }
    await makeBackupFolder(place, async (unfinished, mode) => {
      const { transaction, head } = this.#pin()
      try {
        // The other files of a store are made when it is opened.
        await copyPages(this.#file, head, join(unfinished, DATABASE_FILE), mode, options)
      } finally {
        transaction.abort()
      }
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#observer.abort()
    try {
      await this.#gate.hold(() => this.#store.close())
    } finally {
      await this.#gate.close()
    }
  }

  /**
   * Pins the newest commit together with the meta pages that lead to it. Under the lock, so that nobody can commit in between; taking
   * it also recovers what a killed process has left, so that both speak of the same commit.
   */
  #pin(): PinnedHead {
    let pinned: PinnedHead | undefined
    this.write(() => {
      const head = readHead(this.#file)
      pinned = { head, transaction: this.#openTxn() }
      return false
    })
    return pinned!
  }

  #transact(apply: (writer: EngineWriter) => boolean): boolean {
    let applied = false
    try {
      this.#store.transactionSync(() => {
        // Fails if the package could not begin the transaction, which it does not say; reading would not be safe then.
        this.#rows.remove(this.#store, ABSENT_KEY)
        const state = encodeState(this.#commits({}) + 1)
        applied = apply(this.#writer)
        if (applied) this.#rows.put(this.#store, STATE_KEY, state)
        return applied ? undefined : this.#library.ABORT
      })
      return applied
    } catch (error) {
      throw fromLmdb(error, applied && this.#isBroken() ? 'ending a commit in' : 'writing', this.#file)
    }
  }

  /**
   * Whether LMDB refuses to go on with this environment. It does so exactly if a meta page could not be written or flushed,
   * the one moment in which a commit can be in doubt: before it, the transaction is aborted as if it had never been.
   */
  #isBroken(): boolean {
    try {
      this.#openTxn().abort()
      return false
    } catch {
      return true
    }
  }

  #commits(through: { transaction?: LmdbTxn }): number {
    const bytes = this.#store.getBinaryFast(STATE_KEY, through)
    return decodeCommits(bytes, this.#store.lastSize, this.#file)
  }

  #openTxn(): LmdbTxn {
    this.#assertOpen()
    return new this.#library.nativeAddon.Txn(this.#store.env, READ_ONLY)
  }

  #snapshotOf(transaction: LmdbTxn): EngineSnapshot {
    const through = { transaction }
    let isOpen = true
    const read = <T>(body: () => T): T => {
      if (!isOpen) throw new ClosedError('snapshot')
      return this.#guard('reading', body)
    }
    return {
      get: (key) => read(() => this.#get(key, through)),
      range: (begin, end, limit, reverse) =>
        read(() => rangeOf(this.#store, through, begin, end, limit, reverse)),
      close: () => {
        if (isOpen) transaction.abort()
        isOpen = false
      },
    }
  }

  #get(key: Uint8Array, through: { transaction: LmdbTxn }): Uint8Array | undefined {
    // While a write transaction is open, the package would read a single key through that one.
    if (this.#store.env.writeTxn)
      return rangeOf(this.#store, through, key, Uint8Array.of(...key, 0), 1, false)[0]?.value
    const bytes = this.#store.getBinaryFast(key, through)
    return bytes === undefined ? undefined : copyOf(bytes, this.#store.lastSize)
  }

  /** Calls into the closed environment would crash the process. */
  #assertOpen(): void {
    if (this.#closed) throw new ClosedError('LMDB engine')
  }

  #guard<T>(phase: LmdbPhase, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw fromLmdb(error, phase, this.#file)
    }
  }
}

function writerOn(store: LmdbStore, rows: RowEncoding): EngineWriter {
  return {
    get: (key) => {
      const bytes = store.getBinaryFast(key, {})
      return bytes === undefined ? undefined : copyOf(bytes, store.lastSize)
    },
    range: (begin, end, limit, reverse) => rangeOf(store, {}, begin, end, limit, reverse),
    set: (key, value) => rows.put(store, key, value),
    clear: (key) => rows.remove(store, key),
    clearRange: (begin, end) => clearRangeOf(store, rows, begin, end),
  }
}
