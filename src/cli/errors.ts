/** The command was given in a way that cannot be meant: exit code 2, and the command's usage on standard error. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command was meant but failed: exit code 1 with one line on standard error, and a hint if there is one. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly hint: string | undefined

  constructor(message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint
  }
}

/** Whoever reads our output went away, as `head` does when it has seen enough. Not a failure. */
export class PipeClosedError extends Error {
  override readonly name = 'PipeClosedError'
}

/** One line of a source cannot be imported. */
export class LineError extends Error {
  override readonly name = 'LineError'
  /** Number of the line, from 1. */
  readonly line: number

  constructor(line: number, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.line = line
  }
}
