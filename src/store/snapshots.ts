import {
  CorruptionError,
  InvalidArgumentError,
  LimitExceededError,
  StreamNotFoundError,
  StreamTombstonedError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import type { KeyRange, Row } from '../kv/rows.ts'
import { CHUNK_BYTES, SNAPSHOT_BYTES_MAX, SNAPSHOT_NAME_BYTES_MAX, SNAPSHOTS_KEPT } from '../limits.ts'
import type { Snapshot, SnapshotEntry, SnapshotOptions, Snapshots } from './contract-streams.ts'
import type { StoreTransaction } from './contract-transactions.ts'
import { encodeJson } from './json.ts'
import type { Keyspace } from './keyspace.ts'
import { onlyNames } from './known-names.ts'
import { lifeBase } from './life.ts'
import { readLife } from './life-rows.ts'
import { checkStreamId, checkWritableStreamId } from './prepared-event.ts'
import type { Reading, View } from './reading.ts'
import { decodeJson, sealed, unsealed } from './small-values.ts'
import type { SnapshotPlace, SnapshotSeries } from './snapshot-keys.ts'
import type { Changing } from './stream-changes.ts'
import { headOf, numberOf } from './stream-rows.ts'
import { checkName } from './text.ts'
import { firstReadable } from './visibility.ts'

/** Kinds of a state, in the first byte of its first piece. */
const JSON_STATE = 1
const BYTES_STATE = 2
/** The first piece begins with kind 1, when it was saved 8, base of the stream's life 8, and bytes of the state 4. */
const HEADER_BYTES = 21
const WHAT = 'A snapshot'

/** Which snapshots of which stream. */
export interface SnapshotSeriesName {
  readonly streamId: string
  readonly name: string
  readonly schemaVersion: number
}

interface Series extends SnapshotSeriesName {
  readonly keep: number
}

/** What snapshots outside of transactions need of their store. */
interface SnapshotHost {
  readonly reading: Reading
  transact<T>(body: (tx: StoreTransaction) => Promise<T>): Promise<T>
}

type SnapshotReader<S> = Pick<Snapshots<S>, 'closest' | 'list'>

/** Snapshots outside of transactions. @throws InvalidArgumentError, LimitExceededError */
export function storeSnapshots<S>(
  { reading, transact }: SnapshotHost,
  streamId: string,
  name: string,
  options: SnapshotOptions,
): Snapshots<S> {
  const series = seriesOf(streamId, name, options)
  return {
    closest: (version) => reading.onSnapshot((view) => closest<S>(view, series, version)),
    list: () => reading.onSnapshot((view) => list(view, series)),
    save: (version, state) =>
      transact((tx) => tx.stream(streamId).snapshots<S>(name, options).save(version, state)),
    delete: (version) => transact((tx) => tx.stream(streamId).snapshots(name, options).delete(version)),
  }
}

/** Snapshots within a transaction that only reads. @throws InvalidArgumentError, LimitExceededError */
export function snapshotReader<S>(
  view: View,
  streamId: string,
  name: string,
  options: SnapshotOptions,
): SnapshotReader<S> {
  const series = seriesOf(streamId, name, options)
  return { closest: (version) => closest<S>(view, series, version), list: () => list(view, series) }
}

/** Snapshots within a transaction that may write. @throws InvalidArgumentError, LimitExceededError */
export function snapshotWriter<S>(
  { session }: Changing,
  view: View,
  streamId: string,
  name: string,
  options: SnapshotOptions,
): Snapshots<S> {
  const series = seriesOf(streamId, name, options)
  checkWritableStreamId(streamId)
  return {
    closest: (version) => closest<S>(view, series, version),
    list: () => list(view, series),
    save: async (version, state) => {
      const encoded = encodeState(state)
      await session.inTurn(async () => {
        await session.settings()
        await save(view, session.tx, series, version, encoded)
      })
    },
    delete: async (version) => {
      if (version !== undefined) checkVersion(version)
      const [first, last] = version === undefined ? [0, Number.MAX_SAFE_INTEGER] : [version, version]
      await session.inTurn(async () => {
        await session.settings()
        const number = await numberOf(view.tx, view.keys, streamId)
        if (number !== undefined) session.tx.clearRange(rangeOf(view.keys, number, series, first, last))
      })
    },
  }
}

/** Clears the snapshots of the same name with lower schema versions, which nobody will ask for any more. Reads first, as mostly there are none. */
export async function clearOlderForms(view: View, tx: Transaction, series: SnapshotSeries): Promise<void> {
  const older = view.keys.snapshots.below(series)
  const [row] = await view.quiet.getRange(older, { limit: 1 }).toArray()
  if (row !== undefined) tx.clearRange(older)
}

async function closest<S>(
  view: View,
  series: Series,
  version: number = Number.MAX_SAFE_INTEGER,
): Promise<Snapshot<S> | undefined> {
  checkVersion(version)
  const { tx, keys } = view
  const number = await numberOf(tx, keys, series.streamId)
  if (number === undefined) return undefined
  const life = await readLife(tx, keys, number)
  if (life.tombstoned) throw new StreamTombstonedError(series.streamId)
  const head = (await headOf(tx, keys, number))?.version ?? 0
  const base = lifeBase(life)
  const first = await firstReadable(view, number, life, head)
  return closestIn<S>(view, series, { number, base, first }, version)
}

/** What is known of a stream whose snapshots are looked for. */
export interface SnapshotScene {
  readonly number: number
  /** Where its life begins. */
  readonly base: number
  /** The first version that can be read. */
  readonly first: number
}

/** The newest snapshot at or before a version that can be built upon. @throws CorruptionError */
export async function closestIn<S>(
  { tx, keys }: Pick<View, 'tx' | 'keys'>,
  series: SnapshotSeriesName,
  { number, base: begin, first }: SnapshotScene,
  version: number,
): Promise<Snapshot<S> | undefined> {
  const least = Math.max(begin > 0 ? begin + 1 : 0, first - 1)
  for (let last = version; last >= least; ) {
    const [row] = await tx
      .getRange(rangeOf(keys, number, series, least, last), { limit: 1, reverse: true })
      .toArray()
    if (row === undefined) return undefined
    const found = placeIn(keys, series, row.key).version
    const rows = await tx.getRange(rangeOf(keys, number, series, found, found)).toArray()
    const { base, savedAt, state } = decodePieces(keys, rows, series, found)
    if (base === begin) return { version: found, savedAt, state: state as S }
    last = found - 1
  }
  return undefined
}

async function list(view: View, series: Series): Promise<readonly SnapshotEntry[]> {
  const { tx, keys } = view
  const number = await numberOf(tx, keys, series.streamId)
  if (number === undefined) return []
  const entries: SnapshotEntry[] = []
  for (const version of await versionsOf(view, series, number)) {
    const key = keys.snapshots.key({ ...series, number }, version, 0)
    const value = await tx.get(key)
    if (value === undefined) continue
    const body = unsealed(keys.relative(key), value, () => nameOf(series, version))
    entries.push({ version, savedAt: headerOf(body).savedAt })
  }
  return entries
}

/** The versions of all snapshots of a series, the newest first: by their keys alone, so that a damaged one is in nobody's way. */
async function versionsOf({ tx, keys }: View, series: Series, number: number): Promise<readonly number[]> {
  const versions: number[] = []
  const { begin, end } = rangeOf(keys, number, series, 0, Number.MAX_SAFE_INTEGER)
  // From one to the next by their last pieces: there may be many between.
  for (let to = end; ; ) {
    const [last] = await tx.getRange({ begin, end: to }, { limit: 1, reverse: true }).toArray()
    if (last === undefined) return versions
    const { version } = placeIn(keys, series, last.key)
    versions.push(version)
    to = rangeOf(keys, number, series, version, version).begin
  }
}

async function save(
  view: View,
  tx: Changing['session']['tx'],
  series: Series,
  version: number,
  state: EncodedState,
): Promise<void> {
  checkVersion(version)
  const { keys, now } = view
  const { streamId, name, schemaVersion, keep } = series
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) throw new StreamNotFoundError(streamId)
  const life = await readLife(tx, keys, number)
  if (life.tombstoned) throw new StreamTombstonedError(streamId)
  const head = (await headOf(view.quiet, keys, number))?.version ?? 0
  if (version > head) {
    throw new InvalidArgumentError(
      `A snapshot of stream ${JSON.stringify(streamId)} cannot be of version ${version}, as the last is ${head}`,
      { streamId, version, last: head },
    )
  }
  tx.clearRange(rangeOf(keys, number, series, version, version))
  const bytes = withHeader(state, now, lifeBase(life))
  for (let piece = 0; piece * CHUNK_BYTES < bytes.length; piece += 1) {
    const key = keys.snapshots.key({ number, name, schemaVersion }, version, piece)
    const body = bytes.subarray(piece * CHUNK_BYTES, (piece + 1) * CHUNK_BYTES)
    tx.set(key, sealed(keys.relative(key), body))
  }
  const kept = await versionsOf(view, series, number)
  const leastKept = kept[keep - 1]
  if (leastKept !== undefined && kept.length > keep) {
    tx.clearRange(rangeOf(keys, number, series, 0, leastKept - 1))
  }
}

