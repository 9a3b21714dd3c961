import { ClosedError, InvalidArgumentError, NotYetProjectedError } from '../errors.ts'
import { STREAM_ID_BYTES_MAX } from '../limits.ts'
import type { AggregateHost, AggregateScene } from '../store/aggregate-scene.ts'
import type {
  Aggregate,
  Aggregates,
  AggregatesOptions,
  AnyCommandResult,
  CommandCall,
  CommandResult,
  ExecuteOptions,
  LoadedAggregate,
  LoadOptions,
  TransactionAggregates,
} from '../store/contract-aggregates.ts'
import type { StoreTransaction } from '../store/contract-transactions.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkName, describe } from '../store/text.ts'
import { callOf, keyOf, requestOf, wholeCall } from './call.ts'
import { AggregateEngine } from './engine.ts'
import { loadedOf } from './fold.ts'
import { checkLoadOptions } from './load-options.ts'
import { throughMiddleware } from './middleware.ts'
import { aggregatesWithin } from './transaction-aggregates.ts'

/** Makes the aggregates of a store. */
export function makeAggregates(scene: AggregateScene): AggregateHost {
  return new StoreAggregates(scene)
}

/** Engines by kind, of any types. */
type AnyEngine = AggregateEngine<never, never>

class StoreAggregates implements AggregateHost {
  readonly #scene: AggregateScene
  readonly #engines = new Map<object, AnyEngine>()
  #isClosed = false

  constructor(scene: AggregateScene) {
    this.#scene = scene
  }

  aggregate<E extends EventShape, S, C>(
    aggregate: Aggregate<E, S, C>,
    options: AggregatesOptions,
  ): Aggregates<E, S, C> {
    if (this.#isClosed) throw new ClosedError('event store')
    checkAggregate(aggregate, this.#scene.categorySeparator)
    checkOptions(options)
    let engine = this.#engines.get(aggregate) as AggregateEngine<E, S> | undefined
    if (engine === undefined) {
      engine = new AggregateEngine(this.#scene, aggregate as Aggregate<E, S, unknown>)
      this.#engines.set(aggregate, engine as unknown as AnyEngine)
    }
    const face: Aggregates<E, S, never> = new AggregatesFace(this.#scene, engine, options)
    return face as unknown as Aggregates<E, S, C>
  }

  close(): Promise<void> | undefined {
    this.#isClosed = true
    const engines = [...this.#engines.values()]
    const isIdle = engines.every((engine) => engine.isIdle)
    const closing = Promise.all(engines.map((engine) => engine.close()))
    return isIdle ? undefined : closing.then(() => {})
  }
}

function checkAggregate(aggregate: unknown, separator: string): void {
  const isMade =
    typeof aggregate === 'object' && aggregate !== null && 'commands' in aggregate && 'evolve' in aggregate
  if (!isMade || !('events' in aggregate)) {
    throw new InvalidArgumentError(
      `Aggregates are defined by defineAggregate(…) and its siblings, not by ${describe(aggregate)}`,
    )
  }
  const { category } = aggregate as unknown as Aggregate<never, never, unknown>
  if (!category.includes(separator)) return
  throw new InvalidArgumentError(
    `The category ${JSON.stringify(category)} contains ${JSON.stringify(separator)}, which separates categories from ids in this store`,
    { category, separator },
  )
}

const checkNames = onlyNames('The options of aggregates', 'middleware', 'context')

function checkOptions(options: AggregatesOptions): void {
  checkNames(options)
  const { middleware = [], context } = options
  if (!Array.isArray(middleware) || middleware.some((one) => typeof one !== 'function')) {
    throw new InvalidArgumentError('middleware must be an array of functions', { middleware })
  }
  if (context !== undefined && typeof context !== 'function') {
    throw new InvalidArgumentError(`context must be a function, not ${describe(context)}`, { context })
  }
}

/** Waits for those who are to handle what a command wrote. @throws NotYetProjectedError */
async function untilProjected(
  result: AnyCommandResult,
  { waitFor = [], signal }: ExecuteOptions,
): Promise<void> {
  const { position } = result
  if (position === undefined || waitFor.length === 0) return
  try {
    await Promise.all(waitFor.map((one) => one.waitFor(position, signal === undefined ? {} : { signal })))
  } catch (error) {
    throw new NotYetProjectedError(result, error)
  }
}

class AggregatesFace<E extends EventShape, S> implements Aggregates<E, S, never> {
  readonly category: string
  readonly #scene: AggregateScene
  readonly #engine: AggregateEngine<E, S>
  readonly #options: AggregatesOptions

  constructor(scene: AggregateScene, engine: AggregateEngine<E, S>, options: AggregatesOptions) {
    this.category = engine.aggregate.category
    this.#scene = scene
    this.#engine = engine
    this.#options = options
  }

  async load(id: string, options: LoadOptions = {}): Promise<LoadedAggregate<S>> {
    this.#scene.assertOpen()
    checkLoadOptions(options)
    const { version, asOf, signal } = options
    const streamId = this.#streamId(id)
    const folded = await this.#engine.load(streamId, { version, untilMs: asOf?.getTime(), signal })
    return loadedOf({ id, streamId }, folded)
  }

  execute(id: string, ...given: readonly unknown[]): Promise<CommandResult<E, S>> {
    return this.#run(id, given, false)
  }

  create(id: string, ...given: readonly unknown[]): Promise<CommandResult<E, S>> {
    return this.#run(id, given, true)
  }

  within(tx: StoreTransaction): TransactionAggregates<E, S, never> {
    const outside = { scene: this.#scene, engine: this.#engine, options: this.#options }
    return aggregatesWithin({ ...outside, streamIdOf: (id) => this.#streamId(id) }, tx)
  }

  stream(id: string): ReturnType<Aggregates<E, S, never>['stream']> {
    return this.#scene.stream(this.#streamId(id)) as unknown as ReturnType<Aggregates<E, S, never>['stream']>
  }

  // An async function, so that whatever is wrong with the call comes out as a rejection; its place in the queue is taken at once.
  async #run(id: string, given: readonly unknown[], isCreation: boolean): Promise<CommandResult<E, S>> {
    this.#scene.assertOpen()
    const streamId = this.#streamId(id)
    const call = callOf(this.#engine.aggregate, given, false)
    const { signal } = call.options
    const whole = wholeCall(this.category, id, streamId, call, this.#options)
    const key = keyOf(streamId, call)
    const run = (changed: CommandCall): Promise<CommandResult<E, S>> =>
      this.#engine.execute({ ...requestOf(call, changed, isCreation), key, signal })
    const { middleware = [] } = this.#options
    const result = await (middleware.length === 0
      ? run(whole)
      : throughMiddleware(middleware, whole, (changed) => run(changed) as Promise<AnyCommandResult>))
    await untilProjected(result as unknown as AnyCommandResult, call.options)
    return result as unknown as CommandResult<E, S>
  }

  #streamId(id: string): string {
    checkName(id, 'The id of an aggregate', STREAM_ID_BYTES_MAX)
    const streamId = `${this.category}${this.#scene.categorySeparator}${id}`
    checkName(streamId, 'A stream id', STREAM_ID_BYTES_MAX)
    return streamId
  }
}
