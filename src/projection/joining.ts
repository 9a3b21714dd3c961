import {
  LimitExceededError,
  ProjectionBuildingError,
  ProjectionChangedError,
  ProjectionNotFoundError,
  ProjectionSupersededError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { INLINE_PROJECTIONS_MAX } from '../limits.ts'
import type { Projection, RestartOptions } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import { quietViewOf } from '../store/reading.ts'
import { readSettings } from '../store/settings.ts'
import { checkStart, groupStartOf } from '../subscription/starting.ts'
import { triedAtOnce } from './faults.ts'
import { outOfForce } from './inline-end.ts'
import { type Copy, type NameRows, UNKNOWN } from './name-rows.ts'
import { oweTimers } from './owed-timers.ts'
import { type ControlRow, type Mark, markFor, markOf, type NameRow } from './projection-rows.ts'
import { projectionSource } from './projection-source.ts'

/** What joining takes. */
export interface JoinScene {
  readonly host: StoreHost
  readonly rows: NameRows
}

type Made = Pick<Projection<EventShape, unknown>, 'name' | 'version' | 'source' | 'resolveLinks' | 'form'>

/**
 * Takes part in a projection: makes a copy if there is none of this version. Returns the generation.
 * @throws ProjectionChangedError, ProjectionSupersededError, ProjectionNotFoundError while it is being deleted
 */
export async function join<S>(
  { host, rows }: JoinScene,
  projection: Projection<EventShape, S>,
): Promise<number> {
  return host.kv.transact(async (tx) => {
    const { name, version } = projection
    const row = (await rows.read(tx, name)) ?? UNKNOWN
    if (row.isDeleting) throw new ProjectionNotFoundError(name, true)
    if (projection.isInline) await assertRoom(host, tx, name)
    const serving = await rows.copyAt(tx, row.serving)
    const building = await rows.copyAt(tx, row.building)
    if (serving === undefined) {
      const control = newControl(
        projection,
        isStreamOf(projection),
        markFor(row.mark, undefined, {
          source: projection.source,
          isStream: false,
        }),
      )
      const copy = await rows.addCopy(tx, control)
      const generation = row.generation + 1
      rows.write(tx, name, {
        ...row,
        generation,
        serving: copy,
        building: undefined,
        mark: undefined,
        isPaused: false,
      })
      return generation
    }
    const taken = [serving, building].filter((copy) => copy?.control.version === version)
    for (const copy of taken) takePart(rows, tx, projection, copy!)
    if (taken.length === 0) await build(rows, tx, row, projection, serving, building)
    return row.generation
  })
}

/** The format row has to hold them all. */
async function assertRoom({ keys }: StoreHost, tx: Transaction, name: string): Promise<void> {
  const { inline } = await readSettings(tx.snapshot, keys)
  const others = inline.filter((entry) => entry.name !== name).length
  if (others < INLINE_PROJECTIONS_MAX) return
  throw new LimitExceededError('A store', INLINE_PROJECTIONS_MAX, others + 1, 'inline projections')
}

/** Whoever comes wants to know what happens now, not what it stopped at before. */
function takePart(rows: NameRows, tx: Transaction, { name, form }: Made, { keys, control }: Copy): void {
  if (control.form !== form) throw new ProjectionChangedError(name, control.version, control.form, form)
  if (control.fault !== undefined) rows.writeControl(tx, keys, triedAtOnce(control))
}

/** Begins to build a newer version. @throws ProjectionSupersededError */
async function build<S>(
  rows: NameRows,
  tx: Transaction,
  row: NameRow,
  projection: Projection<EventShape, S>,
  serving: Copy,
  building: Copy | undefined,
): Promise<void> {
  const { name, version } = projection
  const newest = Math.max(serving.control.version, building?.control.version ?? 0)
  if (version < newest) throw new ProjectionSupersededError(name, version, newest)
  const copy = await rows.addCopy(tx, newControl(projection, isStreamOf(projection), undefined))
  if (building !== undefined) tx.clear(building.keys.control)
  const gone = building === undefined ? row.gone : [...row.gone, building.keys.copy]
  rows.write(tx, name, { ...row, building: copy, gone })
}

function isStreamOf<S>(projection: Projection<EventShape, S>): boolean {
  return projectionSource(projection).source.isStream
}

function newControl(
  { name, version, form, source, resolveLinks }: Made,
  isStream: boolean,
  mark: Mark | undefined,
): ControlRow {
  return {
    name,
    version,
    form,
    source,
    resolveLinks,
    isStream,
    place: isStream ? 0 : 0n,
    position: 0n,
    eventPosition: 0n,
    watermarkMs: undefined,
    mark,
    handled: 0,
    skipped: 0,
    revision: 1,
    term: 0,
    fault: undefined,
  }
}

/**
 * Begins anew: in a copy that serves at once, or in one that is built beside the one that serves.
 * @throws ProjectionNotFoundError, ProjectionBuildingError, InvalidArgumentError for a place beyond the end
 */
export async function beginAnew(
  { host, rows }: JoinScene,
  name: string,
  { from }: RestartOptions,
  isBeside: boolean,
): Promise<void> {
  await host.kv.transact(async (tx) => {
    const row = await rows.read(tx, name)
    const serving = await rows.copyAt(tx, row?.serving)
    if (row === undefined || serving === undefined) throw new ProjectionNotFoundError(name)
    const building = await rows.copyAt(tx, row.building)
    if (building !== undefined)
      throw new ProjectionBuildingError(name, building.control.version, serving.control.version)
    const control = isBeside ? serving.control : await outOfForce(host, tx, serving.control)
    const mark = isBeside ? undefined : markFor(markOf(control), control, control)
    const fresh = newControl(control, control.isStream, mark)
    const copy = await rows.addCopy(tx, { ...fresh, ...(await startingAt(host, tx, control, from)) })
    if (isBeside) return rows.write(tx, name, { ...row, building: copy })
    await oweTimers(host.keys, tx, serving, rows.copy(copy))
    tx.clear(serving.keys.control)
    tx.clear(serving.keys.lease)
    rows.write(tx, name, { ...row, serving: copy, gone: [...row.gone, serving.keys.copy] })
  })
}

/** Where a copy begins that is not to begin at the first event. @throws InvalidArgumentError */
async function startingAt(
  host: StoreHost,
  tx: Transaction,
  { source: name, resolveLinks, isStream }: ControlRow,
  from: RestartOptions['from'],
): Promise<Pick<ControlRow, 'place' | 'position'> | undefined> {
  if (from === undefined) return undefined
  const { source } = projectionSource({
    source: isStream ? name : { kind: 'all' },
    resolveLinks,
    definition: { name: '', source: name, initialState: () => undefined },
  })
  checkStart(source, { from })
  const place = await groupStartOf(quietViewOf(tx, host), source, { from })
  return { place, position: typeof place === 'bigint' ? place : 0n }
}