function rangeOf(
  keys: Keyspace,
  number: number,
  { name, schemaVersion }: SnapshotSeriesName,
  first: number,
  last: number,
): KeyRange {
  return keys.snapshots.range({ number, name, schemaVersion }, first, last)
}

interface EncodedState {
  readonly kind: number
  readonly body: Uint8Array
}

function encodeState(state: unknown): EncodedState {
  const isBytes = state instanceof Uint8Array
  const body = isBytes ? new Uint8Array(state) : new TextEncoder().encode(encodeJson(state, 'state'))
  if (body.length > SNAPSHOT_BYTES_MAX) throw new LimitExceededError(WHAT, SNAPSHOT_BYTES_MAX, body.length)
  return { kind: isBytes ? BYTES_STATE : JSON_STATE, body }
}

function withHeader({ kind, body }: EncodedState, savedAtMs: number, base: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = kind
  view.setFloat64(1, savedAtMs)
  view.setFloat64(9, base)
  view.setUint32(17, body.length)
  bytes.set(body, HEADER_BYTES)
  return bytes
}

interface Header {
  readonly kind: number
  readonly savedAt: Date
  /** Where the stream's life began: a snapshot of another life has events that were hidden since. */
  readonly base: number
  readonly length: number
}

function headerOf(bytes: Uint8Array): Header {
  if (bytes.length < HEADER_BYTES) throw new CorruptionError('A snapshot is shorter than it should be')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return {
    kind: bytes[0]!,
    savedAt: new Date(view.getFloat64(1)),
    base: view.getFloat64(9),
    length: view.getUint32(17),
  }
}

