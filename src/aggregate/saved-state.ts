import { CorruptionError } from '../errors.ts'
import type { Aggregate } from '../store/contract-aggregates.ts'
import { crc32c } from '../store/crc32c.ts'
import type { JsonValue } from '../store/event.ts'
import { keptByJson } from '../store/json.ts'

/** What a snapshot of an aggregate says besides the state. */
export interface SavedState<S> {
  readonly state: S
  readonly latestMs: number
}

const REMEDY = 'give the snapshot policy an `encode` and a `decode`'

/** In front of a state in bytes: the latest time 8, and the form 4. */
const HEADER_BYTES = 12

/**
 * What a state was folded by, as far as it can be told: the cases of `evolve` and the events of today. A program with others makes other
 * states of the same events, and passes over these.
 */
export function formOf({ cases, events }: Aggregate<never, never, unknown>): number {
  const bytes = new TextEncoder().encode(JSON.stringify([cases?.toSorted() ?? null, events.form]))
  return crc32c(bytes, 0, bytes.length)
}

/** Encodes a state. @throws UnserializableError for one that JSON would change, without an `encode` of its own; what that throws */
export function encodeSaved<S>(
  { snapshots }: Pick<Aggregate<never, S, unknown>, 'snapshots'>,
  form: number,
  { state, latestMs }: SavedState<S>,
): JsonValue | Uint8Array {
  const encoded =
    snapshots?.encode === undefined ? keptByJson(state, 'state', REMEDY) : snapshots.encode(state)
  if (!(encoded instanceof Uint8Array)) {
    return { form, ...(Number.isFinite(latestMs) && { latestMs }), state: encoded }
  }
  const bytes = new Uint8Array(HEADER_BYTES + encoded.length)
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, latestMs)
  view.setUint32(8, form)
  bytes.set(encoded, HEADER_BYTES)
  return bytes
}

/** Decodes a state; `undefined` if it was folded by something else. @throws CorruptionError, and what `decode` throws */
export function decodeSaved<S>(
  { snapshots }: Pick<Aggregate<never, S, unknown>, 'snapshots'>,
  wanted: number,
  saved: JsonValue | Uint8Array,
): SavedState<S> | undefined {
  const { form, latestMs, encoded } = partsOf(saved)
  if (form !== wanted) return undefined
  const decode = snapshots?.decode as ((encoded: unknown) => S) | undefined
  return { latestMs, state: decode === undefined ? (encoded as S) : decode(encoded) }
}

function partsOf(saved: JsonValue | Uint8Array): {
  readonly form: number
  readonly latestMs: number
  readonly encoded: unknown
} {
  if (saved instanceof Uint8Array) {
    if (saved.length < HEADER_BYTES) throw new CorruptionError('The snapshot of an aggregate is too short')
    const view = new DataView(saved.buffer, saved.byteOffset, saved.length)
    return {
      latestMs: view.getFloat64(0),
      form: view.getUint32(8),
      encoded: new Uint8Array(saved.subarray(HEADER_BYTES)),
    }
  }
  const { form, latestMs = Number.NEGATIVE_INFINITY, state } = saved as Readonly<Record<string, JsonValue>>
  if (typeof form !== 'number' || typeof latestMs !== 'number') {
    throw new CorruptionError('The snapshot of an aggregate is not one')
  }
  return { form, latestMs, encoded: state }
}
