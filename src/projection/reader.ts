import {
  InvalidArgumentError,
  ProjectionBuildingError,
  ProjectionNotFoundError,
  ProjectionSupersededError,
  ProjectionSwitchedError,
} from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import { positionOf } from '../kv/stamp.ts'
import { READ_PAGE_EVENTS } from '../limits.ts'
import type {
  LoadedPartition,
  PartitionState,
  PartitionsOptions,
  Projection,
  ProjectionReader,
} from '../store/contract-projections.ts'
import type { KeyValueReader, KeyValueRow } from '../store/contract-transactions.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { listing } from '../store/listing.ts'
import { checkSignal } from '../store/read-options.ts'
import type { Reading, View } from '../store/reading.ts'
import { describe } from '../store/text.ts'
import { checkRange, userKeyReader } from '../store/user-keys.ts'
import type { Copy, NameRows } from './name-rows.ts'
import { decodeState, type EncodedState, readState, statesIn, storedValue } from './state-rows.ts'

/** What reading a projection takes. */
export interface ReaderScene<S> {
  readonly reading: Reading
  readonly rows: NameRows
  readonly name: string
  /** The definition, if it is read by one; else what is stored is what comes out. */
  readonly projection: Projection<EventShape, S> | undefined
}

const checkPartitionsOptions = onlyNames('The options of partitions', 'prefix', 'signal')

/** Reads a projection, each time as it is then. */
export function projectionReader<S>(scene: ReaderScene<S>): ProjectionReader<S> {
  const load = (partition = ''): Promise<LoadedPartition<S>> => {
    checkPartition(partition)
    return scene.reading.onSnapshot((view) => loadIn(scene, view, partition))
  }
  return {
    load,
    state: async (partition) => (await load(partition)).state,
    partitions: (options = {}) => {
      checkPartitionsOptions(options)
      checkSignal(options.signal)
      return listing(() => listPartitions(scene, options))
    },
    kv: {
      get: (key) =>
        scene.reading.onSnapshot(async (view) => {
          const { keys } = await servingIn(scene, view)
          return userKeyReader(view.tx, keys.model).get(key)
        }),
      getRange: (prefix, options) => listing(() => listKeys(scene, prefix, options)),
    },
  }
}

function checkPartition(partition: unknown): void {
  if (typeof partition === 'string') return
  throw new InvalidArgumentError(`A partition is a string, not ${describe(partition)}`, { partition })
}

/** The copy that answers. @throws ProjectionNotFoundError; ProjectionBuildingError, ProjectionSupersededError for another version */
export async function servingIn<S>({ rows, name, projection }: ReaderScene<S>, view: View): Promise<Copy> {
  const row = await rows.read(view.tx, name)
  const serving = await rows.copyAt(view.tx, row?.serving)
  if (serving === undefined) throw new ProjectionNotFoundError(name)
  if (projection === undefined) return serving
  const { version } = serving.control
  if (version > projection.version) throw new ProjectionSupersededError(name, projection.version, version)
  if (version < projection.version && projection.definition.fromOlder === undefined) {
    throw new ProjectionBuildingError(name, projection.version, version)
  }
  return serving
}

async function loadIn<S>(scene: ReaderScene<S>, view: View, partition: string): Promise<LoadedPartition<S>> {
  const serving = await servingIn(scene, view)
  const place = { keyspace: scene.rows.keyspace, keys: serving.keys }
  const encoded = await readState(view.tx, place, partition)
  const { version, position: checkpoint, isInline } = serving.control
  const position = isInline ? positionOf(await view.tx.readHorizon()) : checkpoint
  return {
    ...stateOf(scene, serving, partition, encoded),
    version,
    position: position === 0n ? undefined : position,
  }
}

function stateOf<S>(
  { projection }: ReaderScene<S>,
  { control }: Copy,
  partition: string,
  encoded: EncodedState | undefined,
): PartitionState<S> {
  const exists = encoded !== undefined
  if (projection === undefined) {
    return { partition, exists, state: (exists ? storedValue(encoded) : undefined) as S }
  }
  const { definition, version } = projection
  if (!exists) return { partition, exists, state: definition.initialState(partition) }
  if (control.version === version) return { partition, exists, state: decodeState(definition, encoded) }
  const fromOlder = definition.fromOlder as (encoded: unknown, version: number) => S
  return { partition, exists, state: fromOlder(storedValue(encoded), control.version) }
}