/** Puts a snapshot together. @throws CorruptionError */
export function decodeSnapshot(
  keys: Keyspace,
  rows: readonly Row[],
): Omit<Header, 'kind' | 'length'> & { readonly state: unknown } {
  const pieces = rows.map(({ key, value }, at) => {
    if (keys.snapshots.placeOf(key).piece !== at)
      throw new CorruptionError('A piece of a snapshot is missing')
    return unsealed(keys.relative(key), value, WHAT)
  })
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  const { kind, savedAt, base, length } = headerOf(bytes)
  const body = bytes.subarray(HEADER_BYTES)
  if (body.length !== length) throw new CorruptionError('A piece of a snapshot is missing')
  return { savedAt, base, state: kind === BYTES_STATE ? new Uint8Array(body) : decodeJson(body, WHAT) }
}

function decodePieces(
  keys: Keyspace,
  rows: readonly Row[],
  series: SnapshotSeriesName,
  version: number,
): ReturnType<typeof decodeSnapshot> {
  try {
    return decodeSnapshot(keys, rows)
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    const { streamId, name } = series
    const message = `${nameOf(series, version)} is damaged: ${error.message}`
    throw new CorruptionError(message, { streamId, version, name })
  }
}

function nameOf({ streamId, name }: SnapshotSeriesName, version: number): string {
  return `Snapshot ${JSON.stringify(name)} of stream ${JSON.stringify(streamId)} at version ${version}`
}

/** What a key among those of a series says. @throws CorruptionError, which names the series */
function placeIn(keys: Keyspace, { streamId, name }: SnapshotSeriesName, key: Uint8Array): SnapshotPlace {
  try {
    return keys.snapshots.placeOf(key)
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    const message = `A key of snapshots ${JSON.stringify(name)} of stream ${JSON.stringify(streamId)} is damaged: ${error.message}`
    throw new CorruptionError(message, { streamId, name, key })
  }
}

const checkOptions = onlyNames('The options of snapshots', 'schemaVersion', 'keep')

function seriesOf(streamId: string, name: string, options: SnapshotOptions): Series {
  checkStreamId(streamId)
  checkName(name, 'The name of snapshots', SNAPSHOT_NAME_BYTES_MAX)
  checkOptions(options)
  const { schemaVersion = 1, keep = SNAPSHOTS_KEPT } = options
  if (!Number.isSafeInteger(schemaVersion) || schemaVersion < 0) {
    throw new InvalidArgumentError(`A schema version is a whole number from 0 on, not ${schemaVersion}`, {
      schemaVersion,
    })
  }
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new InvalidArgumentError(
      `The number of snapshots to keep is a whole number from 1 on, not ${keep}`,
      { keep },
    )
  }
  return { streamId, name, schemaVersion, keep }
}

function checkVersion(version: number): void {
  if (Number.isSafeInteger(version) && version >= 0) return
  throw new InvalidArgumentError(`A version is a whole number from 0 on, not ${String(version)}`, { version })
}
