import assert from 'node:assert/strict'
import {
  type AppendOptions,
  type AppendResult,
  type EventDbError,
  type EventStore,
  type ExpectedVersion,
  type KeyValueReader,
  type NewEvent,
  openEventStore,
  type StoreTransaction,
  type StreamCondition,
  WrongExpectedVersionError,
} from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { withDirectories } from '../../src/directory/index.ts'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { type Engine, type KeyValueStore, openOptimisticStore } from '../../src/kv/index.ts'
import {
  type ModelAppend,
  type ModelEvent,
  type ModelResult,
  type Outcome,
  StoreOracle,
} from './store-oracle.ts'

const SEEDS = 60
const STEPS = 60
const STREAMS = ['a', 'b', 'c', 'd', 'é']
const IDS = 14

/** Two openings of one store, which is how two processes look to each other, and what it should hold. */
interface World {
  readonly seed: number
  readonly random: () => number
  readonly engine: Engine
  readonly kvs: KeyValueStore[]
  readonly stores: EventStore[]
  oracle: StoreOracle
}

type Step = (world: World, store: EventStore) => Promise<void>

const steps: readonly (readonly [number, Step])[] = [
  [0.3, appendToOne],
  [0.42, appendToSeveral],
  [0.52, appendTogether],
  [0.72, transactSeveral],
  [0.77, describeStream],
  [0.82, reopen],
  [1, readSomething],
]

describe('a store and a plain array', () => {
  test(`agree on ${SEEDS * STEPS} random steps`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const world = await makeWorld(seed)
      let step = 0
      try {
        for (; step < STEPS; step += 1) await takeStep(world)
        await compareEverything(world)
      } catch (error) {
        throw new Error(`Seed ${seed}, step ${step}: ${error instanceof Error ? error.stack : error}`)
      }
      for (const kv of world.kvs) await kv.close()
    }
  })
})

async function takeStep(world: World): Promise<void> {
  const choice = world.random()
  const [, step] = steps.find(([upTo]) => choice < upTo)!
  await step(world, world.stores[world.random() < 0.7 ? 0 : 1]!)
}

async function appendToOne(world: World, store: EventStore): Promise<void> {
  const append = randomAppend(world)
  const real = outcomeOf(store.stream(append.streamId).append(append.events, versionOf(append)))
  await assertSame(world, store, await real, world.oracle.append([append]))
}

async function appendToSeveral(world: World, store: EventStore): Promise<void> {
  const appends = some(world, 3, () => randomAppend(world)).filter(
    ({ streamId }, index, all) => all.findIndex((other) => other.streamId === streamId) === index,
  )
  const conditions = some(world, 2, () => conditionOf(randomAppend(world)))
  const real = await outcomeOf(store.append(appends, { conditions }))
  await assertSame(world, store, real, world.oracle.append(appends, conditions))
}

/** Appends that wait together are judged one by one, in the order of the calls. */
async function appendTogether(world: World, store: EventStore): Promise<void> {
  const appends = some(world, 6, () => randomAppend(world))
  const real = await Promise.all(
    appends.map((append) =>
      outcomeOf(store.stream(append.streamId).append(append.events, versionOf(append))),
    ),
  )
  for (const [index, append] of appends.entries())
    await assertSame(world, store, real[index]!, world.oracle.append([append]))
}

async function transactSeveral(world: World, store: EventStore): Promise<void> {
  const plan = some(world, 5, () => randomOperation(world))
  const failure = world.random() < 0.2 ? new Error('cancelled') : undefined
  const oracle = world.oracle.copy()
  const transacting = store.transact(async (tx) => {
    for (const operation of plan) await operation(tx, oracle)
    await compareInside(tx, oracle)
    if (failure !== undefined) throw failure
  })
  if (failure === undefined) await transacting
  else await assert.rejects(transacting, failure)
  if (failure === undefined) world.oracle = oracle
  for (const each of world.stores) await compareLog(each, world.oracle)
}

async function describeStream(world: World, store: EventStore): Promise<void> {
  const [streamId, map] = [pick(world, STREAMS), { [pick(world, STREAMS)]: Math.floor(world.random() * 9) }]
  if (world.random() < 0.5) {
    const real = await outcomeOf(store.createStream(streamId, { metadata: map }).then(() => []))
    assert.deepEqual(real, codeOf(world.oracle.create(streamId, map)))
  } else {
    await store.stream(streamId).setMetadata(map)
    world.oracle.setMetadata(streamId, map)
  }
  assert.deepEqual(await store.stream(streamId).metadata(), world.oracle.metadata.get(streamId) ?? {})
}

