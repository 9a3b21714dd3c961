import { CorruptionError } from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import { type Subspace, subspace } from '../kv/subspace.ts'
import { strinc } from '../tuple/bytes.ts'

/** The spaces of a store, below its directory. The numbers are part of the format: see `docs/keyspace.md`. */
const FORMAT = 0
const LOG = 1
const CHUNK = 2
const NAME = 3
const STREAM = 4
const META = 5
const EVENT_ID = 6
const STREAM_NUMBERS = 7
const USER = 8

/** Type code of a versionstamp in the tuple encoding. */
const VERSIONSTAMP_CODE = 0x33

/** A key whose stamp is not known before the commit. */
export interface StampedKey {
  readonly bytes: Uint8Array
  readonly offset: number
}

/** Every key that the store writes, and what it reads from keys. */
export class Keyspace {
  readonly root: Subspace
  /** The caller's own keys. */
  readonly user: Subspace
  readonly format: Uint8Array
  readonly streamNumbers: Uint8Array
  readonly #logPrefix: Uint8Array
  readonly #log: Subspace
  readonly #names: Subspace
  readonly #chunks: Subspace

  constructor(root: Subspace) {
    this.root = root
    this.user = root.subspace([USER])
    this.format = root.pack([FORMAT])
    this.streamNumbers = root.pack([STREAM_NUMBERS])
    this.#log = root.subspace([LOG])
    this.#logPrefix = withByte(this.#log.prefix, VERSIONSTAMP_CODE)
    this.#names = root.subspace([NAME])
    this.#chunks = root.subspace([CHUNK])
  }

  /** The log row of an event that is being appended. */
  newLogKey(userVersion: number): StampedKey {
    const offset = this.#logPrefix.length
    const bytes = new Uint8Array(offset + STAMP_BYTES)
    bytes.set(this.#logPrefix)
    bytes[bytes.length - 2] = userVersion >>> 8
    bytes[bytes.length - 1] = userVersion
    return { bytes, offset }
  }

  /** A chunk of an event that is being appended. */
  newChunkKey(userVersion: number, index: number): StampedKey {
    return this.#chunks.packStamped([
      { type: 'versionstamp', transactionVersion: undefined, userVersion },
      index,
    ])
  }

  /** The log row at a stamp. */
  logKey(stamp: Uint8Array): Uint8Array {
    const key = new Uint8Array(this.#logPrefix.length + STAMP_BYTES)
    key.set(this.#logPrefix)
    key.set(stamp, this.#logPrefix.length)
    return key
  }

  /** The stamp in a key of the log. @throws CorruptionError */
  stampOfLogKey(key: Uint8Array): Uint8Array {
    const at = this.#logPrefix.length
    if (key.length !== at + STAMP_BYTES || key[at - 1] !== VERSIONSTAMP_CODE) {
      throw new CorruptionError('A key of the log is damaged', { key })
    }
    return key.subarray(at)
  }

  /** The log rows from one stamp to another, both inclusive. */
  logRange(first: Uint8Array, last: Uint8Array): KeyRange {
    return { begin: this.logKey(first), end: strinc(this.logKey(last)) }
  }

  /** The whole log. */
  log(): KeyRange {
    return this.#log.everything()
  }

  /** The chunks of one event. */
  chunkRange(stamp: Uint8Array): KeyRange {
    const prefix = withByte(this.#chunks.prefix, VERSIONSTAMP_CODE)
    const begin = new Uint8Array(prefix.length + STAMP_BYTES)
    begin.set(prefix)
    begin.set(stamp, prefix.length)
    return { begin, end: strinc(begin) }
  }

  /** All chunks. */
  chunks(): KeyRange {
    return this.#chunks.everything()
  }

  /** The stamp in a key of a chunk. */
  stampOfChunkKey(key: Uint8Array): Uint8Array {
    const at = this.#chunks.prefix.length + 1
    return key.subarray(at, at + STAMP_BYTES)
  }

  nameKey(streamId: string): Uint8Array {
    return this.#names.pack([streamId])
  }

  /** The names that begin with a prefix, after one of them if wanted, in order of their UTF-8 bytes. */
  nameRange(prefix: string, after: string | undefined): KeyRange {
    // A packed string ends with a zero byte, without which it is a prefix of all strings that begin with it.
    const open = this.#names.pack([prefix]).subarray(0, -1)
    const begin = after === undefined ? open : withByte(this.#names.pack([after]), 0)
    return { begin: laterOf(open, begin), end: strinc(open) }
  }

  streamIdOfName(key: Uint8Array): string {
    return String(this.#names.unpack(key)[0])
  }

  streamKey(number: number, version: number): Uint8Array {
    return this.root.pack([STREAM, number, version])
  }

  /** The rows of one stream from one version to another, both inclusive. */
  streamRange(number: number, first: number, last: number): KeyRange {
    const { begin, end } = this.root.range([STREAM, number])
    return {
      begin: first <= 1 ? begin : this.streamKey(number, first),
      end: last >= Number.MAX_SAFE_INTEGER ? end : this.streamKey(number, last + 1),
    }
  }

  /** The rows of all streams. */
  streams(): KeyRange {
    return this.root.range([STREAM])
  }

  /** Stream number and version in a key of a stream. @throws CorruptionError */
  placeOfStreamKey(key: Uint8Array): { readonly number: number; readonly version: number } {
    const [, number, version] = this.root.unpack(key)
    if (typeof number !== 'number' || typeof version !== 'number') {
      throw new CorruptionError('A key of a stream is damaged', { key })
    }
    return { number, version }
  }

  metaKey(number: number): Uint8Array {
    return this.root.pack([META, number])
  }

  /** The metadata of all streams. */
  allMetadata(): KeyRange {
    return this.root.range([META])
  }

  /** Stream number in a key of metadata. @throws CorruptionError */
  numberOfMetaKey(key: Uint8Array): number {
    const [, number] = this.root.unpack(key)
    if (typeof number !== 'number') throw new CorruptionError('A key of metadata is damaged', { key })
    return number
  }

  eventIdKey(number: number, id: Uint8Array): Uint8Array {
    return this.root.pack([EVENT_ID, number, { type: 'uuid', bytes: id }])
  }

  /** The rows of all event ids. */
  eventIds(): KeyRange {
    return this.root.range([EVENT_ID])
  }

  /** Stream number and id in a key of an event id. @throws CorruptionError */
  placeOfEventIdKey(key: Uint8Array): { readonly number: number; readonly id: Uint8Array } {
    const [, number, id] = this.root.unpack(key)
    if (
      typeof number !== 'number' ||
      typeof id !== 'object' ||
      id === null ||
      !('type' in id) ||
      id.type !== 'uuid'
    ) {
      throw new CorruptionError('A key of an event id is damaged', { key })
    }
    return { number, id: id.bytes }
  }
}

/** Where a subspace of the store begins: for stores laid over a directory. */
export function keyspaceOf(root: Subspace): Keyspace {
  return new Keyspace(subspace(root.prefix))
}

function withByte(bytes: Uint8Array, byte: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  longer[bytes.length] = byte
  return longer
}

function laterOf(a: Uint8Array, b: Uint8Array): Uint8Array {
  for (let at = 0; at < a.length; at += 1) {
    if (a[at] !== b[at]) return (a[at] ?? -1) > (b[at] ?? -1) ? a : b
  }
  return b
}
