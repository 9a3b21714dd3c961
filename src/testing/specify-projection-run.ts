import { BufferedRows, NO_ROWS, type StoredRows } from '../kv/buffered-rows.ts'
import { subspace } from '../kv/subspace.ts'
import { CopyKeys } from '../projection/copy-keys.ts'
import type { Effect } from '../projection/effects.ts'
import { Handling, type HandlingLimits, type HandlingStart } from '../projection/handling.ts'
import { projectionSource } from '../projection/projection-source.ts'
import { StateMemory } from '../projection/state-memory.ts'
import { type StoredPartition, statesIn } from '../projection/state-rows.ts'
import { type Timer, timerOf } from '../projection/timers.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import type { Codecs } from '../store/codecs.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { KeyValueRow } from '../store/contract-transactions.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import { Keyspace } from '../store/keyspace.ts'
import { DEFAULT_SETTINGS } from '../store/settings.ts'
import { userKeyReader } from '../store/user-keys.ts'
import { placeOf, type Source } from '../subscription/source.ts'

/** What a projection is run over. */
export interface RunScene<S> {
  readonly projection: Projection<EventShape, S>
  readonly codecs: Codecs
  readonly log: readonly RecordedEvent[]
  /** Whether handlers may stop it. */
  readonly isOnce: boolean
  /** Until when timers run that no event has made due. */
  readonly clockMs: number | undefined
}

/** What a projection has stopped with, and where. */
export interface Stop {
  readonly error: unknown
  readonly where: string
  /** Whether a state could not be written; else a handler has thrown. */
  readonly isUnwritable: boolean
}

/** What came of a run. */
export interface RunResult {
  readonly stop: Stop | undefined
  readonly partitions: readonly StoredPartition[]
  readonly kv: readonly KeyValueRow[]
  readonly timers: readonly Timer[]
  readonly effects: readonly Effect[]
}

/** Where rows are that are kept nowhere. */
export const KEYS: CopyKeys = new CopyKeys(new Keyspace(subspace(new Uint8Array())), 0)

const UNBOUNDED = { rowsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY }

/** Nobody else is there to have a turn; and a test may have stopped the timers. */
const RUNTIME: Runtime = { ...systemRuntime, defer: queueMicrotask }

/** Handles everything in one batch. */
export function runAtOnce<S>(scene: RunScene<S>): Promise<RunResult> {
  return new Run(scene).toTheEnd(Number.POSITIVE_INFINITY)
}

/** Handles one event or timer a batch, with what is held written and read in between. */
export function runOneByOne<S>(scene: RunScene<S>): Promise<RunResult> {
  return new Run(scene).toTheEnd(1)
}

/** Which events of a log a projection gets to see. */
export function eventsOf<S>({ projection, log }: RunScene<S>): readonly RecordedEvent[] {
  const { source } = projectionSource(projection)
  return log.filter((event) => source.isMeant(event, DEFAULT_SETTINGS))
}

class Run<S> {
  readonly #scene: RunScene<S>
  readonly #source: Source
  readonly #keyspace: Keyspace
  /** What was written. */
  readonly #rows = new BufferedRows(NO_ROWS, UNBOUNDED)
  readonly #effects: Effect[] = []
  #start: HandlingStart
  #stop: Stop | undefined
  /** Whether a handler wants no more events. */
  #isOver = false

  constructor(scene: RunScene<S>) {
    this.#scene = scene
    this.#source = projectionSource(scene.projection).source
    this.#keyspace = new Keyspace(subspace(new Uint8Array()), scene.codecs)
    this.#start = { place: this.#source.origin, position: 0n, eventPosition: 0n, watermarkMs: undefined }
  }

  async toTheEnd(steps: number): Promise<RunResult> {
    const { clockMs } = this.#scene
    const limits = { steps, goesOn: steps === 1 ? undefined : () => !this.#isOver }
    let left = eventsOf(this.#scene)
    for (let isCut = true; isCut && !this.#isEnded; ) {
      const batch = await this.#batch(left, { ...limits, clockMs: undefined })
      left = left.slice(batch.taken)
      isCut = batch.isCut
    }
    for (let isCut = clockMs !== undefined; isCut && !this.#isEnded; ) {
      isCut = (await this.#batch([], { ...limits, clockMs })).isCut
    }
    return this.#result()
  }

  get #isEnded(): boolean {
    return this.#isOver || this.#stop !== undefined
  }

  async #batch(events: readonly RecordedEvent[], limits: HandlingLimits): Promise<Handling<S>> {
    const rows = new BufferedRows(storedIn(this.#rows), UNBOUNDED)
    const { projection, isOnce } = this.#scene
    const { isStream } = this.#source
    const handling = new Handling<S>(
      {
        projection,
        keyspace: this.#keyspace,
        keys: KEYS,
        memory: new StateMemory<S>(0),
        runtime: RUNTIME,
        rows,
        isStream,
        placeOf: (event) => placeOf({ isStream }, event),
        onStop: isOnce
          ? () => {
              this.#isOver = true
            }
          : undefined,
      },
      this.#start,
    )
    await handling.run(events, limits)
    const { failure, place, position, eventPosition, watermarkMs } = handling
    if (failure === undefined) this.#keep(handling, rows)
    else this.#stop = { error: failure.error, where: whereIs(failure), isUnwritable: false }
    this.#start = { place, position, eventPosition, watermarkMs }
    return handling
  }

  #keep({ states, effects, first }: Handling<S>, rows: BufferedRows): void {
    try {
      states.encode()
    } catch (error) {
      this.#stop = { error, where: first === undefined ? '' : whereIs(first), isUnwritable: true }
      return
    }
    states.write(rows)
    rows.repeatOn(this.#rows)
    this.#effects.push(...effects)
  }

  async #result(): Promise<RunResult> {
    const states = await this.#rows.getRange(KEYS.states()).toArray()
    const timers = await this.#rows.getRange(KEYS.timers()).toArray()
    const kv: KeyValueRow[] = []
    for await (const row of userKeyReader(this.#rows, KEYS.model).getRange([])) kv.push(row)
    return {
      stop: this.#stop,
      partitions: statesIn(states, { keyspace: this.#keyspace, keys: KEYS }),
      kv,
      timers: timers.map((row) => timerOf(this.#keyspace, KEYS, row)),
      effects: this.#effects,
    }
  }
}

function storedIn(rows: BufferedRows): StoredRows {
  return {
    get: (key) => rows.get(key),
    rows: (range, limit, reverse) => rows.getRange(range, { limit, reverse }).toArray(),
  }
}

function whereIs({
  event,
  timer,
}: {
  readonly event?: RecordedEvent | undefined
  readonly timer?: Timer | undefined
}): string {
  if (timer !== undefined) {
    const { name, partition, dueMs } = timer
    const whose = partition === '' ? '' : ` of ${JSON.stringify(partition)}`
    return `at the timer ${JSON.stringify(name)}${whose}, due ${new Date(dueMs).toISOString()}`
  }
  return event === undefined ? '' : `at ${event.type} of ${event.streamId}, version ${event.version}`
}
