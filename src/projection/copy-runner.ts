import { ClosedError } from '../errors.ts'
import { callBack } from './call-back.ts'
import { clearGone } from './clearing.ts'
import { CopyLeader, type LeaderScene } from './copy-leader.ts'
import { retryDelayMs } from './faults.ts'
import {
  giveBack,
  hasLeftovers,
  hasRole,
  type Lead,
  renewLease,
  untilLeading,
  untilNotInline,
  waitFor,
} from './leasing.ts'

/** Leads a copy, or stands by for whoever does, until the copy is gone or it is told to end. */
export class CopyRunner<S> {
  readonly #scene: LeaderScene<S>
  readonly #ending = new AbortController()
  #leader: CopyLeader<S> | undefined
  /** Ends what the leader is at, so that it looks anew. */
  #turn: AbortController | undefined
  #problems = 0
  #clearing: Promise<void> | undefined
  /** Resolves when it runs no more. */
  readonly over: Promise<void>

  constructor(scene: LeaderScene<S>) {
    this.#scene = scene
    this.over = this.#run()
  }

  get isLeader(): boolean {
    return this.#leader !== undefined
  }

  /** Somebody waits for a position. */
  wake(): void {
    this.#leader?.wake()
  }

  /** What is known of the projection has changed. */
  lookAnew(): void {
    this.#turn?.abort()
  }

  /** Ends, and lets others lead. Waits for the batch under way. */
  async end(): Promise<void> {
    this.#ending.abort()
    await this.over
    await this.#clearing
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        await untilNotInline(this.#scene, signal, () => this.#clear())
        const lead = await untilLeading(this.#scene, signal)
        if (lead === undefined) return
        await this.#lead(lead)
      } catch (error) {
        if (signal.aborted || error instanceof ClosedError) return
        await this.#pause(error)
      }
    }
  }

  /** One term. */
  async #lead(lead: Lead): Promise<void> {
    const { signal } = this.#ending
    const { term } = lead.control
    const renewing = new AbortController()
    const renewals = this.#renew(term, renewing.signal)
    try {
      let now: Lead | undefined = lead
      while (now !== undefined && now.control.term === term && !signal.aborted) {
        await this.#turnOf(now)
        now = signal.aborted ? undefined : await this.#look()
      }
    } finally {
      renewing.abort()
      await renewals
      // If this fails, the lease runs out.
      if (signal.aborted) await giveBack(this.#scene, term).catch(() => {})
    }
  }

  async #turnOf(lead: Lead): Promise<void> {
    const { signal } = this.#ending
    const turn = new AbortController()
    this.#turn = turn
    const onEnd = (): void => turn.abort(signal.reason)
    signal.addEventListener('abort', onEnd, { once: true })
    const leader = new CopyLeader(this.#scene, lead, turn.signal)
    this.#leader = leader
    if (hasLeftovers(lead.row, this.#scene.keys)) this.#clear()
    try {
      await leader.run()
      this.#problems = 0
    } catch (error) {
      if (signal.aborted || error instanceof ClosedError) throw error
      if (leader.hasCommitted) this.#problems = 0
      if (!turn.signal.aborted) await this.#pause(error)
    } finally {
      this.#leader = undefined
      signal.removeEventListener('abort', onEnd)
      turn.abort()
    }
  }

  /** Clears what is left of copies that are gone, beside everything else. */
  #clear(): void {
    this.#clearing ??= this.#clearGone().finally(() => {
      this.#clearing = undefined
    })
  }

  async #clearGone(): Promise<void> {
    const { signal } = this.#ending
    for (let attempts = 1; !signal.aborted; attempts += 1) {
      try {
        return await clearGone(this.#scene, this.#scene.name, signal)
      } catch (error) {
        if (signal.aborted || error instanceof ClosedError) return
        this.#tell(error)
        const { runtime } = this.#scene.host
        await waitFor(runtime, undefined, retryDelayMs(attempts), signal).catch(() => {})
      }
    }
  }

  #look(): Promise<Lead | undefined> {
    const { reading, rows, keys, name, generation } = this.#scene
    return reading.onSnapshot(async ({ tx }) => {
      const row = await rows.read(tx, name)
      const control = await rows.control(tx, keys)
      return hasRole(row, generation, keys) && control !== undefined ? { row, control } : undefined
    })
  }

  /** Gives a sign of life now and then, also while a handler takes its time. */
  async #renew(term: number, signal: AbortSignal): Promise<void> {
    const { host, leaseMs } = this.#scene
    while (!signal.aborted) {
      await waitFor(host.runtime, undefined, leaseMs / 3, signal).catch(() => {})
      if (signal.aborted) return
      try {
        if (!(await renewLease(this.#scene, term))) this.#turn?.abort()
      } catch (error) {
        if (error instanceof ClosedError) return
        this.#tell(error)
      }
    }
  }

  /** The store could not be read or written. */
  async #pause(error: unknown): Promise<void> {
    this.#tell(error)
    this.#problems += 1
    const { runtime } = this.#scene.host
    await waitFor(runtime, undefined, retryDelayMs(this.#problems), this.#ending.signal).catch(() => {})
  }

  #tell(error: unknown): void {
    const { options, host, name } = this.#scene
    if (options.onProblem === undefined) {
      host.runtime.warn?.(`The projection ${JSON.stringify(name)} cannot go on; it will try again`, error)
      return
    }
    callBack(host.runtime, () => options.onProblem!(error))
  }
}
