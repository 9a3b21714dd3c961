import assert from 'node:assert/strict'
import { type EventStore, openEventStore, type Runtime, systemRuntime } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { withDirectories } from '../../src/directory/index.ts'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { type Engine, type KeyValueStore, openOptimisticStore } from '../../src/kv/index.ts'
import {
  type AppendMeanwhile,
  forgetSnapshots,
  performTogether,
  reindex,
  scavenge,
} from './store-model-administering.ts'
import { SERIES } from './store-model-names.ts'
import type {
  AppendOperation,
  ModelStep,
  StreamOperation,
  TransactionOperation,
  WorldOperation,
} from './store-model-operations.ts'
import { compareOutcomes, perform } from './store-model-performing.ts'
import { compareInside, compareSome } from './store-model-reading.ts'
import { applyToOracle } from './store-model-rules.ts'
import { KEY_MS, OpenQuestion, StoreOracle } from './store-oracle.ts'

/** Handles of one store: two share a process, the third is in another one. */
export const HANDLES = 3
const PROCESS_OF = [0, 0, 1] as const
const START_MS = Date.UTC(2024, 0, 1)

/** One store as several processes see it, a clock of its own, and what it should hold. */
export interface World {
  readonly clock: { ms: number; elapsedMs: number }
  readonly runtime: Runtime
  openKv(): KeyValueStore
  readonly kvs: KeyValueStore[]
  readonly stores: EventStore[]
  oracle: StoreOracle
}

