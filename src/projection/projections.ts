import { ClosedError, InvalidArgumentError } from '../errors.ts'
import { PROJECTION_CACHE_STATES_MAX, PROJECTION_NAME_BYTES_MAX, TRANSACTION_AGE_MS_MAX } from '../limits.ts'
import type { CheckRun } from '../store/check-run.ts'
import type {
  Answer,
  Projection,
  ProjectionEntry,
  ProjectionHandle,
  ProjectionReader,
  ProjectOptions,
  RunningProjection,
  RunOnceOptions,
} from '../store/contract-projections.ts'
import type {
  ProjectIntoOptions,
  ProjectionSink,
  RunningSinkProjection,
  SinkProjection,
} from '../store/contract-sinks.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import type { MakeProjections, ProjectionHost, ProjectionScene } from '../store/projection-scene.ts'
import { checkSignal } from '../store/read-options.ts'
import type { Reading } from '../store/reading.ts'
import { checkName, describe } from '../store/text.ts'
import { feedsOf } from '../subscription/broker.ts'
import { checkWhole } from '../subscription/subscribe-options.ts'
import { administration } from './administration.ts'
import { inlineCarrier } from './inline-work.ts'
import { join } from './joining.ts'
import { NameRows } from './name-rows.ts'
import { checkProjections } from './projection-check.ts'
import { ProjectionRunner } from './projection-runner.ts'
import { projectionReader } from './reader.ts'
import { runOnce } from './run-once.ts'
import { SinkProjections } from './sink-projections.ts'
import { listProjections, readStatus } from './status.ts'
import { untilInForce } from './until-in-force.ts'
import { PositionWaiters, waitForPosition } from './waiting.ts'

const checkProjectNames = onlyNames(
  'The options of project',
  'signal',
  'leaseMs',
  'cacheMax',
  'onProgress',
  'onFault',
  'onProblem',
)

/** Makes what runs the projections of a store. */
export const makeProjections: MakeProjections = (scene) => new StoreProjections(scene)

class StoreProjections implements ProjectionHost {
  readonly #scene: ProjectionScene
  readonly #rows: NameRows
  readonly #waiters: PositionWaiters
  readonly #runners = new Set<Pick<ProjectionRunner<unknown>, 'name' | 'wake' | 'end' | 'ended'>>()
  /** What stops carrying inline projections. */
  readonly #carried = new Set<() => void>()
  readonly #closing = new AbortController()
  readonly #sinks: SinkProjections

