import { CorruptionError } from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import { STAMP_BYTES } from '../kv/stamp.ts'
import { type Subspace, subspace } from '../kv/subspace.ts'
import { strinc } from '../tuple/bytes.ts'
import type { TupleElement } from '../tuple/elements.ts'
import { type Codecs, ONLY_JSON } from './codecs.ts'
import type { IndexName } from './contract-reading.ts'
import { IndexPrefixes } from './index-prefixes.ts'
import { KeyResultKeys } from './key-result-keys.ts'
import { SnapshotKeys } from './snapshot-keys.ts'

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
const LIFE = 9
const CATEGORY = 10
const TYPE = 11
const TAG = 12
const KEY_RESULT = 13
const KEY_EXPIRY = 14
const SNAPSHOT = 15
const REINDEX = 16
const SUBSCRIPTION = 17
const GROUP = 18
const GROUP_NUMBER = 19
const PROJECTION = 20
const PROJECTION_COPY = 21
const COPY_NUMBER = 22
const EMITTED_STREAM = 23

/** The spaces that are one row. */
const SINGLE_ROWS: readonly number[] = [FORMAT, STREAM_NUMBERS, GROUP_NUMBER, COPY_NUMBER]

/** The space of each index. */
const INDEX_SPACES: Readonly<Record<IndexName, number>> = { category: CATEGORY, type: TYPE, tag: TAG }

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
  /** How the data of events is decoded: whoever finds a row needs it. */
  readonly codecs: Codecs
  /** The caller's own keys. */
  readonly user: Subspace
  readonly format: Uint8Array
  readonly streamNumbers: Uint8Array
  /** The names of groups. */
  readonly subscriptions: Subspace
  /** What groups know, by their numbers. */
  readonly groups: Subspace
  /** The number of the group that was created last. */
  readonly groupNumber: Uint8Array
  /** The names of projections. */
  readonly projections: Subspace
  /** What copies of projections hold, by their numbers. */
  readonly copies: Subspace
  /** The number of the copy that was made last. */
  readonly copyNumber: Uint8Array
  /** Which streams projections have written to. */
  readonly emittedStreams: Subspace
  readonly snapshots: SnapshotKeys
  /** What was appended under idempotency keys. */
  readonly keyResults: KeyResultKeys
  readonly #logPrefix: Uint8Array
  readonly #log: Subspace
  readonly #names: Subspace
  readonly #chunks: Subspace
  readonly #indexes: Readonly<Record<IndexName, IndexPrefixes>>

  constructor(root: Subspace, codecs: Codecs = ONLY_JSON) {
    this.root = root
    this.codecs = codecs
    this.user = root.subspace([USER])
    this.format = root.pack([FORMAT])
    this.streamNumbers = root.pack([STREAM_NUMBERS])
    this.subscriptions = root.subspace([SUBSCRIPTION])
    this.groups = root.subspace([GROUP])
    this.groupNumber = root.pack([GROUP_NUMBER])
    this.projections = root.subspace([PROJECTION])
    this.copies = root.subspace([PROJECTION_COPY])
    this.copyNumber = root.pack([COPY_NUMBER])
    this.emittedStreams = root.subspace([EMITTED_STREAM])
    this.#log = root.subspace([LOG])
    this.#logPrefix = withByte(this.#log.prefix, VERSIONSTAMP_CODE)
    this.#names = root.subspace([NAME])
    this.#chunks = root.subspace([CHUNK])
    this.snapshots = new SnapshotKeys(root, SNAPSHOT)
    this.keyResults = new KeyResultKeys(root, KEY_RESULT, KEY_EXPIRY)
    this.#indexes = {
      category: new IndexPrefixes(root.subspace([CATEGORY])),
      type: new IndexPrefixes(root.subspace([TYPE])),
      tag: new IndexPrefixes(root.subspace([TAG])),
    }
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

  /** Which piece of its event a chunk is. @throws CorruptionError */
  indexOfChunkKey(key: Uint8Array): number {
    const [, index, ...more] = this.#chunks.unpack(key)
    if (typeof index === 'number' && index >= 0 && more.length === 0) return index
    throw new CorruptionError('A key of a chunk is damaged', { key })
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

  lifeKey(number: number): Uint8Array {
    return this.root.pack([LIFE, number])
  }

  /** The lives of the streams from one number to another, both inclusive. */
  lifeRange(first: number, last: number): KeyRange {
    return { begin: this.lifeKey(first), end: this.lifeKey(last + 1) }
  }

  /** The lives of all streams. */
  lives(): KeyRange {
    return this.root.range([LIFE])
  }

  /** Stream number in a key of a life. @throws CorruptionError */
  numberOfLifeKey(key: Uint8Array): number {
    const [, number] = this.root.unpack(key)
    if (typeof number !== 'number') throw new CorruptionError('A key of a life is damaged', { key })
    return number
  }

  /** What all rows of an index begin with that are about the same category, type or tag; the stamp follows. */
  indexPrefix(index: IndexName, text: string): Uint8Array {
    return this.#indexes[index].of(text)
  }

  /** The row of an index for an event that is being appended. */
  newIndexKey(index: IndexName, text: string, userVersion: number): StampedKey {
    const prefix = this.indexPrefix(index, text)
    const bytes = new Uint8Array(prefix.length + STAMP_BYTES)
    bytes.set(prefix)
    bytes[bytes.length - 2] = userVersion >>> 8
    bytes[bytes.length - 1] = userVersion
    return { bytes, offset: prefix.length }
  }

  /** The row of an index for the event at a stamp. */
  indexKey(index: IndexName, text: string, stamp: Uint8Array): Uint8Array {
    const prefix = this.indexPrefix(index, text)
    const key = new Uint8Array(prefix.length + STAMP_BYTES)
    key.set(prefix)
    key.set(stamp, prefix.length)
    return key
  }

  /** The rows of an index about one category, type or tag, from one stamp to another, both inclusive. */
  indexRange(index: IndexName, text: string, first: Uint8Array, last: Uint8Array): KeyRange {
    return { begin: this.indexKey(index, text, first), end: strinc(this.indexKey(index, text, last)) }
  }

  /** All rows of an index. */
  indexRows(index: IndexName): KeyRange {
    return this.root.range([INDEX_SPACES[index]])
  }

  /** What a row of an index is about, and the stamp of its event. @throws CorruptionError */
  placeOfIndexKey(key: Uint8Array): { readonly text: string; readonly stamp: Uint8Array } {
    const [, text, stamp] = this.root.unpack(key)
    if (typeof text !== 'string' || stamp === undefined || !isVersionstamp(stamp)) {
      throw new CorruptionError('A key of an index is damaged', { key })
    }
    return { text, stamp: key.slice(key.length - STAMP_BYTES) }
  }

  /** How far the building of an index has come. */
  reindexKey(index: IndexName): Uint8Array {
    return this.root.pack([REINDEX, index])
  }

  /** The stamp at the end of a key that ends with one. */
  stampAtEnd(key: Uint8Array): Uint8Array {
    return key.slice(key.length - STAMP_BYTES)
  }

  /** The parts of the store's place that it writes nothing to. */
  gaps(): KeyRange[] {
    const gaps: KeyRange[] = []
    let { begin } = this.root.everything()
    for (let space = FORMAT; space <= EMITTED_STREAM; space += 1) {
      const isSingleRow = SINGLE_ROWS.includes(space)
      const packed = this.root.pack([space])
      const end = isSingleRow ? withByte(packed, 0) : strinc(packed)
      const used = { begin: packed, end }
      gaps.push({ begin, end: used.begin })
      begin = used.end
    }
    return [...gaps, { begin, end: this.root.everything().end }]
  }

  /** A key without the store's own prefix: what checksums are made of, so that a store can be moved. */
  relative(key: Uint8Array): Uint8Array {
    return key.subarray(this.root.prefix.length)
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
export function keyspaceOf(root: Subspace, codecs?: Codecs): Keyspace {
  return new Keyspace(subspace(root.prefix), codecs)
}

function isVersionstamp(element: TupleElement): boolean {
  return (
    typeof element === 'object' && element !== null && 'type' in element && element.type === 'versionstamp'
  )
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
