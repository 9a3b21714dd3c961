import type { AloneGate } from './alone-gate.ts'
import type { ExchangeOutcome, ExchangeRequest } from './group-exchange-parts.ts'

/** Whether a desk delivers suspects, one after the other and nothing else. */
export class AloneMode {
  readonly #gate: AloneGate
  readonly #onOpen: () => void
  #waits = false
  isOn = false

  /** `onOpen` is called when the gate is open again that was not. */
  constructor(gate: AloneGate, onOpen: () => void) {
    this.#gate = gate
    this.#onOpen = onOpen
  }

  /** Whether a suspect can be taken: now, if the hands of the desk's consumers are empty. */
  can(areHandsEmpty: boolean): ExchangeRequest['alone'] {
    if (!this.#gate.isOpenTo(this)) return 'unable'
    return areHandsEmpty ? 'ready' : 'willing'
  }

  /** Notes what an exchange came to. Returns whether the mode has just ended. */
  note(alone: ExchangeRequest['alone'], { suspectIsDue, members }: ExchangeOutcome): boolean {
    const hasAlone = [...members.values()].some(({ given }) => given.some(({ isAlone }) => isAlone))
    if (suspectIsDue || hasAlone) {
      this.#gate.take(this)
      this.isOn = true
      return false
    }
    if (alone === 'unable') this.#waitForGate()
    if (!this.isOn || alone !== 'ready') return false
    this.end()
    return true
  }

  end(): void {
    this.isOn = false
    this.#gate.release(this)
  }

  #waitForGate(): void {
    if (this.#waits) return
    this.#waits = true
    this.#gate.whenReleased(() => {
      this.#waits = false
      this.#onOpen()
    })
  }
}
