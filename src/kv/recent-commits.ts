import { RECENT_COMMITS_MAX } from '../limits.ts'
import {
  COMMIT_RECORDS_BEGIN,
  COMMIT_RECORDS_END,
  commitRecordKey,
  decodeCommitRecord,
  decodeCommitState,
} from './commit-record.ts'
import type { Coherence } from './contract.ts'
import type { Engine, EngineSnapshot } from './engine.ts'
import type { ReadConflicts } from './read-conflicts.ts'
import type { WriteSet } from './write-set.ts'

/** How many commit records are read at once when this process has fallen behind. */
const CATCH_UP_ROWS = 256

/** The store's commit state as a snapshot or the writer shows it. */
export interface CommitState {
  readonly number: number
  readonly lastPosition: bigint
}

type RangeReader = Pick<EngineSnapshot, 'range' | 'get'>

/** Called for every commit group that becomes known, with `undefined` when groups were missed. */
export type CommitListener = (writeSet: WriteSet | undefined) => void

/** What this process knows of the latest commit groups, own and foreign: no gaps after the floor. */
export class RecentCommits implements Coherence {
  readonly #groups = new Map<number, WriteSet>()
  readonly #foreignListeners = new Set<() => void>()
  readonly #listener: CommitListener
  #floor: number
  #last: number
  /** What the newest known group left behind, as far as that was seen. */
  #state: CommitState | undefined
  #foreignGroups = 0
  #settling = false

  constructor(engine: Engine, listener: CommitListener) {
    this.#listener = listener
    const snapshot = engine.openSnapshot()
    this.#last = readCommitState(snapshot).number
    this.#floor = this.#last
    snapshot.close()
  }

  /** The newest group known. */
  get version(): number {
    return this.#last
  }

  /** How many groups of other processes were seen so far. */
  get foreignGroups(): number {
    return this.#foreignGroups
  }

  onForeignCommit(callback: () => void): () => void {
    this.#foreignListeners.add(callback)
    return () => this.#foreignListeners.delete(callback)
  }

  /** Notes a group of this process that has become durable. */
  record(state: CommitState, writeSet: WriteSet): void {
    if (state.number > this.#last) this.#add(state.number, writeSet)
    if (state.number === this.#last) this.#state = state
  }

  /**
   * Runs the callbacks of a group that has become durable. Snapshots that these open may show the group already, but it must
   * not become known before the last callback has run.
   */
  settle(callbacks: () => void): void {
    this.#settling = true
    try {
      callbacks()
    } finally {
      this.#settling = false
    }
  }

  /** Reads what others have committed since, and returns the state that `reader` shows. */
  catchUp(reader: RangeReader): CommitState {
    if (this.#state !== undefined && this.#isNewest(reader, this.#state)) return this.#state
    const state = readCommitState(reader)
    if (state.number === this.#last || this.#settling) return state
    for (const callback of this.#foreignListeners) callback()
    // The file was replaced by an older one under us: nothing that we know holds any more.
    if (state.number < this.#last) return this.#startOver(state)
    this.#foreignGroups += state.number - this.#last
    while (this.#last < state.number) {
      const rows = reader.range(commitRecordKey(this.#last + 1), COMMIT_RECORDS_END, CATCH_UP_ROWS, false)
      for (const row of rows) {
        const record = decodeCommitRecord(row)
        if (record.number === this.#last + 1) this.#add(record.number, record.writeSet)
        else return this.#startOver(state)
      }
    }
    return state
  }

  /** Whether validation is possible from this version on. */
  covers(version: number): boolean {
    return version >= this.#floor
  }

  /** Whether any group after `version` changed what was read. */
  conflictsWith(reads: ReadConflicts, version: number): boolean {
    for (let number = version + 1; number <= this.#last; number += 1) {
      if (this.#groups.get(number)!.conflictsWith(reads)) return true
    }
    return false
  }

  /** Whether any group after `version` changed something; also if that is not known any more. */
  mayHaveTouched(isTouched: (writeSet: WriteSet) => boolean, version: number): boolean {
    if (!this.covers(version)) return true
    for (let number = version + 1; number <= this.#last; number += 1) {
      if (isTouched(this.#groups.get(number)!)) return true
    }
    return false
  }

  /** Forgets the groups that no transaction can need: those up to `version`. */
  forgetUpTo(version: number): void {
    const target = Math.max(Math.min(version, this.#last), this.#last - RECENT_COMMITS_MAX)
    for (; this.#floor < target; this.#floor += 1) this.#groups.delete(this.#floor + 1)
  }

  /**
   * Whether nobody has committed since. Cheaper than to look for the newest record, and as good: numbers have no gaps, and
   * records are cleared from the first on, so if there were a newer one, the next one would be there, or this one would not.
   */
  #isNewest(reader: RangeReader, { number }: CommitState): boolean {
    return (
      number === this.#last &&
      reader.get(commitRecordKey(number + 1)) === undefined &&
      reader.get(commitRecordKey(number)) !== undefined
    )
  }

  #add(number: number, writeSet: WriteSet): void {
    this.#groups.set(number, writeSet)
    this.#last = number
    this.#listener(writeSet)
  }

  #startOver(state: CommitState): CommitState {
    this.#groups.clear()
    this.#floor = state.number
    this.#last = state.number
    this.#listener(undefined)
    return state
  }
}

/** The commit state of a store, as a snapshot or the writer shows it. @throws CorruptionError */
export function readCommitState(reader: RangeReader): CommitState {
  const [newest] = reader.range(COMMIT_RECORDS_BEGIN, COMMIT_RECORDS_END, 1, true)
  return newest === undefined ? { number: 0, lastPosition: 0n } : decodeCommitState(newest)
}
