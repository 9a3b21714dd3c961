import {
  ConflictError,
  IndexMissingError,
  LimitExceededError,
  ProjectionNotCarriedError,
  ProjectionRefusedError,
  StreamTombstonedError,
  TransactionTooLargeError,
  UnserializableError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { INLINE_TAIL_EVENTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import { quietViewOf } from '../store/reading.ts'
import { StoreSession } from '../store/session.ts'
import { placeOf } from '../subscription/source.ts'
import {
  appendEffects,
  type CommitOutcome,
  type CommitScene,
  EffectFailure,
  type Led,
  loudOf,
  nextControl,
  type Standing,
  standingIn,
  takePlace,
} from './committing.ts'
import type { Handling } from './handling.ts'
import { changeForce, endIn, entryOf } from './inline-end.ts'
import { handlingWithin, WITHOUT_LIMITS } from './inline-work.ts'
import type { Copy } from './name-rows.ts'
import { type ControlRow, markFor, markOf } from './projection-rows.ts'
import { type ProjectionSource, projectionSource } from './projection-source.ts'

/** What coming into force takes. */
export interface ForceScene<S> extends CommitScene {
  readonly projection: Projection<EventShape, S>
  readonly leaseMs: number
}

/** It cannot be done yet, or only in another way, which will tell why; or more is appended all the time. */
export type ForceOutcome = CommitOutcome | { readonly kind: 'not-yet' | 'outrun' }

const NOT_YET = { kind: 'not-yet' } as const
const OUTRUN = { kind: 'outrun' } as const
/** How often it is tried at once while others append. Each time, everything that is left is handled. */
const ATTEMPTS_MAX = 4
/** Most pages that are looked through for what is left. */
const TAIL_PAGES_MAX = 8

/**
 * Handles what is left and brings a copy into force, in one transaction: see "How inline projections come into force" in
 * `docs/projections.md`. Also for a copy of any kind that takes the place of one which is in force. @throws what reading and committing throw
 */
export async function comeIntoForce<S>(scene: ForceScene<S>, led: Led): Promise<ForceOutcome> {
  try {
    return await scene.host.kv.transact((tx) => forceWithin(scene, tx, led), {
      commitAtOnce: true,
      attemptsMax: ATTEMPTS_MAX,
    })
  } catch (error) {
    if (error instanceof ConflictError) return OUTRUN
    if (isToldElsewhere(error)) return NOT_YET
    throw error
  }
}

/** What the next batch will meet as well, and knows what to do about. */
function isToldElsewhere(error: unknown): boolean {
  return (
    error instanceof EffectFailure ||
    error instanceof ProjectionRefusedError ||
    error instanceof ProjectionNotCarriedError ||
    error instanceof UnserializableError ||
    error instanceof LimitExceededError ||
    error instanceof TransactionTooLargeError ||
    error instanceof IndexMissingError ||
    error instanceof StreamTombstonedError
  )
}

async function forceWithin<S>(scene: ForceScene<S>, tx: Transaction, led: Led): Promise<ForceOutcome> {
  const { host, rows, projection, leaseMs } = scene
  const standing = await standingIn(rows, tx, led)
  if ('kind' in standing) return standing
  const { name, control, isBuilding } = standing
  const rival = isBuilding ? await rows.copyAt(tx, name.serving) : undefined
  if (control.fault !== undefined || (isBuilding && rival?.control.isInline !== true)) return NOT_YET
  const tail = await tailIn(host, tx, projectionSource(projection), control)
  if (tail === undefined) return OUTRUN
  const handling = await handleTail(scene, tx, led, control, tail)
  if (handling === undefined) return NOT_YET
  if (rival !== undefined) await takePlace(scene, tx, led, name, rival)
  const settings = await changeForce(
    host,
    tx,
    led.name,
    projection.isInline ? entryOf(projection, led.generation, led.keys.copy) : undefined,
  )
  // Those that it takes the place of have emitted for all of this.
  const loud = isBuilding ? [] : await loudOf(tx, led.keys, handling.effects, control.mark)
  handling.states.write(tx)
  handling.repeatOn(tx)
  if (loud.length > 0) {
    const session = new StoreSession(host, tx, { memory: 'read-snapshot', keepsEvents: false, settings })
    await appendEffects(scene, session, led.name, loud)
  }
  const mark = rival === undefined ? control.mark : markBehind(rival, handling, standing)
  const { place, position } = handling
  const batch = { handling: handling as Handling<unknown>, place, position, fault: undefined }
  // Nobody leads one that is in force.
  const term = control.term + (projection.isInline ? 1 : 0)
  const next = { ...nextControl(control, batch, mark), isInline: projection.isInline, term }
  rows.writeControl(tx, led.keys, next)
  if (projection.isInline)
    rows.writeLease(tx, led.keys, { leader: undefined, term, leaseMs, renewedMs: host.runtime.now() })
  return { kind: 'done', control: next, hasSwitched: isBuilding }
}

function markBehind(
  { control: rival }: Copy,
  { place, position }: Pick<ControlRow, 'place' | 'position'>,
  { control }: Standing,
): ControlRow['mark'] {
  return markFor(markOf({ ...rival, place: rival.isStream ? place : position, position }), rival, control)
}

/** What is behind the checkpoint of a copy, up to the end of the log. */
interface Tail {
  readonly events: readonly RecordedEvent[]
  readonly place: AnyPlace
  readonly position: bigint
}

/** All that a copy has not handled; `undefined` if that is too much. Depends on there being no more. */
async function tailIn(
  host: StoreHost,
  tx: Transaction,
  { source }: ProjectionSource,
  control: ControlRow,
): Promise<Tail | undefined> {
  const { isStream } = control
  const { place: end, position } = await endIn(host, tx, control)
  const events: RecordedEvent[] = []
  const view = quietViewOf(tx, host)
  let place = control.place
  for (let pages = 0; pages < TAIL_PAGES_MAX; pages += 1) {
    const page = await source.page(view, place, INLINE_TAIL_EVENTS)
    events.push(...page.events)
    if (events.length > INLINE_TAIL_EVENTS) return undefined
    place = page.through
    if (page.isEnd) return { events, place: isStream ? place : end, position }
  }
  return undefined
}

/** Handles what is left; `undefined` if that cannot be done. */
async function handleTail<S>(
  scene: ForceScene<S>,
  tx: Transaction,
  { keys }: Led,
  control: ControlRow,
  { events, place, position }: Tail,
): Promise<Handling<S> | undefined> {
  const { isStream } = control
  const where = { isStream, placeOf: (event: RecordedEvent) => placeOf({ isStream }, event) }
  const handling = handlingWithin(scene, tx, scene.projection, keys, where, control)
  await handling.run(events, WITHOUT_LIMITS)
  if (handling.failure !== undefined) return undefined
  handling.moveTo(place, position)
  handling.states.encode()
  return handling
}
