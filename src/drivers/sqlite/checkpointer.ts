import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { SqliteLibrary } from './handle.ts'

/** Pages that may have been written to the WAL before a checkpoint is worth its while: 32 MiB. */
const WAL_PAGES_SOFT = 8_192
/** WAL pages from which the checkpoint takes the write lock and waits for readers, so that the WAL can start over: 128 MiB. */
const WAL_PAGES_HARD = 32_768
/** How long it waits for readers then, in milliseconds: a little more than the oldest snapshot may live. */
const WAIT_MS = 6_000

/**
 * Moves what was committed from the WAL into the database file, in a thread of its own: that flushes a lot, and would stall
 * the event loop.
 */
export interface Checkpointer {
  /** Notes that a group was committed, which put at most so many pages into the WAL. */
  committed(pagesMax: number): void
  /** Ends the thread, once it has finished what it is doing. */
  close(): Promise<void>
}

/**
 * What the thread runs. It is plain JavaScript in a string, so that it works from source, from the built package and from a
 * bundle alike. A PASSIVE checkpoint never waits for anybody; under a load that never pauses it cannot let
 * the WAL start over, so beyond the hard limit it is a RESTART, for which SQLite locks out writers and waits for readers.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const library = require(workerData.specifier)
const Database = library.DatabaseSync ?? library
const db = new Database(workerData.file)
db.exec('PRAGMA busy_timeout = ' + workerData.waitMs)
db.exec('PRAGMA synchronous = FULL')
db.exec('PRAGMA wal_autocheckpoint = 0')
const passive = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
const restart = db.prepare('PRAGMA wal_checkpoint(RESTART)')
parentPort.on('message', (message) => {
  if (message === 'close') { db.close(); parentPort.close(); return }
  let pages = 0
  try {
    pages = passive.get().log
    if (pages > workerData.hard) pages = restart.get().busy ? pages : 0
  } catch { /* the next one will do it */ }
  parentPort.postMessage(pages)
})
`

/** Makes the checkpointer of a database file. Its thread is started when there is something to do. */
export function checkpointerOf(library: SqliteLibrary, file: string): Checkpointer {
  let worker: Worker | undefined
  let working = false
  let pages = 0
  return {
    committed: (pagesMax) => {
      pages += pagesMax
      if (working || pages < WAL_PAGES_SOFT) return
      worker ??= startThread(library, file, () => {
        working = false
      })
      pages = 0
      working = true
      worker.postMessage('checkpoint')
    },
    close: async () => {
      if (worker === undefined) return
      const exited = once(worker, 'exit')
      worker.ref()
      worker.postMessage('close')
      await exited
    },
  }
}

function startThread(library: SqliteLibrary, file: string, done: () => void): Worker {
  const workerData = { specifier: library.specifier, file, waitMs: WAIT_MS, hard: WAL_PAGES_HARD }
  const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [] })
  worker.unref()
  worker.on('message', done)
  worker.on('error', done)
  return worker
}
