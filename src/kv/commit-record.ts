import { CorruptionError } from '../errors.ts'
import { type ByteString, byteString } from './byte-string.ts'
import type { Row } from './rows.ts'
import { WriteSet } from './write-set.ts'

/**
 * Commit records, the rows by which processes tell each other what they committed. Their keys are `FF 'c'` and the group's
 * number in 8 bytes, so the newest is the last row of the database. The layout is in `docs/keyspace.md`.
 */
export interface CommitRecord {
  readonly number: number
  /** The last position that was given out, by this group or before. */
  readonly lastPosition: bigint
  readonly writeSet: WriteSet
}

/** First byte of the keys that belong to the engine. Callers' keys are below. */
export const SYSTEM_PREFIX = 0xff
const KEY_BYTES = 10
const LAYOUT_VERSION = 1

/** Where commit records begin. */
export const COMMIT_RECORDS_BEGIN: Uint8Array = commitRecordKey(0)
/** Where commit records end. */
export const COMMIT_RECORDS_END: Uint8Array = Uint8Array.of(SYSTEM_PREFIX, 0x64)

/** The key of a group's record. */
export function commitRecordKey(number: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES)
  key[0] = SYSTEM_PREFIX
  key[1] = 0x63
  new DataView(key.buffer).setBigUint64(2, BigInt(number))
  return key
}

/** Encodes a record's value: keys are front-coded, as neighbours share most of their bytes. */
export function encodeCommitRecord(lastPosition: bigint, writeSet: WriteSet): Uint8Array {
  const writer = new RecordWriter()
  writer.byte(LAYOUT_VERSION)
  writer.uint64(lastPosition)
  const keys = writeSet.keys.all()
  writer.varint(keys.length)
  for (const key of keys) writer.key(key)
  const ranges = writeSet.ranges.all()
  writer.varint(ranges.length)
  for (const { begin, end } of ranges) {
    writer.key(begin)
    writer.key(end)
  }
  return writer.bytes()
}

/** Reads number and last position alone. @throws CorruptionError */
export function decodeCommitState(row: Row): { readonly number: number; readonly lastPosition: bigint } {
  const { key, value } = row
  if (key.length !== KEY_BYTES || value.length < 9 || value[0] !== LAYOUT_VERSION) {
    throw new CorruptionError('A commit record is damaged', { key })
  }
  return {
    number: Number(new DataView(key.buffer, key.byteOffset, KEY_BYTES).getBigUint64(2)),
    lastPosition: new DataView(value.buffer, value.byteOffset, 9).getBigUint64(1),
  }
}

/** Decodes a whole record. @throws CorruptionError */
export function decodeCommitRecord(row: Row): CommitRecord {
  const state = decodeCommitState(row)
  const reader = new RecordReader(row.value, 9)
  const writeSet = new WriteSet()
  for (let left = reader.varint(); left > 0; left -= 1) writeSet.keys.add(reader.key())
  for (let left = reader.varint(); left > 0; left -= 1) {
    const begin = reader.key()
    writeSet.ranges.add(begin, reader.key())
  }
  return { ...state, writeSet }
}

class RecordWriter {
  #bytes = new Uint8Array(1_024)
  #length = 0
  #previous: ByteString = ''

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint64(value: bigint): void {
    this.#reserve(8)
    new DataView(this.#bytes.buffer).setBigUint64(this.#length, value)
    this.#length += 8
  }

  varint(value: number): void {
    let left = value
    for (; left > 0x7f; left >>>= 7) this.byte((left & 0x7f) | 0x80)
    this.byte(left)
  }

  key(key: ByteString): void {
    const shared = sharedPrefix(this.#previous, key)
    this.varint(shared)
    this.varint(key.length - shared)
    this.#reserve(key.length - shared)
    for (let at = shared; at < key.length; at += 1) this.#bytes[this.#length++] = key.charCodeAt(at)
    this.#previous = key
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

class RecordReader {
  readonly #bytes: Uint8Array
  #at: number
  #previous: ByteString = ''

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#next()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new CorruptionError('A commit record is damaged')
  }

  key(): ByteString {
    const shared = this.varint()
    const length = this.varint()
    const end = this.#at + length
    // A length that is damaged may be below zero as well, and must not lead back.
    if (length < 0 || end > this.#bytes.length) throw new CorruptionError('A commit record ends too early')
    const key = this.#previous.slice(0, shared) + byteString(this.#bytes.subarray(this.#at, end))
    this.#at = end
    this.#previous = key
    return key
  }

  #next(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new CorruptionError('A commit record ends too early')
    return byte
  }
}

function sharedPrefix(a: ByteString, b: ByteString): number {
  const most = Math.min(a.length, b.length)
  let shared = 0
  while (shared < most && a.charCodeAt(shared) === b.charCodeAt(shared)) shared += 1
  return shared
}
