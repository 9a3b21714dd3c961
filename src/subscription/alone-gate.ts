/** Lets one desk of a store at a time deliver a suspect, so that if the process dies, there is one to blame. */
export class AloneGate {
  #holder: object | undefined
  readonly #waiting = new Set<() => void>()

  /** Whether `desk` has the gate, or could have it. */
  isOpenTo(desk: object): boolean {
    return this.#holder === undefined || this.#holder === desk
  }

  take(desk: object): void {
    this.#holder ??= desk
  }

  /** Gives the gate back, and wakes those who wanted it. */
  release(desk: object): void {
    if (this.#holder !== desk) return
    this.#holder = undefined
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Calls back, once, when the gate is given back. */
  whenReleased(wake: () => void): void {
    this.#waiting.add(wake)
  }
}
