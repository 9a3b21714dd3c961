import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { SqliteLibrary } from './handle.ts'

/** Pages that may have been written to the WAL before a checkpoint is worth its while: 16 MiB. */
const WAL_PAGES_SOFT = 4_096
/** WAL pages from which the thread takes the write lock and waits for readers, so that the WAL can start over: 256 MiB. */
const WAL_PAGES_HARD = 65_536
/** How long it waits for readers then, in milliseconds: a little more than the oldest snapshot may live. */
const WAIT_MS = 6_000
/** The thread goes over the WAL again until no more than so many pages have come meanwhile… */
const ROUND_PAGES = 512
/** … but not more often than this. */
const ROUNDS_MAX = 4
/**
 * WAL pages that the writer moves by itself when the thread is almost done: 16 MiB, mostly far less. What a reader has kept the thread
 * from moving may be gigabytes, which the thread moves the next time, when the reader is gone.
 */
const FINISH_PAGES_MAX = 4_096

/**
 * Moves what was committed from the WAL into the database file. A thread of its own does nearly all of it: that flushes a lot,
 * and would stall the event loop for hundreds of milliseconds. While writers go on, a checkpoint never reaches the end of the
 * WAL, without which the WAL cannot start over and grows for ever; so the writer itself moves the few pages that are left.
 */
export interface Checkpointer {
  /** Notes that a group was committed, which put at most so many pages into the WAL, and finishes a checkpoint that is due. */
  committed(pagesMax: number): void
  /** Never takes the write lock from now on, as a reader is there that it would wait for in vain. The returned function ends that. */
  forbidRestarts(): () => void
  /** Ends the thread, once it has finished what it is doing. */
  close(): Promise<void>
}

/**
 * What the thread runs. It is plain JavaScript in a string, so that it works from source, from the built package and from a
 * bundle alike. A PASSIVE checkpoint never waits for anybody. A RESTART locks out writers and waits for readers: only for a
 * WAL beyond the hard limit, which means that readers have kept it from starting over for long. Not if it is one and the same
 * reader that has been there for longer than snapshots live, such as the backup of another process or a process that was stopped:
 * waiting for it would stall all writers again and again. Where it has stopped the checkpoints shows that it is the same.
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
let stoppedAt = -1
let stoppedSince = 0
parentPort.on('message', (message) => {
  if (message === 'close') { db.close(); parentPort.close(); return }
  let left = Infinity
  try {
    let pages = 0
    for (let round = 0; round < workerData.roundsMax; round += 1) {
      const { busy, log, checkpointed } = passive.get()
      left = log - checkpointed
      if (busy === 0 && (checkpointed === log || checkpointed !== stoppedAt)) {
        stoppedAt = checkpointed === log ? -1 : checkpointed
        stoppedSince = performance.now()
      }
      const come = log - pages
      pages = log
      if (come <= workerData.roundPages) break
    }
    const inVain = stoppedAt !== -1 && performance.now() - stoppedSince > workerData.waitMs
    if (pages > workerData.hard && !inVain && message !== 'checkpoint without restart') restart.get()
  } catch { /* the next one will do it */ }
  parentPort.postMessage(left)
})
`

/** Makes the checkpointer of a database file. Its thread is started when there is something to do. */
export function checkpointerOf(library: SqliteLibrary, file: string, finish: () => void): Checkpointer {
  let worker: Worker | undefined
  let state: 'idle' | 'working' | 'almost done' = 'idle'
  let pages = 0
  let forbidden = 0
  return {
    committed: (pagesMax) => {
      pages += pagesMax
      if (state === 'almost done') {
        finish()
        state = 'idle'
      }
      if (state === 'working' || pages < WAL_PAGES_SOFT) return
      worker ??= startThread(library, file, (left) => {
        state = left <= FINISH_PAGES_MAX ? 'almost done' : 'idle'
      })
      pages = 0
      state = 'working'
      worker.postMessage(forbidden === 0 ? 'checkpoint' : 'checkpoint without restart')
    },
    forbidRestarts: () => {
      forbidden += 1
      return () => {
        forbidden -= 1
      }
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

function startThread(library: SqliteLibrary, file: string, done: (left: number) => void): Worker {
  const workerData = {
    specifier: library.specifier,
    file,
    waitMs: WAIT_MS,
    hard: WAL_PAGES_HARD,
    roundPages: ROUND_PAGES,
    roundsMax: ROUNDS_MAX,
  }
  const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [] })
  worker.unref()
  worker.on('message', done)
  worker.on('error', () => done(Number.POSITIVE_INFINITY))
  return worker
}
