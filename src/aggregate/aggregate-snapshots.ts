import { ClosedError, CorruptionError } from '../errors.ts'
import { SNAPSHOTS_UNDER_WAY_MAX } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { AggregateScene } from '../store/aggregate-scene.ts'
import type { Aggregate, SnapshotPolicy } from '../store/contract-aggregates.ts'
import type { SnapshotOptions } from '../store/contract-streams.ts'
import type { EventShape, JsonValue } from '../store/event.ts'
import { lifeBase } from '../store/life.ts'
import { readLife } from '../store/life-rows.ts'
import type { View } from '../store/reading.ts'
import {
  clearOlderForms,
  closestIn,
  type SnapshotScene,
  type SnapshotSeriesName,
} from '../store/snapshots.ts'
import { insideOf } from '../store/store-transaction.ts'
import { numberOf } from '../store/stream-rows.ts'
import type { Folded } from './fold.ts'
import { decodeSaved, encodeSaved, formOf, type SavedState } from './saved-state.ts'

type Saved = JsonValue | Uint8Array

/** A state that was found in a snapshot. */
export interface FoundState<S> extends SavedState<S> {
  readonly version: number
}

/** The snapshots of one kind of aggregates: best effort, and never in anybody's way. */
export class AggregateSnapshots<E extends EventShape, S> {
  readonly #scene: AggregateScene
  readonly #aggregate: Aggregate<E, S, unknown>
  readonly #policy: SnapshotPolicy<S> | undefined
  readonly #name: string
  readonly #options: SnapshotOptions & { readonly schemaVersion: number }
  readonly #form: number
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(scene: AggregateScene, aggregate: Aggregate<E, S, unknown>) {
    this.#scene = scene
    this.#aggregate = aggregate
    this.#policy = aggregate.snapshots
    const { name = 'state', schemaVersion = 1, keep } = aggregate.snapshots ?? {}
    this.#name = name
    this.#options = { schemaVersion, ...(keep !== undefined && { keep }) }
    this.#form = formOf(aggregate as unknown as Aggregate<never, never, unknown>)
  }

  /** The newest state at or before a version, all of whose events happened by a time. What cannot be read is reported and passed over. */
  async find(
    view: View,
    streamId: string,
    stream: SnapshotScene,
    { last, untilMs }: { readonly last: number; readonly untilMs: number },
  ): Promise<FoundState<S> | undefined> {
    if (this.#policy === undefined) return undefined
    const series = { streamId, name: this.#name, schemaVersion: this.#options.schemaVersion }
    for (let below = last; below >= 0; ) {
      const found = await this.#closest(view, series, stream, below)
      if (found === undefined) return undefined
      below = found.version - 1
      try {
        const saved =
          found.state === undefined ? undefined : decodeSaved<S>(this.#aggregate, this.#form, found.state)
        if (saved !== undefined && saved.latestMs <= untilMs) return { ...saved, version: found.version }
      } catch (error) {
        this.#report(error, streamId, 'used')
      }
    }
    return undefined
  }

  /** The closest snapshot; without a state if it is damaged. */
  async #closest(
    view: View,
    series: SnapshotSeriesName,
    stream: SnapshotScene,
    last: number,
  ): Promise<{ readonly version: number; readonly state?: Saved } | undefined> {
    try {
      return await closestIn<Saved>(view, series, stream, last)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      this.#report(error, series.streamId, 'used')
      const { version } = error.details
      return typeof version === 'number' ? { version } : undefined
    }
  }

  /** Whether a durable state is to be saved. */
  isDue({ state, version, snapshot, loadMs, isWhole }: Folded<S>, streamId: string): boolean {
    const events = version - snapshot
    if (this.#policy === undefined || events === 0 || !isWhole) return false
    const {
      every = Number.POSITIVE_INFINITY,
      loadMs: longest = Number.POSITIVE_INFINITY,
      when,
    } = this.#policy
    if (events >= every || loadMs > longest) return true
    try {
      return when?.(state, { version, events, loadMs }) ?? false
    } catch (error) {
      this.#report(error, streamId, 'saved')
      return false
    }
  }

  /** Saves a durable state in the background. Returns whether it was taken on. */
  save(streamId: string, folded: Folded<S>): boolean {
    if (this.#underWay.has(streamId) || this.#underWay.size >= SNAPSHOTS_UNDER_WAY_MAX) return false
    const saving = this.#save(streamId, folded)
      .catch((error: unknown) => {
        // A transaction that ended as the store was closed is no problem of the snapshot.
        if (!(error instanceof ClosedError)) this.#report(error, streamId, 'saved')
      })
      .finally(() => this.#underWay.delete(streamId))
    this.#underWay.set(streamId, saving)
    return true
  }

  /** Resolves when all that are under way are saved; `undefined` if none is. */
  settled(): Promise<unknown> | undefined {
    return this.#underWay.size === 0 ? undefined : Promise.all(this.#underWay.values())
  }

  async #save(streamId: string, folded: Folded<S>): Promise<void> {
    // Encoding takes a moment, and the next command shall not wait for it.
    await turn(this.#scene.host.runtime)
    const saved = encodeSaved<S>(this.#aggregate, this.#form, folded)
    await this.#scene.transact(async (tx) => {
      const { session, view } = insideOf(tx, this.#scene.host)
      const number = await numberOf(view.tx, view.keys, streamId)
      if (number === undefined) return
      const life = await readLife(view.tx, view.keys, number)
      // A state of another life is none of this one.
      if (life.tombstoned || lifeBase(life) !== folded.base) return
      await tx.stream(streamId).snapshots<Saved>(this.#name, this.#options).save(folded.version, saved)
      const { schemaVersion } = this.#options
      await clearOlderForms(view, session.tx, { number, name: this.#name, schemaVersion })
    })
  }

  #report(error: unknown, streamId: string, what: 'saved' | 'used'): void {
    const { warn } = this.#scene.host.runtime
    try {
      if (this.#policy?.onProblem !== undefined) this.#policy.onProblem(error, { streamId })
      else warn?.(`A snapshot of stream ${JSON.stringify(streamId)} could not be ${what}`, error)
    } catch (thrown) {
      warn?.('onProblem of a snapshot policy has thrown', thrown)
    }
  }
}
