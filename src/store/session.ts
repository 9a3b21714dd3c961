import {
  IdempotencyConflictError,
  LimitExceededError,
  type Violation,
  WrongExpectedVersionError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES } from '../kv/stamp.ts'
import { CHUNK_BYTES } from '../limits.ts'
import { type Appended, nothingAppended, type SessionAppend, type SessionCondition } from './appended.ts'
import { encodeChunkedRow } from './chunks.ts'
import type { PendingEvent } from './event.ts'
import { violationOf } from './expected-version.ts'
import type { StoreHost } from './host.ts'
import type { PreparedEvent } from './prepared-event.ts'
import { type IdInStream, RecordedIds } from './recorded-ids.ts'
import { encodeNumber } from './small-values.ts'
import { pendingEvent } from './stored-event.ts'
import { headOf, numberOf } from './stream-rows.ts'
import { formatUuid } from './uuid.ts'

/** A stream as the transaction sees it, its own appends included. */
export interface StreamState {
  readonly id: string
  number: number | undefined
  version: number
  exists: boolean
  /** Whether this was taken from memory and not from the transaction's snapshot. */
  readonly remembered: boolean
}

/** An event that a session has appended. */
interface OwnEvent {
  readonly bytes: Uint8Array
  readonly streamId: string
  readonly version: number
  readonly userVersion: number
}

/** How a session may use what the store remembers. */
export type Memory = 'use-memory' | 'read-snapshot'

/**
 * The store's side of one run of a key-value transaction: which streams it has looked at, what it appends, and in which order.
 * All appends of a transaction go through one session, as they share the numbering of stamps.
 */
export class StoreSession {
  readonly tx: Transaction
  readonly #host: StoreHost
  readonly #memory: Memory
  readonly #streams = new Map<string, StreamState>()
  readonly #changed = new Set<StreamState>()
  readonly #pending: OwnEvent[] = []
  readonly #ids: RecordedIds
  #nextUserVersion = 0
  /** Appends that wait for their turn, or have it. */
  #turns = 0
  #lastTurn: Promise<unknown> = Promise.resolve()

  constructor(host: StoreHost, tx: Transaction, memory: Memory) {
    this.#host = host
    this.tx = tx
    this.#memory = memory
    this.#ids = new RecordedIds(host.keys)
    tx.afterCommit(() => this.#remember())
  }

  /** Whether nothing was appended. */
  get isEmpty(): boolean {
    return this.#nextUserVersion === 0
  }

  /** The user version of the last event of this session, by which a commit knows its position. */
  get lastUserVersion(): number | undefined {
    return this.isEmpty ? undefined : this.#nextUserVersion - 1
  }

  /** The events that this session has appended to a stream, in order; to all streams without an id. */
  pendingEvents(streamId?: string): PendingEvent[] {
    const own =
      streamId === undefined ? this.#pending : this.#pending.filter((event) => event.streamId === streamId)
    return own.map(({ bytes }) => pendingEvent(bytes))
  }

  /** Looks a stream up. */
  async stream(id: string): Promise<StreamState> {
    return this.#atHand(id) ?? (await this.#load(id))
  }

  /**
   * Appends to streams, all or nothing. Events that are there already, by their ids, are not written again. Appends take turns, so each
   * sees its predecessors. Where nothing has to be read, which is the rule for streams that are in use, it is done at once.
   * @throws WrongExpectedVersionError with every violation; IdempotencyConflictError; LimitExceededError
   */
  append(
    appends: readonly SessionAppend[],
    conditions: readonly SessionCondition[],
  ): readonly Appended[] | Promise<readonly Appended[]> {
    if (this.#turns === 0 && this.#isAtHand(appends, conditions)) return this.#appendNow(appends, conditions)
    return this.#inTurn(async () => {
      const recorded = await this.#getReady(appends, conditions)
      return this.#appendNow(appends, conditions, recorded)
    })
  }

  /** Creates a stream without events, unless it exists. */
  async create(id: string): Promise<StreamState & { readonly number: number }> {
    await this.#reserveNumber(id)
    return this.#establish(this.#streams.get(id)!)
  }

