import type { Readable } from 'node:stream'
import type { Arguments, OptionSpec } from './arguments.ts'
import type { Output } from './output.ts'

/** The process around a command. */
export interface Surroundings {
  readonly stdin: Readable
  readonly out: Output
  readonly err: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

/** One run of a command. */
export interface Invocation extends Surroundings {
  readonly args: Arguments
  /** Whether to print NDJSON rather than tables for people. */
  readonly json: boolean
}

/** A command of the command line. */
export interface Command {
  readonly name: string
  /** What follows the name, as in `STREAM --type T`. */
  readonly form: string
  /** One line for the list of commands. */
  readonly summary: string
  /** More for its own help: paragraphs and examples. */
  readonly details: string
  readonly options: readonly OptionSpec[]
  /** Commands of their own, whose names begin with its name: `subscriptions list`. */
  readonly actions?: readonly Command[]
  /** Runs it. Returns the exit code; throws UsageError for 2, anything else for 1. */
  run(invocation: Invocation): Promise<number>
}
