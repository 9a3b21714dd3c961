import { IndexMissingError, ProjectionNotFoundError, StreamTombstonedError } from '../errors.ts'
import type { Reader } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import { LAG_EVENTS_MAX, READ_PAGE_EVENTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type {
  CopyStatus,
  ListedState,
  ProjectionEntry,
  ProjectionState,
  ProjectionStatus,
} from '../store/contract-projections.ts'
import type { StoreHost } from '../store/host.ts'
import type { Reading } from '../store/reading.ts'
import { sourceOf } from '../subscription/source.ts'
import { versionUpTo } from '../subscription/starting.ts'
import { seenFault } from './faults.ts'
import { isLongOver } from './leasing.ts'
import type { Copy, NameRows } from './name-rows.ts'
import type { ControlRow, LeaseRow, NameRow } from './projection-rows.ts'

/** What telling how projections are takes. */
export interface StatusScene {
  readonly host: StoreHost
  readonly reading: Reading
  readonly rows: NameRows
}

interface SeenCopy extends Copy {
  readonly lease: LeaseRow | undefined
}

/** How a projection is. @throws ProjectionNotFoundError, the signal's reason */
export async function readStatus(
  scene: StatusScene,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ProjectionStatus> {
  const { reading, rows } = scene
  const seen = await reading.onSnapshot(async ({ tx }) => {
    const row = await rows.read(tx, name)
    const copies: (SeenCopy | undefined)[] = []
    for (const number of [row?.serving, row?.building]) {
      const copy = await rows.copyAt(tx, number)
      copies.push(copy && { ...copy, lease: await rows.lease(tx, copy.keys) })
    }
    return { row, serving: copies[0], building: copies[1], horizon: positionOf(await tx.readHorizon()) }
  })
  const { row, building, horizon } = seen
  const serving = seen.serving?.control.isInline
    ? { ...seen.serving, control: { ...seen.serving.control, position: horizon } }
    : seen.serving
  if (row === undefined || serving === undefined) throw new ProjectionNotFoundError(name)
  return {
    name,
    source: serving.control.source,
    ...(await statusOf(scene, row, serving, signal)),
    building: building && (await statusOf(scene, row, building, signal)),
  }
}

/** One that is inline is part of every append. */
const UP_TO_DATE = { count: 0, isAll: true, from: undefined }

async function statusOf(
  scene: StatusScene,
  row: NameRow,
  { control, lease }: SeenCopy,
  signal: AbortSignal | undefined,
): Promise<CopyStatus> {
  const { count, isAll, from } = control.isInline ? UP_TO_DATE : await countBehind(scene, control, signal)
  const leader = leaderOf(lease, control, scene.host.runtime.now())
  const { version, position, handled, skipped, watermarkMs, fault } = control
  return {
    version,
    state: stateOf(row, control, leader !== undefined, count),
    position: position === 0n ? undefined : position,
    ...(typeof from === 'number' && { streamVersion: from }),
    lag: count,
    isLagExact: isAll,
    handled,
    skipped,
    watermark: watermarkMs === undefined ? undefined : new Date(watermarkMs),
    leader,
    fault: fault && seenFault(fault),
  }
}

function stateOf(
  { isPaused }: NameRow,
  { fault, isInline }: ControlRow,
  isLed: boolean,
  lag: number,
): ProjectionState {
  if (isInline) return 'inline'
  if (isPaused) return 'paused'
  if (fault !== undefined) return 'faulted'
  if (!isLed) return 'idle'
  return lag > 0 ? 'catching-up' : 'live'
}

function leaderOf(lease: LeaseRow | undefined, { term }: ControlRow, nowMs: number): CopyStatus['leader'] {
  if (lease?.leader === undefined || lease.term !== term || isLongOver(lease, nowMs)) return undefined
  return { process: lease.leader, silentMs: Math.max(0, nowMs - lease.renewedMs) }
}

/** Counts the events of the source behind the checkpoint, up to a limit. Says `from` which place of the source. */
export async function countBehind(
  { reading }: Pick<StatusScene, 'reading'>,
  { source: name, resolveLinks, place: known }: Pick<ControlRow, 'source' | 'resolveLinks' | 'place'>,
  signal: AbortSignal | undefined,
): Promise<{ readonly count: number; readonly isAll: boolean; readonly from: AnyPlace }> {
  const source = sourceOf(name, { resolveLinks, system: false })
  // One that wants to know of deletions goes by positions, also if its source is a stream.
  const isByLog = source.isStream && typeof known === 'bigint'
  const from = isByLog ? await reading.onSnapshot((view) => versionUpTo(view, source, known)) : known
  let [place, count, seen] = [from, 0, 0]
  while (seen < LAG_EVENTS_MAX) {
    signal?.throwIfAborted()
    const page = await reading
      .onSnapshot((view) => source.page(view, place, READ_PAGE_EVENTS))
      .catch(unreadable)
    // Where the log is read, a stream that is tombstoned has no more events.
    if (page === undefined) return { count, isAll: isByLog, from }
    count += page.events.length
    if (page.isEnd) return { count, isAll: true, from }
    seen += Math.max(1, page.events.length)
    place = page.through
  }
  return { count, isAll: false, from }
}

/** A source that cannot be read now has no lag that could be counted; the rest can be told all the same. */
function unreadable(error: unknown): undefined {
  if (error instanceof StreamTombstonedError || error instanceof IndexMissingError) return undefined
  throw error
}

/** Lists projections by their names. */
export async function* listProjections(
  { host, reading, rows }: StatusScene,
  signal: AbortSignal | undefined,
): AsyncGenerator<ProjectionEntry> {
  const range = host.keys.projections.range()
  const listed = async (
    tx: Pick<Reader, 'get'>,
    row: NameRow,
    { keys, control }: Copy,
  ): Promise<{ readonly version: number; readonly state: ListedState }> => {
    const leader = leaderOf(await rows.lease(tx, keys), control, host.runtime.now())
    const state = stateOf(row, control, leader !== undefined, 0)
    return {
      version: control.version,
      state: state === 'live' || state === 'catching-up' ? 'running' : state,
    }
  }
  let { begin } = range
  for (;;) {
    signal?.throwIfAborted()
    const page = await reading.onSnapshot(async ({ tx }) => {
      const found = await tx.getRange({ begin, end: range.end }, { limit: READ_PAGE_EVENTS }).toArray()
      const entries: ProjectionEntry[] = []
      for (const { key, value } of found) {
        const row = rows.decode(key, value)
        const serving = await rows.copyAt(tx, row.serving)
        if (serving === undefined) continue
        const { name, source } = serving.control
        const building = await rows.copyAt(tx, row.building)
        entries.push({
          name,
          source,
          ...(await listed(tx, row, serving)),
          building: building && (await listed(tx, row, building)),
        })
      }
      return { entries, last: found.length < READ_PAGE_EVENTS ? undefined : found.at(-1)!.key }
    })
    yield* page.entries
    if (page.last === undefined) return
    begin = Uint8Array.of(...page.last, 0)
  }
}
