import { CorruptionError, FormatError, StorageError } from '../../errors.ts'
import type { LmdbStore } from './lmdb-library.ts'
import { type RowEncoding, STATE_KEY } from './row-encoding.ts'

/**
 * The engine's own row, which marks the file as ours: 1 byte layout version, 8 bytes number of commits, big-endian. It changes
 * with every commit.
 */
const STATE_BYTES = 9
const LAYOUT_VERSION = 1

/** The value of the row after so many commits. */
export function encodeState(commits: number): Uint8Array {
  const state = new DataView(new ArrayBuffer(STATE_BYTES))
  state.setUint8(0, LAYOUT_VERSION)
  state.setUint32(1, Math.floor(commits / 2 ** 32))
  state.setUint32(5, commits)
  return new Uint8Array(state.buffer)
}

/** Reads the number of commits. @throws CorruptionError */
export function decodeCommits(bytes: Buffer | undefined, size: number, file: string): number {
  if (bytes === undefined || size !== STATE_BYTES || bytes[0] !== LAYOUT_VERSION)
    throw new CorruptionError(`The row of ${file} that counts commits is damaged`, { path: file })
  const high = bytes[1]! * 2 ** 24 + bytes[2]! * 2 ** 16 + bytes[3]! * 2 ** 8 + bytes[4]!
  return high * 2 ** 32 + (bytes[5]! * 2 ** 24 + bytes[6]! * 2 ** 16 + bytes[7]! * 2 ** 8 + bytes[8]!)
}

/**
 * Refuses foreign files before anything is changed, and writes the row into a new one.
 * @throws StorageError (`not-a-database`), FormatError
 */
export function prepareState(store: LmdbStore, rows: RowEncoding, file: string): void {
  store.transactionSync(() => {
    const found = store.getBinaryFast(STATE_KEY)
    if (found !== undefined) return assertKnown(found[0], file)
    assertEmpty(store, file)
    rows.put(store, STATE_KEY, encodeState(0))
  })
}

function assertKnown(layout: number | undefined, file: string): void {
  if (layout === LAYOUT_VERSION) return
  const message = `${file} has a layout that this version of eventdb does not know`
  throw new FormatError(message, layout, LAYOUT_VERSION)
}

function assertEmpty(store: LmdbStore, file: string): void {
  const [first] = store.getKeys({ limit: 1 })
  if (first === undefined) return
  const message = `${file} is an LMDB database, but not one of eventdb`
  throw new StorageError(message, 'not-a-database', { path: file })
}
