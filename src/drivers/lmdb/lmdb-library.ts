import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { EngineMissingError } from '../../errors.ts'

/** The part of the `lmdb` package that the driver needs. */
export interface LmdbLibrary {
  /** What a transaction's body returns to write nothing. */
  readonly ABORT: unknown
  /** Opens the file and returns the class of its stores, before any store is made. Not in the package's README. */
  openAsClass(file: string, options: LmdbOptions): LmdbStoreClass
  /** The library's native part. Not in the package's README. */
  readonly nativeAddon: LmdbNative
}

/** Options of the package that the driver uses. */
export interface LmdbOptions {
  readonly noSubdir: true
  readonly overlappingSync: false
  readonly maxReaders: number
  readonly mapSize: number
}

/** Options of a store: how bytes become LMDB's keys and values, and back. */
export interface LmdbEncoding {
  readonly isRoot: true
  readonly encoding: 'binary'
  readonly keyEncoder: {
    /** Writes a key into `target` and returns the place after it. */
    writeKey(key: Uint8Array, target: Buffer, start: number): number
    readKey(source: Buffer, start: number, end: number): Uint8Array
  }
  readonly encoder?: {
    encode(value: Uint8Array): Uint8Array
    decode(bytes: Buffer, size: number): Uint8Array
  }
}

/** Makes stores of one open file. */
export interface LmdbStoreClass {
  new (name: null, options: LmdbEncoding): LmdbStore
  readonly prototype: LmdbStore
}

/** The root database of an open file. */
export interface LmdbStore {
  readonly env: LmdbEnvironment
  /** Size of the value that `getBinaryFast` has returned. */
  readonly lastSize: number
  /** Returns a buffer that the next read overwrites, and whose `length` may be that of another value. */
  getBinaryFast(key: Uint8Array, options?: LmdbReadOptions): Buffer | undefined
  getRange(options: LmdbRangeOptions): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  getKeys(options: LmdbRangeOptions): Iterable<Uint8Array>
  put(key: Uint8Array, value: Uint8Array): unknown
  remove(key: Uint8Array): unknown
  transactionSync(body: () => unknown): unknown
  readerCheck(): number
  close(): Promise<void>
  /** Sees to it that values up to half of this size are copied out of the map, never shared. Not in the package's README. */
  _allocateGetBuffer(bytes: number): unknown
}

/** What a read goes through: without a transaction, the write transaction that is open. */
export interface LmdbReadOptions {
  readonly transaction?: LmdbTxn
}

/** A range in the package's words: reversed, it begins at its upper end. */
export interface LmdbRangeOptions extends LmdbReadOptions {
  readonly start?: Uint8Array
  readonly end?: Uint8Array
  readonly limit: number
  readonly reverse?: boolean
  readonly exclusiveStart?: boolean
  readonly inclusiveEnd?: boolean
}

/** The open file. */
export interface LmdbEnvironment {
  /** Set while a write transaction is open: `getBinaryFast` reads through it, whatever transaction it is given. */
  readonly writeTxn?: object | null
}

/** A read transaction: a pinned view. */
export interface LmdbTxn {
  readonly address: number
  abort(): void
}

/** The native part of the package. */
export interface LmdbNative {
  readonly Txn: new (environment: LmdbEnvironment, flags: number) => LmdbTxn
  /** Lets a transaction's view go; the next read through it pins the newest one. */
  resetTxn(address: number): void
}

/** LMDB's flag for read transactions. */
export const READ_ONLY = 0x20000
const SUPPORTED = /^2\.9\./
const HINT =
  'install the version that is known to be safe (npm install lmdb@2.9.4); lmdb 3 damages large stores'

/**
 * Loads the optional `lmdb` package.
 * @throws EngineMissingError if it is not there, or is a version that loses data
 */
export async function loadLmdb(): Promise<LmdbLibrary> {
  let library: LmdbLibrary
  try {
    library = (await import('lmdb')) as unknown as LmdbLibrary
  } catch (cause) {
    throw new EngineMissingError('LMDB', ['lmdb'], HINT, cause)
  }
  const version = installedVersion()
  if (version !== undefined && !SUPPORTED.test(version))
    throw new EngineMissingError('LMDB', ['lmdb'], `this is lmdb ${version}: ${HINT}`)
  return library
}

/** The version on disk; unknown where the package was bundled. */
function installedVersion(): string | undefined {
  try {
    const main = createRequire(import.meta.url).resolve('lmdb')
    const manifest = readFileSync(join(dirname(main), '..', 'package.json'), 'utf8')
    return (JSON.parse(manifest) as { version?: string }).version
  } catch {
    return undefined
  }
}
