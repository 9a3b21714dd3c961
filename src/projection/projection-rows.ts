import { CorruptionError } from '../errors.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { decodeSealedJson, encodeSealedJson } from '../store/small-values.ts'

/** Up to where another copy of the same name has emitted. */
export interface Mark {
  /** If both have the same source, and its places say more than positions. */
  readonly place: AnyPlace | undefined
  readonly position: bigint
  readonly watermarkMs: number | undefined
}

/** What is known of a projection by its name. */
export interface NameRow {
  /** Raised whenever it is made anew after having been deleted. */
  readonly generation: number
  /** The copy that answers and emits; none if it was deleted. */
  readonly serving: number | undefined
  /** The copy that is to take its place. */
  readonly building: number | undefined
  readonly isPaused: boolean
  /** Whether its emitted streams are being deleted. */
  readonly isDeleting: boolean
  /** What was emitted before it was deleted. */
  readonly mark: Mark | undefined
  /** Copies whose rows are to be cleared. */
  readonly gone: readonly number[]
}

/** What a copy stopped at. */
export interface FaultRow {
  readonly event:
    | {
        readonly place: AnyPlace
        readonly position: bigint
        readonly streamId: string
        readonly version: number
        readonly type: string
      }
    | undefined
  readonly timer: { readonly name: string; readonly dueMs: number } | undefined
  readonly partition: string | undefined
  readonly error: { readonly name: string; readonly message: string; readonly stack?: string }
  readonly attempts: number
  readonly sinceMs: number
  readonly retryAtMs: number
}

/** What a copy is, and how far it has come. */
export interface ControlRow {
  readonly name: string
  readonly version: number
  readonly form: string
  readonly source: SourceName
  readonly resolveLinks: boolean
  /** Whether places are versions; else they are positions. */
  readonly isStream: boolean
  /** Whether it is in force as an inline projection. Its checkpoint is where it came into force, and the end of the log is where it is. */
  readonly isInline?: boolean
  readonly place: AnyPlace
  readonly position: bigint
  /** Position of the last event of the source that it has looked at. */
  readonly eventPosition: bigint
  readonly watermarkMs: number | undefined
  readonly mark: Mark | undefined
  readonly handled: number
  readonly skipped: number
  /** Raised by every change, so that whoever wants to make another can tell whether it is what it was. */
  readonly revision: number
  /** Count of its leaders. */
  readonly term: number
  readonly fault: FaultRow | undefined
}

/** Who leads a copy. */
export interface LeaseRow {
  /** `undefined` if it was given back. */
  readonly leader: string | undefined
  readonly term: number
  readonly leaseMs: number
  readonly renewedMs: number
}

/** Encodes and decodes the rows that say what projections are: JSON under a checksum, with positions as `{"$": "…"}`. */
export class ProjectionRows {
  readonly #keys: Keyspace

  constructor(keys: Keyspace) {
    this.#keys = keys
  }

  encode(key: Uint8Array, row: NameRow | ControlRow | LeaseRow): Uint8Array {
    return encodeSealedJson(this.#keys.relative(key), withTexts(row))
  }

  /** @throws CorruptionError */
  decodeName(key: Uint8Array, value: Uint8Array): NameRow {
    return this.#decode(key, value, 'The row of a projection', isNameRow)
  }

  /** @throws CorruptionError */
  decodeControl(key: Uint8Array, value: Uint8Array): ControlRow {
    return this.#decode(key, value, 'The control row of a projection', isControlRow)
  }

  /** @throws CorruptionError */
  decodeLease(key: Uint8Array, value: Uint8Array): LeaseRow {
    return this.#decode(key, value, 'The lease of a projection', isLeaseRow)
  }

  #decode<Decoded>(
    key: Uint8Array,
    value: Uint8Array,
    what: string,
    isOne: (row: Record<string, unknown>) => boolean,
  ): Decoded {
    const row = withPositions(decodeSealedJson(this.#keys.relative(key), value, what))
    if (typeof row === 'object' && row !== null && isOne(row as Record<string, unknown>))
      return row as Decoded
    throw new CorruptionError(`${what} is not one`, { key })
  }
}

function isNameRow({ generation, gone }: Record<string, unknown>): boolean {
  return Number.isInteger(generation) && Array.isArray(gone)
}

function isControlRow({ name, version, place, position, term }: Record<string, unknown>): boolean {
  const isPlace = typeof place === 'bigint' || typeof place === 'number'
  return (
    typeof name === 'string' &&
    Number.isInteger(version) &&
    isPlace &&
    typeof position === 'bigint' &&
    Number.isInteger(term)
  )
}

function isLeaseRow({ term, leaseMs, renewedMs }: Record<string, unknown>): boolean {
  return [term, leaseMs, renewedMs].every((number) => typeof number === 'number')
}

/** JSON has no `bigint`. */
function withTexts(value: unknown): unknown {
  if (typeof value === 'bigint') return { $: `${value}` }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withTexts)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withTexts(member)]))
}

function withPositions(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withPositions)
  const { $: text } = value as { readonly $?: unknown }
  if (typeof text === 'string' && /^\d+$/.test(text)) return BigInt(text)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withPositions(member)]))
}

/** The later one of two positions. */
export function laterOf(a: bigint, b: bigint): bigint {
  if (b > a) return b
  return a
}

/** The mark that a copy leaves behind: what it has emitted, and what was before. */
export function markOf({ mark, place, position, watermarkMs }: ControlRow): Mark {
  const furthest = <T extends AnyPlace>(a: T, b: T | undefined): T => (b !== undefined && b > a ? b : a)
  // What has emitted only up to a position is before the place of a copy that is not as far.
  const isBehind = mark !== undefined && mark.place === undefined && mark.position > position
  return {
    place: isBehind ? undefined : mark?.place === undefined ? place : furthest(place, mark.place),
    position: furthest(position, mark?.position),
    watermarkMs:
      watermarkMs === undefined ? mark?.watermarkMs : Math.max(watermarkMs, mark?.watermarkMs ?? watermarkMs),
  }
}

/** A mark as it counts for a copy of a source: places mean something only in the same stream. */
export function markFor(
  mark: Mark | undefined,
  made: Pick<ControlRow, 'source' | 'isStream'> | undefined,
  wanted: Pick<ControlRow, 'source' | 'isStream'>,
): Mark | undefined {
  if (mark === undefined) return undefined
  const isSame =
    made?.isStream && wanted.isStream && JSON.stringify(made.source) === JSON.stringify(wanted.source)
  return isSame ? mark : { ...mark, place: undefined }
}
