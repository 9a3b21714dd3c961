import type { LmdbEncoding, LmdbLibrary, LmdbStore, LmdbStoreClass } from './lmdb-library.ts'

/** How LMDB maps a file and counts its readers. */
export interface EnvironmentLimits {
  /** Address space to begin with, in bytes; the package maps twice as much whenever that is full. */
  readonly mapBytes: number
  /** Read transactions of all processes together. The process that opens the file first decides. */
  readonly readersMax: number
}

/**
 * Opens a file of LMDB and its root database; closes it again if that fails, which the package itself does not do, so that
 * another attempt really opens it again.
 *
 * `overlappingSync: false` makes a commit flush before it returns and before anybody can read it. Traced with strace, a
 * commit is `pwrite` of the changed pages, `fdatasync`, and `pwrite` of the meta page through a descriptor with `O_DSYNC`.
 * Only then does LMDB put the transaction's number into the lock file's memory, where readers of all processes look.
 */
export function openEnvironment(
  library: LmdbLibrary,
  file: string,
  { mapBytes, readersMax }: EnvironmentLimits,
  encoding: LmdbEncoding,
): LmdbStore {
  const Store = library.openAsClass(file, {
    noSubdir: true,
    overlappingSync: false,
    maxReaders: readersMax,
    mapSize: mapBytes,
  })
  try {
    return new Store(null, encoding)
  } catch (error) {
    closeWithoutStore(Store)
    throw error
  }
}

/** Closing needs no more of a store than that it is the root. */
function closeWithoutStore(Store: LmdbStoreClass): void {
  const root = Object.create(Store.prototype) as LmdbStore & { isRoot: boolean }
  root.isRoot = true
  void root.close()
}
