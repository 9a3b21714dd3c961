/** Exit code of a command that Ctrl-C has stopped, as shells count it: 128 and the number of SIGINT. */
export const INTERRUPTED: number = 130

/** Ctrl-C as a signal, for as long as the work takes. */
export interface Interruption {
  readonly signal: AbortSignal
  /** Leaves Ctrl-C to the process again. */
  end(): void
}

/** Turns the first Ctrl-C into a signal; the second one ends the process as usual. */
export function interruption(onInterrupt: () => void = () => {}): Interruption {
  const controller = new AbortController()
  const listener = (): void => {
    controller.abort()
    onInterrupt()
  }
  process.once('SIGINT', listener)
  return { signal: controller.signal, end: () => process.off('SIGINT', listener) }
}
