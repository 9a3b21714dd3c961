import { SNAPSHOTS_MAX, TRANSACTION_AGE_MS_MAX } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { Engine, EngineSnapshot } from './engine.ts'
import type { CommitState, RecentCommits } from './recent-commits.ts'

/** How long a snapshot is handed out to transactions that begin. The last of them may use it for its whole life. */
const SHARED_MS_MAX = 500
/** How often snapshots that nobody uses, or that are too old, are looked for. */
const SWEEP_MS = 250

/** A snapshot that transactions share. */
export interface PinnedSnapshot {
  readonly view: EngineSnapshot
  readonly state: CommitState
  /** Whether it was closed under its users: too old, or crowded out. */
  readonly evicted: boolean
}

interface Pin extends PinnedSnapshot {
  evicted: boolean
  readonly changeCounter: number
  readonly openedAt: number
  users: number
}

/**
 * Hands out snapshots of the newest commit. Transactions that begin between two commits share one, so there are few,
 * whatever the number of transactions. Old ones are closed, so that they never pin the engine's past for long.
 */
export class SnapshotPool {
  readonly #engine: Engine
  readonly #recent: RecentCommits
  readonly #runtime: Runtime
  readonly #pins = new Set<Pin>()
  #newest: Pin | undefined
  #cancelSweep: (() => void) | undefined
  #closed = false

  constructor(engine: Engine, recent: RecentCommits, runtime: Runtime) {
    this.#engine = engine
    this.#recent = recent
    this.#runtime = runtime
  }

  /** Whether the store has been closed, and every snapshot with it. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** Takes the newest snapshot; whoever takes it must `release` it. */
  acquire(): PinnedSnapshot {
    const changeCounter = this.#engine.changeCounter()
    const newest = this.#newest
    const isFresh = newest?.changeCounter === changeCounter && this.#ageMs(newest) <= SHARED_MS_MAX
    const pin = isFresh ? newest : this.#open(changeCounter)
    pin.users += 1
    return pin
  }

  release(snapshot: PinnedSnapshot): void {
    const pin = snapshot as Pin
    pin.users -= 1
    if (pin.users === 0 && pin !== this.#newest) this.#close(pin)
  }

  /** Learns what other processes have committed. */
  refresh(): void {
    this.release(this.acquire())
  }

  /** Lets the newest snapshot go: a commit has made it old. */
  retire(): void {
    const pin = this.#newest
    this.#newest = undefined
    if (pin?.users === 0) this.#close(pin)
  }

  /** Closes every snapshot, used or not. */
  close(): void {
    this.#closed = true
    this.#newest = undefined
    for (const pin of this.#pins) this.#close(pin)
    this.#cancelSweep?.()
  }

  #open(changeCounter: number): Pin {
    this.retire()
    if (this.#pins.size >= SNAPSHOTS_MAX) this.#close(this.#pins.values().next().value!)
    const view = this.#engine.openSnapshot()
    try {
      const state = this.#recent.catchUp(view)
      const pin: Pin = {
        view,
        state,
        changeCounter,
        openedAt: this.#runtime.monotonic(),
        users: 0,
        evicted: false,
      }
      this.#pins.add(pin)
      this.#newest = pin
      this.#scheduleSweep()
      return pin
    } catch (error) {
      view.close()
      throw error
    }
  }

  #close(pin: Pin): void {
    if (!this.#pins.delete(pin)) return
    if (pin === this.#newest) this.#newest = undefined
    pin.evicted = true
    pin.view.close()
  }

  #scheduleSweep(): void {
    this.#cancelSweep ??= this.#runtime.scheduleBackground(SWEEP_MS, () => this.#sweep())
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    for (const pin of this.#pins) {
      if (pin.users === 0 || this.#ageMs(pin) > SHARED_MS_MAX + TRANSACTION_AGE_MS_MAX) this.#close(pin)
    }
    if (this.#pins.size > 0) this.#scheduleSweep()
  }

  #ageMs(pin: Pin): number {
    return this.#runtime.monotonic() - pin.openedAt
  }
}