async function reopen(world: World, store: EventStore): Promise<void> {
  const index = world.stores.indexOf(store)
  await store.close()
  if (world.random() < 0.5) {
    await world.kvs[index]!.close()
    world.kvs[index] = openKv(world.engine)
  }
  world.stores[index] = await openEventStore(world.kvs[index]!)
}

async function readSomething(world: World, store: EventStore): Promise<void> {
  const streamId = pick(world, STREAMS)
  const expected = world.oracle.stream(streamId)
  const [first, last] = [Math.ceil(world.random() * 8), Math.ceil(world.random() * 12)]
  const backwards = world.random() < 0.5
  const limit = Math.floor(world.random() * 10)
  const events = await store
    .stream(streamId)
    .read({ from: first, to: last, limit, direction: backwards ? 'backwards' : 'forwards' })
    .toArray()
  const within = expected.filter(({ version }) => version >= first && version <= last)
  if (backwards) within.reverse()
  assert.deepEqual(
    events.map(({ version, data }) => [version, data]),
    within.slice(0, limit).map(({ version, data }) => [version, data]),
  )
  assert.equal(await store.stream(streamId).exists(), world.oracle.exists(streamId))
  const info = await outcomeOf(
    store
      .stream(streamId)
      .info()
      .then(({ version }) => [version]),
  )
  const version = world.oracle.exists(streamId)
    ? { results: [expected.length] }
    : { code: 'stream-not-found' }
  assert.deepEqual(info, version)
}

async function compareEverything({ stores, oracle }: World): Promise<void> {
  for (const store of stores) {
    await compareLog(store, oracle)
    const streams = []
    for await (const entry of store.streams()) streams.push(entry)
    assert.deepEqual(
      streams,
      oracle.streams().filter(({ streamId }) => !streamId.startsWith('$')),
    )
    for (const streamId of STREAMS)
      assert.deepEqual(await store.stream(streamId).metadata(), oracle.metadata.get(streamId) ?? {})
    assert.deepEqual((await store.check()).problems, [])
  }
}

async function compareLog(store: EventStore, oracle: StoreOracle): Promise<void> {
  const events = await store.all.read({ system: true }).toArray()
  assert.deepEqual(
    events.map(({ streamId, version, data }) => [streamId, version, data]),
    oracle.events.map(({ streamId, version, data }) => [streamId, version, data]),
  )
  for (const [index, { position }] of events.entries())
    assert.ok(index === 0 || position > events[index - 1]!.position)
  const own = await store.readTransact((tx) => ownKeys(tx))
  assert.deepEqual(own, new Map([...oracle.own].sort()))
}

async function compareInside(tx: StoreTransaction, oracle: StoreOracle): Promise<void> {
  const streamId = STREAMS[oracle.events.length % STREAMS.length]!
  const read = async (options: object): Promise<unknown[]> =>
    (await tx.stream(streamId).read(options).toArray()).map(({ data }) => data)
  const data = oracle.stream(streamId).map((event) => event.data)
  assert.deepEqual(await read({}), data)
  assert.deepEqual(await read({ direction: 'backwards', limit: 3 }), data.toReversed().slice(0, 3))
  assert.equal((await tx.all.read({ system: true }).toArray()).length, oracle.events.length)
  assert.equal(await tx.stream(streamId).exists(), oracle.exists(streamId))
  assert.deepEqual(await ownKeys(tx), new Map([...oracle.own].sort()))
}

async function ownKeys(tx: { readonly kv: KeyValueReader }): Promise<Map<string, unknown>> {
  const own = new Map<string, unknown>()
  for await (const { key, value } of tx.kv.getRange([])) own.set(String(key[0]), value)
  return own
}

/** One thing that a transaction does, to the store and to the oracle. What fails is caught, and the transaction goes on. */
function randomOperation(world: World): (tx: StoreTransaction, oracle: StoreOracle) => Promise<void> {
  const choice = world.random()
  const [name, value] = [pick(world, STREAMS), Math.floor(world.random() * 9)]
  if (choice < 0.55) {
    const append = randomAppend(world)
    return async (tx, oracle) => {
      const real = await outcomeOf(
        tx
          .stream(append.streamId)
          .append(append.events, versionOf(append))
          .then((one) => [one]),
      )
      assert.deepEqual(withoutPositions(real), withoutPositions(oracle.append([append])))
    }
  }
  if (choice < 0.65)
    return async (tx, oracle) => {
      const real = await outcomeOf(tx.createStream(name, { metadata: { value } }).then(() => []))
      assert.deepEqual(real, codeOf(oracle.create(name, { value })))
    }
  if (choice < 0.75)
    return async (tx, oracle) => {
      const map = await tx.stream(name).setMetadata({ [name]: value === 0 ? null : value })
      oracle.setMetadata(name, { [name]: value === 0 ? null : value })
      assert.deepEqual(map, oracle.metadata.get(name))
    }
  return async (tx, oracle) => {
    if (value < 6) {
      tx.kv.set([name], value)
      oracle.own.set(name, value)
    } else if (value < 8) {
      tx.kv.clear([name])
      oracle.own.delete(name)
    } else {
      tx.kv.clearRange([])
      oracle.own.clear()
    }
  }
}

