import { CommitUnknownError, StorageError } from '../errors.ts'
import { byteString } from '../kv/byte-string.ts'
import type { Engine, EngineSnapshot, EngineWriter } from '../kv/engine.ts'
import type { Row } from '../kv/rows.ts'

/**
 * What can happen to a write:
 *
 * - `disk-full`: it fails before its commit, with a `StorageError`, and nothing of it is there.
 * - `unknown-lost`: its commit fails with a `CommitUnknownError`, and nothing of it is there.
 * - `unknown-kept`: its commit fails with a `CommitUnknownError`, and all of it is there.
 */
export type WriteFault = 'disk-full' | 'unknown-lost' | 'unknown-kept'

/** A plan of what shall go wrong, for `faultyEngine`. It may be changed at any time. */
export class Faults {
  readonly #writeFaults = new Map<number, WriteFault>()
  readonly #flips = new Map<string, number>()
  #writes = 0
  #busy = 0
  #reads = 0

  /** How many writes were tried, other than those that found the lock held. */
  get writes(): number {
    return this.#writes
  }

  /** Fails the `nth` write from now; 1 is the next one. */
  failWrite(fault: WriteFault, nth = 1): void {
    this.#writeFaults.set(this.#writes + nth, fault)
  }

  /** Finds the write lock held by another process this many times. */
  holdLock(times: number): void {
    this.#busy = times
  }

  /** Fails the next reads, and openings of snapshots, with a `StorageError`. */
  failReads(times = 1): void {
    this.#reads = times
  }

  /** Shows the value of `key` with all bits of one byte flipped. */
  flipByte(key: Uint8Array, index: number): void {
    this.#flips.set(byteString(key), index)
  }

  /** Notes one attempt to write, and says what shall happen to it. */
  takeWrite(): WriteFault | 'busy' | undefined {
    if (this.#busy > 0) {
      this.#busy -= 1
      return 'busy'
    }
    this.#writes += 1
    return this.#writeFaults.get(this.#writes)
  }

  /** Notes one read. @throws StorageError if it shall fail */
  takeRead(): void {
    if (this.#reads === 0) return
    this.#reads -= 1
    throw new StorageError('The disk could not be read', 'io')
  }

  /** The value as a reader shall see it. */
  distort(key: Uint8Array, value: Uint8Array): Uint8Array {
    const index = this.#flips.get(byteString(key))
    if (index === undefined || index >= value.length) return value
    const damaged = value.slice()
    damaged[index] = damaged[index]! ^ 0xff
    return damaged
  }
}

/**
 * Wraps an engine, the lowest seam of the key-value layer, so that it fails as disks and other processes do.
 * Everything above it is the real thing. The faults end with the plan: what was not planned works.
 */
export function faultyEngine(engine: Engine, faults: Faults): Engine {
  return {
    name: engine.name,
    capabilities: engine.capabilities,
    openSnapshot: () => {
      faults.takeRead()
      return faultySnapshot(engine.openSnapshot(), faults)
    },
    write: (apply) => {
      const fault = faults.takeWrite()
      return fault === undefined ? engine.write(apply) : faultyWrite(engine, apply, fault)
    },
    changeCounter: () => engine.changeCounter(),
    ...(engine.backup && { backup: (folder, options) => engine.backup!(folder, options) }),
    close: () => engine.close(),
  }
}

function faultyWrite(
  engine: Engine,
  apply: (writer: EngineWriter) => boolean,
  fault: WriteFault | 'busy',
): boolean | 'busy' {
  if (fault === 'busy') return 'busy'
  const failure = failureOf(fault)
  const written = engine.write((writer) => {
    if (!apply(writer)) return false
    if (fault !== 'unknown-kept') throw failure
    return true
  })
  if (written === true) throw failure
  return written
}

function failureOf(fault: WriteFault): Error {
  return fault === 'disk-full'
    ? new StorageError('The disk is full', 'disk-full')
    : new CommitUnknownError(new Error('The disk failed while flushing'))
}

function faultySnapshot(snapshot: EngineSnapshot, faults: Faults): EngineSnapshot {
  return {
    get: (key) => {
      faults.takeRead()
      const value = snapshot.get(key)
      return value === undefined ? undefined : faults.distort(key, value)
    },
    range: (begin, end, limit, reverse) => {
      faults.takeRead()
      return snapshot.range(begin, end, limit, reverse).map((row) => distorted(row, faults))
    },
    close: () => snapshot.close(),
  }
}

function distorted({ key, value }: Row, faults: Faults): Row {
  return { key, value: faults.distort(key, value) }
}
