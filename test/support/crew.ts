import { join } from 'node:path'
import type { SubscriptionGroup, SubscriptionInfo } from 'eventdb'
import { type Child, startChild } from './child-process.ts'
import { type ConsumingReport, type Handed, type HandlingManner, readHanded } from './handed.ts'

/** Where the consumers of a crew work. */
export interface CrewScene {
  /** Where they write what they were handed. */
  readonly folder: string
  /** The folder of their store. */
  readonly store: string
  readonly engine: string
  readonly group: string
}

/** A consumer in a process of its own. */
export interface Worker {
  readonly child: Child<ConsumingReport>
  /** Where it writes what it was handed. */
  readonly file: string
  /** Whether it was told to work. */
  isHired: boolean
  isGone: boolean
}

/** Consumers of one group, each in a process of its own, and those that were there before. */
export class Crew implements AsyncDisposable {
  readonly #scene: CrewScene
  readonly #workers: Worker[] = []
  readonly #complaints: string[] = []
  #isOver = false

  constructor(scene: CrewScene) {
    this.#scene = scene
  }

  /** Those who are at work. */
  get present(): readonly Worker[] {
    return this.#workers.filter(({ isHired, isGone }) => isHired && !isGone)
  }

  /** How many events they were handed, as far as they have said so. */
  get reportedHanded(): number {
    return this.#workers.reduce((sum, { child }) => {
      const last = child.reports.findLast(({ event }) => event === 'handed')
      return sum + (last?.event === 'handed' ? last.count : 0)
    }, 0)
  }

  /** How often a consumer lost its lease, though it lived. */
  get lostLeases(): number {
    return this.#workers.flatMap(({ child }) => child.reports).filter(({ event }) => event === 'ended').length
  }

  /** Starts a process that has loaded everything, and is ready to work. */
  train(manner: HandlingManner): Worker {
    const { folder, store, engine, group } = this.#scene
    const file = join(folder, `handed-by-${this.#workers.length + 1}`)
    const child: Child<ConsumingReport> = startChild('consuming-child.ts', store, engine, group, file, manner)
    const worker: Worker = { child, file, isHired: false, isGone: false }
    this.#workers.push(worker)
    const isGone = (): void => {
      worker.isGone = true
    }
    child.ended.then(isGone, (error: unknown) => {
      isGone()
      if (!this.#isOver) this.#complaints.push(String(error))
    })
    return worker
  }

  /** Lets one begin to work. */
  async hire(worker: Worker): Promise<Worker> {
    await worker.child.reported(({ event }) => event === 'ready')
    worker.isHired = true
    worker.child.tell('go')
    await worker.child.reported(({ event }) => event === 'joined')
    return worker
  }

  /** Trains several, and lets them begin to work. */
  hireNew(number: number, manner: HandlingManner): Promise<Worker[]> {
    const workers = Array.from({ length: number }, () => this.train(manner))
    return Promise.all(workers.map((worker) => this.hire(worker)))
  }

  async kill(worker: Worker): Promise<void> {
    worker.child.signal('SIGKILL')
    await worker.child.ended
  }

  /** From now on, hires another for each of these that dies, and so on, until the crew is dismissed. */
  supervise(workers: readonly Worker[], manner: HandlingManner): void {
    for (const worker of workers) {
      this.#replace(worker, manner).catch((error: unknown) => {
        if (!this.#isOver) this.#complaints.push(String(error))
      })
    }
  }

  async #replace(first: Worker, manner: HandlingManner): Promise<void> {
    for (let worker = first; ; ) {
      const next = this.train(manner)
      await worker.child.ended
      if (this.#isOver) return
      worker = await this.hire(next)
    }
  }

  /** Lets all leave in peace. */
  async dismiss(): Promise<void> {
    this.#isOver = true
    const leaving = this.present
    for (const { child } of leaving) child.tell('finish')
    await Promise.all(leaving.map(({ child }) => child.ended))
    await this[Symbol.asyncDispose]()
  }

  /** Looks at their group. @throws Error if one of them has failed by itself */
  async look(group: Pick<SubscriptionGroup, 'info'>): Promise<SubscriptionInfo> {
    this.assertWell()
    return group.info()
  }

  /** @throws Error if one of them has failed by itself */
  assertWell(): void {
    if (this.#complaints.length > 0) throw new Error(this.#complaints.join('\n'))
  }

  /** What all of them together were handed, in the order in which that was. */
  handed(): Promise<readonly Handed[]> {
    return readHanded(this.#workers.map(({ file }) => file))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#workers.map(({ child }) => child[Symbol.asyncDispose]()))
  }
}
