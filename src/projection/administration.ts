import {
  InvalidArgumentError,
  ProjectionNotFaultedError,
  ProjectionNotFoundError,
  StreamTombstonedError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { PROJECTION_CLEAR_ROWS } from '../limits.ts'
import type { ProjectionFault, RestartOptions, SkipOptions } from '../store/contract-projections.ts'
import type { StoreTransaction } from '../store/contract-transactions.ts'
import type { StoreHost } from '../store/host.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { clearGone } from './clearing.ts'
import { emittedStreamIn } from './emitted-streams.ts'
import { seenFault, triedAtOnce } from './faults.ts'
import { outOfForce } from './inline-end.ts'
import { beginAnew } from './joining.ts'
import type { Copy, NameRows } from './name-rows.ts'
import { type FaultRow, laterOf, markOf, type NameRow } from './projection-rows.ts'

/** What administering takes. */
export interface AdministrationScene {
  readonly host: StoreHost
  readonly rows: NameRows
  within(tx: Transaction): StoreTransaction
}

/** What can be done to a projection. */
export interface Administration {
  pause(): Promise<void>
  resume(): Promise<void>
  skip(options?: SkipOptions): Promise<ProjectionFault>
  reset(options?: RestartOptions): Promise<void>
  rebuild(options?: RestartOptions): Promise<void>
  delete(options?: { readonly emittedStreams?: boolean }): Promise<void>
}

const checkSkipOptions = onlyNames('The options of skip', 'position', 'building')
const checkRestartOptions = onlyNames('The options of a new beginning', 'from')
const checkDeleteOptions = onlyNames('The options of delete', 'emittedStreams')

/** Administers the projection of a name. */
export function administration(scene: AdministrationScene, name: string): Administration {
  const { host, rows } = scene
  const restart = async (options: RestartOptions, isBeside: boolean): Promise<void> => {
    checkRestartOptions(options)
    await beginAnew(scene, name, options, isBeside)
  }
  return {
    pause: () => setPaused(scene, name, true),
    resume: () => setPaused(scene, name, false),
    skip: async (options = {}) => {
      checkSkipOptions(options)
      const { position } = options
      if (position !== undefined && typeof position !== 'bigint') {
        throw new InvalidArgumentError(`A position is a bigint, not ${describe(position)}`, { position })
      }
      return host.kv.transact((tx) => skipWithin(rows, tx, name, options))
    },
    reset: (options = {}) => restart(options, false),
    rebuild: (options = {}) => restart(options, true),
    delete: async (options = {}) => {
      checkDeleteOptions(options)
      await deleteProjection(scene, name, options.emittedStreams === true)
    },
  }
}

/** Going on tries what has failed at once. */
async function setPaused(
  { host, rows }: AdministrationScene,
  name: string,
  isPaused: boolean,
): Promise<void> {
  await host.kv.transact(async (tx) => {
    const row = await existing(rows, tx, name)
    if (row.isPaused !== isPaused) rows.write(tx, name, { ...row, isPaused })
    if (isPaused) return takeOutOfForce(host, rows, tx, row)
    for (const number of [row.serving, row.building]) {
      const copy = await rows.copyAt(tx, number)
      if (copy?.control.fault === undefined) continue
      rows.writeControl(tx, copy.keys, triedAtOnce(copy.control))
    }
  })
}

/** Appends go on without it. */
async function takeOutOfForce(host: StoreHost, rows: NameRows, tx: Transaction, row: NameRow): Promise<void> {
  const serving = await rows.copyAt(tx, row.serving)
  if (!serving?.control.isInline) return
  const control = await outOfForce(host, tx, serving.control)
  rows.writeControl(tx, serving.keys, { ...control, revision: control.revision + 1 })
}

async function existing(rows: NameRows, tx: Transaction, name: string): Promise<NameRow> {
  const row = await rows.read(tx, name)
  if (row?.serving === undefined) throw new ProjectionNotFoundError(name)
  return row
}

async function skipWithin(
  rows: NameRows,
  tx: Transaction,
  name: string,
  { position, building = false }: SkipOptions,
): Promise<ProjectionFault> {
  const row = await existing(rows, tx, name)
  const copy = await rows.copyAt(tx, building ? row.building : row.serving)
  const fault = copy?.control.fault
  if (copy === undefined || fault === undefined) {
    const other = await rows.copyAt(tx, building ? row.serving : row.building)
    throw new ProjectionNotFaultedError(
      name,
      other?.control.fault === undefined ? '' : elsewhere(other, building),
    )
  }
  if (fault.event === undefined && fault.timer === undefined) {
    throw new ProjectionNotFaultedError(name, ' that can be skipped: its source cannot be read')
  }
  if (position !== undefined && fault.event?.position !== position) {
    throw new ProjectionNotFaultedError(name, ` at position ${position}`)
  }
  skipIn(rows, tx, copy, fault)
  return seenFault(fault)
}

/** What stands at a fault instead. */
function elsewhere({ control: { version } }: Copy, building: boolean): string {
  return building
    ? ` with a version that is being built, but with version ${version}, which serves: leave out \`building\``
    : ` with the version that serves, but with version ${version}, which is being built: say so with \`building\``
}

function skipIn(rows: NameRows, tx: Transaction, { keys, control }: Copy, fault: FaultRow): void {
  const { event, timer, partition = '' } = fault
  const skipped = {
    ...control,
    fault: undefined,
    skipped: control.skipped + 1,
    revision: control.revision + 1,
  }
  if (timer !== undefined) {
    const { name, dueMs } = timer
    tx.clear(keys.timer({ dueMs, partition, name }))
    tx.clear(keys.timerName(partition, name))
    rows.writeControl(tx, keys, skipped)
    return
  }
  const { place, position } = event!
  rows.writeControl(tx, keys, {
    ...skipped,
    place,
    position: laterOf(position, control.position),
    eventPosition: position,
  })
}

async function deleteProjection(
  scene: AdministrationScene,
  name: string,
  withStreams: boolean,
): Promise<void> {
  const { host, rows } = scene
  await host.kv.transact(async (tx) => {
    const row = await rows.read(tx, name)
    if (row === undefined || (row.serving === undefined && !row.isDeleting && row.gone.length === 0))
      throw new ProjectionNotFoundError(name)
    const copies = [await rows.copyAt(tx, row.serving), await rows.copyAt(tx, row.building)]
    const gone = [...row.gone]
    for (const copy of copies) {
      if (copy === undefined) continue
      tx.clear(copy.keys.control)
      tx.clear(copy.keys.lease)
      gone.push(copy.keys.copy)
    }
    const serving = copies[0] && (await outOfForce(host, tx, copies[0].control))
    const mark = serving === undefined ? row.mark : { ...markOf(serving), place: undefined }
    const isDeleting = withStreams || row.isDeleting
    rows.write(tx, name, { ...row, serving: undefined, building: undefined, isDeleting, mark, gone })
  })
  await deleteStreams(scene, name)
  await clearGone(scene, name)
}

/** Deletes the streams that were emitted to, if that is to be done, in small transactions. Then nothing was ever emitted. */
async function deleteStreams({ host, rows, within }: AdministrationScene, name: string): Promise<void> {
  const range = host.keys.emittedStreams.range([name])
  for (;;) {
    const isDone = await host.kv.transact(async (tx) => {
      const row = await rows.read(tx, name)
      if (!row?.isDeleting) return true
      const found = await tx.getRange(range, { limit: Math.floor(PROJECTION_CLEAR_ROWS / 20) }).toArray()
      const store = within(tx)
      for (const { key, value } of found) {
        await store
          .stream(emittedStreamIn(host.keys, key, value))
          .delete()
          .catch(ignoreTombstone)
        tx.clear(key)
      }
      if (found.length === 0) rows.write(tx, name, { ...row, isDeleting: false, mark: undefined })
      return false
    })
    if (isDone) return
  }
}

function ignoreTombstone(error: unknown): void {
  if (!(error instanceof StreamTombstonedError)) throw error
}
