import type { Reader, Transaction } from '../kv/contract.ts'
import { stampOf } from '../kv/stamp.ts'
import { plainRequest } from '../store/appended.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { StoreHost } from '../store/host.ts'
import type { PreparedEvent } from '../store/prepared-event.ts'
import { viewWithin } from '../store/reading.ts'
import { StoreSession } from '../store/session.ts'
import { linkRequest } from '../store/stream-links.ts'
import type { CopyKeys } from './copy-keys.ts'
import { appendOf, type Effect, isQuiet } from './effects.ts'
import { noteEmittedStream } from './emitted-streams.ts'
import type { Handling } from './handling.ts'
import type { Copy, NameRows } from './name-rows.ts'
import { oweTimers } from './owed-timers.ts'
import {
  type ControlRow,
  type FaultRow,
  type Mark,
  markFor,
  markOf,
  type NameRow,
} from './projection-rows.ts'
import { isOfStore } from './store-failures.ts'

/** What a leader knows of its copy. */
export interface Led {
  readonly name: string
  readonly generation: number
  readonly keys: CopyKeys
  /** The control row as it was committed last. */
  readonly control: ControlRow
}

/** What commits take. */
export interface CommitScene {
  readonly host: StoreHost
  readonly rows: NameRows
}

/** What handling has come to. */
export type Handled = Pick<
  Handling<unknown>,
  'effects' | 'eventPosition' | 'handled' | 'hasTimers' | 'repeatOn' | 'watermarkMs'
> & { readonly states: Pick<Handling<unknown>['states'], 'write'> }

/** What is to be committed. */
export interface Batch {
  /** What was handled; `undefined` if there is only a fault to be told. */
  readonly handling: Handled | undefined
  readonly place: AnyPlace
  readonly position: bigint
  readonly fault: FaultRow | undefined
}

/** What a commit came to: the copy goes on; it is paused; it is not what the leader thought; or the leader leads no more. */
export type CommitOutcome =
  | { readonly kind: 'done'; readonly control: ControlRow; readonly hasSwitched: boolean }
  | { readonly kind: 'paused' | 'stale' | 'lost' }

/** Something emitted was refused. */
export class EffectFailure extends Error {
  readonly step: number

  constructor(effect: Effect, cause: unknown) {
    super('An emitted event was refused', { cause })
    this.step = effect.cause.step
  }
}

/** The other copy of the same name, whose place this one may take. */
interface Rival {
  readonly serving: Copy
  /** Whether this one is as far, so that it takes its place now. */
  readonly isReached: boolean
}

/**
 * Commits a batch: see "A batch" in `docs/projections.md`. It may be tried several times, without running a handler again.
 * @throws EffectFailure; what transactions throw
 */
export async function commitBatch(scene: CommitScene, led: Led, batch: Batch): Promise<CommitOutcome> {
  return scene.host.kv.transact((tx) => commitWithin(scene, tx, led, batch))
}

async function commitWithin(
  scene: CommitScene,
  tx: Transaction,
  led: Led,
  batch: Batch,
): Promise<CommitOutcome> {
  const { rows } = scene
  const standing = await standingIn(rows, tx, led)
  if ('kind' in standing) return standing
  const { name, control, isBuilding } = standing
  const rival = isBuilding ? await rivalOf(scene, tx, name, batch, control) : undefined
  const isSilent = isBuilding && rival?.isReached !== true
  const mark = rival?.isReached ? markBehind(rival.serving, control) : control.mark
  if (rival?.isReached) await takePlace(scene, tx, led, name, rival.serving)
  await write(scene, tx, led, batch, { mark, isSilent })
  const next = nextControl(control, batch, mark)
  rows.writeControl(tx, led.keys, next)
  return { kind: 'done', control: next, hasSwitched: rival?.isReached === true }
}

/** What the rows say to a leader that wants to commit. */
export interface Standing {
  readonly name: NameRow
  readonly control: ControlRow
  readonly isBuilding: boolean
}

/** Whether a leader still leads, its copy is not paused, and what it knows of it is so. @throws CorruptionError */
export async function standingIn(
  rows: NameRows,
  tx: Transaction,
  led: Led,
): Promise<Standing | (CommitOutcome & { readonly kind: 'paused' | 'stale' | 'lost' })> {
  const name = await rows.read(tx, led.name)
  const control = await rows.control(tx, led.keys)
  const isBuilding = name?.building === led.keys.copy
  if (name?.generation !== led.generation || !(isBuilding || name.serving === led.keys.copy)) {
    return { kind: 'lost' }
  }
  if (control === undefined || control.isInline || control.term !== led.control.term) return { kind: 'lost' }
  if (name.isPaused) return { kind: 'paused' }
  if (control.revision !== led.control.revision) return { kind: 'stale' }
  return { name, control, isBuilding }
}

/** Where the copy is whose place this one is to take. If it is reached, the commit depends on that. @throws CorruptionError */
async function rivalOf(
  { rows }: CommitScene,
  tx: Transaction,
  name: NameRow,
  batch: Batch,
  control: ControlRow,
): Promise<Rival | undefined> {
  const seen = await rows.copyAt(tx.snapshot, name.serving)
  if (seen === undefined) return undefined
  if (!(await isReached(rows, tx.snapshot, seen.control, batch, control)))
    return { serving: seen, isReached: false }
  const serving = (await rows.copyAt(tx, name.serving))!
  return { serving, isReached: await isReached(rows, tx, serving.control, batch, control) }
}

