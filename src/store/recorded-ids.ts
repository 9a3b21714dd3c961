import { CorruptionError, IdempotencyConflictError } from '../errors.ts'
import { byteString } from '../kv/byte-string.ts'
import type { Transaction } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type { Appended, SessionAppend } from './appended.ts'
import type { OwnEvent } from './event-writer.ts'
import type { Keyspace } from './keyspace.ts'
import type { PreparedEvent } from './prepared-event.ts'
import { readEvent } from './read-event.ts'
import { decodeNumber } from './small-values.ts'
import { callerIdOf } from './stored-event.ts'
import { checkedStamp } from './stream-rows.ts'
import { formatUuid } from './uuid.ts'

/** An event id in the stream with this number. */
export interface IdInStream {
  readonly number: number
  readonly id: Uint8Array
}

/**
 * Which event ids are in which streams, as far as a transaction has asked, its own appends included. The look-ups count as read: where
 * the stream ends may be known from memory, which may be newer than the snapshot in which an id was looked for.
 */
export class RecordedIds {
  readonly #tx: Transaction
  readonly #keys: Keyspace
  readonly #own: () => readonly OwnEvent[]
  readonly #versions = new Map<string, number | undefined>()

  constructor(tx: Transaction, keys: Keyspace, own: () => readonly OwnEvent[]) {
    this.#tx = tx
    this.#keys = keys
    this.#own = own
  }

  /** Whether the ids of events are certain not to be in a stream. */
  areNew(number: number | undefined, events: readonly PreparedEvent[]): boolean {
    for (const { id } of events) {
      if (id === undefined) continue
      if (number === undefined) return false
      const name = nameOf({ number, id })
      if (!this.#versions.has(name) || this.#versions.get(name) !== undefined) return false
    }
    return true
  }

  /** Notes own appends. */
  note(number: number, events: readonly PreparedEvent[], firstVersion: number): void {
    for (const [at, { id }] of events.entries()) {
      if (id !== undefined) this.#versions.set(nameOf({ number, id }), firstVersion + at)
    }
  }

  /** Looks for ids, all at once. */
  async lookFor(places: readonly IdInStream[]): Promise<void> {
    const unknown = places.filter((place) => !this.#versions.has(nameOf(place)))
    if (unknown.length === 0) return
    const rows = await this.#tx.getMany(unknown.map(({ number, id }) => this.#keys.eventIdKey(number, id)))
    for (const [index, place] of unknown.entries()) {
      const row = rows[index]
      this.#versions.set(nameOf(place), row && decodeNumber(row, 'The version of an event id'))
    }
  }

  /**
   * Finds the events of an append that are in a stream already, if all of them are, one behind the other.
   * @throws IdempotencyConflictError if only some are
   */
  async findRecorded(number: number, { streamId, events }: SessionAppend): Promise<Appended | undefined> {
    await this.lookFor(placesOf(number, events))
    const versions = events.map(({ id }) =>
      id === undefined ? undefined : this.#versions.get(nameOf({ number, id })),
    )
    const found = events.filter((_, index) => versions[index] !== undefined)
    if (found.length === 0) return undefined
    const firstVersion = versions[0] ?? 0
    if (!versions.every((version, index) => version === firstVersion + index)) {
      throw new IdempotencyConflictError({ streamId, recordedIds: found.map(({ id }) => formatUuid(id!, 0)) })
    }
    return this.#alreadyThere(streamId, number, firstVersion, events)
  }

  async #alreadyThere(
    streamId: string,
    number: number,
    firstVersion: number,
    events: readonly PreparedEvent[],
  ): Promise<Appended> {
    const lastVersion = firstVersion + events.length - 1
    const own = this.#own().find((event) => event.number === number && event.version === lastVersion)
    const isOwn = own !== undefined
    return {
      streamId,
      firstVersion,
      lastVersion,
      lastUserVersion: own?.userVersion,
      recordedPosition: isOwn ? undefined : await this.#positionOf(number, lastVersion, events.at(-1)!.id!),
      idempotent: true,
    }
  }

  /** The position of the event that an id leads to. @throws CorruptionError if it has another id */
  async #positionOf(number: number, version: number, id: Uint8Array): Promise<bigint> {
    const row = await this.#tx.snapshot.get(this.#keys.streamKey(number, version))
    const event = row && (await readEvent(this.#tx.snapshot, this.#keys, checkedStamp(row)))
    const found = event && callerIdOf(event)
    if (
      row !== undefined &&
      found !== undefined &&
      nameOf({ number, id: found }) === nameOf({ number, id })
    ) {
      return positionOf(row)
    }
    throw new CorruptionError(`Event id ${formatUuid(id, 0)} does not lead to the event that has it`, {
      version,
      ...(row && { position: positionOf(row) }),
    })
  }
}

/** The ids that callers gave to events of one stream. */
export function placesOf(number: number, events: readonly PreparedEvent[]): IdInStream[] {
  return events.flatMap(({ id }) => (id === undefined ? [] : [{ number, id }]))
}

function nameOf({ number, id }: IdInStream): string {
  return `${number}/${byteString(id)}`
}