  constructor(scene: ProjectionScene) {
    this.#scene = scene
    this.#rows = new NameRows(scene.host.keys)
    this.#waiters = new PositionWaiters((name) => {
      for (const runner of this.#runners) if (runner.name === name) runner.wake()
    })
    const closed = this.#closing.signal
    this.#sinks = new SinkProjections({
      ...scene,
      rows: this.#rows,
      closed,
      assertOpen: () => this.#assertOpen(),
    })
  }

  async project<E extends EventShape, S>(
    given: Projection<E, S>,
    options: ProjectOptions,
  ): Promise<RunningProjection<S>> {
    this.#assertOpen()
    const projection = asProjection<S>(given)
    checkProjectOptions(options)
    options.signal?.throwIfAborted()
    const { host, reading, broker } = this.#scene
    const generation = await join({ host, rows: this.#rows }, projection)
    this.#assertOpen()
    const stopCarrying = projection.isInline ? this.#carry(projection, generation) : undefined
    const wanted = (name: string): bigint | undefined => this.#waiters.wanted(name)
    const scene = { host, reading, rows: this.#rows, feeds: feedsOf(broker), wanted }
    const runner = new ProjectionRunner(scene, projection, options, generation)
    this.#runners.add(runner)
    void runner.ended.then(({ reason }) => {
      this.#runners.delete(runner)
      // Appends that wait when the store is closed are still made.
      if (stopCarrying === undefined || reason === 'store-closed') return
      // What began before another version took over is handled by this one first, and then tried again.
      const isOver = reason === 'superseded' || reason === 'deleted'
      if (isOver) host.runtime.scheduleBackground(TRANSACTION_AGE_MS_MAX, stopCarrying)
      else stopCarrying()
    })
    if (projection.isInline) await this.#untilInForce(runner, projection, options.signal)
    return this.#running(runner, projection)
  }

  #carry<S>(projection: Projection<EventShape, S>, generation: number): () => void {
    const { host } = this.#scene
    const stop = host.inline.carry(inlineCarrier({ host, rows: this.#rows }, projection, generation))
    this.#carried.add(stop)
    return () => {
      stop()
      this.#carried.delete(stop)
    }
  }

  async #untilInForce<S>(
    runner: ProjectionRunner<S>,
    projection: Projection<EventShape, S>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { host, reading } = this.#scene
    try {
      await untilInForce({ host, reading, rows: this.#rows }, projection, runner.ended)
      signal?.throwIfAborted()
    } catch (error) {
      runner.end('closed')
      await runner.ended
      throw error
    }
  }

  async projectInto<E extends EventShape, Tx>(
    sink: ProjectionSink<Tx>,
    projection: SinkProjection<E, Tx>,
    options: ProjectIntoOptions,
  ): Promise<RunningSinkProjection> {
    this.#assertOpen()
    return this.#sinks.projectInto(sink, projection, options)
  }

  projection<E extends EventShape, S>(given: Projection<E, S> | string): ProjectionHandle<S> {
    this.#assertOpen()
    if (typeof given !== 'string') {
      const projection = asProjection<S>(given)
      return this.#handle(projection.name, projection)
    }
    checkName(given, 'The name of a projection', PROJECTION_NAME_BYTES_MAX)
    return this.#handle<S>(given, undefined)
  }

  async runOnce<E extends EventShape, S>(
    projection: Projection<E, S>,
    options: RunOnceOptions,
  ): Promise<Answer<S>> {
    this.#assertOpen()
    return runOnce(this.#scene, asProjection<S>(projection), options)
  }

  list(signal: AbortSignal | undefined): AsyncIterable<ProjectionEntry> {
    const { host, reading } = this.#scene
    checkSignal(signal)
    return listProjections({ host, reading, rows: this.#rows }, signal)
  }

  check(run: CheckRun): Promise<void> {
    return checkProjections(run, this.#rows)
  }

  release(): void {
    for (const stop of this.#carried) stop()
  }

  close(): Promise<void> | undefined {
    this.#closing.abort(new ClosedError('event store'))
    const runners = [...this.#runners]
    for (const runner of runners) runner.end('store-closed')
    const sinks = this.#sinks.close()
    if (runners.length === 0) return sinks
    return Promise.all([...runners.map(({ ended }) => ended), sinks]).then(() => {})
  }

  #running<S>(runner: ProjectionRunner<S>, projection: Projection<EventShape, S>): RunningProjection<S> {
    const close = async (): Promise<void> => {
      runner.end('closed')
      await runner.ended
    }
    const handle = this.#handle(projection.name, projection)
    return {
      ...handle,
      get isLeader() {
        return runner.isLeader
      },
      ended: runner.ended,
      close,
      [Symbol.asyncDispose]: close,
    }
  }

  #handle<S>(name: string, projection: Projection<EventShape, S> | undefined): ProjectionHandle<S> {
    const { host, reading, within } = this.#scene
    const rows = this.#rows
    const scene = { host, reading, rows, waiters: this.#waiters, closed: this.#closing.signal }
    const reader = (from: Reading): ProjectionReader<S> =>
      projectionReader<S>({ reading: from, rows, name, projection })
    return {
      name,
      ...reader(reading),
      read: (body) =>
        reading.onSnapshot(async (view) =>
          body(reader({ ...reading, onSnapshot: (part) => part(view), pause: () => reading.pause() })),
        ),
      waitFor: (position, options) => waitForPosition(scene, { name, projection }, position, options),
      status: async ({ signal } = {}) => {
        checkSignal(signal)
        return readStatus({ host, reading, rows }, name, signal)
      },
      ...administration({ host, rows, within }, name),
    }
  }

  #assertOpen(): void {
    this.#scene.assertOpen()
    if (this.#closing.signal.aborted) throw new ClosedError('event store')
  }
}

/** What it holds of events is for its own handlers to know. */
function asProjection<S>(given: unknown): Projection<EventShape, S> {
  const { definition } = (given ?? {}) as { readonly definition?: unknown }
  if (typeof definition === 'object' && definition !== null) return given as Projection<EventShape, S>
  throw new InvalidArgumentError(`A projection is made by defineProjection, not ${describe(given)}`, {
    given,
  })
}

function checkProjectOptions(options: ProjectOptions): void {
  checkProjectNames(options)
  checkSignal(options.signal)
  checkWhole('leaseMs', options.leaseMs, 1_000, 600_000)
  checkWhole('cacheMax', options.cacheMax, 0, PROJECTION_CACHE_STATES_MAX)
  for (const name of ['onProgress', 'onFault', 'onProblem'] as const) {
    const given = options[name]
    if (given === undefined || typeof given === 'function') continue
    throw new InvalidArgumentError(`"${name}" must be a function, not ${describe(given)}`, { [name]: given })
  }
}
