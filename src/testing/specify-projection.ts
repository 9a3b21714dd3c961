import { InvalidArgumentError } from '../errors.ts'
import { decodeState } from '../projection/state-rows.ts'
import { Codecs } from '../store/codecs.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { differences, listed } from './specify-difference.ts'
import { assertionError, Complaint, callSite, type Failure } from './specify-failure.ts'
import type {
  ExpectedRow,
  ProjectionSpecification,
  SpecifiedProjection,
  SpecifyProjectionOptions,
} from './specify-projection-contract.ts'
import { compareEmitted, emittedIn } from './specify-projection-emitted.ts'
import { logOf } from './specify-projection-given.ts'
import { judgePartitions, judgeStop, judgeThrown } from './specify-projection-judge.ts'
import { KEYS } from './specify-projection-run.ts'
import { type Outcome, partitionsIn, tryOut } from './specify-projection-trial.ts'
import { judgeState } from './specify-state-judge.ts'

/**
 * Examples of what a projection makes of events, without a store: given what was recorded, then this is what it holds, and what it has emitted.
 *
 * ```ts
 * const { given, deleted } = specifyProjection(sales)
 * const placed = { streamId: 'order-1', type: 'OrderPlaced', data: { total: 5 }, time: new Date('2024-05-01') } as const
 * await given([placed]).thenState({ orders: 1, total: 5 }, '2024-05-01')
 * await given([placed, deleted('order-1')]).thenPartitions({})
 * ```
 *
 * All results are promises; one rejects with an AssertionError of `node:assert`, with the difference, if something is not as expected, or if a
 * rule was broken on the way: everything is run three times, and must come to the same when it is run again, and when each event and each
 * timer is a batch of its own, with states written and read in between.
 *
 * @throws InvalidArgumentError
 */
export function specifyProjection<E extends EventShape, S>(
  projection: Projection<E, S>,
  options: SpecifyProjectionOptions = {},
): ProjectionSpecification<E, S> {
  const subject = subjectOf(projection as unknown as Projection<EventShape, S>, options)
  return {
    given: (log) => new Specified(subject, log, undefined),
    deleted: (streamId, more = {}) => ({ ...more, deleted: streamId }),
  }
}

interface Subject<S> {
  readonly projection: Projection<EventShape, S>
  readonly codecs: Codecs
  readonly nowMs: number
  readonly isOnce: boolean
}

const NEW_MILLENNIUM = new Date('2000-01-01T00:00:00.000Z')
const checkNames = onlyNames('The options of specifyProjection', 'now', 'once', 'codecs')

function subjectOf<S>(projection: Projection<EventShape, S>, options: SpecifyProjectionOptions): Subject<S> {
  checkNames(options)
  if (typeof projection?.definition !== 'object') {
    throw new InvalidArgumentError(`A projection is made by defineProjection, not ${describe(projection)}`)
  }
  const { now = NEW_MILLENNIUM, once = false, codecs } = options
  if (typeof once !== 'boolean') {
    throw new InvalidArgumentError(`once must be true or false, not ${describe(once)}`, { once })
  }
  return { projection, codecs: new Codecs(codecs), nowMs: timeOf('now', now), isOnce: once }
}

function timeOf(name: string, time: unknown): number {
  const ms = time instanceof Date ? time.getTime() : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new InvalidArgumentError(`${name} must be a valid Date, not ${describe(time)}`, { [name]: time })
}

/** A projection over a log. */
class Specified<S> implements SpecifiedProjection<S> {
  readonly #subject: Subject<S>
  readonly #given: unknown
  readonly #clockMs: number | undefined
  #outcome: Promise<Outcome> | undefined

  constructor(subject: Subject<S>, given: unknown, clockMs: number | undefined) {
    this.#subject = subject
    this.#given = given
    this.#clockMs = clockMs
  }