/**
 * Whether the copy that serves has handled no more than the batch has, timers included. One that is inline is ahead of every batch: see
 * `comeToTheEnd`.
 */
async function isReached(
  rows: NameRows,
  reader: Reader,
  serving: ControlRow,
  { handling, position, fault }: Batch,
  control: ControlRow,
): Promise<boolean> {
  if (fault !== undefined || serving.isInline) return false
  if (handling?.hasTimers && serving.watermarkMs !== undefined) {
    const watermarkMs = handling.watermarkMs ?? control.watermarkMs
    if (watermarkMs === undefined || watermarkMs < serving.watermarkMs) return false
  }
  return hasNothingBetween(rows, reader, position, serving.position)
}

/** Whether nothing was recorded behind one position up to another: the log's end moves also when no event is appended. */
export async function hasNothingBetween(
  { keyspace }: NameRows,
  reader: Reader,
  after: bigint,
  to: bigint,
): Promise<boolean> {
  if (after >= to) return true
  const range = keyspace.logRange(stampOf(after + 1n), stampOf(to))
  return (await reader.getRange(range, { limit: 1 }).toArray()).length === 0
}

function markBehind({ control: serving }: Copy, control: ControlRow): Mark | undefined {
  return markFor(markOf(serving), serving, control)
}

async function write(
  scene: CommitScene,
  tx: Transaction,
  { name, keys }: Led,
  { handling }: Batch,
  { mark, isSilent }: { readonly mark: Mark | undefined; readonly isSilent: boolean },
): Promise<void> {
  if (handling === undefined) return
  const loud = isSilent ? [] : await loudOf(tx, keys, handling.effects, mark)
  handling.states.write(tx)
  handling.repeatOn(tx)
  if (loud.length === 0) return
  const { copy } = keys
  const session = new StoreSession(scene.host, tx, { memory: 'use-memory', keepsEvents: false, copy })
  await appendEffects(scene, session, name, loud)
  await session.finish()
}

/** What was not emitted before. Read before timers that have run are no longer owed. */
export async function loudOf(
  tx: Transaction,
  keys: CopyKeys,
  effects: readonly Effect[],
  mark: Mark | undefined,
): Promise<Effect[]> {
  if (mark === undefined) return [...effects]
  const loud: Effect[] = []
  for (const effect of effects) {
    const { timer } = effect.cause
    const isOwed = timer !== undefined && (await tx.get(keys.owed(timer))) !== undefined
    if (isOwed || !isQuiet(mark, effect.cause)) loud.push(effect)
  }
  return loud
}

/** Appends what was emitted, neighbours to the same stream together. @throws EffectFailure; what reading throws */
export async function appendEffects(
  { host, rows }: CommitScene,
  session: StoreSession,
  name: string,
  effects: readonly Effect[],
): Promise<void> {
  const { tx } = session
  const streams = new Set<string>()
  for (let at = 0; at < effects.length; ) {
    const effect = effects[at]!
    const { streamId, what } = effect
    streams.add(streamId)
    at += 1
    try {
      if (!Array.isArray(what)) {
        const view = viewWithin(session, host)
        const place = what as Exclude<Effect['what'], readonly PreparedEvent[]>
        await session.inTurn(async () =>
          session.appendWhenReady(await linkRequest(view, streamId, place, {})),
        )
        continue
      }
      let events: readonly PreparedEvent[] = what
      // One whose events have ids of the caller's stands alone, as it may be there already.
      for (let next = effects[at]; canJoin(events) && next?.streamId === streamId; next = effects[at]) {
        if (!Array.isArray(next.what) || !canJoin(next.what)) break
        events = events.concat(next.what)
        at += 1
      }
      await session.append(plainRequest(appendOf(streamId, events)))
    } catch (error) {
      if (isOfStore(error)) throw error
      throw new EffectFailure(effect, error)
    }
  }
  for (const streamId of streams) {
    const { number } = await session.stream(streamId)
    if (number !== undefined) noteEmittedStream(tx, rows.keyspace, { name, number, streamId })
  }
}

function canJoin(events: readonly PreparedEvent[]): boolean {
  return events.every(({ id }) => id === undefined)
}

/** Makes this copy the one that serves. */
export async function takePlace(
  { rows }: CommitScene,
  tx: Transaction,
  { name, keys }: Led,
  row: NameRow,
  serving: Copy,
): Promise<void> {
  await oweTimers(rows.keyspace, tx, serving, keys)
  tx.clear(serving.keys.control)
  tx.clear(serving.keys.lease)
  rows.write(tx, name, {
    ...row,
    serving: keys.copy,
    building: undefined,
    gone: [...row.gone, serving.keys.copy],
  })
}

/** The control row behind a batch. */
export function nextControl(control: ControlRow, batch: Batch, mark: Mark | undefined): ControlRow {
  const { handling, place, position, fault } = batch
  return {
    ...control,
    place,
    position,
    mark,
    eventPosition: handling === undefined ? control.eventPosition : handling.eventPosition,
    revision: control.revision + 1,
    watermarkMs: handling === undefined ? control.watermarkMs : handling.watermarkMs,
    handled: control.handled + (handling?.handled ?? 0),
    fault,
  }
}
