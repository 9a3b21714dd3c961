import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { endianness } from 'node:os'
import { CorruptionError, FormatError, StorageError } from '../../errors.ts'

/** What LMDB reads of each of its two meta pages, of which the newer one counts. Places are in bytes, from `mdb.c`. */
const META_BYTES = 168
const AT = {
  pageFlags: 18,
  magic: 24,
  version: 28,
  pageBytes: 48,
  freeRoot: 88,
  mainRoot: 136,
  transaction: 152,
} as const
const META_PAGE = 0x08
const MAGIC = 0xbeefc0de
/** Data version of the LMDB in the package. Mainline LMDB 0.9 has 1. */
const VERSION = 2
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536
/** The root of an empty tree. */
const NO_PAGE = 2n ** 64n - 1n
const MASK_16_BITS = 0xffff

/** Elsewhere the places are others. */
const IS_64_BIT_LITTLE_ENDIAN = endianness() === 'LE' && !['arm', 'ia32', 'mipsel'].includes(process.arch)

/**
 * Refuses a file that LMDB would not open. LMDB itself must not find out: when opening a file fails, the package uses memory that
 * it has freed, and the process crashes sooner or later. Trees that begin behind the end of the file would crash it as well.
 *
 * @throws StorageError (`not-a-database`), FormatError, CorruptionError
 */
export function checkFileHeader(file: string, pages: 'both' | 'first' = 'both'): void {
  if (!IS_64_BIT_LITTLE_ENDIAN) return
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    if (size === 0) return
    const first = readMeta(descriptor, 0, file)
    const pageBytes = first.getUint32(AT.pageBytes, true)
    if (!isPageSize(pageBytes)) throw notADatabase(file)
    if (pages === 'first') return
    const second = readMeta(descriptor, pageBytes, file)
    const newer = transactionOf(first) >= transactionOf(second) ? first : second
    for (const root of [AT.freeRoot, AT.mainRoot])
      checkRoot(newer.getBigUint64(root, true), pageBytes, size, file)
  } finally {
    closeSync(descriptor)
  }
}

function readMeta(descriptor: number, position: number, file: string): DataView {
  const meta = new DataView(new ArrayBuffer(META_BYTES))
  const length = readSync(descriptor, meta, 0, META_BYTES, position)
  const isMeta = (meta.getUint16(AT.pageFlags, true) & META_PAGE) !== 0
  if (length !== META_BYTES || !isMeta || meta.getUint32(AT.magic, true) !== MAGIC) throw notADatabase(file)
  const version = meta.getUint32(AT.version, true) & MASK_16_BITS
  if (version !== VERSION) {
    const message = `${file} has a format that this version of LMDB does not know`
    throw new FormatError(message, version, VERSION)
  }
  return meta
}

function transactionOf(meta: DataView): bigint {
  return meta.getBigUint64(AT.transaction, true)
}

function isPageSize(bytes: number): boolean {
  return bytes >= PAGE_BYTES_MIN && bytes <= PAGE_BYTES_MAX && (bytes & (bytes - 1)) === 0
}

function checkRoot(page: bigint, pageBytes: number, size: number, file: string): void {
  if (page === NO_PAGE || (page + 1n) * BigInt(pageBytes) <= BigInt(size)) return
  throw new CorruptionError(`${file} ends before its own content does`, { path: file, size })
}

function notADatabase(file: string): StorageError {
  return new StorageError(`${file} is not a database of LMDB`, 'not-a-database', { path: file })
}
