import { ClosedError, ProjectionNotFaultedError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import { PROJECTION_LEASE_MS, SINK_LOOK_MS } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { ProjectionFault } from '../store/contract-projections.ts'
import type {
  ProjectIntoOptions,
  SinkProjectionEnd,
  SinkProjectionEndReason,
} from '../store/contract-sinks.ts'
import type { RecordedEvent } from '../store/event.ts'
import { callBack } from './call-back.ts'
import { hasNothingBetween } from './committing.ts'
import { faultOf, retryDelayMs, seenFault, warningOf } from './faults.ts'
import { waitFor } from './leasing.ts'
import type { NameRows } from './name-rows.ts'
import { type FaultRow, laterOf } from './projection-rows.ts'
import { commitInto, type KnownCheckpoint, knownFrom, readText, SinkRefusal } from './sink-commit.ts'
import { SinkSituation } from './sink-situation.ts'
import { type SinkFailure, SinkTerm, type TermScene } from './sink-term.ts'

/** What running a projection into a sink takes. */
export interface SinkRunnerScene<Tx> extends Omit<TermScene<Tx>, 'onCommitted' | 'onCaughtUp' | 'onProblem'> {
  readonly rows: NameRows
  readonly options: ProjectIntoOptions
}

/** Somebody who wants the fault to be skipped. */
interface Skip {
  readonly position: bigint | undefined
  resolve(fault: ProjectionFault): void
  reject(error: unknown): void
}

/** Moves the checkpoint of a sink on, or stands by while another process does, until it is told to end. */
export class SinkRunner<Tx> {
  readonly #scene: TermScene<Tx> & SinkRunnerScene<Tx>
  readonly #leaseMs: number
  readonly #ending = new AbortController()
  readonly situation: SinkSituation
  #term: SinkTerm<Tx> | undefined
  #problems = 0
  /** What this one has written last, whether or not it was committed. */
  #written: string | undefined
  #skips: Skip[] = []
  #wake: (() => void) | undefined
  /** Resolves when it runs no more. */
  readonly ended: Promise<SinkProjectionEnd>

  constructor(scene: SinkRunnerScene<Tx>, known: KnownCheckpoint) {
    this.#scene = {
      ...scene,
      onCommitted: (now, isCaughtUp) => this.#moveOn(now, isCaughtUp),
      onCaughtUp: () => this.#catchUp(),
      onProblem: (error) => this.#tellProblem(error),
      onWritten: (text) => {
        this.#written = text
      },
    }
    const { leaseMs = PROJECTION_LEASE_MS, signal } = scene.options
    this.#leaseMs = leaseMs
    this.situation = new SinkSituation(known)
    const onAbort = (): void => this.end('aborted', signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.ended = this.#run().finally(() => signal?.removeEventListener('abort', onAbort))
    if (signal?.aborted) onAbort()
  }

  /** Begins to end. Only the first reason counts. */
  end(reason: SinkProjectionEndReason, error?: unknown): void {
    this.situation.endWith(error === undefined ? { reason } : { reason, error })
    this.#ending.abort(new ClosedError('projection'))
  }

  /** Somebody in this process waits for a position. */
  wake(): void {
    this.#term?.wake()
    this.#wake?.()
  }

  /** Moves past the fault that it stands at. @throws ProjectionNotFaultedError, ClosedError, what the sink throws */
  skip(position: bigint | undefined): Promise<ProjectionFault> {
    if (this.situation.end !== undefined) return Promise.reject(new ClosedError('projection'))
    if (this.situation.fault === undefined) return Promise.reject(this.#notFaulted(''))
    const skipped = new Promise<ProjectionFault>((resolve, reject) => {
      this.#skips.push({ position, resolve, reject })
    })
    this.#wake?.()
    return skipped
  }

  async #run(): Promise<SinkProjectionEnd> {
    while (this.situation.end === undefined) {
      try {
        await (this.situation.isStandingBy ? this.#standBy() : this.#lead())
      } catch (error) {
        await this.#recover(error)
      }
    }
    this.#refuseSkips(new ClosedError('projection'))
    return this.situation.end
  }

  /** One term: until somebody else has moved the checkpoint, or it has waited at a fault. */
  async #lead(): Promise<void> {
    // After a problem, the checkpoint may be anywhere; if it is not where this one wanted it, somebody else has moved it.
    if (this.#problems > 0 && (await this.#look()) && this.situation.known.text !== this.#written) {
      return this.situation.standBy(true)
    }
    const { fault, known } = this.situation
    const term = new SinkTerm(this.#scene, known, fault?.event?.place, this.#ending.signal)
    this.#term = term
    try {
      const end = await term.run()
      if (end.kind === 'faulted') await this.#stopAt(end.failure, term.placeOf)
      else await this.#follow(end.text)
    } finally {
      this.#term = undefined
    }
  }

  /** Somebody else has moved the checkpoint. */
  async #follow(text: string | undefined): Promise<void> {
    this.situation.standBy(true)
    this.#moveTo(await knownFrom(this.#scene, text))
  }

  /** What it stood at is behind it, so there is nothing to be skipped. */
  #moveTo(known: KnownCheckpoint, isCaughtUp = false): void {
    this.situation.moveTo(known, isCaughtUp)
    this.#refuseSkips(this.#notFaulted(''))
  }

  /**
   * Looks whether somebody moves the checkpoint, until nobody has done so for a lease although there was something to do. It may be that they
   * only take long: who commits first is right, and the other stands by.
   */
  async #standBy(): Promise<void> {
    const { runtime } = this.#scene.host
    let movedMs = runtime.monotonic()
    while (runtime.monotonic() - movedMs < this.#leaseMs) {
      const wanted = this.#scene.wanted()
      const isWanted = wanted !== undefined && wanted > this.situation.known.position
      await this.#pause(isWanted ? SINK_LOOK_MS : this.#leaseMs / 3)
      const hasMoved = await this.#look()
      if (hasMoved || !(await this.#isBehind())) movedMs = runtime.monotonic()
    }
    this.situation.standBy(false)
  }

  /** Whether anything is in the log behind the checkpoint. What is of no interest moves it as well. */
  #isBehind(): Promise<boolean> {
    const { reading, rows } = this.#scene
    const { position } = this.situation.known
    return reading.onSnapshot(async ({ tx }) => {
      const horizon = positionOf(await tx.readHorizon())
      return !(await hasNothingBetween(rows, tx, position, horizon))
    })
  }

  /** Looks where the checkpoint is. Returns whether it was moved. @throws SinkRefusal, what the sink throws */
  async #look(): Promise<boolean> {
    const text = await readText(this.#scene)
    if (text === this.situation.known.text) {
      if (this.situation.isStandingBy) this.#isWellAgain()
      return false
    }
    this.#moveTo(await knownFrom(this.#scene, text))
    this.#isWellAgain()
    return true
  }

  #isWellAgain(): void {
    this.#problems = 0
    if (this.situation.problem !== undefined) this.situation.failWith(undefined)
  }

  /** There is nothing that it could stand at. */
  #catchUp(): void {
    this.#problems = 0
    this.situation.catchUp()
    this.#refuseSkips(this.#notFaulted(''))
  }

  #moveOn(known: KnownCheckpoint, isCaughtUp: boolean): void {
    this.#problems = 0
    this.#moveTo(known, isCaughtUp)
    const { options, projection } = this.#scene
    const { position, handled } = known
    const progress = { version: projection.version, position, handled, isCaughtUp }
    if (options.onProgress !== undefined) this.#tell(() => options.onProgress!(progress))
  }

  /** Tells of a fault, and waits until it is to be tried again, is skipped, or somebody else has got past it. */
  async #stopAt(failure: SinkFailure, placeOf: (event: RecordedEvent) => AnyPlace): Promise<void> {
    const { runtime } = this.#scene.host
    const { event, error } = failure
    const failed = { event, error, timer: undefined, partition: undefined }
    const fault = faultOf(failed, this.situation.fault, runtime.now(), placeOf)
    this.situation.stopAt(fault)
    this.#problems = 0
    this.#tellFault(fault, error)
    const untilMs = runtime.monotonic() + retryDelayMs(fault.attempts)
    for (;;) {
      const skip = this.#skips.shift()
      if (skip !== undefined && (await this.#skip(fault, skip))) return
      if (skip !== undefined) continue
      const leftMs = untilMs - runtime.monotonic()
      if (leftMs <= 0) return
      await this.#pause(Math.ceil(Math.min(leftMs, this.#leaseMs / 3)))
      if (this.#skips.length === 0 && (await this.#look())) return this.situation.standBy(true)
    }
  }

  /** Moves the checkpoint past a fault. Returns whether it is there no more. */
  async #skip({ event, ...fault }: FaultRow, { position, resolve, reject }: Skip): Promise<boolean> {
    if (event === undefined) {
      reject(this.#notFaulted(' that can be skipped: its source cannot be read'))
      return false
    }
    if (position !== undefined && position !== event.position) {
      reject(this.#notFaulted(` at position ${position}`))
      return false
    }
    const { known } = this.situation
    const next = {
      place: event.place,
      position: laterOf(event.position, known.position),
      handled: known.handled,
      skipped: known.skipped + 1,
      last: known.last,
    }
    try {
      const outcome = await commitInto(this.#scene, known, async () => next)
      if ('error' in outcome) throw outcome.error
      if (outcome.kind === 'done') {
        resolve(seenFault({ event, ...fault }))
        this.#moveOn(outcome.known, false)
      } else {
        reject(this.#notFaulted(''))
        await this.#follow(outcome.text)
      }
      return true
    } catch (error) {
      reject(error)
      throw error
    }
  }

  #refuseSkips(error: Error): void {
    const skips = this.#skips
    this.#skips = []
    for (const { reject } of skips) reject(error)
  }

  #notFaulted(where: string): ProjectionNotFaultedError {
    return new ProjectionNotFaultedError(this.#scene.projection.name, where)
  }

  /** After something has failed that is no fault of an event. */
  async #recover(error: unknown): Promise<void> {
    const { signal } = this.#ending
    if (signal.aborted) return
    if (error instanceof SinkRefusal) {
      this.#tellProblem(error.cause)
      return this.end('refused', error.cause)
    }
    if (error instanceof ClosedError) return this.end('store-closed')
    this.#problems += 1
    this.situation.failWith({ error })
    this.#tellProblem(error)
    const { runtime } = this.#scene.host
    await waitFor(runtime, undefined, retryDelayMs(this.#problems), signal).catch(() => {})
  }

  /** Waits, but not if somebody wants it to look around. @throws the signal's reason */
  async #pause(delayMs: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    try {
      await waitFor(this.#scene.host.runtime, woken, delayMs, this.#ending.signal)
    } finally {
      this.#wake = undefined
    }
  }

  #tellFault(fault: FaultRow, error: unknown): void {
    const { options, host, projection } = this.#scene
    const seen = seenFault(fault)
    if (options.onFault !== undefined) return this.#tell(() => options.onFault!(seen))
    if (fault.attempts === 1) host.runtime.warn?.(warningOf(projection, seen), error)
  }

  #tellProblem(error: unknown): void {
    const { options, host, projection } = this.#scene
    if (options.onProblem !== undefined) return this.#tell(() => options.onProblem!(error))
    host.runtime.warn?.(`The projection ${JSON.stringify(projection.name)} cannot go on into its sink`, error)
  }

  #tell(call: () => unknown): void {
    callBack(this.#scene.host.runtime, call)
  }
}
