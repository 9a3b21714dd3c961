import type { Row } from '../../kv/rows.ts'
import type { SqliteHandle, SqliteStatement } from './handle.ts'

/** One connection with its prepared statements: reads and writes of the one table that there is. */
export class SqliteConnection {
  readonly #handle: SqliteHandle
  readonly #get: SqliteStatement
  readonly #forwards: SqliteStatement
  readonly #backwards: SqliteStatement
  readonly #set: SqliteStatement
  readonly #clear: SqliteStatement
  readonly #clearRange: SqliteStatement
  readonly #begin: SqliteStatement
  readonly #commit: SqliteStatement
  readonly #rollback: SqliteStatement
  readonly #checkpoint: SqliteStatement

  constructor(handle: SqliteHandle, begin: 'BEGIN' | 'BEGIN IMMEDIATE') {
    this.#handle = handle
    this.#get = handle.prepare('SELECT v FROM kv WHERE k = ?')
    this.#forwards = handle.prepare('SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT ?')
    this.#backwards = handle.prepare('SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k DESC LIMIT ?')
    this.#set = handle.prepare(
      'INSERT INTO kv (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v',
    )
    this.#clear = handle.prepare('DELETE FROM kv WHERE k = ?')
    this.#clearRange = handle.prepare('DELETE FROM kv WHERE k >= ? AND k < ?')
    this.#begin = handle.prepare(begin)
    this.#commit = handle.prepare('COMMIT')
    this.#rollback = handle.prepare('ROLLBACK')
    this.#checkpoint = handle.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  }

  begin(): void {
    this.#begin.run()
  }

  commit(): void {
    this.#commit.run()
  }

  rollback(): void {
    this.#rollback.run()
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return (this.#get.get(key) as { v: Uint8Array } | undefined)?.v
  }

  range(begin: Uint8Array, end: Uint8Array, limit: number, reverse: boolean): Row[] {
    const found = (reverse ? this.#backwards : this.#forwards).all(begin, end, limit) as {
      k: Uint8Array
      v: Uint8Array
    }[]
    const rows = new Array<Row>(found.length)
    for (let index = 0; index < found.length; index += 1) {
      const { k, v } = found[index]!
      rows[index] = { key: k, value: v }
    }
    return rows
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#set.run(key, value)
  }

  clear(key: Uint8Array): void {
    this.#clear.run(key)
  }

  clearRange(begin: Uint8Array, end: Uint8Array): void {
    this.#clearRange.run(begin, end)
  }

  /** Moves what is in the WAL into the file, as far as readers let it. */
  checkpoint(): void {
    this.#checkpoint.get()
  }

  close(): void {
    this.#handle.close()
  }
}
