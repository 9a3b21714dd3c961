import { join } from 'node:path'
import type { KeyValueBackupOptions } from '../../kv/contract.ts'
import type { Engine, EngineSnapshot, EngineWriter } from '../../kv/engine.ts'
import { makeBackupFolder } from '../backup-folder.ts'
import { type Checkpointer, checkpointerOf } from './checkpointer.ts'
import { SqliteConnection } from './connection.ts'
import { copyDatabase } from './copy-database.ts'
import { DATABASE_FILE } from './database-file.ts'
import type { SqliteHandle, SqliteLibrary } from './handle.ts'
import { prepareSchema } from './schema.ts'
import { fromSqlite, isBusy, type SqlitePhase } from './sqlite-errors.ts'

/** How long a statement waits for another process that is recovering or closing the file, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000
/** Page cache of a connection, in KiB. */
const WRITER_CACHE_KIB = 65_536
const READER_CACHE_KIB = 16_384
/** Idle reader connections that are kept for the next snapshot. */
const IDLE_READERS_MAX = 8
const PAGE_BYTES = 4_096
/** Size to which a WAL is cut that a long-lived reader, such as a backup, has made larger, when it starts over. */
const WAL_BYTES_KEPT_MAX = 256 * 1_024 * 1_024

/**
 * SQLite as an engine: one table of keys and values, clustered by key, in WAL mode with `synchronous = FULL`. A snapshot is a
 * read transaction on a connection of its own; a write is `BEGIN IMMEDIATE` … `COMMIT`, which returns when the WAL is flushed.
 *
 * The writer works on the main thread: measured, a thread of its own cost a third of the throughput and of the latency of single
 * commits (see ARCHITECTURE.md). Checkpoints do run in a thread.
 */
export function sqliteEngine(library: SqliteLibrary, file: string): Engine {
  return new SqliteEngine(library, file)
}

class SqliteEngine implements Engine {
  readonly name = 'sqlite'
  readonly capabilities = { durable: true, multiProcess: true }
  readonly #library: SqliteLibrary
  readonly #file: string
  readonly #writer: SqliteConnection
  /** Its only use is to see other connections' commits: it never commits, and never stays in a transaction. */
  readonly #observer: SqliteHandle
  readonly #dataVersion: () => number
  readonly #checkpointer: Checkpointer
  readonly #idleReaders: SqliteConnection[] = []

  constructor(library: SqliteLibrary, file: string) {
    this.#library = library
    this.#file = file
    this.#writer = this.#guard('opening', () => {
      const handle = this.#open(WRITER_CACHE_KIB)
      try {
        prepareSchema(handle, file)
      } catch (error) {
        // Closing takes away what SQLite has put beside the file.
        handle.close()
        throw error
      }
      handle.exec('PRAGMA busy_timeout = 0')
      return new SqliteConnection(handle, 'BEGIN IMMEDIATE')
    })
    this.#observer = this.#guard('opening', () => this.#open(64))
    const dataVersion = this.#observer.prepare('PRAGMA data_version')
    this.#dataVersion = () => (dataVersion.get() as { data_version: number }).data_version
    this.#checkpointer = checkpointerOf(library, file, () => this.#writer.checkpoint())
  }

  openSnapshot(): EngineSnapshot {
    return this.#guard('reading', () => {
      const reader = this.#idleReaders.pop() ?? new SqliteConnection(this.#open(READER_CACHE_KIB), 'BEGIN')
      reader.begin()
      return this.#snapshotOn(reader)
    })
  }

  write(apply: (writer: EngineWriter) => boolean): boolean | 'busy' {
    if (!this.#begin()) return 'busy'
    const writer = new CountingWriter(this.#writer)
    try {
      if (!apply(writer)) {
        this.#writer.rollback()
        return false
      }
    } catch (error) {
      this.#rollback()
      throw fromSqlite(error, 'writing', this.#file)
    }
    this.#commit()
    this.#checkpointer.committed(writer.pagesMax)
    return true
  }

  changeCounter(): number {
    return this.#guard('reading', this.#dataVersion)
  }

  async backup(folder: string, options: KeyValueBackupOptions): Promise<void> {
    const allowRestarts = this.#checkpointer.forbidRestarts()
    try {
      const place = { folder, source: this.#file, signal: options.signal }
      await makeBackupFolder(place, async (unfinished, mode) => {
        const files = { source: this.#file, target: join(unfinished, DATABASE_FILE), mode }
        await copyDatabase(this.#library, files, options)
      })
    } finally {
      allowRestarts()
    }
  }

  async close(): Promise<void> {
    await this.#checkpointer.close()
    for (const reader of this.#idleReaders) reader.close()
    this.#observer.close()
    this.#writer.close()
  }

  #begin(): boolean {
    try {
      this.#writer.begin()
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw fromSqlite(error, 'writing', this.#file)
    }
  }

  #commit(): void {
    try {
      this.#writer.commit()
    } catch (error) {
      this.#rollback()
      throw fromSqlite(error, 'committing', this.#file)
    }
  }

  /** SQLite rolls back by itself after some errors, and then says that there is nothing to roll back. */
  #rollback(): void {
    try {
      this.#writer.rollback()
    } catch {
      // Nothing was open any more.
    }
  }

  #snapshotOn(reader: SqliteConnection): EngineSnapshot {
    const guard = <T>(read: () => T): T => this.#guard('reading', read)
    return {
      get: (key) => guard(() => reader.get(key)),
      range: (begin, end, limit, reverse) => guard(() => reader.range(begin, end, limit, reverse)),
      close: () => {
        reader.commit()
        if (this.#idleReaders.length < IDLE_READERS_MAX) this.#idleReaders.push(reader)
        else reader.close()
      },
    }
  }

  #open(cacheKib: number): SqliteHandle {
    const handle = this.#library.open(this.#file)
    handle.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA cache_size = -${cacheKib}`)
    handle.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0')
    handle.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_KEPT_MAX}`)
    return handle
  }

  #guard<T>(phase: SqlitePhase, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw fromSqlite(error, phase, this.#file)
    }
  }
}

/** Writes through, and keeps an upper bound of the pages that this may change. */
class CountingWriter implements EngineWriter {
  readonly #connection: SqliteConnection
  pagesMax = 1

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#connection.get(key)
  }

  range(
    begin: Uint8Array,
    end: Uint8Array,
    limit: number,
    reverse: boolean,
  ): ReturnType<EngineWriter['range']> {
    return this.#connection.range(begin, end, limit, reverse)
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.pagesMax += 1 + Math.floor(value.length / PAGE_BYTES)
    this.#connection.set(key, value)
  }

  clear(key: Uint8Array): void {
    this.pagesMax += 1
    this.#connection.clear(key)
  }

  clearRange(begin: Uint8Array, end: Uint8Array): void {
    this.pagesMax += 1
    this.#connection.clearRange(begin, end)
  }
}
