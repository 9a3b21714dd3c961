import { InvalidArgumentError } from '../errors.ts'
import type {
  ProjectIntoOptions,
  ProjectionSink,
  RunningSinkProjection,
  SinkProjection,
} from '../store/contract-sinks.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import type { ProjectionScene } from '../store/projection-scene.ts'
import { checkSignal } from '../store/read-options.ts'
import { describe } from '../store/text.ts'
import { feedsOf } from '../subscription/broker.ts'
import { checkWhole } from '../subscription/subscribe-options.ts'
import type { NameRows } from './name-rows.ts'
import { checkpointId } from './sink-checkpoint.ts'
import { knownFrom, readText, SinkRefusal } from './sink-commit.ts'
import { sinkFace } from './sink-face.ts'
import { SinkRunner } from './sink-runner.ts'
import { sinkSource } from './sink-term.ts'
import { PositionWaiters } from './waiting.ts'

const checkOptionNames = onlyNames(
  'The options of projectInto',
  'signal',
  'leaseMs',
  'onProgress',
  'onFault',
  'onProblem',
)

/** What the projections of a store know of them. */
export interface SinkProjectionsScene extends ProjectionScene {
  readonly rows: NameRows
  /** Aborted when the store is closed. */
  readonly closed: AbortSignal
}

/** The projections of a store that run into sinks here. */
export class SinkProjections {
  readonly #scene: SinkProjectionsScene
  readonly #runners = new Set<Pick<SinkRunner<never>, 'end' | 'ended'>>()

  constructor(scene: SinkProjectionsScene) {
    this.#scene = scene
  }

  /** Runs one, from where its sink says that it is. @throws InvalidArgumentError, CheckpointRefusedError, ProjectionChangedError; what the sink throws */
  async projectInto<E extends EventShape, Tx>(
    sink: ProjectionSink<Tx>,
    given: SinkProjection<E, Tx>,
    options: ProjectIntoOptions,
  ): Promise<RunningSinkProjection> {
    checkSink(sink)
    const projection = asSinkProjection<Tx>(given)
    checkOptions(options)
    options.signal?.throwIfAborted()
    const { host, reading, broker, rows, closed } = this.#scene
    const source = sinkSource(projection)
    const id = checkpointId(projection)
    const { isStream, origin } = source.source
    const scene = { host, reading, sink, projection, id, isStream, origin }
    const known = await knownFrom(scene, await readText(scene).catch(causeOf)).catch(causeOf)
    this.#scene.assertOpen()
    const waiters = new PositionWaiters(() => runner.wake())
    const wanted = (): bigint | undefined => waiters.wanted(id)
    const runner = new SinkRunner<Tx>(
      { ...scene, source, feeds: feedsOf(broker), rows, options, wanted },
      known,
    )
    this.#runners.add(runner)
    void runner.ended.then(() => this.#runners.delete(runner))
    return sinkFace({ ...scene, waiters, closed }, runner)
  }

  /** Ends all that run here, and waits for their transactions; `undefined` if there are none. */
  close(): Promise<void> | undefined {
    const runners = [...this.#runners]
    for (const runner of runners) runner.end('store-closed')
    return runners.length === 0 ? undefined : Promise.all(runners.map(({ ended }) => ended)).then(() => {})
  }
}

function causeOf(error: unknown): never {
  throw error instanceof SinkRefusal ? error.cause : error
}

function checkSink(sink: unknown): void {
  const { checkpoint, commit } = (sink ?? {}) as { readonly checkpoint?: unknown; readonly commit?: unknown }
  if (typeof checkpoint === 'function' && typeof commit === 'function') return
  throw new InvalidArgumentError(
    `A sink has the functions "checkpoint" and "commit", which is not so of ${describe(sink)}`,
    { sink },
  )
}

/** What it holds of events is for its own handlers to know. */
function asSinkProjection<Tx>(given: unknown): SinkProjection<EventShape, Tx> {
  const { definition } = (given ?? {}) as { readonly definition?: object | null }
  // Those that have a state of their own are for `store.project`.
  if (typeof definition === 'object' && definition !== null && !('initialState' in definition)) {
    return given as SinkProjection<EventShape, Tx>
  }
  throw new InvalidArgumentError(
    `A projection into a sink is made by defineSinkProjection, not ${describe(given)}`,
    { given },
  )
}

function checkOptions(options: ProjectIntoOptions): void {
  checkOptionNames(options)
  checkSignal(options.signal)
  checkWhole('leaseMs', options.leaseMs, 1_000, 600_000)
  for (const name of ['onProgress', 'onFault', 'onProblem'] as const) {
    const given = options[name]
    if (given === undefined || typeof given === 'function') continue
    throw new InvalidArgumentError(`"${name}" must be a function, not ${describe(given)}`, { [name]: given })
  }
}
