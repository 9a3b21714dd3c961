import { CorruptionError, LimitExceededError } from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import type { Row } from '../kv/rows.ts'
import { CHUNK_BYTES, PARTITION_STATE_BYTES_MAX } from '../limits.ts'
import type { ProjectionDefinition } from '../store/contract-projections.ts'
import type { EventShape, JsonValue } from '../store/event.ts'
import { encodeJson, type JsonLook, keptByJson, newJsonLook } from '../store/json.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { decodeJson, sealed, unsealed } from '../store/small-values.ts'
import { utf8Length } from '../store/text.ts'
import type { RowReader } from '../store/user-keys.ts'
import type { CopyKeys } from './copy-keys.ts'

/** A state as it is stored: the text of JSON, or bytes that `encode` has made. */
export type EncodedState = string | Uint8Array

const REMEDY = 'give the projection an `encode` and a `decode`'
const WHAT = 'The state of a partition'

const JSON_STATE = 1
const BYTES_STATE = 2

/** The first piece begins with the kind 1 and the length of all pieces 4. */
const HEADER_BYTES = 5

type Coding<S> = Pick<ProjectionDefinition<EventShape, S>, 'encode' | 'decode'>

/**
 * Encodes a state. `look` is told what JSON leaves out. @throws UnserializableError for one that JSON would change, without an `encode` of its
 * own; LimitExceededError
 */
export function encodeState<S>(
  { encode }: Coding<S>,
  state: S,
  look: JsonLook = newJsonLook(),
): EncodedState {
  const made = encode === undefined ? keptByJson(state, 'state', REMEDY, look) : encode(state)
  const encoded = made instanceof Uint8Array ? new Uint8Array(made) : encodeJson(made, 'state')
  if (encoded.length * 3 > PARTITION_STATE_BYTES_MAX) {
    const bytes = typeof encoded === 'string' ? utf8Length(encoded) : encoded.length
    if (bytes > PARTITION_STATE_BYTES_MAX)
      throw new LimitExceededError(WHAT, PARTITION_STATE_BYTES_MAX, bytes)
  }
  return encoded
}

/** Decodes a state, each time anew. @throws CorruptionError, and what `decode` throws */
export function decodeState<S>({ decode }: Coding<S>, encoded: EncodedState): S {
  const stored = storedValue(encoded)
  return decode === undefined ? (stored as S) : (decode as (encoded: unknown) => S)(stored)
}

/**
 * The state of a partition without events, as if it had been stored: `initialState` may give the same object each time, which handlers may
 * change. @throws what `encodeState` throws, and what `initialState` does
 */
export function initialStateOf<S>(
  definition: Coding<S> & Pick<ProjectionDefinition<EventShape, S>, 'initialState'>,
  partition: string,
): S {
  return decodeState(definition, encodeState(definition, definition.initialState(partition)))
}

/** What was stored, before `decode`. */
export function storedValue(encoded: EncodedState): JsonValue | Uint8Array {
  return typeof encoded === 'string' ? (JSON.parse(encoded) as JsonValue) : new Uint8Array(encoded)
}

/** Whether two encoded states are the same. */
export function isSameState(a: EncodedState | undefined, b: EncodedState | undefined): boolean {
  if (a === b) return true
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false
  return a.every((byte, at) => byte === b[at])
}

/** Writes a state, in place of one; `undefined` removes it. */
export function writeState(
  tx: Pick<Transaction, 'set' | 'clear' | 'clearRange'>,
  { keyspace, keys }: { readonly keyspace: Keyspace; readonly keys: CopyKeys },
  partition: string,
  encoded: EncodedState | undefined,
  before: EncodedState | undefined,
): void {
  const pieces = encoded === undefined ? [] : piecesOf(encoded)
  for (const [piece, body] of pieces.entries()) {
    const key = keys.state(partition, piece)
    tx.set(key, sealed(keyspace.relative(key), body))
  }
  if (before === undefined) return
  if (pieces.length === 0) tx.clear(keys.state(partition, 0))
  // A text has at most three bytes a character, so a short one was one piece.
  if (before.length * 3 > CHUNK_BYTES - HEADER_BYTES) {
    tx.clearRange(keys.pieces(partition, Math.max(1, pieces.length)))
  }
}

function piecesOf(encoded: EncodedState): Uint8Array[] {
  const isBytes = encoded instanceof Uint8Array
  const body = isBytes ? encoded : new TextEncoder().encode(encoded)
  const whole = new Uint8Array(HEADER_BYTES + body.length)
  whole[0] = isBytes ? BYTES_STATE : JSON_STATE
  new DataView(whole.buffer).setUint32(1, body.length)
  whole.set(body, HEADER_BYTES)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < whole.length; at += CHUNK_BYTES) pieces.push(whole.subarray(at, at + CHUNK_BYTES))
  return pieces
}

/** Reads the state of a partition. @throws CorruptionError */
export async function readState(
  rows: RowReader,
  { keyspace, keys }: { readonly keyspace: Keyspace; readonly keys: CopyKeys },
  partition: string,
): Promise<EncodedState | undefined> {
  const key = keys.state(partition, 0)
  const value = await rows.get(key)
  if (value === undefined) return undefined
  const first = unsealed(keyspace.relative(key), value, WHAT)
  if (isWhole(first)) return stateOf([first])
  const others = await rows.getRange(keys.pieces(partition, 1)).toArray()
  return stateOf([first, ...others.map((row) => unsealed(keyspace.relative(row.key), row.value, WHAT))])
}

/** A partition in a listing. */
export interface StoredPartition {
  readonly partition: string
  readonly encoded: EncodedState
}

/** Puts together the states in rows that follow each other; what may go on behind the last row is left out. @throws CorruptionError */
export function statesIn(
  rows: readonly Row[],
  { keyspace, keys }: { readonly keyspace: Keyspace; readonly keys: CopyKeys },
): StoredPartition[] {
  const found: StoredPartition[] = []
  let open: { readonly partition: string; readonly pieces: Uint8Array[] } | undefined
  for (const { key, value } of rows) {
    const { partition, piece } = keys.partOfStateKey(key)
    const body = unsealed(keyspace.relative(key), value, WHAT)
    if (piece === 0) open = { partition, pieces: [] }
    if (open?.partition !== partition || open.pieces.length !== piece) {
      throw new CorruptionError(`${WHAT} ${JSON.stringify(partition)} is incomplete`, { key })
    }
    open.pieces.push(body)
    if (isWhole(...open.pieces)) found.push({ partition, encoded: stateOf(open.pieces) })
  }
  return found
}

function isWhole(...pieces: readonly Uint8Array[]): boolean {
  const [first] = pieces
  if (first === undefined || first.length < HEADER_BYTES) throw new CorruptionError(`${WHAT} is too short`)
  const length = new DataView(first.buffer, first.byteOffset, first.length).getUint32(1)
  return pieces.reduce((sum, piece) => sum + piece.length, 0) >= HEADER_BYTES + length
}

function stateOf(pieces: readonly Uint8Array[]): EncodedState {
  const first = pieces[0]!
  const length = new DataView(first.buffer, first.byteOffset, first.length).getUint32(1)
  const whole = pieces.length === 1 ? first : joined(pieces)
  const body = whole.subarray(HEADER_BYTES)
  if (body.length !== length) throw new CorruptionError(`${WHAT} is incomplete`)
  if (first[0] === BYTES_STATE) return new Uint8Array(body)
  decodeJson(body, WHAT)
  return new TextDecoder().decode(body)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
