import { CheckpointRefusedError, ProjectionChangedError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { SinkProjection } from '../store/contract-sinks.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import type { View } from '../store/reading.ts'
import { headOf, numberOf } from '../store/stream-rows.ts'
import { describe } from '../store/text.ts'

/** What a checkpoint says: a text that we make, and a database of the user's keeps. */
export interface SinkCheckpoint {
  /** Where in its source it is. */
  readonly place: AnyPlace
  /** Everything in the log up to here was looked at. */
  readonly position: bigint
  /** Events that were handled. */
  readonly handled: number
  /** Events that were skipped by hand. */
  readonly skipped: number
  /** The event of the source, or the link, that was met last. By it a log is known again. */
  readonly last: LastEvent | undefined
}

/** Where an event is. */
export interface LastEvent {
  readonly streamId: string
  readonly version: number
  readonly position: bigint
}

/** What a checkpoint is of. */
export type SinkKind = Pick<SinkProjection<EventShape, never>, 'name' | 'version' | 'form'>

/** The form of the text, in case there will be another one. */
const FORMAT = 1

/** What a checkpoint is called in the sink: each version has its own. */
export function checkpointId({ name, version }: SinkKind): string {
  return `${name}@${version}`
}

/** Where nothing was handled. */
export function beginning(origin: AnyPlace): SinkCheckpoint {
  return { place: origin, position: 0n, handled: 0, skipped: 0, last: undefined }
}

/** The place of an event, or of the link through which it was found. */
export function lastEvent(event: RecordedEvent): LastEvent {
  const { streamId, version, position } = event.link ?? event
  return { streamId, version, position }
}

/** Makes the text of a checkpoint. */
export function encodeCheckpoint({ form }: SinkKind, checkpoint: SinkCheckpoint): string {
  const { place, position, handled, skipped, last } = checkpoint
  return JSON.stringify({
    eventdb: FORMAT,
    place: typeof place === 'bigint' ? place.toString() : place,
    position: position.toString(),
    handled,
    skipped,
    last: last && { ...last, position: last.position.toString() },
    form,
  })
}

/** Reads the text of a checkpoint. @throws CheckpointRefusedError, ProjectionChangedError */
export function decodeCheckpoint(kind: SinkKind, isStream: boolean, text: string): SinkCheckpoint {
  const refuse = (): never => {
    throw new CheckpointRefusedError(kind.name, kind.version, text, 'is none that eventdb has made')
  }
  const { eventdb, place, position, handled, skipped, last, form } = parsed(text) ?? refuse()
  if (eventdb !== FORMAT || typeof form !== 'string') return refuse()
  if (form !== kind.form) throw new ProjectionChangedError(kind.name, kind.version, form, kind.form)
  const isWhole = isCount(handled) && isCount(skipped) && isPosition(position)
  if (!isWhole || !(isStream ? isCount(place) : isPosition(place))) return refuse()
  return {
    place: isStream ? (place as number) : BigInt(place as string),
    position: BigInt(position),
    handled,
    skipped,
    last: last === undefined ? undefined : (lastIn(last) ?? refuse()),
  }
}

/** Says why it is not this log that a checkpoint speaks of; `undefined` if it is. @throws CorruptionError */
export async function otherLog(
  { name, version }: SinkKind,
  view: View,
  text: string,
  { position, last }: SinkCheckpoint,
): Promise<CheckpointRefusedError | undefined> {
  const horizon = positionOf(await view.tx.readHorizon())
  if (position > horizon) {
    const why = `is beyond the end of the log, which is at ${horizon}: it is of another store, or this one is older`
    return new CheckpointRefusedError(name, version, text, why)
  }
  if (last === undefined || (await isThere(view, last))) return undefined
  const event = `version ${last.version} of stream ${describe(last.streamId)}`
  const why = `speaks of ${event} at position ${last.position}, where it never was in this log`
  return new CheckpointRefusedError(name, version, text, why)
}

/** Whether an event is where it was, or can have been there before it was scavenged. */
async function isThere({ tx, keys }: View, { streamId, version, position }: LastEvent): Promise<boolean> {
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) return false
  const stamp = await tx.get(keys.streamKey(number, version))
  if (stamp !== undefined) return positionOf(stamp) === position
  // The last row of a stream always stays.
  const head = await headOf(tx, keys, number)
  return head !== undefined && head.version > version
}

type Loose = { readonly [Name in keyof SinkCheckpoint | 'eventdb' | 'form']?: unknown }

function parsed(text: string): Loose | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? found : undefined
  } catch {
    return undefined
  }
}

function lastIn(given: unknown): LastEvent | undefined {
  const { streamId, version, position } = (given ?? {}) as Readonly<Record<string, unknown>>
  if (typeof streamId !== 'string' || !isCount(version) || !isPosition(position)) return undefined
  return { streamId, version, position: BigInt(position) }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isPosition(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value)
}
