import { InvalidArgumentError } from '../errors.ts'

/** Length of the part of a versionstamp that the store assigns at commit, in bytes. */
export const TRANSACTION_VERSION_BYTES = 10

/** Length of a whole versionstamp, the user version included, in bytes. */
export const VERSIONSTAMP_BYTES = 12

/** Largest user version: it is stored in two bytes. */
export const USER_VERSION_MAX = 0xffff

/** The ten bytes that stand for a transaction version not yet assigned. No transaction is ever given them. */
const UNASSIGNED: Uint8Array = new Uint8Array(TRANSACTION_VERSION_BYTES).fill(0xff)

/**
 * A place in the order of commits: the transaction version, 10 bytes that the store assigns when the transaction
 * commits, then the user version, which orders within one transaction.
 *
 * It is incomplete while `transactionVersion` is undefined. An incomplete versionstamp can only be packed by
 * `packStamped`, and orders after all complete ones.
 */
export interface Versionstamp {
  readonly type: 'versionstamp'
  readonly transactionVersion: Uint8Array | undefined
  readonly userVersion: number
}

/**
 * Makes a complete versionstamp from its 12 bytes, which are copied.
 *
 * @throws InvalidArgumentError if there are not 12 bytes, or the first 10 are all 0xff, which stands for a
 *   transaction version not yet assigned.
 */
export function versionstamp(bytes: Uint8Array): Versionstamp {
  const stamp = versionstampAt(bytes, 0)
  if (bytes.length !== VERSIONSTAMP_BYTES || stamp.transactionVersion === undefined) {
    throw new InvalidArgumentError('Not the 12 bytes of a complete versionstamp', { length: bytes.length })
  }
  return stamp
}

/**
 * Makes a versionstamp whose transaction version the store fills in at commit.
 *
 * @param userVersion orders versionstamps within one transaction, from 0 to 65535. @default 0
 * @throws InvalidArgumentError if the user version is out of range.
 */
export function incompleteVersionstamp(userVersion = 0): Versionstamp {
  checkUserVersion(userVersion)
  return { type: 'versionstamp', transactionVersion: undefined, userVersion }
}

/**
 * Writes a versionstamp as its 12 bytes, with 0xff for the 10 bytes of a transaction version not yet assigned.
 *
 * @throws InvalidArgumentError if a part is out of range.
 */
export function versionstampBytes(stamp: Versionstamp): Uint8Array {
  const bytes = new Uint8Array(VERSIONSTAMP_BYTES)
  writeVersionstampAt(bytes, 0, stamp)
  return bytes
}

/** Parses the 12 bytes at a place, which the caller knows to be there; 10 bytes of 0xff make it incomplete. */
export function versionstampAt(bytes: Uint8Array, at: number): Versionstamp {
  const transactionVersion = new Uint8Array(TRANSACTION_VERSION_BYTES)
  for (let i = 0; i < TRANSACTION_VERSION_BYTES; i++) transactionVersion[i] = bytes[at + i]!
  const userVersion = (bytes[at + 10]! << 8) | bytes[at + 11]!
  if (isUnassigned(transactionVersion)) return incompleteVersionstamp(userVersion)
  return { type: 'versionstamp', transactionVersion, userVersion }
}

/** Writes the 12 bytes at a place, where the caller has made room for them. */
export function writeVersionstampAt(bytes: Uint8Array, at: number, stamp: Versionstamp): void {
  checkUserVersion(stamp.userVersion)
  if (stamp.transactionVersion !== undefined) checkTransactionVersion(stamp.transactionVersion)
  const version = stamp.transactionVersion ?? UNASSIGNED
  for (let i = 0; i < TRANSACTION_VERSION_BYTES; i++) bytes[at + i] = version[i]!
  bytes[at + 10] = stamp.userVersion >>> 8
  bytes[at + 11] = stamp.userVersion
}

function isUnassigned(version: Uint8Array): boolean {
  return version.every((byte) => byte === 0xff)
}

function checkTransactionVersion(version: Uint8Array): void {
  if (version.length !== TRANSACTION_VERSION_BYTES) {
    throw new InvalidArgumentError('A transaction version has 10 bytes', { length: version.length })
  }
  if (version[0] === 0xff && isUnassigned(version)) {
    throw new InvalidArgumentError('Ten bytes of 0xff stand for a transaction version not yet assigned')
  }
}

function checkUserVersion(userVersion: number): void {
  if (!Number.isInteger(userVersion) || userVersion < 0 || userVersion > USER_VERSION_MAX) {
    throw new InvalidArgumentError('A user version is an integer from 0 to 65535', { userVersion })
  }
}
