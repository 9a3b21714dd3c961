import { InvalidArgumentError } from '../errors.ts'
import { BufferedRows, NO_ROWS } from '../kv/buffered-rows.ts'
import { READ_PAGE_EVENTS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { Answer, PartitionState, Projection, RunOnceOptions } from '../store/contract-projections.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import { onlyNames } from '../store/known-names.ts'
import { listing } from '../store/listing.ts'
import { checkSignal, positionBounds, versionBounds } from '../store/read-options.ts'
import type { Reading } from '../store/reading.ts'
import { positionFoundAt } from '../store/stored-event.ts'
import { compareCodePoints, describe } from '../store/text.ts'
import { userKeyReader } from '../store/user-keys.ts'
import { endOf, placeOf } from '../subscription/source.ts'
import { checkStart, startOf } from '../subscription/starting.ts'
import { CopyKeys } from './copy-keys.ts'
import { Handling } from './handling.ts'
import { type ProjectionSource, projectionSource } from './projection-source.ts'
import { StateMemory } from './state-memory.ts'

const checkOptions = onlyNames(
  'The options of runOnce',
  'from',
  'to',
  'clockTo',
  'onEmit',
  'signal',
  'onProgress',
)

const UNBOUNDED = { rowsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY }

/** What running a projection once takes. */
export interface OnceScene {
  readonly host: StoreHost
  readonly reading: Reading
}

function refuseToEmit(): never {
  throw new InvalidArgumentError('What is run once emits nothing; give it `onEmit` to see what it would')
}

/** Runs a projection over the past, in memory. @throws what handlers throw; InvalidArgumentError; the signal's reason */
export async function runOnce<S>(
  scene: OnceScene,
  projection: Projection<EventShape, S>,
  options: RunOnceOptions = {},
): Promise<Answer<S>> {
  checkOnceOptions(options)
  const run = new OnceRun(scene, projection, options)
  await run.toTheEnd()
  return run.answer()
}

function checkOnceOptions(options: RunOnceOptions): void {
  checkOptions(options)
  const { clockTo, onEmit, onProgress } = options
  checkSignal(options.signal)
  if (clockTo !== undefined && !(clockTo instanceof Date && !Number.isNaN(clockTo.getTime()))) {
    throw new InvalidArgumentError(`"clockTo" must be a valid Date, not ${describe(clockTo)}`, { clockTo })
  }
  for (const [name, given] of Object.entries({ onEmit, onProgress })) {
    if (given === undefined || typeof given === 'function') continue
    throw new InvalidArgumentError(`"${name}" must be a function, not ${describe(given)}`, { [name]: given })
  }
}

class OnceRun<S> {
  readonly #scene: OnceScene
  readonly #projection: Projection<EventShape, S>
  readonly #options: RunOnceOptions
  readonly #source: ProjectionSource
  readonly #rows = new BufferedRows(NO_ROWS, UNBOUNDED)
  readonly #keys: CopyKeys
  #handling: Handling<S> | undefined
  #isStopped = false

  constructor(scene: OnceScene, projection: Projection<EventShape, S>, options: RunOnceOptions) {
    this.#scene = scene
    this.#projection = projection
    this.#options = options
    this.#source = projectionSource(projection)
    this.#keys = new CopyKeys(scene.host.keys, 0)
  }

  async toTheEnd(): Promise<void> {
    const { reading } = this.#scene
    const { signal, clockTo } = this.#options
    const { source } = this.#source
    let [place, end] = await this.#bounds()
    const isWanted = this.#wanted(end)
    const handling = this.#begin(earlierOf(place, end))
    while (place < end && !this.#isStopped) {
      signal?.throwIfAborted()
      const from = place
      const page = await reading.onSnapshot((view) => source.page(view, from, READ_PAGE_EVENTS))
      const events = page.events.filter(isWanted)
      await this.#handle(handling, events)
      place = page.through
      if (!this.#isStopped) this.#moveTo(handling, earlierOf(place, end))
      this.#tellProgress(handling)
      if (page.isEnd || events.length < page.events.length) break
    }
    if (clockTo !== undefined && !this.#isStopped) await this.#handle(handling, [], clockTo.getTime())
  }

  answer(): Answer<S> {
    const { handled, position, states } = this.#handling!
    const { initialState } = this.#projection.definition
    const { version } = this.#projection
    const load = (partition = '') => {
      const known = states.known(partition)
      const state = known === undefined ? initialState(partition) : known.state
      return { partition, state, exists: known !== undefined, version, position }
    }
    return {
      handled,
      position,
      isStopped: this.#isStopped,
      load: async (partition) => load(partition),
      state: async (partition) => load(partition).state,
      partitions: ({ prefix = '' } = {}) => listing(() => sorted(states.all(), prefix)),
      kv: userKeyReader(this.#rows, this.#keys.model),
    }
  }

  /** Where to begin, and where to end: what is appended meanwhile is not of the past. */
  #bounds(): Promise<[AnyPlace, AnyPlace]> {
    const { source } = this.#source
    const { from } = this.#options
    const start = from === undefined ? 'start' : { from }
    checkStart(source, start)
    return this.#scene.reading.onSnapshot(async (view) => {
      const end = await endOf(view, source)
      const last = this.#last()
      return [(await startOf(view, source, start)).place, last !== undefined && last < end ? last : end]
    })
  }

  /** The last place that is wanted, if that is known before anything is read. @throws InvalidArgumentError */
  #last(): AnyPlace | undefined {
    const { isStream } = this.#source.source
    const { to } = this.#options
    if (to === undefined || (isStream && to instanceof Date)) return undefined
    return isStream
      ? versionBounds({ to: to as number }).last
      : positionBounds({ to: to as bigint | Date }).last
  }

  /** Which events are not too late. @throws InvalidArgumentError */
  #wanted(end: AnyPlace): (event: RecordedEvent) => boolean {
    const { isStream } = this.#source.source
    const { to } = this.#options
    const last = isStream && to instanceof Date ? positionBounds({ to }).last : undefined
    return (event) =>
      placeOf({ isStream }, event) <= end && (last === undefined || positionFoundAt(event) <= last)
  }

  #begin(place: AnyPlace): Handling<S> {
    const { host } = this.#scene
    const { isStream } = this.#source.source
    const { onEmit } = this.#options
    this.#handling = new Handling<S>(
      {
        projection: this.#projection,
        keyspace: host.keys,
        keys: this.#keys,
        memory: new StateMemory<S>(0),
        runtime: host.runtime,
        rows: this.#rows,
        isStream,
        placeOf: (event) => placeOf({ isStream }, event),
        onStop: () => {
          this.#isStopped = true
        },
        onEmit: onEmit ?? refuseToEmit,
      },
      { place, position: typeof place === 'bigint' ? place : 0n, eventPosition: 0n, watermarkMs: undefined },
    )
    return this.#handling
  }

  async #handle(handling: Handling<S>, events: readonly RecordedEvent[], clockMs?: number): Promise<void> {
    await handling.run(events, { steps: Number.POSITIVE_INFINITY, goesOn: this.#goesOn, clockMs })
    if (handling.failure !== undefined) throw handling.failure.error
  }

  /** @throws the signal's reason */
  readonly #goesOn = (): boolean => {
    this.#options.signal?.throwIfAborted()
    return !this.#isStopped
  }

  #moveTo(handling: Handling<S>, place: AnyPlace): void {
    handling.moveTo(place, typeof place === 'bigint' ? place : 0n)
  }

  #tellProgress({ handled, position }: Handling<S>): void {
    this.#options.onProgress?.({ handled, position })
  }
}

function earlierOf(a: AnyPlace, b: AnyPlace): AnyPlace {
  return b < a ? b : a
}

async function* sorted<S>(
  states: Iterable<readonly [string, S]>,
  prefix: string,
): AsyncGenerator<PartitionState<S>> {
  const wanted = [...states].filter(([partition]) => partition.startsWith(prefix))
  wanted.sort(([a], [b]) => compareCodePoints(a, b))
  for (const [partition, state] of wanted) yield { partition, state, exists: true }
}
