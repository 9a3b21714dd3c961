import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'

/** What is wrong, before it is thrown. */
export interface Failure {
  /** A sentence, and the differences. */
  readonly message: string
  /** What there was, and what should have been: test runners show both. */
  readonly actual?: unknown
  readonly expected?: unknown
  readonly operator: string
  /** The error behind it. */
  readonly cause?: unknown
}

/** Carries a failure out of whatever stands between the kit and what failed: commands, `evolve`, schemas. */
export class Complaint extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}

/** Where a method was called: the frames of the stack below it. To be asked for in the call itself, as they are gone later. */
export function callSite(method: object): string {
  const site = new Error()
  Error.captureStackTrace(site, method as (...given: never) => unknown)
  return (site.stack ?? '').split('\n').slice(1).join('\n')
}

/** Makes the error that test runners know, with the stack of the call that it is about. */
export function assertionError({ cause, ...failure }: Failure, site: string): AssertionError {
  const error = new AssertionError(failure)
  error.stack = `${error.name} [${error.code}]: ${error.message}\n${site}`
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause, configurable: true })
  return error
}

/** An error in one line; of others in the message too, as it may be long. */
export function lineOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return shown(error)
  const { name, message } = error as Error
  return `${name}: ${message}`
}

const SHOWN_LENGTH_MAX = 300

/** A value in one line, cut if it is long. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: 100 })
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`
}
