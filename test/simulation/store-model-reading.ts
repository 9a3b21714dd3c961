import assert from 'node:assert/strict'
import type { EventStore, StoreTransaction, StreamReadOptions, StreamsOptions } from 'eventdb'
import { compareListing, compareStoreInfo } from './store-model-administering.ts'
import { isBehind } from './store-model-appending.ts'
import {
  compareAll,
  compareCategory,
  compareOne,
  compareOwnKeys,
  compareQuery,
  compareSnapshots,
  compareStream,
  compareStreamInfo,
  compareType,
  PLAINLY,
  type Readable,
  type ReadPlan,
} from './store-model-comparing.ts'
import {
  below,
  CATEGORIES,
  pick,
  randomQuery,
  SERIES,
  STREAMS,
  TAGS,
  TYPES_READ,
} from './store-model-names.ts'
import type { ModelEvent, StoreOracle } from './store-oracle.ts'

type Random = () => number

/** Compares a few reads, through any of the handles, now and then within one snapshot. */
export async function compareSome(
  stores: readonly EventStore[],
  oracle: StoreOracle,
  random: Random,
): Promise<void> {
  // Positions that were not told yet, of events that were not seen yet.
  const seen = oracle.events.findLastIndex(({ position }) => position !== undefined)
  const newest = { name: 'after', event: seen, byTime: false } as const
  await compareAll(pick(random, stores), oracle, { ...RAW, ...(seen >= 0 && { lower: newest }) }, true)
  for (let count = 0; count < 3; count += 1) await compareOneRead(pick(random, stores), oracle, random)
  const store = pick(random, stores)
  const choice = random()
  if (choice < 0.3) await compareListing(store, oracle, randomListing(random))
  else if (choice < 0.45) await compareStoreInfo(store, oracle)
  else if (choice < 0.5) await store.readTransact((tx) => compareOneRead(tx, oracle, random))
}

const RAW: ReadPlan = { backwards: false, resolveLinks: false }

/** Compares reads inside a transaction, its own events and changes included. */
export async function compareInside(
  tx: StoreTransaction,
  oracle: StoreOracle,
  random: Random,
): Promise<void> {
  for (let count = 0; count < 4; count += 1) await compareOneRead(tx, oracle, random)
  await compareOwnKeys(tx, oracle)
}

/** Compares everything that there is to be read. */
export async function compareEverything(
  stores: readonly EventStore[],
  oracle: StoreOracle,
  random: Random,
): Promise<void> {
  const store = pick(random, stores)
  for (const system of [true, false]) {
    await compareAll(store, oracle, RAW, system)
    await compareAll(store, oracle, PLAINLY, system)
    await compareAll(store, oracle, { ...PLAINLY, backwards: true }, system)
    for (const deleted of [true, false]) await compareListing(store, oracle, { system, deleted })
  }
  compareOrder(oracle)
  for (const streamId of STREAMS.flatMap((id) => [id, `$$${id}`])) {
    await compareStreamInfo(pick(random, stores), oracle, streamId)
    await compareStream(pick(random, stores), oracle, streamId, {})
    await compareStream(store, oracle, streamId, { direction: 'backwards', resolveLinks: false })
  }
  for (const category of CATEGORIES) await compareCategory(store, oracle, PLAINLY, category)
  for (const type of TYPES_READ) await compareType(store, oracle, RAW, type)
  for (const tag of TAGS) await compareQuery(store, oracle, RAW, { items: [{ tags: [tag] }] })
  for (let count = 0; count < 5; count += 1) await compareQuery(store, oracle, PLAINLY, randomQuery(random))
  for (const series of SERIES) await compareSnapshots(store, oracle, series, undefined)
  await compareStoreInfo(store, oracle)
  await store.readTransact((tx) => compareOwnKeys(tx, oracle))
}

/** Makes sure that a store is whole. */
export async function compareChecked(store: EventStore): Promise<void> {
  assert.deepEqual((await store.check()).problems, [], 'check() is clean')
}

async function compareOneRead(source: Readable, oracle: StoreOracle, random: Random): Promise<void> {
  const choice = random()
  const streamId = `${random() < 0.15 ? '$$' : ''}${pick(random, STREAMS)}`
  if (choice < 0.3) await compareStream(source, oracle, streamId, randomVersions(oracle, random, streamId))
  else if (choice < 0.4)
    await compareOne(source, oracle, streamId, 1 + below(random, oracle.head(streamId) + 1))
  else if (choice < 0.55) await compareStreamInfo(source, oracle, streamId)
  else if (choice < 0.62)
    await compareCategory(source, oracle, randomPlan(oracle, random), pick(random, CATEGORIES))
  else if (choice < 0.69)
    await compareType(source, oracle, randomPlan(oracle, random), pick(random, TYPES_READ))
  else if (choice < 0.84) await compareQuery(source, oracle, randomPlan(oracle, random), randomQuery(random))
  else if (choice < 0.92) await compareAll(source, oracle, randomPlan(oracle, random), random() < 0.5)
  else {
    const series = pick(random, SERIES)
    const version = random() < 0.3 ? undefined : below(random, oracle.head(series.streamId) + 3)
    await compareSnapshots(source, oracle, series, version)
  }
}

function randomVersions(oracle: StoreOracle, random: Random, streamId: string): StreamReadOptions {
  const version = (): number => below(random, oracle.head(streamId) + 3)
  return {
    ...(random() < 0.3 && { from: version() }),
    ...(random() < 0.3 && { after: version() }),
    ...(random() < 0.3 && { to: version() }),
    ...(random() < 0.3 && { before: version() }),
    ...(random() < 0.4 && { limit: below(random, 5) }),
    direction: random() < 0.5 ? 'forwards' : 'backwards',
    resolveLinks: random() < 0.5,
  }
}

function randomPlan(oracle: StoreOracle, random: Random): ReadPlan {
  const bound = { event: below(random, oracle.events.length), byTime: random() < 0.3 }
  const other = { event: below(random, oracle.events.length), byTime: random() < 0.3 }
  return {
    backwards: random() < 0.5,
    resolveLinks: random() < 0.5,
    ...(random() < 0.5 && { limit: below(random, 6) }),
    ...(random() < 0.4 && { lower: { ...bound, name: random() < 0.5 ? 'from' : 'after' } }),
    ...(random() < 0.4 && { upper: { ...other, name: random() < 0.5 ? 'to' : 'before' } }),
  }
}

function randomListing(random: Random): StreamsOptions {
  return {
    ...(random() < 0.3 && { prefix: pick(random, ['b', 'b-1', '$', '$$b', 'z']) }),
    ...(random() < 0.3 && { after: pick(random, [...STREAMS, '$$b-1']) }),
    ...(random() < 0.3 && { limit: below(random, 5) }),
    system: random() < 0.5,
    deleted: random() < 0.5,
  }
}

/** Positions ascend with the log. */
function compareOrder(oracle: StoreOracle): void {
  let before: ModelEvent | undefined
  for (const event of oracle.events) {
    if (event.position === undefined) continue
    if (before !== undefined) assert.ok(isBehind(oracle, event, before.position!), 'Positions ascend')
    before = event
  }
}