  at(time: Date): SpecifiedProjection<S> {
    return new Specified(this.#subject, this.#given, timeOf('The time of at()', time))
  }

  thenState(expected: unknown, partition = ''): Promise<void> {
    return this.#tell(callSite(this.thenState), 'come to a state', expected, ({ partitions }) => {
      const { definition } = this.#subject.projection
      const found = partitions.find((one) => one.partition === partition)
      const state =
        found === undefined ? definition.initialState(partition) : decodeState<S>(definition, found.encoded)
      const where = partition === '' ? '' : ` of the partition ${JSON.stringify(partition)}`
      const without = found === undefined ? ', of which nothing was handled,' : ''
      return judgeState(`The state${where}${without}`, state, expected)
    })
  }

  thenPartitions(expected: unknown): Promise<void> {
    return this.#tell(callSite(this.thenPartitions), 'come to partitions', expected, ({ partitions }) => {
      const { definition } = this.#subject.projection
      const states = partitions.map(
        ({ partition, encoded }) => [partition, decodeState<S>(definition, encoded)] as const,
      )
      return judgePartitions(new Map(states), expected)
    })
  }

  thenEmitted(wanted: unknown): Promise<void> {
    return this.#tell(callSite(this.thenEmitted), 'emit', wanted, ({ effects }) => {
      const emitted = emittedIn(effects, this.#subject.codecs)
      const { actual, expected, found } = compareEmitted(emitted, wanted)
      if (found.length === 0) return undefined
      const message = `The projection did not emit what was expected:${listed(found)}`
      return { message, actual, expected, operator: 'deepEqual' }
    })
  }

  thenKv(wanted: readonly ExpectedRow[]): Promise<void> {
    return this.#tell(callSite(this.thenKv), 'come to a read model', wanted, ({ kv }) => {
      const actual = kv.map(({ key, value }) => [key, value])
      const expected = wanted
        .map((row) => ({ row, at: Buffer.from(KEYS.model.pack(row[0])) }))
        .sort((one, other) => one.at.compare(other.at))
        .map(({ row }) => row)
      const found = differences(actual, expected, 'kv')
      if (found.length === 0) return undefined
      const message = `The read model is not as expected:${listed(found)}`
      return { message, actual, expected, operator: 'deepEqual' }
    })
  }

  thenThrows(expected: unknown): Promise<void> {
    return this.#judge(callSite(this.thenThrows), (outcome) => {
      return judgeThrown(outcome.stop, expected, partitionsIn(outcome))
    })
  }

  #tell(
    site: string,
    should: string,
    expected: unknown,
    judge: (outcome: Outcome) => Failure | undefined,
  ): Promise<void> {
    return this.#judge(site, (outcome) => {
      if (outcome.stop !== undefined) return judgeStop(outcome.stop, should, expected)
      return judge(outcome)
    })
  }

  async #judge(site: string, judge: (outcome: Outcome) => Failure | undefined): Promise<void> {
    let outcome: Outcome
    try {
      this.#outcome ??= this.#run()
      outcome = await this.#outcome
    } catch (error) {
      throw error instanceof Complaint ? assertionError(error.failure, site) : error
    }
    const failure = outcome.broken ?? judge(outcome)
    if (failure === undefined) return
    const message = outcome.broken === undefined ? `${failure.message}${noteOf(outcome)}` : failure.message
    throw assertionError({ ...failure, message }, site)
  }

  async #run(): Promise<Outcome> {
    const { projection, codecs, nowMs, isOnce } = this.#subject
    const log = await logOf({ events: projection.events, codecs, nowMs }, this.#given)
    return tryOut({ projection, codecs, log, isOnce, clockMs: this.#clockMs })
  }
}

/** What is not of the source is easily overlooked. */
function noteOf({ passedOver }: Outcome): string {
  if (passedOver.length === 0) return ''
  const names = passedOver.map(({ type, streamId }) => `${type} of ${streamId}`)
  return `\n\nNot of its source, and passed over: ${names.slice(0, 10).join(', ')}`
}