  /** What needs no reading: a stream that this session has looked at, or that memory knows. */
  #atHand(id: string): StreamState | undefined {
    return this.#streams.get(id) ?? this.#recall(id)
  }

  #isAtHand(appends: readonly SessionAppend[], conditions: readonly SessionCondition[]): boolean {
    for (const { streamId, events } of appends) {
      const state = this.#atHand(streamId)
      if (state === undefined || (state.number === undefined && events.length > 0)) return false
      if (!this.#areNew(state, events)) return false
    }
    return conditions.every(({ streamId }) => this.#atHand(streamId) !== undefined)
  }

  /** Whether the ids of events are certain not to be in the stream. */
  #areNew({ number }: StreamState, events: readonly PreparedEvent[]): boolean {
    for (const { id } of events) {
      if (id === undefined) continue
      const place = { number: number!, id }
      if (!this.#ids.isKnown(place) || this.#ids.versionOf(place) !== undefined) return false
    }
    return true
  }

  /** Looks for the ids of many appends at once, to streams that are at hand. Appends look for what is missing themselves. */
  async lookForIds(appends: readonly Pick<SessionAppend, 'streamId' | 'events'>[]): Promise<void> {
    const places: IdInStream[] = []
    for (const { streamId, events } of appends) {
      const number = events.some(({ id }) => id !== undefined) ? this.#atHand(streamId)?.number : undefined
      if (number === undefined) continue
      for (const { id } of events) if (id !== undefined) places.push({ number, id })
    }
    if (places.length > 0) await this.#ids.lookFor(this.tx.snapshot, places)
  }

  /** Reads everything that an append depends on. Returns which parts of it are recorded already. */
  async #getReady(
    appends: readonly SessionAppend[],
    conditions: readonly SessionCondition[],
  ): Promise<readonly (Appended | undefined)[]> {
    const recorded: (Appended | undefined)[] = []
    for (const append of appends) {
      const found = await this.#findRecorded(append)
      if (found === undefined && append.events.length > 0) await this.#reserveNumber(append.streamId)
      else await this.stream(append.streamId)
      recorded.push(found)
    }
    for (const { streamId } of conditions) await this.stream(streamId)
    return recorded
  }

  /** Judges and writes without waiting for anything, so that nothing can come in between, and nothing fails half-way. */
  #appendNow(
    appends: readonly SessionAppend[],
    conditions: readonly SessionCondition[],
    recorded: readonly (Appended | undefined)[] = [],
  ): readonly Appended[] {
    const fresh =
      recorded.length === 0 ? appends : appends.filter((_, index) => recorded[index] === undefined)
    this.#checkConditions(fresh, conditions)
    const encoded = fresh.map((append) => this.#encode(append))
    let next = 0
    return appends.map((append, index) => recorded[index] ?? this.#write(append, encoded[next++]!))
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns += 1
    const turn = this.#lastTurn.then(work).finally(() => {
      this.#turns -= 1
    })
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  /** Gives a stream that does not exist a number. */
  async #reserveNumber(id: string): Promise<void> {
    const state = await this.stream(id)
    state.number ??= await this.#host.numbers.take()
  }

  #establish(state: StreamState): StreamState & { readonly number: number } {
    const numbered = state as StreamState & { readonly number: number }
    this.#changed.add(state)
    if (!state.exists) this.tx.set(this.#host.keys.nameKey(state.id), encodeNumber(numbered.number))
    state.exists = true
    return numbered
  }

  /** What memory knows, with a conflict that makes the commit check it: the row that the next append to the stream would write. */
  #recall(id: string): StreamState | undefined {
    if (this.#memory !== 'use-memory') return undefined
    const head = this.#host.heads.get(id)
    if (head === undefined) return undefined
    const since = this.#host.kv.coherence.version
    this.tx.addReadConflictKey(this.#host.keys.streamKey(head.number, head.version + 1), { since })
    return this.#note({ id, number: head.number, version: head.version, exists: true, remembered: true })
  }

  async #load(id: string): Promise<StreamState> {
    const number = await numberOf(this.tx, this.#host.keys, id)
    const head = number === undefined ? undefined : await headOf(this.tx, this.#host.keys, number)
    // Two loads of one stream may run side by side: the first one counts.
    const known = this.#streams.get(id)
    if (known !== undefined) return known
    const version = head?.version ?? 0
    if (number !== undefined) await this.#learn(id, number, version)
    return this.#note({ id, number, version, exists: number !== undefined, remembered: false })
  }

  /** Remembers what the snapshot shows, if the snapshot still is the newest. */
  async #learn(id: string, number: number, version: number): Promise<void> {
    const readVersion = await this.tx.readVersion()
    if (readVersion === this.#host.kv.coherence.version) this.#host.heads.set(id, { number, version })
  }

  #note(state: StreamState): StreamState {
    const known = this.#streams.get(state.id)
    if (known !== undefined) return known
    this.#streams.set(state.id, state)
    return state
  }

  #checkConditions(appends: readonly SessionCondition[], conditions: readonly SessionCondition[]): void {
    const violations: Violation[] = []
    for (const list of [appends, conditions]) {
      for (const { streamId, expectedVersion } of list) {
        const violation = violationOf(expectedVersion, this.#streams.get(streamId)!)
        if (violation !== undefined) violations.push(violation)
      }
    }
    if (violations.length > 0) throw new WrongExpectedVersionError(violations)
  }

  /** Encodes the events of an append with the versions that they will have. @throws LimitExceededError */
  #encode({ streamId, events }: SessionAppend): readonly Uint8Array[] {
    const { records, uuids, eventBytesMax } = this.#host
    let { version } = this.#streams.get(streamId)!
    return events.map((event) => {
      version += 1
      const bytes = records.encode(event, streamId, version, uuids)
      if (bytes.length > eventBytesMax) throw new LimitExceededError('An event', eventBytesMax, bytes.length)
      return bytes
    })
  }

  #write({ streamId, events }: SessionAppend, encoded: readonly Uint8Array[]): Appended {
    const known = this.#streams.get(streamId)!
    if (encoded.length === 0) return nothingAppended(known)
    const state = this.#establish(known)
    const firstVersion = state.version + 1
    for (let index = 0; index < encoded.length; index += 1) {
      this.#writeEvent(state, events[index]!.id, encoded[index]!)
    }
    return {
      streamId,
      firstVersion,
      lastVersion: state.version,
      lastUserVersion: this.#nextUserVersion - 1,
      recordedPosition: undefined,
      idempotent: false,
    }
  }

  #writeEvent(
    state: StreamState & { readonly number: number },
    id: Uint8Array | undefined,
    bytes: Uint8Array,
  ): void {
    const { keys } = this.#host
    const version = state.version + 1
    const userVersion = this.#nextUserVersion
    this.#nextUserVersion += 1
    const key = keys.newLogKey(userVersion)
    if (bytes.length <= CHUNK_BYTES) this.tx.setStampedKey(key.bytes, key.offset, bytes)
    else this.#writeChunks(key, userVersion, bytes)
    this.tx.setStampedValue(keys.streamKey(state.number, version), stampHole(userVersion), 0)
    if (id !== undefined) {
      this.tx.set(keys.eventIdKey(state.number, id), encodeNumber(version))
      this.#ids.note({ number: state.number, id }, version)
    }
    state.version = version
    if (this.#memory === 'read-snapshot' || id !== undefined) {
      this.#pending.push({ bytes, streamId: state.id, version, userVersion })
    }
  }

  #writeChunks(
    key: { readonly bytes: Uint8Array; readonly offset: number },
    userVersion: number,
    bytes: Uint8Array,
  ): void {
    this.tx.setStampedKey(key.bytes, key.offset, encodeChunkedRow(bytes.length))
    for (let index = 0; index * CHUNK_BYTES < bytes.length; index += 1) {
      const chunk = this.#host.keys.newChunkKey(userVersion, index)
      this.tx.setStampedKey(
        chunk.bytes,
        chunk.offset,
        bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
      )
    }
  }

  /** Finds the events of an append that are there already, if all of them are. @throws IdempotencyConflictError if only some are */
  async #findRecorded({ streamId, events }: SessionAppend): Promise<Appended | undefined> {
    if (!events.some(({ id }) => id !== undefined)) return undefined
    const { number } = await this.stream(streamId)
    if (number === undefined) return undefined
    await this.lookForIds([{ streamId, events }])
    const versions = events.map(({ id }) =>
      id === undefined ? undefined : this.#ids.versionOf({ number, id }),
    )
    const found = events.filter((_, index) => versions[index] !== undefined)
    if (found.length === 0) return undefined
    const firstVersion = versions[0] ?? 0
    if (!versions.every((version, index) => version === firstVersion + index)) {
      throw new IdempotencyConflictError(
        streamId,
        found.map(({ id }) => formatUuid(id!, 0)),
      )
    }
    return this.#alreadyThere(streamId, number, firstVersion, firstVersion + events.length - 1)
  }

  async #alreadyThere(
    streamId: string,
    number: number,
    firstVersion: number,
    lastVersion: number,
  ): Promise<Appended> {
    const own = this.#pending.find((event) => event.streamId === streamId && event.version === lastVersion)
    const stamp =
      own !== undefined ? undefined : await this.tx.get(this.#host.keys.streamKey(number, lastVersion))
    return {
      streamId,
      firstVersion,
      lastVersion,
      lastUserVersion: own?.userVersion,
      recordedPosition: stamp === undefined ? undefined : positionOf(stamp),
      idempotent: true,
    }
  }

  #remember(): void {
    for (const { id, number, version } of this.#changed)
      this.#host.heads.set(id, { number: number!, version })
  }
}

function stampHole(userVersion: number): Uint8Array {
  const hole = new Uint8Array(STAMP_BYTES)
  hole[STAMP_BYTES - 2] = userVersion >>> 8
  hole[STAMP_BYTES - 1] = userVersion
  return hole
}
