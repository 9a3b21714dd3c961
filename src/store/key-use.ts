import { KEY_SWEEP_APPENDS } from '../limits.ts'

/** Counts how many idempotency keys are used, so that about as many that have expired are forgotten. Shared by all who use keys. */
export class KeyUse {
  #used = 0

  /** Notes that keys were used. */
  note(count: number): void {
    this.#used += count
  }

  /** How many have been used since the last time that this returned a number; 0 as long as those are few. */
  takeDue(): number {
    const due = this.#used < KEY_SWEEP_APPENDS ? 0 : this.#used
    this.#used -= due
    return due
  }
}
