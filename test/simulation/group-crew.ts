import type { KeyValueStore } from '../../src/kv/contract.ts'
import { sleep } from '../../src/runtime.ts'
import type { EventStore } from '../../src/store/contract.ts'
import type { Delivery, PersistentSubscription } from '../../src/store/contract-subscribing.ts'
import type { RecordedEvent } from '../../src/store/event.ts'
import type { SimulatedRuntime } from '../../src/testing/simulated-runtime.ts'
import { type VanishingStore, vanishingStore } from '../../src/testing/store/vanishing-store.ts'
import type { Handling, HandlingBook } from './group-handling.ts'

/** How long leases last in these runs. */
export const LEASE_MS = 1_000

/** What becomes of an event in a handler. */
type Fate = 'well' | 'slow' | 'throws' | 'hangs' | 'stuck' | 'kills' | 'freezes' | 'nacks' | 'skips' | 'stops'

/** How often events of each kind come; the kind is the event's own. */
const FATES: readonly (readonly [Fate, number])[] = [
  ['well', 50],
  ['slow', 25],
  ['throws', 12],
  ['hangs', 4],
  ['stuck', 1.5],
  ['kills', 4],
  ['freezes', 3],
  ['nacks', 3],
  ['skips', 2],
  ['stops', 0.7],
]

/** What the processes of a run share. */
export interface CrewScene {
  readonly store: EventStore
  /** What processes have their stores over. */
  readonly kv: KeyValueStore
  readonly runtime: SimulatedRuntime
  readonly random: () => number
  readonly book: HandlingBook
  readonly fates: readonly Fate[]
  readonly processes: CrewProcess[]
  /** Whether everything is well from now on. */
  isWell: boolean
  /** Whether nobody shall consume any more. */
  isOver: boolean
  readonly log: string[]
}

/** Draws what becomes of each of so many events. */
export function randomFates(random: () => number, count: number): readonly Fate[] {
  const all = FATES.reduce((sum, [, weight]) => sum + weight, 0)
  return Array.from({ length: count }, () => {
    let rest = random() * all
    return FATES.find(([, weight]) => {
      rest -= weight
      return rest < 0
    })![0]
  })
}

/** A process that consumes, as long as it lives. */
export class CrewProcess {
  readonly name: string
  readonly vanishing: VanishingStore
  /** Numbers of its consumers. */
  readonly consumers = new Set<number>()
  isFrozen = false
  readonly #scene: CrewScene
  #subscriptions: PersistentSubscription<RecordedEvent>[] = []
  #releases: (() => void)[] = []

  private constructor(scene: CrewScene, name: string, vanishing: VanishingStore) {
    this.#scene = scene
    this.name = name
    this.vanishing = vanishing
  }

  /** Starts a process with a consumer. */
  static async start(scene: CrewScene): Promise<CrewProcess> {
    const { kv, runtime, processes } = scene
    const directory = await kv.openDirectory(['eventdb'])
    const vanishing = await vanishingStore({ store: { ...scene.store, kv }, directory, runtime })
    const process = new CrewProcess(scene, `P${scene.book.nextName()}`, vanishing)
    processes.push(process)
    scene.log.push(`${runtime.monotonic()} ${process.name} starts`)
    void process.consume()
    return process
  }

  get isDead(): boolean {
    return this.vanishing.isDead
  }

  /** Consumes, and again when that has ended by itself. */
  async consume(): Promise<void> {
    const { random } = this.#scene
    const iterates = random() < 0.25
    const concurrency = 1 + Math.floor(random() * 3)
    const bufferSize = 1 + Math.floor(random() * 6)
    while (!this.#scene.isOver && !this.isDead) {
      const options = { type: 'persistent', group: 'g', bufferSize } as const
      const { all } = this.vanishing.store
      const subscription = iterates
        ? await all.subscribe(options)
        : await all.subscribe({ ...options, concurrency }, (event, delivery) => this.#handle(event, delivery))
      this.consumers.add(subscription.consumer)
      this.#subscriptions.push(subscription)
      this.#tell(`consumes as ${subscription.consumer}${iterates ? ' by iterating' : ` with ${concurrency}`}`)
      if (iterates) await this.#iterate(subscription)
      const { reason } = await subscription.ended
      this.#tell(`${subscription.consumer} has ended: ${reason}`)
      if (reason !== 'closed') this.#scene.book.lose(subscription.consumer)
      this.consumers.delete(subscription.consumer)
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription)
      if (reason === 'closed') return
      await sleep(this.vanishing.runtime, 20)
    }
  }

