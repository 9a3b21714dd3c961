import { type EnvironmentLimits, openEnvironment } from './environment.ts'
import { checkFileHeader } from './file-header.ts'
import type { LmdbEncoding, LmdbLibrary, LmdbStore } from './lmdb-library.ts'

/** A lock over all processes that is held while the database is opened or closed, and around each commit. */
export interface CommitGate {
  /** Runs `body` while nobody else commits, opens or closes. Blocks until that is so. */
  hold<T>(body: () => T): T
  close(): Promise<void>
}

const ENCODING: LmdbEncoding = {
  isRoot: true,
  encoding: 'binary',
  keyEncoder: {
    writeKey: (key, target, start) => {
      target.set(key, start)
      return start + key.length
    },
    readKey: (source, start, end) => Uint8Array.prototype.slice.call(source, start, end),
  },
}

const LIMITS: EnvironmentLimits = { mapBytes: 64 * 1_024, readersMax: 1 }
const SOME_KEY = Uint8Array.of(1)

/**
 * Opens the gate of a store.
 *
 * A process that opens an LMDB file copies the newest transaction's number from the file into the memory that all processes
 * share. In the LMDB of this package (`mdb_env_open2`) it does so without any lock, so a commit that another process makes
 * between the two steps is taken back: its readers lose sight of it, and the next writer overwrites it. On a RAM disk, one
 * process that commits and one or two that open and close damaged the database within seconds in each of four runs; behind the
 * gate, 1,400,000 commits during 6,400 openings lost nothing.
 *
 * Node has no file locks, so the gate is the write lock (a robust mutex, which outlives the death of its holder) of a second,
 * always empty LMDB file, in which nothing is ever committed, and so nothing can be taken back. Passing it costs 0.6 µs.
 */
export function openCommitGate(library: LmdbLibrary, file: string): CommitGate {
  // Another process may be about to write the second page.
  checkFileHeader(file, 'first')
  const store = openEnvironment(library, file, LIMITS, ENCODING)
  return {
    hold: (body) => hold(store, library.ABORT, body),
    close: () => store.close(),
  }
}

function hold<T>(store: LmdbStore, nothing: unknown, body: () => T): T {
  let result: T
  store.transactionSync(() => {
    // The package does not say when it could not begin a transaction, but then this read fails.
    store.getBinaryFast(SOME_KEY)
    result = body()
    return nothing
  })
  return result!
}