async function* listPartitions<S>(
  scene: ReaderScene<S>,
  { prefix = '', signal }: PartitionsOptions,
): AsyncGenerator<PartitionState<S>> {
  checkPartition(prefix)
  let copy: number | undefined
  let begin: Uint8Array | undefined
  for (;;) {
    signal?.throwIfAborted()
    const page = await scene.reading.onSnapshot(async (view) => {
      const serving = await stillServing(scene, view, copy)
      copy = serving.keys.copy
      const range = serving.keys.statesFrom(prefix)
      const rest = { begin: begin ?? range.begin, end: range.end }
      return { serving, found: await partitionsIn(scene, view, serving, rest), end: range.end }
    })
    for (const { partition, encoded } of page.found.states) {
      yield stateOf(scene, page.serving, partition, encoded)
    }
    begin = page.found.next
    if (begin === undefined) return
  }
}

async function partitionsIn<S>(
  { rows }: ReaderScene<S>,
  view: View,
  { keys }: Copy,
  range: KeyRange,
): Promise<{ readonly states: ReturnType<typeof statesIn>; readonly next: Uint8Array | undefined }> {
  const place = { keyspace: rows.keyspace, keys }
  const found = await view.tx.getRange(range, { limit: READ_PAGE_EVENTS }).toArray()
  const last = found.at(-1)
  if (last === undefined || found.length < READ_PAGE_EVENTS)
    return { states: statesIn(found, place), next: undefined }
  // The last one may be cut off: it is read as a whole.
  const { partition, piece } = keys.partOfStateKey(last.key)
  const whole = found.slice(0, found.length - piece - 1)
  const encoded = await readState(view.tx, place, partition)
  const states = statesIn(whole, place)
  if (encoded !== undefined) states.push({ partition, encoded })
  return { states, next: keys.pieces(partition, 0).end }
}

async function* listKeys<S>(
  scene: ReaderScene<S>,
  prefix: Parameters<KeyValueReader['getRange']>[0],
  options: Parameters<KeyValueReader['getRange']>[1] = {},
): AsyncGenerator<KeyValueRow> {
  checkRange(prefix, options)
  let copy: number | undefined
  let [behind, left] = [undefined as Uint8Array | undefined, options.limit ?? Number.POSITIVE_INFINITY]
  while (left > 0) {
    const wanted = Math.min(left, READ_PAGE_EVENTS)
    const page = await scene.reading.onSnapshot(async (view) => {
      const { keys } = await stillServing(scene, view, copy)
      copy = keys.copy
      // Goes on behind the last row: what is before it reads as an empty range.
      const reader = userKeyReader(partOf(view, behind, options.reverse === true), keys.model)
      const rows = await reader.getRange(prefix, { ...options, limit: wanted }).toArray()
      const last = rows.at(-1)
      return { rows, last: last && keys.model.pack(last.key) }
    })
    yield* page.rows
    if (page.rows.length < wanted) return
    left -= page.rows.length
    behind = page.last
  }
}

/** The rows of a snapshot that are behind a key. */
function partOf(
  { tx }: View,
  behind: Uint8Array | undefined,
  reverse: boolean,
): Parameters<typeof userKeyReader>[0] {
  return {
    get: (key) => tx.get(key),
    getRange: ({ begin, end }, options) => {
      if (behind === undefined) return tx.getRange({ begin, end }, options)
      return tx.getRange(
        reverse ? { begin, end: behind } : { begin: Uint8Array.of(...behind, 0), end },
        options,
      )
    },
  }
}

async function stillServing<S>(scene: ReaderScene<S>, view: View, copy: number | undefined): Promise<Copy> {
  const serving = await servingIn(scene, view)
  if (copy === undefined || copy === serving.keys.copy) return serving
  throw new ProjectionSwitchedError(scene.name)
}
