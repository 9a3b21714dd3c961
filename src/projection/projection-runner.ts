import { ClosedError } from '../errors.ts'
import { PROJECTION_CACHE_STATES, PROJECTION_LEASE_MS } from '../limits.ts'
import type {
  Projection,
  ProjectionEnd,
  ProjectionEndReason,
  ProjectOptions,
} from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import type { Reading, View } from '../store/reading.ts'
import type { FeedScene } from '../subscription/feed.ts'
import { CopyRunner } from './copy-runner.ts'
import { waitFor } from './leasing.ts'
import type { NameRows } from './name-rows.ts'
import { lookAndWatch } from './row-watch.ts'

/** What running a projection takes. */
export interface RunnerScene {
  readonly host: StoreHost
  readonly reading: Reading
  readonly rows: NameRows
  readonly feeds: FeedScene
  wanted(name: string): bigint | undefined
}

/** How often somebody who waits for changes looks for them all the same, in milliseconds. */
const LOOK_MS = 60_000

/** Runs the copies of a projection that are of its version: those that serve, and those that are being built. */
export class ProjectionRunner<S> {
  readonly #scene: RunnerScene
  readonly #projection: Projection<EventShape, S>
  readonly #options: ProjectOptions
  readonly #generation: number
  readonly #self: string
  readonly #ending = new AbortController()
  readonly #copies = new Map<number, CopyRunner<S>>()
  /** Copies that are gone, whose handlers have not returned. */
  readonly #leaving = new Set<Promise<void>>()
  #roles = ''
  #end: ProjectionEnd | undefined
  readonly ended: Promise<ProjectionEnd>

  constructor(
    scene: RunnerScene,
    projection: Projection<EventShape, S>,
    options: ProjectOptions,
    generation: number,
  ) {
    this.#scene = scene
    this.#projection = projection
    this.#options = options
    this.#generation = generation
    this.#self = newSelf(scene.host)
    const { signal } = options
    const onAbort = (): void => this.end('aborted', signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.ended = this.#run().finally(() => signal?.removeEventListener('abort', onAbort))
    if (signal?.aborted) onAbort()
  }

  get name(): string {
    return this.#projection.name
  }

  get isLeader(): boolean {
    return [...this.#copies.values()].some((copy) => copy.isLeader)
  }

  /** Begins to end. Only the first reason counts. */
  end(reason: ProjectionEndReason, error?: unknown): void {
    if (this.#end !== undefined) return
    this.#end = error === undefined ? { reason } : { reason, error }
    this.#ending.abort(new ClosedError('projection'))
  }

  /** Somebody in this process waits for a position. */
  wake(): void {
    for (const copy of this.#copies.values()) copy.wake()
  }

  async #run(): Promise<ProjectionEnd> {
    const { signal } = this.#ending
    while (this.#end === undefined) {
      try {
        await this.#follow(signal)
      } catch (error) {
        if (error instanceof ClosedError) this.end('store-closed')
        else await this.#waitAfter(error)
      }
    }
    for (const [number, copy] of this.#copies) this.#leave(number, copy)
    await Promise.all(this.#leaving)
    return this.#end
  }

  /** Looks which copies there are, makes it so that they run here, and waits for a change. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { reading, rows, host } = this.#scene
    const { seen, changed, cancel } = await lookAndWatch(reading, [rows.keyOf(this.name)], (view) =>
      this.#look(view),
    )
    try {
      if ('reason' in seen) return this.end(seen.reason)
      for (const [number, copy] of this.#copies) {
        if (!seen.copies.has(number)) this.#leave(number, copy)
        else if (seen.roles !== this.#roles) copy.lookAnew()
      }
      this.#roles = seen.roles
      for (const number of seen.copies) if (!this.#copies.has(number)) this.#add(number)
      await waitFor(host.runtime, changed, LOOK_MS, signal).catch(() => {})
    } finally {
      cancel()
    }
  }

  async #look({
    tx,
  }: View): Promise<
    | { readonly copies: ReadonlySet<number>; readonly roles: string }
    | { readonly reason: 'deleted' | 'superseded' }
  > {
    const { rows } = this.#scene
    const row = await rows.read(tx, this.name)
    if (row?.generation !== this.#generation || row.serving === undefined) return { reason: 'deleted' }
    const copies = new Set<number>()
    for (const number of [row.serving, row.building]) {
      const copy = await rows.copyAt(tx, number)
      if (copy?.control.version === this.#projection.version) copies.add(copy.keys.copy)
    }
    const roles = JSON.stringify([row.serving, row.building, row.isPaused])
    return copies.size === 0 ? { reason: 'superseded' } : { copies, roles }
  }

  /** Nobody waits for a handler of a copy that is gone: it may hang, which may be why. */
  #leave(number: number, copy: CopyRunner<S>): void {
    this.#copies.delete(number)
    const leaving = copy.end().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  #add(number: number): void {
    const { host, reading, rows, feeds } = this.#scene
    const { leaseMs = PROJECTION_LEASE_MS, cacheMax = PROJECTION_CACHE_STATES } = this.#options
    const copy = new CopyRunner<S>({
      host,
      reading,
      rows,
      feeds,
      name: this.name,
      generation: this.#generation,
      keys: rows.copy(number),
      self: this.#self,
      leaseMs,
      cacheMax,
      projection: this.#projection,
      options: this.#options,
      wanted: () => this.#scene.wanted(this.name),
    })
    this.#copies.set(number, copy)
  }

  async #waitAfter(error: unknown): Promise<void> {
    const { runtime } = this.#scene.host
    runtime.warn?.(`What is known of the projection ${JSON.stringify(this.name)} cannot be read`, error)
    await waitFor(runtime, new Promise(() => {}), 1_000, this.#ending.signal).catch(() => {})
  }
}

/** Drawn for each runner, as two in one process are not the same. */
function newSelf({ runtime }: StoreHost): string {
  const bytes = new Uint8Array(8)
  runtime.randomBytes(bytes)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
