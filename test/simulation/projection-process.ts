import { type EventStore, openEventStore, type RunningProjection } from 'eventdb'
import { Faults, faultyEngine, type SimulatedRuntime } from 'eventdb/testing'
import { withDirectories } from '../../src/directory/index.ts'
import { type Engine, type KeyValueStore, openOptimisticStore } from '../../src/kv/index.ts'
import type { Runtime } from '../../src/runtime.ts'

/** The clock and the callbacks of one process, which can stand still, or end, while others go on. */
export class ProcessRuntime implements Runtime {
  readonly #shared: SimulatedRuntime
  readonly #kept = new Set<() => void>()
  #offsetMs = 0
  #life: 'runs' | 'stands' | 'dead' = 'runs'

  constructor(shared: SimulatedRuntime) {
    this.#shared = shared
  }

  get stands(): boolean {
    return this.#life === 'stands'
  }

  now(): number {
    return this.#shared.now() + this.#offsetMs
  }

  monotonic(): number {
    return this.#shared.monotonic()
  }

  random(): number {
    return this.#shared.random()
  }

  randomBytes(target: Uint8Array): void {
    this.#shared.randomBytes(target)
  }

  schedule(delayMs: number, callback: () => void): () => void {
    return this.#add(callback, (run) => this.#shared.schedule(delayMs, run))
  }

  scheduleBackground(delayMs: number, callback: () => void): () => void {
    return this.#add(callback, (run) => this.#shared.scheduleBackground(delayMs, run))
  }

  defer(callback: () => void): void {
    this.#add(callback, (run) => {
      this.#shared.defer(run)
      return () => {}
    })
  }

  /** Its wall clock jumps. */
  jump(ms: number): void {
    this.#offsetMs += ms
  }

  /** From now on nothing of it runs, until it goes on. */
  stand(): void {
    this.#life = 'stands'
  }

  /** Goes on with everything that it has missed. */
  goOn(): void {
    this.#life = 'runs'
    for (const callback of this.#kept) this.#shared.defer(() => this.#kept.delete(callback) && callback())
  }

  /** Nothing of it ever runs again. */
  die(): void {
    this.#life = 'dead'
    this.#kept.clear()
  }

  #add(callback: () => void, schedule: (run: () => void) => () => void): () => void {
    const own = (): void => callback()
    const cancel = schedule(() => {
      if (this.#life === 'runs') own()
      else if (this.#life === 'stands') this.#kept.add(own)
    })
    return () => {
      cancel()
      this.#kept.delete(own)
    }
  }
}

/** What a process carries of the inline projection. */
export interface Carrying {
  readonly version: number
  /** How often it had been deleted when the process began to carry it. */
  readonly deletes: number
  /** Whether it is known to carry it, and whether it may do so no more. */
  isReady: boolean
  isOver: boolean
}

/** A process with a store on the database that all share. */
export interface Process {
  readonly name: string
  readonly runtime: ProcessRuntime
  readonly faults: Faults
  readonly kv: KeyValueStore
  readonly store: EventStore
  /** The version that it runs. */
  version: number | undefined
  running: RunningProjection<unknown> | undefined
  carrying: Carrying | undefined
  /** Appends that nobody waits for, until they are done. */
  appending: number
}

/** Opens the store of a process. */
export async function openProcess(name: string, engine: Engine, shared: SimulatedRuntime): Promise<Process> {
  const runtime = new ProcessRuntime(shared)
  const faults = new Faults()
  const kv = withDirectories(openOptimisticStore(faultyEngine(engine, faults), { runtime }))
  const store = await openEventStore(kv, { runtime })
  return {
    ...{ name, runtime, faults, kv, store },
    ...{ version: undefined, running: undefined, carrying: undefined, appending: 0 },
  }
}

/** Closes the store of a process. */
export async function closeProcess({ store, kv }: Process): Promise<void> {
  await store.close()
  await kv.close()
}