/** Mostly new events; often with ids, which are few, and sometimes a piece of what is there already. */
/** An append's expected version, as the options of a call. */
function versionOf({ expectedVersion }: ModelAppend): AppendOptions {
  return { expectedVersion }
}

/** An append's expected version, as a condition. */
function conditionOf({ streamId, expectedVersion }: ModelAppend): StreamCondition {
  return { streamId, expectedVersion }
}

function randomAppend(world: World): ModelAppend {
  const { random, oracle } = world
  const streamId = pick(world, STREAMS)
  const stream = oracle.stream(streamId)
  const from = Math.floor(random() * stream.length)
  const piece = random() < 0.3 ? stream.slice(from, from + 1 + Math.floor(random() * 3)) : []
  const events: NewEvent[] = piece.map(({ id, data }) => newEvent(data, id))
  const ids = new Set(piece.map(({ id }) => id))
  const fresh = piece.length > 0 && random() < 0.7 ? 0 : Math.floor(random() * 4)
  for (let count = 0; count < fresh; count += 1) {
    const id = random() < 0.4 ? idOf(Math.floor(random() * IDS)) : undefined
    if (id === undefined || !ids.has(id)) events.push(newEvent(random(), id))
    ids.add(id)
  }
  return { streamId, events, expectedVersion: randomExpectation(random, stream.length) }
}

function randomExpectation(random: () => number, version: number): ExpectedVersion {
  const choice = random()
  if (choice < 0.45) return 'any'
  if (choice < 0.8) return version
  if (choice < 0.87) return 'no-stream'
  if (choice < 0.93) return 'stream-exists'
  return Math.max(0, version + Math.floor(random() * 5) - 2)
}

function newEvent(data: unknown, id: string | undefined): NewEvent {
  return { type: 'A', data, ...(id !== undefined && { id }) }
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}

async function outcomeOf<T>(
  call: Promise<T | readonly T[]>,
): Promise<{ results: readonly T[] } | { code: string }> {
  try {
    const results = await call
    return { results: Array.isArray(results) ? results : [results as T] }
  } catch (error) {
    const { code } = error as EventDbError
    if (error instanceof WrongExpectedVersionError)
      return { code, violations: error.details.violations } as never
    assert.ok(['idempotency-conflict', 'stream-exists', 'stream-not-found'].includes(code), String(error))
    return { code }
  }
}

/** The same results, and their positions are those of the events that the oracle means. */
async function assertSame(
  { oracle }: World,
  store: EventStore,
  real: { readonly results: readonly AppendResult[] } | { readonly code: string },
  expected: Outcome,
): Promise<void> {
  assert.deepEqual(withoutPositions(real), withoutPositions(expected))
  if (!('results' in real) || !('results' in expected)) return
  for (const [index, { position }] of real.results.entries()) {
    const meant: ModelResult = expected.results[index]!
    const found: ModelEvent | undefined = oracle.events[meant.lastIndex ?? -1]
    const event = position === undefined ? undefined : await store.all.read({ from: position }).first()
    assert.deepEqual([event?.streamId, event?.version], [found?.streamId, found?.version])
  }
}

function withoutPositions(outcome: object): object {
  if (!('results' in outcome)) return outcome
  return (outcome.results as readonly AppendResult[]).map((result) => [
    result.streamId,
    result.firstVersion,
    result.lastVersion,
    result.idempotent,
  ])
}

function codeOf(outcome: Outcome): Outcome {
  return 'code' in outcome ? { code: outcome.code } : { results: [] }
}

function some<T>({ random }: World, most: number, make: () => T): T[] {
  return Array.from({ length: 1 + Math.floor(random() * most) }, make)
}

function pick<T>({ random }: World, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}

async function makeWorld(seed: number): Promise<World> {
  const engine: Engine = {
    ...memoryEngine(),
    capabilities: { durable: true, multiProcess: true },
    close: () => {},
  }
  const kvs = [openKv(engine), openKv(engine)]
  const stores = [await openEventStore(kvs[0]!), await openEventStore(kvs[1]!)]
  return { seed, random: seededRandom(seed), engine, kvs, stores, oracle: new StoreOracle() }
}

function openKv(engine: Engine): KeyValueStore {
  return withDirectories(openOptimisticStore(engine))
}
