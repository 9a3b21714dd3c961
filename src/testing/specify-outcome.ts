import { isPromise, type Outcome } from '../aggregate/decide.ts'
import type { EventShape } from '../store/event.ts'
import type { SpecifiedOutcome } from './specify-contract.ts'
import { listed } from './specify-difference.ts'
import { judgeError, objectionTo } from './specify-errors.ts'
import { compareEvents, type DecidedEvent, picturesOf } from './specify-events.ts'
import { assertionError, callSite, type Failure, lineOf, shown } from './specify-failure.ts'
import { judgeState } from './specify-state-judge.ts'

/** A command that was decided. */
export interface Decided<E extends EventShape, S> {
  /** What people know the command by. */
  readonly name: string
  readonly outcome: Outcome<E, S>
  /** The first rule that was broken on the way. */
  readonly broken: Failure | undefined
}

type Judge<E extends EventShape, S> = (decided: Decided<E, S>) => Failure | undefined

/** What a command came to, or will have come to. */
export class CommandOutcome<E extends EventShape, S> implements SpecifiedOutcome<E, S, unknown> {
  readonly #decided: Decided<E, S> | Promise<Decided<E, S>>
  /** Where `when` was called. */
  readonly #calledAt: string

  constructor(decided: Decided<E, S> | Promise<Decided<E, S>>, calledAt: string) {
    this.#decided = decided
    this.#calledAt = calledAt
  }

  // biome-ignore lint/suspicious/noThenProperty: given, when, then. Whoever takes it for a promise is told.
  then(expected: unknown, reject?: unknown): unknown {
    if (typeof expected !== 'function') {
      return this.#tell(callSite(this.then), (decided) => judgeEvents(decided, expected))
    }
    const error = assertionError(AWAITED, this.#calledAt)
    if (typeof reject === 'function') return reject(error)
    throw error
  }

  thenState(expected: unknown): unknown {
    return this.#tell(callSite(this.thenState), ({ name, outcome }) => {
      if ('error' in outcome)
        return failed(`The command ${name} should come to a state`, outcome.error, expected)
      return judgeState(`The state after the command ${name}`, outcome.folded.state, expected)
    })
  }

  thenThrows(expected: unknown): unknown {
    return this.#tell(callSite(this.thenThrows), ({ name, outcome }) => {
      const objection = objectionTo(expected)
      if (objection !== undefined) return { message: objection, operator: 'thenThrows' }
      const who = `The command ${name}`
      if ('error' in outcome) return judgeError(who, outcome.error, expected)
      const actual = picturesOf(decidedOf(outcome))
      const message = `${who} should fail, but it ${sumOf(actual)}`
      return { message, actual, expected, operator: 'throws' }
    })
  }

  thenNothing(): unknown {
    return this.#tell(callSite(this.thenNothing), (decided) => judgeEvents(decided, []))
  }

  #tell(site: string, judge: Judge<E, S>): Promise<void> | undefined {
    const tell = (decided: Decided<E, S>): void => {
      const failure = decided.broken ?? judge(decided)
      if (failure !== undefined) throw assertionError(failure, site)
    }
    if (isPromise(this.#decided)) return this.#decided.then(tell)
    tell(this.#decided)
    return undefined
  }
}

const AWAITED: Failure = {
  message:
    'What when(…) returns is no promise, and was awaited as one: await what its then(events), thenState(…), thenThrows(…) or thenNothing() returns',
  operator: 'then',
}

function judgeEvents<E extends EventShape, S>(
  { name, outcome }: Decided<E, S>,
  wanted: unknown,
): Failure | undefined {
  const isNothing = Array.isArray(wanted) && wanted.length === 0
  if ('error' in outcome) {
    const what = isNothing ? 'on nothing' : 'on events'
    return failed(`The command ${name} should decide ${what}`, outcome.error, wanted)
  }
  const { actual, expected, found } = compareEvents(decidedOf(outcome), wanted)
  if (found.length === 0) return undefined
  const message = isNothing
    ? `The command ${name} should decide on nothing, but it ${sumOf(actual as readonly unknown[])}`
    : `The command ${name} did not decide on the events expected:${listed(found)}`
  return { message, actual, expected, operator: 'deepEqual' }
}

function failed(should: string, error: unknown, expected: unknown): Failure {
  const message = `${should}, but it failed with ${lineOf(error)}`
  return { message, actual: error, expected, operator: 'deepEqual', cause: error }
}

function decidedOf<E extends EventShape, S>(
  outcome: Exclude<Outcome<E, S>, { readonly error: unknown }>,
): readonly DecidedEvent[] {
  return outcome.events.map((event, index) => ({
    event: event as unknown as DecidedEvent['event'],
    prepared: outcome.prepared[index]!,
  }))
}

/** What was decided, in words. */
function sumOf(events: readonly unknown[]): string {
  if (events.length === 0) return 'decided on nothing'
  return `decided on:${['', '', ...events.map((event) => `  ${shown(event)}`)].join('\n')}`
}
