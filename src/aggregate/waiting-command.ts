import type { CommandResult } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import type { CommandRequest } from './command.ts'

/** A command that somebody waits for. It is settled once, whoever comes first: its events, its refusal, or its signal. */
export class WaitingCommand<E extends EventShape, S> {
  readonly request: CommandRequest
  /** When it was called, on the engine's clock of calls. */
  readonly calledAt: number
  /** Resolves when there is a result. */
  readonly result: Promise<CommandResult<E, S>>
  /** How often it was decided. */
  decisions = 0
  /** How often its events came too late. */
  conflicts = 0
  #resolve!: (result: CommandResult<E, S>) => void
  #reject!: (error: unknown) => void
  #isSettled = false
  /** Called when it is settled, by those who wait for its decision. */
  #leave: (() => void) | undefined

  constructor(request: CommandRequest, calledAt: number) {
    this.request = request
    this.calledAt = calledAt
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { signal } = request
    if (signal === undefined) return
    const onAbort = (): void => this.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const stop = (): void => signal.removeEventListener('abort', onAbort)
    this.result.then(stop, stop)
    if (signal.aborted) onAbort()
  }

  /** Whether nobody waits any more. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  resolve(result: CommandResult<E, S>): void {
    if (this.#settle()) this.#resolve(result)
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  /** What a promise comes to, or `'gone'` if nobody waits for it any more before that. */
  orGone<T>(promise: Promise<T>): Promise<T | 'gone'> {
    const gone = new Promise<'gone'>((resolve) => {
      this.#leave = () => resolve('gone')
    })
    return this.#isSettled ? Promise.resolve('gone') : Promise.race([promise, gone])
  }

  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#leave?.()
    return true
  }
}
