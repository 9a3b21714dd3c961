import { IdempotencyConflictError, LimitExceededError, WrongExpectedVersionError } from '../errors.ts'
import type { Commit, Transaction } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES } from '../kv/stamp.ts'
import { CHUNK_BYTES } from '../limits.ts'
import { encodeChunkedRow } from './chunks.ts'
import type { ExpectedVersion } from './contract.ts'
import type { PendingEvent } from './event.ts'
import { violationOf } from './expected-version.ts'
import type { StoreHost } from './host.ts'
import type { PreparedEvent } from './prepared-event.ts'
import { decodeNumber, encodeNumber } from './small-values.ts'
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

/** One stream's part of an append. */
export interface SessionAppend {
  readonly streamId: string
  readonly events: readonly PreparedEvent[]
  readonly expectedVersion: ExpectedVersion
}

/** A condition without an append. */
export interface SessionCondition {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
}

/** What an append came to, as far as it is known before the commit. */
export interface Appended {
  readonly streamId: string
  readonly firstVersion: number
  readonly lastVersion: number
  /** User version of the last event, by which its position is known after the commit. */
  readonly lastUserVersion: number | undefined
  /** Position of events that were there already. */
  readonly recordedPosition: bigint | undefined
  readonly idempotent: boolean
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
  readonly #pending: { readonly bytes: Uint8Array; readonly streamId: string; readonly version: number }[] =
    []
  #nextUserVersion = 0

  constructor(host: StoreHost, tx: Transaction, memory: Memory) {
    this.#host = host
    this.tx = tx
    this.#memory = memory
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
    return this.#streams.get(id) ?? this.#recall(id) ?? (await this.#load(id))
  }

  /**
   * Appends to streams, all or nothing. Events that are there already, by their ids, are not written again.
   * @throws WrongExpectedVersionError with every violation; IdempotencyConflictError; LimitExceededError
   */
  async append(
    appends: readonly SessionAppend[],
    conditions: readonly SessionCondition[],
  ): Promise<Appended[]> {
    const recorded = await Promise.all(appends.map((append) => this.#findRecorded(append)))
    await this.#checkConditions(
      appends.filter((_, index) => recorded[index] === undefined),
      conditions,
    )
    const fresh = appends.filter(({ events }, index) => recorded[index] === undefined && events.length > 0)
    await this.#reserveNumbers(fresh.map(({ streamId }) => streamId))
    // From here on nothing waits, and nothing fails half-way: sizes are known before the first row is written.
    const encoded = this.#encode(fresh)
    return appends.map((append, index) => recorded[index] ?? this.#write(append, encoded.get(append)))
  }

  /** Creates a stream without events, unless it exists. */
  async create(id: string): Promise<StreamState & { readonly number: number }> {
    await this.#reserveNumbers([id])
    return this.#establish(this.#streams.get(id)!)
  }

  /** Gives streams that do not exist a number each. */
  async #reserveNumbers(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const state = await this.stream(id)
      if (state.number === undefined) state.number = await this.#host.numbers.take()
    }
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

  async #checkConditions(
    appends: readonly SessionAppend[],
    conditions: readonly SessionCondition[],
  ): Promise<void> {
    const violations = []
    for (const { streamId, expectedVersion } of [...appends, ...conditions]) {
      const violation = violationOf(expectedVersion, await this.stream(streamId))
      if (violation !== undefined) violations.push(violation)
    }
    if (violations.length > 0) throw new WrongExpectedVersionError(violations)
  }

  /** Encodes the events of appends with the versions that they will have. @throws LimitExceededError */
  #encode(appends: readonly SessionAppend[]): Map<SessionAppend, Uint8Array[]> {
    const { records, uuids, eventBytesMax } = this.#host
    const lengths = new Map<string, number>()
    const encoded = new Map<SessionAppend, Uint8Array[]>()
    for (const append of appends) {
      const { streamId, events } = append
      let version = lengths.get(streamId) ?? this.#streams.get(streamId)!.version
      const rows = events.map((event) => {
        version += 1
        const bytes = records.encode(event, streamId, version, (target, offset) =>
          uuids.write(target, offset),
        )
        if (bytes.length > eventBytesMax)
          throw new LimitExceededError('An event', eventBytesMax, bytes.length)
        return bytes
      })
      lengths.set(streamId, version)
      encoded.set(append, rows)
    }
    return encoded
  }

  #write({ streamId, events }: SessionAppend, encoded: readonly Uint8Array[] | undefined): Appended {
    const known = this.#streams.get(streamId)!
    if (encoded === undefined) return nothingWritten(known)
    const state = this.#establish(known)
    const firstVersion = state.version + 1
    for (const [index, bytes] of encoded.entries()) this.#writeEvent(state, events[index]!.id, bytes)
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
    if (id !== undefined) this.tx.set(keys.eventIdKey(state.number, id), encodeNumber(version))
    state.version = version
    this.#pending.push({ bytes, streamId: state.id, version })
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
    const versions = await Promise.all(events.map(({ id }) => this.#versionOf(number, id)))
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

  async #versionOf(number: number, id: Uint8Array | undefined): Promise<number | undefined> {
    if (id === undefined) return undefined
    const row = await this.tx.get(this.#host.keys.eventIdKey(number, id))
    return row === undefined ? undefined : decodeNumber(row, 'The version of an event id')
  }

  async #alreadyThere(
    streamId: string,
    number: number,
    firstVersion: number,
    lastVersion: number,
  ): Promise<Appended> {
    const own = this.#pending.findIndex(
      (event) => event.streamId === streamId && event.version === lastVersion,
    )
    const stamp = own >= 0 ? undefined : await this.tx.get(this.#host.keys.streamKey(number, lastVersion))
    return {
      streamId,
      firstVersion,
      lastVersion,
      lastUserVersion: own >= 0 ? own : undefined,
      recordedPosition: stamp === undefined ? undefined : positionOf(stamp),
      idempotent: true,
    }
  }

  #remember(): void {
    for (const { id, number, version } of this.#changed)
      this.#host.heads.set(id, { number: number!, version })
  }
}

/** The position of an append's last event, once its transaction is durable. */
export function positionIn(commit: Commit, appended: Appended): bigint | undefined {
  const { lastUserVersion, recordedPosition } = appended
  return lastUserVersion === undefined ? recordedPosition : positionOf(commit.stamp(lastUserVersion))
}

function stampHole(userVersion: number): Uint8Array {
  const hole = new Uint8Array(STAMP_BYTES)
  hole[STAMP_BYTES - 2] = userVersion >>> 8
  hole[STAMP_BYTES - 1] = userVersion
  return hole
}

function nothingWritten({ id, version }: StreamState): Appended {
  return {
    streamId: id,
    firstVersion: version + 1,
    lastVersion: version,
    lastUserVersion: undefined,
    recordedPosition: undefined,
    idempotent: false,
  }
}
