import { byteString } from '../kv/byte-string.ts'
import type { Reader } from '../kv/contract.ts'
import type { Keyspace } from './keyspace.ts'
import { decodeNumber } from './small-values.ts'

/** An event id in the stream with this number. */
export interface IdInStream {
  readonly number: number
  readonly id: Uint8Array
}

/**
 * Which event ids are in which streams, as far as a transaction has asked, its own appends included. What is read needs no
 * conflict of its own: whoever adds an id to a stream writes the row after the stream's last one as well, and the transaction
 * conflicts with that.
 */
export class RecordedIds {
  readonly #keys: Keyspace
  readonly #versions = new Map<string, number | undefined>()

  constructor(keys: Keyspace) {
    this.#keys = keys
  }

  /** Whether it was looked for already. */
  isKnown(place: IdInStream): boolean {
    return this.#versions.has(nameOf(place))
  }

  /** The version of the event with this id, or `undefined`; it must have been looked for. */
  versionOf(place: IdInStream): number | undefined {
    return this.#versions.get(nameOf(place))
  }

  /** Notes an own append. */
  note(place: IdInStream, version: number): void {
    this.#versions.set(nameOf(place), version)
  }

  /** Looks for ids, all at once. */
  async lookFor(tx: Reader, places: readonly IdInStream[]): Promise<void> {
    const unknown = places.filter((place) => !this.isKnown(place))
    if (unknown.length === 0) return
    const rows = await tx.getMany(unknown.map(({ number, id }) => this.#keys.eventIdKey(number, id)))
    for (const [index, place] of unknown.entries()) {
      const row = rows[index]
      this.#versions.set(nameOf(place), row && decodeNumber(row, 'The version of an event id'))
    }
  }
}

function nameOf({ number, id }: IdInStream): string {
  return `${number}/${byteString(id)}`
}
