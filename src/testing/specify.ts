import { DECIDE } from '../aggregate/aggregate-from-decider.ts'
import { callOf, requestOf, wholeCall } from '../aggregate/call.ts'
import type { CommandRequest } from '../aggregate/command.ts'
import { decide, isPromise } from '../aggregate/decide.ts'
import type { Folded } from '../aggregate/fold.ts'
import { InvalidArgumentError } from '../errors.ts'
import { STREAM_ID_BYTES_MAX } from '../limits.ts'
import { Codecs } from '../store/codecs.ts'
import type { Aggregate } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { DEFAULT_SETTINGS } from '../store/settings.ts'
import { checkName, describe } from '../store/text.ts'
import type { Specification, SpecifyOptions } from './specify-contract.ts'
import { assertionError, Complaint, callSite } from './specify-failure.ts'
import { andThen, foldGiven, type Later, type Scene } from './specify-given.ts'
import { CommandOutcome, type Decided } from './specify-outcome.ts'
import { judgeState } from './specify-state-judge.ts'
import { Watch } from './specify-watch.ts'

/**
 * Examples of how an aggregate behaves, without a store: given what has happened, when a command is decided, then these are its events.
 *
 * ```ts
 * const { given } = specify(cart)
 * given([]).when('addItem', { sku: 'a' }).then({ type: 'ItemAdded', data: { sku: 'a' } })
 * given({ type: 'CheckedOut', data: { items: 0 } }).when('addItem', { sku: 'a' }).thenThrows(/closed/)
 * given({ type: 'ItemAdded', data: { sku: 'a' } }).thenState({ isOpen: true, items: ['a'] })
 * ```
 *
 * Whatever is not as expected is an AssertionError of `node:assert`, with the difference, thrown at once; of asynchronous commands the promise
 * that a `then…` method returns is rejected with it. So is what breaks a rule on the way: a command or `evolve` that changes the state, a `copy`
 * that is none, or data that is read otherwise than it was written. The data of events is frozen, so that `evolve` and upcasters that change it
 * throw a TypeError. What is in private fields cannot be seen, and is not compared.
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function specify<E extends EventShape, S, C, const Async extends boolean = false>(
  aggregate: Aggregate<E, S, C>,
  options: SpecifyOptions<Async> = {},
): Specification<E, S, C, Async> {
  const scene = sceneOf(aggregate.category, options)
  const subject: Subject<E, S> = { aggregate, scene, isAsync: options.async === true }
  const given = (events: unknown): State<E, S> => new State(subject, foldedOf(subject, events, given))
  return { given } as unknown as Specification<E, S, C, Async>
}

/** What is specified, and how. */
interface Subject<E extends EventShape, S> {
  readonly aggregate: Aggregate<E, S, unknown>
  readonly scene: Scene
  /** Whether everything is to be asynchronous. */
  readonly isAsync: boolean
}

const NEW_MILLENNIUM = new Date('2000-01-01T00:00:00.000Z')
const checkNames = onlyNames('The options of specify', 'now', 'id', 'async', 'codecs')

function sceneOf(category: string, options: SpecifyOptions): Scene {
  checkNames(options)
  const { now = NEW_MILLENNIUM, id = '1', async = false, codecs } = options
  if (!(now instanceof Date) || Number.isNaN(now.getTime())) {
    throw new InvalidArgumentError(`now must be a valid Date, not ${describe(now)}`, { now })
  }
  if (typeof async !== 'boolean') {
    throw new InvalidArgumentError(`async must be true or false, not ${describe(async)}`, { async })
  }
  checkName(id, 'The id of an aggregate', STREAM_ID_BYTES_MAX)
  const streamId = `${category}${DEFAULT_SETTINGS.categorySeparator}${id}`
  return { category, id, streamId, nowMs: now.getTime(), codecs: new Codecs(codecs) }
}

function foldedOf<E extends EventShape, S>(
  { aggregate, scene, isAsync }: Subject<E, S>,
  events: unknown,
  method: object,
): Later<Folded<S>> {
  const site = callSite(method)
  const fold = (): Later<Folded<S>> => foldGiven(new Watch(aggregate, scene.codecs), scene, events)
  const refuse = (error: unknown): never => {
    throw error instanceof Complaint ? assertionError(error.failure, site) : error
  }
  // A function of its own, so that what is thrown at once comes out as a rejection, too.
  if (isAsync) return (async () => fold())().catch(refuse)
  let folded: Later<Folded<S>>
  try {
    folded = fold()
  } catch (error) {
    return refuse(error)
  }
  if (!isPromise(folded)) return folded
  folded.catch(() => {})
  throw assertionError(
    { message: `A schema of these events is asynchronous: ${SAY_ASYNC}`, operator: 'given' },
    site,
  )
}

const SAY_ASYNC = 'use specify(aggregate, { async: true }), and await what the methods return'

/** An aggregate with a history. */
class State<E extends EventShape, S> {
  readonly #subject: Subject<E, S>
  readonly #folded: Later<Folded<S>>

  constructor(subject: Subject<E, S>, folded: Later<Folded<S>>) {
    this.#subject = subject
    this.#folded = folded
  }

  when(...given: readonly unknown[]): CommandOutcome<E, S> {
    const site = callSite(this.when)
    const { aggregate, scene } = this.#subject
    const call = callOf(aggregate, given, true)
    const whole = wholeCall(scene.category, scene.id, scene.streamId, call, {})
    const request = requestOf(call, whole, false)
    const decided = andThen(this.#folded, (folded) => this.#decide(request, folded, site))
    return new CommandOutcome(decided, site)
  }

  thenState(expected: unknown): Promise<void> | undefined {
    const site = callSite(this.thenState)
    const judged = andThen(this.#folded, ({ state, version }) => {
      const what =
        version === 0
          ? 'The initial state'
          : `The state after ${version} ${version === 1 ? 'event' : 'events'}`
      const failure = judgeState(what, state, expected)
      if (failure !== undefined) throw assertionError(failure, site)
    })
    return isPromise(judged) ? judged : undefined
  }

  #decide(request: CommandRequest, folded: Folded<S>, site: string): Later<Decided<E, S>> {
    const { aggregate, scene, isAsync } = this.#subject
    const watch = new Watch(aggregate, scene.codecs)
    const outcome = decide(watch.aggregate, request, folded, scene)
    const decided = (outcome: Decided<E, S>['outcome']): Decided<E, S> => ({
      name: request.name,
      outcome,
      broken: watch.broken,
    })
    if (!isPromise(outcome)) return decided(outcome)
    const isKnown = isAsync || (watch.hasPromised && request.command !== DECIDE)
    if (isKnown) return outcome.then(decided)
    // Its methods would return promises that nobody awaits, as their types say otherwise.
    const what = watch.hasPromised
      ? 'This decider is asynchronous'
      : `A schema of the events of ${request.name} is asynchronous`
    throw assertionError({ message: `${what}: ${SAY_ASYNC}`, operator: 'when' }, site)
  }
}