/** Makes an empty store. Odd seeds have gaps between positions. */
export async function makeWorld(seed: number): Promise<World> {
  const random = seededRandom(seed)
  const clock = { ms: START_MS, elapsedMs: 0 }
  const engine: Engine = {
    ...memoryEngine(),
    capabilities: { durable: true, multiProcess: true },
    close: () => {},
  }
  const gap = seed % 2 === 0 ? () => 0 : () => Math.floor(random() * 1_000)
  const runtime: Runtime = {
    ...systemRuntime,
    now: () => clock.ms,
    monotonic: () => clock.elapsedMs,
    // Pauses before another attempt need not be waited for: time is not what they wait for here.
    schedule: (_, callback) => {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
    random,
    randomBytes: (target) => {
      for (let at = 0; at < target.length; at += 1) target[at] = Math.floor(random() * 256)
    },
  }
  const oracle = new StoreOracle()
  oracle.now = START_MS
  oracle.clock = START_MS
  const openKv = (): KeyValueStore =>
    withDirectories(openOptimisticStore(engine, { runtime, positionGap: gap }))
  const kvs = [openKv(), openKv()]
  const world: World = { clock, runtime, openKv, kvs, stores: [], oracle }
  for (let handle = 0; handle < HANDLES; handle += 1) world.stores.push(await openHandle(world, handle))
  return world
}

/** Closes everything. */
export async function closeWorld({ stores, kvs }: World): Promise<void> {
  for (const store of stores) await store.close()
  for (const kv of kvs) await kv.close()
}

/** Takes a step, and compares what came of it, and some reads. One that the rules leave open is left out. */
export async function takeStep(world: World, step: ModelStep): Promise<void> {
  try {
    await operate(world, step)
  } catch (error) {
    if (!(error instanceof OpenQuestion)) throw error
    return
  }
  await compareSome(world.stores, world.oracle, seededRandom(step.reads))
}

async function operate(world: World, step: ModelStep): Promise<void> {
  const { operation } = step
  const store = world.stores[step.store]!
  switch (operation.do) {
    case 'transact':
      return transact(world, store, step, operation)
    case 'append together':
      return appendTogether(world, store, operation.appends)
    case 'scavenge':
      await scavenge(store, world, operation, meanwhile(world, store))
      return forgetSnapshots(store, world.oracle, SERIES)
    case 'reindex':
      return reindex(store, world, operation, meanwhile(world, store))
    case 'reopen':
      return reopen(world, step.store, operation.process)
    case 'time passes':
      return passTime(world, operation.ms)
    case 'clock goes back':
      return setClockBack(world, store, operation.ms)
    case 'in a row':
      for (const { store: handle, operation: inner } of operation.steps) {
        await performAlone(world, world.stores[handle]!, inner)
      }
      return
    default:
      return performAlone(world, store, operation)
  }
}

async function performAlone(
  world: World,
  store: EventStore,
  operation: AppendOperation | StreamOperation,
): Promise<void> {
  // What the rules leave open shows before anything is done.
  if (operation.do !== 'restore') applyToOracle(world.oracle.copy(), operation)
  const real = await perform(store, operation, world.oracle)
  compareOutcomes(real, applyToOracle(world.oracle, operation, real as never), 'alone')
}

async function transact(
  world: World,
  store: EventStore,
  step: ModelStep,
  { operations, thrownAway }: Extract<WorldOperation, { readonly do: 'transact' }>,
): Promise<void> {
  const rehearsal = world.oracle.beginTransaction()
  for (const operation of operations) applyToOracle(rehearsal, operation)
  const failure = new Error('The transaction is thrown away')
  let oracle = world.oracle
  const transacting = store.transact(async (tx) => {
    // The body may run again.
    oracle = world.oracle.beginTransaction()
    for (const operation of operations) await performInside(tx, oracle, operation)
    await compareInside(tx, oracle, seededRandom(step.reads + 1))
    if (thrownAway) throw failure
  })
  if (thrownAway) return assert.rejects(transacting, failure)
  await transacting
  world.oracle = oracle.committed()
}

async function performInside(
  tx: Parameters<Parameters<EventStore['transact']>[0]>[0],
  oracle: StoreOracle,
  operation: TransactionOperation,
): Promise<void> {
  const real = await perform(tx, operation, oracle)
  compareOutcomes(real, applyToOracle(oracle, operation), 'in a transaction')
}

async function appendTogether(
  world: World,
  store: EventStore,
  appends: readonly AppendOperation[],
): Promise<void> {
  const rehearsal = world.oracle.beginTransaction()
  for (const append of appends) applyToOracle(rehearsal, append)
  const real = await performTogether(store, world.oracle.copy(), appends)
  const oracle = world.oracle.beginTransaction()
  for (const [at, append] of appends.entries()) {
    compareOutcomes(real[at]!, applyToOracle(oracle, append), 'together')
  }
  world.oracle = oracle.committed()
}

/** Appends while something else goes on, through the same handle. */
function meanwhile(world: World, store: EventStore): AppendMeanwhile {
  return async (appends) => {
    if (appends.length > 0) await appendTogether(world, store, appends)
  }
}

async function reopen(world: World, handle: number, isProcess: boolean): Promise<void> {
  const process = PROCESS_OF[handle]!
  const handles = isProcess ? handlesOf(process) : [handle]
  for (const one of handles) await world.stores[one]!.close()
  if (isProcess) {
    await world.kvs[process]!.close()
    world.kvs[process] = world.openKv()
  }
  for (const one of handles) world.stores[one] = await openHandle(world, one)
}

function handlesOf(process: number): number[] {
  return [...PROCESS_OF.keys()].filter((handle) => PROCESS_OF[handle] === process)
}

function openHandle({ kvs, runtime }: Pick<World, 'kvs' | 'runtime'>, handle: number): Promise<EventStore> {
  return openEventStore(kvs[PROCESS_OF[handle]!]!, { runtime, idempotencyKeyMs: KEY_MS })
}

function passTime({ clock, oracle }: World, ms: number): void {
  clock.ms += ms
  clock.elapsedMs += ms
  oracle.clock = clock.ms
  oracle.now = Math.max(oracle.now, clock.ms)
}

/** Something is recorded just before, so that the log knows how late it was. */
async function setClockBack(world: World, store: EventStore, ms: number): Promise<void> {
  const tick: AppendOperation = {
    do: 'append',
    many: false,
    appends: [{ streamId: 'tick', events: [{ type: 'Ticked' }], expectedVersion: 'any' }],
    conditions: [],
    queries: [],
  }
  const real = await perform(store, tick, world.oracle)
  compareOutcomes(real, applyToOracle(world.oracle, tick), 'alone')
  world.clock.ms -= ms
  world.oracle.clock = world.clock.ms
}
