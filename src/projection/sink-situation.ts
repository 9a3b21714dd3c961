import type { SinkProjectionEnd, SinkProjectionState } from '../store/contract-sinks.ts'
import type { FaultRow } from './projection-rows.ts'
import type { KnownCheckpoint } from './sink-commit.ts'

/** How a projection into a sink is, as far as this process knows: what its runner does and finds, for those who wait and ask. */
export class SinkSituation {
  #known: KnownCheckpoint
  #isStandingBy = false
  #isCaughtUp = false
  #fault: FaultRow | undefined
  #problem: { readonly error: unknown } | undefined
  #end: SinkProjectionEnd | undefined
  #changed: Promise<void> = Promise.resolve()
  #tell: (() => void) | undefined

  constructor(known: KnownCheckpoint) {
    this.#known = known
    this.#hasChanged()
  }

  /** The checkpoint as it was seen last. */
  get known(): KnownCheckpoint {
    return this.#known
  }

  get isStandingBy(): boolean {
    return this.#isStandingBy
  }

  get fault(): FaultRow | undefined {
    return this.#fault
  }

  get problem(): { readonly error: unknown } | undefined {
    return this.#problem
  }

  get end(): SinkProjectionEnd | undefined {
    return this.#end
  }

  get state(): SinkProjectionState {
    if (this.#problem !== undefined) return 'failing'
    if (this.#fault !== undefined) return 'faulted'
    if (this.#isStandingBy) return 'standing-by'
    return this.#isCaughtUp ? 'live' : 'catching-up'
  }

  /** Resolves when it is not as it was. */
  get changed(): Promise<void> {
    return this.#changed
  }

  /** The checkpoint was moved, by whomever: what was wrong before is over. */
  moveTo(known: KnownCheckpoint, isCaughtUp = false): void {
    this.#known = known
    this.#isCaughtUp = isCaughtUp
    this.#fault = undefined
    this.#problem = undefined
    this.#hasChanged()
  }

  /** There is nothing more to be handled: what was wrong before is over. */
  catchUp(): void {
    if (this.#isCaughtUp && this.#fault === undefined && this.#problem === undefined) return
    this.moveTo(this.#known, true)
  }

  /** Another process moves the checkpoint, or does so no more. */
  standBy(isStandingBy: boolean): void {
    this.#isStandingBy = isStandingBy
    this.#isCaughtUp = false
    this.#hasChanged()
  }

  /** It stands at a fault. */
  stopAt(fault: FaultRow): void {
    this.#fault = fault
    this.#isCaughtUp = false
    this.#problem = undefined
    this.#hasChanged()
  }

  /** The database or the store does not answer as it should, or does so again. */
  failWith(problem: { readonly error: unknown } | undefined): void {
    this.#problem = problem
    this.#hasChanged()
  }

  /** It runs no more. Only the first reason counts. */
  endWith(end: SinkProjectionEnd): void {
    this.#end ??= end
    this.#hasChanged()
  }

  #hasChanged(): void {
    this.#tell?.()
    this.#changed = new Promise((resolve) => {
      this.#tell = resolve
    })
  }
}
