import { statfsSync } from 'node:fs'
import { constants } from 'node:os'
import {
  CommitUnknownError,
  CorruptionError,
  FormatError,
  StorageError,
  type StorageProblem,
} from '../../errors.ts'

/** What a failed call may have done to the transaction: nothing, or, if the end of a commit failed, nobody knows. */
export type LmdbPhase = 'opening' | 'reading' | 'writing' | 'ending a commit in'

/** The return codes of LMDB that mean something to a caller. See `lmdb.h`. */
const MDB = {
  PAGE_NOTFOUND: -30797,
  CORRUPTED: -30796,
  PANIC: -30795,
  VERSION_MISMATCH: -30794,
  INVALID: -30793,
  MAP_FULL: -30792,
} as const

const { errno } = constants
/** A disk with less free space than this is full. */
const DISK_FULL_BYTES = 64 * 1_024

const PROBLEMS: ReadonlyMap<number, StorageProblem> = new Map<number, StorageProblem>([
  [MDB.INVALID, 'not-a-database'],
  [MDB.MAP_FULL, 'disk-full'],
  [MDB.PANIC, 'io'],
  [errno.ENOSPC, 'disk-full'],
  [errno.EDQUOT, 'disk-full'],
  [errno.EFBIG, 'disk-full'],
  [errno.EACCES, 'permission'],
  [errno.EPERM, 'permission'],
  [errno.EROFS, 'read-only'],
  [errno.ENOTDIR, 'not-a-folder'],
  [errno.ENOLCK, 'locked'],
  [errno.EIO, 'io'],
])

/** Turns what the `lmdb` package threw into one of our errors. Errors that are not LMDB's come back as they are. */
export function fromLmdb(error: unknown, phase: LmdbPhase, path: string): unknown {
  const code = lmdbCode(error)
  if (code === undefined) return error
  const { message } = error as Error
  if (phase === 'ending a commit in') return new CommitUnknownError(error)
  if (code === MDB.CORRUPTED || code === MDB.PAGE_NOTFOUND)
    return new CorruptionError(`LMDB found the file damaged: ${message}`, { path })
  if (code === MDB.VERSION_MISMATCH)
    return new FormatError(
      `${path} has a format that this version of LMDB does not know`,
      message,
      'data version 2',
    )
  return new StorageError(`LMDB could not go on ${phase} ${path}: ${message}`, problemOf(code, path), {
    path,
    cause: error,
  })
}

/** Whether LMDB was given a lock that its last user destroyed in the moment in which it was opened. */
export function isDestroyedLock(error: unknown): boolean {
  return lmdbCode(error) === errno.EINVAL
}

function problemOf(code: number, path: string): StorageProblem {
  // LMDB says EIO when the last bytes that fit on a disk were fewer than it wanted to write.
  if (code === errno.EIO && isDiskFull(path)) return 'disk-full'
  return PROBLEMS.get(code) ?? 'other'
}

function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize < DISK_FULL_BYTES
  } catch {
    return false
  }
}

/** LMDB's or the operating system's number of the error; `undefined` if it does not come from LMDB. */
function lmdbCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  return typeof code === 'number' ? code : undefined
}
