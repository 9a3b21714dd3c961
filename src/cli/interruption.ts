import { constants } from 'node:os'

/** Exit code of a command that Ctrl-C has stopped, as shells count it: 128 and the number of SIGINT. */
export const INTERRUPTED: number = 130

/** Ctrl-C, and what a service manager sends: the signals that end what would go on for ever. */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']

/** Ctrl-C as a signal, for as long as the work takes. */
export interface Interruption {
  readonly signal: AbortSignal
  /** Aborted by the second Ctrl-C, if that is not left to the process. */
  readonly again: AbortSignal
  /** Exit code of a command that was stopped so, as shells count it: 128 and the number of the signal. */
  readonly exitCode: number
  /** Leaves Ctrl-C to the process again. */
  end(): void
}

/** What is listened to. */
export interface InterruptionOptions {
  /** Called at the first one. */
  readonly onInterrupt?: () => void
  /** @default only SIGINT, which is Ctrl-C */
  readonly names?: readonly NodeJS.Signals[]
  /** How many are taken; the next one ends the process as usual. @default 1 */
  readonly times?: 1 | 2
}

/** Turns the first Ctrl-C, and if wanted the second one, into an `AbortSignal`. */
export function interruption({
  onInterrupt,
  names = ['SIGINT'],
  times = 1,
}: InterruptionOptions = {}): Interruption {
  const [first, second] = [new AbortController(), new AbortController()]
  let count = 0
  let exitCode = INTERRUPTED
  const end = (): void => {
    for (const name of names) process.off(name, listener)
  }
  const listener = (name: NodeJS.Signals): void => {
    count += 1
    if (count >= times) end()
    if (count > 1) {
      second.abort()
      return
    }
    exitCode = 128 + (constants.signals[name] ?? constants.signals.SIGINT)
    first.abort()
    onInterrupt?.()
  }
  for (const name of names) process.on(name, listener)
  return {
    signal: first.signal,
    again: second.signal,
    get exitCode() {
      return exitCode
    },
    end,
  }
}
