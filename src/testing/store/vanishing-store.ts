import type { KeyValueStore, ReadTransaction, Transaction, TransactOptions } from '../../kv/contract.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { Runtime } from '../../runtime.ts'
import type { EventStore } from '../../store/contract.ts'
import type { SimulatedStoreScene } from './laws.ts'

/**
 * A process of its own, as far as others can tell: a second store over the same rows, which can die, or stand still for a while. What is
 * dead never answers again: don't await it.
 */
export interface VanishingStore {
  readonly store: EventStore
  /** Its time and chance, for handlers that stand still with it. */
  readonly runtime: Runtime
  /** Whether it was killed. */
  readonly isDead: boolean
  /** Dies: from now on it reads nothing, commits nothing, and no timer of it fires. */
  kill(): void
  /** Stands still: what it has begun neither goes on nor commits, and its timers don't fire, while the clocks go on. */
  freeze(): void
  /** Goes on. */
  thaw(): void
}

/** Opens the store of a scene a second time, as another process would. */
export async function vanishingStore({
  store,
  directory,
  runtime,
}: Pick<SimulatedStoreScene, 'store' | 'directory' | 'runtime'>): Promise<VanishingStore> {
  const process = new Process()
  const kv = vanishingKv(store.kv, process)
  const own = vanishingRuntime(runtime, process)
  const second = await openEventStore(kv, { directory, runtime: own })
  return {
    store: second,
    runtime: own,
    get isDead() {
      return process.isDead
    },
    kill: () => process.kill(),
    freeze: () => process.freeze(),
    thaw: () => process.thaw(),
  }
}

/** Cancels a transaction of a process that has died meanwhile. Nobody sees it. */
class DeathError extends Error {}

/** Whether it lives, and who waits for it to go on. */
class Process {
  isDead = false
  #isFrozen = false
  #waiting: (() => void)[] = []

  kill(): void {
    this.isDead = true
    this.#waiting = []
  }

  freeze(): void {
    this.#isFrozen = true
  }

  thaw(): void {
    this.#isFrozen = false
    for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** Calls back when the process is awake: at once, later, or never. */
  whenAwake(callback: () => void): void {
    if (this.isDead) return
    if (this.#isFrozen) this.#waiting.push(callback)
    else callback()
  }

  /** Resolves when it is awake; never if it is dead. */
  awake(): Promise<void> {
    return new Promise((resolve) => this.whenAwake(resolve))
  }

  /** Runs something that nobody hears of again if the process is dead by then. */
  async within<T>(call: () => Promise<T>): Promise<T> {
    await this.awake()
    const outcome = await call().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    await this.awake()
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  /** A body that ends only in a process that lives. */
  living<Tx, T>(body: (tx: Tx) => Promise<T> | T): (tx: Tx) => Promise<T> {
    return async (tx) => {
      const result = await body(tx)
      if (this.isDead) throw new DeathError()
      if (this.#isFrozen) await this.awake()
      return result
    }
  }
}

function vanishingKv(kv: KeyValueStore, process: Process): KeyValueStore {
  return {
    engine: kv.engine,
    capabilities: kv.capabilities,
    coherence: kv.coherence,
    stamps: kv.stamps,
    limits: kv.limits,
    transact: <T>(body: (tx: Transaction) => Promise<T> | T, options?: TransactOptions) =>
      process.within(() => kv.transact(process.living(body), options)),
    readTransact: <T>(body: (tx: ReadTransaction) => Promise<T> | T, options?: TransactOptions) =>
      process.within(() => kv.readTransact(process.living(body), options)),
    backup: (folder, options) => process.within(() => kv.backup(folder, options)),
    close: () => Promise.resolve(),
    createOrOpenDirectory: (path) => kv.createOrOpenDirectory(path),
    openDirectory: (path) => kv.openDirectory(path),
    listDirectories: (path) => kv.listDirectories(path),
    moveDirectory: (from, to) => kv.moveDirectory(from, to),
    removeDirectory: (path) => kv.removeDirectory(path),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function vanishingRuntime(runtime: Runtime, process: Process): Runtime {
  const guarded = (callback: () => void) => () => process.whenAwake(callback)
  const cancellable = (begin: (callback: () => void) => () => void, callback: () => void) => {
    let isCancelled = false
    const cancel = begin(guarded(() => isCancelled || callback()))
    return () => {
      isCancelled = true
      cancel()
    }
  }
  return {
    now: () => runtime.now(),
    monotonic: () => runtime.monotonic(),
    schedule: (delayMs, callback) =>
      cancellable((guardedCallback) => runtime.schedule(delayMs, guardedCallback), callback),
    scheduleBackground: (delayMs, callback) =>
      cancellable((guardedCallback) => runtime.scheduleBackground(delayMs, guardedCallback), callback),
    defer: (callback) => runtime.defer(guarded(callback)),
    random: () => runtime.random(),
    randomBytes: (target) => runtime.randomBytes(target),
  }
}