  kill(): void {
    if (this.isDead) return
    this.#tell('dies')
    this.#lose()
    this.vanishing.kill()
  }

  freeze(): void {
    if (this.isDead || this.isFrozen) return
    this.#tell('stands still')
    this.isFrozen = true
    this.#lose()
    this.vanishing.freeze()
  }

  thaw(): void {
    if (!this.isFrozen || this.isDead) return
    this.#tell('goes on')
    this.isFrozen = false
    this.vanishing.thaw()
  }

  /** Lets go whatever hangs in its handlers. */
  release(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  /** Ends one of its consumers, or all. */
  async close(most: number): Promise<void> {
    if (this.isDead || this.isFrozen) return
    await Promise.all(this.#subscriptions.slice(0, most).map((subscription) => subscription.close()))
  }

  async #iterate(subscription: PersistentSubscription<RecordedEvent>): Promise<void> {
    try {
      for await (const delivery of subscription) {
        const handling = this.#begin(delivery, true)
        const failed = await this.#meetFate(delivery, handling).then(
          () => false,
          () => true,
        )
        this.#scene.book.end(handling, !failed)
        if (delivery.signal.aborted) continue
        // Whoever acknowledges does not always wait for the answer.
        const answer = failed ? delivery.nack('retry', 'it failed') : delivery.ack()
        if (this.#scene.random() < 0.5) await answer
      }
    } catch {
      // How it has ended, `ended` tells.
    }
  }

  async #handle(_: RecordedEvent, delivery: Delivery<RecordedEvent>): Promise<void> {
    // What is dead hears nothing.
    if (this.isDead) return new Promise(() => {})
    const handling = this.#begin(delivery, false)
    try {
      await this.#meetFate(delivery, handling)
      this.#scene.book.end(handling, true)
    } catch (error) {
      this.#scene.book.end(handling, false)
      throw error
    }
  }

  #begin(delivery: Delivery<RecordedEvent>, iterates: boolean): Handling {
    const { attempt, event } = delivery
    this.#tell(`handles ${event.data}${attempt > 1 ? `, attempt ${attempt}` : ''}`)
    return this.#scene.book.begin(this.name, delivery, { iterates, isInterrupted: this.isFrozen })
  }

  async #meetFate(delivery: Delivery<RecordedEvent>, handling: Handling): Promise<void> {
    const { random, fates, isWell } = this.#scene
    const { runtime } = this.vanishing
    const { event, signal } = delivery
    const fate = isWell ? 'well' : fates[Number(event.data)]!
    // What is hard is not always too hard.
    const isSpared = random() < 0.35
    switch (isSpared && fate !== 'well' ? 'slow' : fate) {
      case 'well':
        return
      case 'slow':
        return sleep(runtime, Math.floor(random() * 250))
      case 'throws':
        await sleep(runtime, Math.floor(random() * 20))
        throw new Error('no')
      case 'hangs':
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        return
      case 'stuck':
        await new Promise<void>((resolve) => this.#releases.push(resolve))
        return
      case 'kills':
        this.kill()
        return new Promise(() => {})
      case 'freezes':
        this.freeze()
        return sleep(runtime, 10)
      case 'nacks':
        handling.said = 'undone'
        await delivery.nack('park', 'by hand')
        return
      case 'skips':
        handling.said = 'done'
        this.#scene.book.done.add(handling.event)
        await delivery.nack('skip')
        return
      case 'stops':
        handling.said = 'undone'
        await delivery.nack('stop', 'enough')
        return
    }
  }

  #lose(): void {
    this.#scene.book.interrupt(this.name)
    for (const consumer of this.consumers) this.#scene.book.lose(consumer)
  }

  #tell(what: string): void {
    this.#scene.log.push(`${Math.round(this.#scene.runtime.monotonic())} ${this.name} ${what}`)
  }
}
