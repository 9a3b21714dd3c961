import { CorruptionError } from '../errors.ts'
import type { KeyRange } from '../kv/rows.ts'
import type { Subspace } from '../kv/subspace.ts'

/** The snapshots of a stream that have a name and a schema version in common. */
export interface SnapshotSeries {
  /** Number of the stream. */
  readonly number: number
  readonly name: string
  readonly schemaVersion: number
}

/** What the key of a snapshot's piece says. */
export interface SnapshotPlace extends SnapshotSeries {
  /** Version of the stream. */
  readonly version: number
  readonly piece: number
}

/** The keys of snapshots. */
export class SnapshotKeys {
  readonly #root: Subspace
  readonly #space: number

  constructor(root: Subspace, space: number) {
    this.#root = root
    this.#space = space
  }

  /** A piece of a snapshot. */
  key({ number, name, schemaVersion }: SnapshotSeries, version: number, piece: number): Uint8Array {
    return this.#root.pack([this.#space, number, name, schemaVersion, version, piece])
  }

  /** The snapshots of a series from one version to another, both inclusive. */
  range({ number, name, schemaVersion }: SnapshotSeries, first: number, last: number): KeyRange {
    const series = [this.#space, number, name, schemaVersion]
    return {
      begin: this.#root.pack([...series, first]),
      end:
        last >= Number.MAX_SAFE_INTEGER
          ? this.#root.range(series).end
          : this.#root.pack([...series, last + 1]),
    }
  }

  /** The snapshots of all series of the same stream and name with lower schema versions. */
  below({ number, name, schemaVersion }: SnapshotSeries): KeyRange {
    return {
      begin: this.#root.range([this.#space, number, name]).begin,
      end: this.#root.pack([this.#space, number, name, schemaVersion]),
    }
  }

  /** The snapshots of one stream, whatever their names. */
  ofStream(number: number): KeyRange {
    return this.#root.range([this.#space, number])
  }

  /** All snapshots. */
  all(): KeyRange {
    return this.#root.range([this.#space])
  }

  /** What a key says. @throws CorruptionError */
  placeOf(key: Uint8Array): SnapshotPlace {
    const [, number, name, schemaVersion, version, piece] = this.#root.unpack(key)
    if (
      typeof number !== 'number' ||
      typeof name !== 'string' ||
      typeof schemaVersion !== 'number' ||
      typeof version !== 'number' ||
      typeof piece !== 'number'
    ) {
      throw new CorruptionError('A key of a snapshot is damaged', { key })
    }
    return { number, name, schemaVersion, version, piece }
  }
}
