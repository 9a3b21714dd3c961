import type { StampClock } from './contract.ts'

/**
 * Stamps of the embedded engines: 8 bytes that hold a *position* below 2⁶³ (big-endian), and 4 zero bytes, the place of
 * FoundationDB's batch and user versions. A position is `milliseconds · 2²⁰ + tick`; see `docs/transactions.md`.
 */

/** Length of a stamp, in bytes, with its user version. */
export const STAMP_BYTES = 12

const TICK_BITS = 20n
const POSITION_MAX = 2n ** 63n - 1n

/** Eight bytes through which positions are read: making a view for each costs more than copying. */
const scratch = new DataView(new ArrayBuffer(8))
const scratchBytes = new Uint8Array(scratch.buffer)

/** Reads the position of a filled stamp. */
export function positionOf(stamp: Uint8Array): bigint {
  for (let at = 0; at < 8; at += 1) scratchBytes[at] = stamp[at]!
  return scratch.getBigUint64(0)
}

/** Makes the stamp of a position. */
export function stampOf(position: bigint): Uint8Array {
  const stamp = new Uint8Array(STAMP_BYTES)
  new DataView(stamp.buffer).setBigUint64(0, position)
  return stamp
}

/** The first position that may be given out at a time, or `undefined` if the time has none (year 2248 and later). */
export function firstPositionAt(timeMs: number): bigint | undefined {
  const position = BigInt(Math.max(0, Math.ceil(timeMs))) << TICK_BITS
  return position > POSITION_MAX ? undefined : position
}

/** Milliseconds since 1970 of a position. */
export function timeOfPosition(position: bigint): number {
  return Number(position >> TICK_BITS)
}

/** Milliseconds since 1970 of a filled stamp, in plain number arithmetic: folds ask for that of each event. */
export function timeOfStamp(stamp: Uint8Array): number {
  for (let at = 0; at < 8; at += 1) scratchBytes[at] = stamp[at]!
  return scratch.getUint32(0) * 4_096 + (scratch.getUint32(4) >>> 20)
}

/** How positions and time relate, in terms of stamps. */
export const stampClock: StampClock = {
  timeOf: (stamp) => timeOfPosition(positionOf(stamp)),
  firstAt: (timeMs) => stampOf(firstPositionAt(timeMs) ?? POSITION_MAX),
}

/** Fills the holes of one transaction: stamp = base + user version, in plain number arithmetic, as it is hot. */
export class Stamper {
  readonly #high: number
  readonly #low: number

  constructor(base: bigint) {
    this.#high = Number(base >> 32n)
    this.#low = Number(base & 0xffff_ffffn)
  }

  /** Writes the stamp of a user version over the 12 bytes at `offset`. */
  write(bytes: Uint8Array, offset: number, userVersion: number): void {
    const sum = this.#low + userVersion
    const carry = sum > 0xffff_ffff ? 1 : 0
    writeUint32(bytes, offset, this.#high + carry)
    writeUint32(bytes, offset + 4, sum - carry * 0x1_0000_0000)
    writeUint32(bytes, offset + 8, 0)
  }
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}
