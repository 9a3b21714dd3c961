import { ProjectionRefusedError } from '../errors.ts'
import { BufferedRows, rowsOf } from '../kv/buffered-rows.ts'
import type { Transaction } from '../kv/contract.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { EventShape, PendingEvent, RecordedEvent } from '../store/event.ts'
import type { InlineCarrier, InlineWork } from '../store/inline-carriers.ts'
import type { StoreSession } from '../store/session.ts'
import { appendEffects, type CommitScene, EffectFailure } from './committing.ts'
import type { CopyKeys } from './copy-keys.ts'
import { Handling, type HandlingLimits, type HandlingScene, type HandlingStart } from './handling.ts'
import { StateMemory } from './state-memory.ts'
import { RowsFailure } from './store-failures.ts'

/** Everything that there is, whatever it comes to: the transaction has limits of its own. */
export const WITHOUT_LIMITS: HandlingLimits = {
  steps: Number.POSITIVE_INFINITY,
  goesOn: () => true,
  clockMs: undefined,
}

/** Handles events within a transaction, upon the rows that it sees, which it depends on. */
export function handlingWithin<S>(
  { host, rows }: CommitScene,
  tx: Transaction,
  projection: Projection<EventShape, S>,
  keys: CopyKeys,
  place: Pick<HandlingScene<S>, 'isStream' | 'placeOf'>,
  start: HandlingStart,
): Handling<S> {
  const base = rowsOf((body) =>
    body(tx).catch((error: unknown) => {
      throw new RowsFailure(error)
    }),
  )
  return new Handling<S>(
    {
      ...place,
      projection,
      keyspace: rows.keyspace,
      keys,
      memory: new StateMemory<S>(0),
      runtime: host.runtime,
      rows: new BufferedRows(base, host.kv.limits),
      onStop: undefined,
    },
    start,
  )
}

/** What lets the transactions of this process keep an inline projection. */
export function inlineCarrier<S>(
  scene: CommitScene,
  projection: Projection<EventShape, S>,
  generation: number,
): InlineCarrier {
  const { name, version } = projection
  return {
    name,
    generation,
    version,
    begin: (session: StoreSession, copy) => new CopyWork(scene, projection, session, copy),
  }
}

/** Events that are just being appended have no place. */
const NOWHERE = { isStream: false, placeOf: () => 0n }
const BEFORE = { place: 0n, position: 0n, eventPosition: 0n, watermarkMs: undefined }

/** A copy that is kept in one transaction. */
class CopyWork<S> implements InlineWork {
  readonly #scene: CommitScene
  readonly #projection: Projection<EventShape, S>
  readonly #session: StoreSession
  readonly #handling: Handling<S>

  constructor(
    scene: CommitScene,
    projection: Projection<EventShape, S>,
    session: StoreSession,
    copy: number,
  ) {
    this.#scene = scene
    this.#projection = projection
    this.#session = session
    const keys = scene.rows.copy(copy)
    this.#handling = handlingWithin(scene, session.tx, projection, keys, NOWHERE, BEFORE)
  }

  async handle(events: readonly PendingEvent[]): Promise<void> {
    const handling = this.#handling
    const firstStep = handling.steps
    await handling.run(events as unknown as readonly RecordedEvent[], WITHOUT_LIMITS)
    const { failure } = handling
    if (failure !== undefined) throw this.#refusal(failure.event, failure.error)
    const effects = handling.effects.splice(0)
    if (effects.length === 0) return
    try {
      await appendEffects(this.#scene, this.#session, this.#projection.name, effects)
    } catch (error) {
      if (!(error instanceof EffectFailure)) throw error
      throw this.#refusal(events[error.step - firstStep], error.cause)
    }
  }

  write(): void {
    const { states } = this.#handling
    try {
      states.encode()
    } catch (error) {
      throw this.#refusal(undefined, error)
    }
    states.write(this.#session.tx)
    this.#handling.repeatOn(this.#session.tx)
  }

  #refusal(
    event: Pick<PendingEvent, 'streamId' | 'version' | 'type'> | undefined,
    cause: unknown,
  ): ProjectionRefusedError {
    const { name, version } = this.#projection
    const place = event && { streamId: event.streamId, version: event.version, type: event.type }
    return new ProjectionRefusedError(name, version, place, cause)
  }
}
