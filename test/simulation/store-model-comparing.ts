import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import {
  type AllReadOptions,
  type EventDbError,
  type EventStore,
  IndexMissingError,
  type PositionReadOptions,
  type Query,
  type ReadableSource,
  type StoreReadTransaction,
  type StoreTransaction,
  type StreamReadOptions,
  type TransactionEvent,
} from 'eventdb'
import { canBeAnswered } from './store-model-appending.ts'
import type { ModelSeries } from './store-model-operations.ts'
import { compareTold } from './store-model-performing.ts'
import { categoryOf, isMeant, isSystem, type ModelEvent, type StoreOracle } from './store-oracle.ts'

/** Anything that can be read from: a store, or a transaction. */
export type Readable = EventStore | StoreTransaction | StoreReadTransaction

/** Bounds and shape of a read by position, in events of the oracle's log. */
export interface ReadPlan {
  readonly backwards: boolean
  readonly resolveLinks: boolean
  readonly limit?: number
  readonly lower?: { readonly name: 'from' | 'after'; readonly event: number; readonly byTime: boolean }
  readonly upper?: { readonly name: 'to' | 'before'; readonly event: number; readonly byTime: boolean }
}

/** Everything, in order. */
export const PLAINLY: ReadPlan = { backwards: false, resolveLinks: true }

/** An event that the oracle expects, and the link through which it is found. */
interface Found {
  readonly event: ModelEvent
  readonly link: ModelEvent | undefined
}

/** Compares a read of everything. */
export async function compareAll(
  source: Readable,
  oracle: StoreOracle,
  plan: ReadPlan,
  system: boolean,
): Promise<void> {
  const wanted = oracle.visible().filter((event) => system || !isSystem(event))
  await compareByPosition(source.all as never, oracle, plan, wanted, `all, ${JSON.stringify(plan)}`, {
    system,
  })
}

/** Compares a read of a category. */
export async function compareCategory(
  source: Readable,
  oracle: StoreOracle,
  plan: ReadPlan,
  category: string,
): Promise<void> {
  const what = `category ${category}, ${JSON.stringify(plan)}`
  if (!oracle.indexes.has('category')) return refusesIndex(source.category(category), what)
  const wanted = oracle
    .visible()
    .filter((event) => !isSystem(event) && categoryOf(event.streamId) === category)
  await compareByPosition(source.category(category), oracle, plan, wanted, what)
}

/** Compares a read of a type. */
export async function compareType(
  source: Readable,
  oracle: StoreOracle,
  plan: ReadPlan,
  type: string,
): Promise<void> {
  const what = `type ${type}, ${JSON.stringify(plan)}`
  if (!oracle.indexes.has('type')) return refusesIndex(source.eventType(type), what)
  const wanted = oracle.visible().filter((event) => !isSystem(event) && event.type === type)
  await compareByPosition(source.eventType(type), oracle, plan, wanted, what)
}

/** Compares a read of a query. */
export async function compareQuery(
  source: Readable,
  oracle: StoreOracle,
  plan: ReadPlan,
  query: Query,
): Promise<void> {
  const what = `query ${JSON.stringify(query)}, ${JSON.stringify(plan)}`
  if (!canBeAnswered(oracle, query)) return refusesIndex(source.query(query), what)
  const wanted = oracle.visible().filter((event) => isMeant(query, event))
  await compareByPosition(source.query(query), oracle, plan, wanted, what)
}

/** Compares a read of a stream, in versions. */
export async function compareStream(
  source: Readable,
  oracle: StoreOracle,
  streamId: string,
  options: StreamReadOptions,
): Promise<void> {
  const what = `stream ${streamId}, ${JSON.stringify(options)}`
  const stream = source.stream(streamId)
  const { from = 1, after = 0, to = Number.MAX_SAFE_INTEGER, before = Number.MAX_SAFE_INTEGER } = options
  if (oracle.state(streamId) === 'tombstoned') {
    // A read that can yield nothing need not look.
    const isVain = Math.max(from, after + 1) > Math.min(to, before - 1) || options.limit === 0
    return isVain ? undefined : refuses(stream.read(options).toArray(), 'stream-tombstoned', what)
  }
  const read = stream.read(options).toArray()
  const hiddenTo = oracle.hiddenTo(streamId)
  const wanted = oracle
    .stream(streamId)
    .filter(
      ({ version }) =>
        version > hiddenTo && version >= from && version > after && version <= to && version < before,
    )
  const { direction = 'forwards', resolveLinks = true, limit } = options
  const shape = { backwards: direction === 'backwards', resolveLinks, ...(limit !== undefined && { limit }) }
  compareEvents(await read, oracle, foundIn(oracle, wanted, shape), what)
}

/** Compares what is known of a stream. */
export async function compareStreamInfo(
  source: Readable,
  oracle: StoreOracle,
  streamId: string,
): Promise<void> {
  const stream = source.stream(streamId)
  const state = oracle.state(streamId)
  assert.equal(await stream.exists(), state === 'live', `exists() of ${streamId}`)
  const life = oracle.life(streamId)
  assert.deepEqual(await stream.metadata(), life.metadata, `metadata() of ${streamId}`)
  if (state === 'none') return refuses(stream.info(), 'stream-not-found', `info() of ${streamId}`)
  if (state === 'tombstoned') return refuses(stream.info(), 'stream-tombstoned', `info() of ${streamId}`)
  const { truncateBefore, createdAt, modifiedAt, ...info } = await stream.info()
  assert.deepEqual(
    info,
    {
      streamId,
      state,
      version: oracle.head(streamId),
      firstVersion: oracle.hiddenTo(streamId) + 1,
      ...(life.maxCount !== undefined && { maxCount: life.maxCount }),
      ...(life.maxAgeMs !== undefined && { maxAgeMs: life.maxAgeMs }),
      metadata: life.metadata,
    },
    `info() of ${streamId}`,
  )
  compareTruncation(oracle, streamId, truncateBefore)
  if (oracle.pendingFrom < oracle.events.length) return
  const { createdMs, modifiedMs } = oracle.times(streamId)
  assert.deepEqual(
    [createdAt.getTime(), modifiedAt.getTime()],
    [createdMs, modifiedMs],
    `times of ${streamId}`,
  )
}

/** By truncation, or by a change of bounds; where that hid what was hidden anyway, it need not be said. */
function compareTruncation(oracle: StoreOracle, streamId: string, before: number | undefined): void {
  const { truncatedBefore, hiddenByFormerBounds } = oracle.life(streamId)
  const most = Math.max(truncatedBefore, hiddenByFormerBounds + 1)
  const told = before ?? 1
  assert.ok(
    told >= truncatedBefore && told <= most,
    `${streamId}: truncateBefore is ${before}, not ${truncatedBefore} to ${most}`,
  )
}

/** Compares one event by its version. */
export async function compareOne(
  source: Readable,
  oracle: StoreOracle,
  streamId: string,
  version: number,
): Promise<void> {
  const what = `event(${version}) of ${streamId}`
  const call = source.stream(streamId).event(version)
  if (oracle.state(streamId) === 'tombstoned') return refuses(call, 'stream-tombstoned', what)
  const event = oracle.readable({ streamId, version })
  const found = foundIn(oracle, event === undefined ? [] : [event], PLAINLY)
  const real = await call
  compareEvents(real === undefined ? [] : [real], oracle, found, what)
}

/** Compares snapshots of a series. */
export async function compareSnapshots(
  source: Readable,
  oracle: StoreOracle,
  series: ModelSeries,
  version: number | undefined,
): Promise<void> {
  const { streamId, name, schemaVersion } = series
  const snapshots = source.stream(streamId).snapshots<number>(name, { schemaVersion })
  const kept = oracle.snapshotsOf(series)
  const what = `snapshots ${JSON.stringify(series)}`
  const listed = (await snapshots.list()).map((entry) => entry.version)
  assert.deepEqual(
    listed,
    kept.map((snapshot) => snapshot.version),
    `list() of ${what}`,
  )
  const call = snapshots.closest(version)
  if (oracle.state(streamId) === 'tombstoned') return refuses(call, 'stream-tombstoned', what)
  const closest = kept.find(
    (snapshot) =>
      snapshot.version <= (version ?? Number.POSITIVE_INFINITY) && oracle.isUsable(series, snapshot),
  )
  const found = await call
  assert.deepEqual(
    found && { version: found.version, state: found.state },
    closest && { version: closest.version, state: closest.state },
    `closest(${version}) of ${what}`,
  )
}

/** Compares the caller's own keys. */
export async function compareOwnKeys(
  source: Pick<StoreReadTransaction, 'kv'>,
  oracle: StoreOracle,
): Promise<void> {
  const own: (readonly [string, unknown])[] = []
  for await (const { key, value } of source.kv.getRange([])) own.push([String(key[0]), value])
  assert.deepEqual(own, [...oracle.own].sort(), 'Own keys')
}

async function compareByPosition(
  source: ReadableSource<TransactionEvent, AllReadOptions>,
  oracle: StoreOracle,
  plan: ReadPlan,
  wanted: readonly ModelEvent[],
  what: string,
  options: AllReadOptions = {},
): Promise<void> {
  const within = boundsOf(oracle, plan)
  if (within === undefined) return
  const found = foundIn(oracle, wanted.filter(within.holds), plan)
  const { backwards, resolveLinks, limit } = plan
  const read = source.read({
    ...options,
    ...within.options,
    resolveLinks,
    direction: backwards ? 'backwards' : 'forwards',
    ...(limit !== undefined && { limit }),
  })
  compareEvents(await read.toArray(), oracle, found, what)
}

/** Bounds as the store takes them, and as they are meant; `undefined` if the rules leave open what they mean. */
function boundsOf(
  oracle: StoreOracle,
  { lower, upper }: ReadPlan,
): { readonly options: PositionReadOptions; holds(event: ModelEvent): boolean } | undefined {
  const options: Record<string, bigint | Date> = {}
  const tests: ((event: ModelEvent) => boolean)[] = []
  for (const bound of [lower, upper]) {
    if (bound === undefined) continue
    const named = oracle.events[bound.event]
    if (named?.position === undefined) return undefined
    // When a transaction's own events will be recorded is not for it to know.
    if (bound.byTime && oracle.pendingFrom < oracle.events.length) return undefined
    options[bound.name] = bound.byTime ? new Date(named.recordedMs) : named.position
    const isUpper = bound.name === 'to' || bound.name === 'before'
    tests.push((event) => {
      if (oracle.isPending(event)) return !isUpper
      const order = bound.byTime
        ? Math.sign(event.recordedMs - named.recordedMs)
        : Math.sign(oracle.events.indexOf(event) - bound.event)
      if (order === 0) return bound.name === 'from' || bound.name === 'to'
      return isUpper ? order < 0 : order > 0
    })
  }
  return { options, holds: (event) => tests.every((test) => test(event)) }
}

/** Section 3 of the semantics: the events that a read yields, links resolved. */
function foundIn(
  oracle: StoreOracle,
  wanted: readonly ModelEvent[],
  { backwards, resolveLinks, limit }: Pick<ReadPlan, 'backwards' | 'resolveLinks' | 'limit'>,
): readonly Found[] {
  const found: Found[] = []
  for (const event of backwards ? wanted.toReversed() : wanted) {
    const { target } = event
    const pointed = target === undefined || !resolveLinks ? event : oracle.readable(target)
    if (pointed !== undefined) found.push({ event: pointed, link: pointed === event ? undefined : event })
  }
  return found.slice(0, limit)
}

function compareEvents(
  real: readonly TransactionEvent[],
  oracle: StoreOracle,
  expected: readonly Found[],
  what: string,
): void {
  const place = ({ streamId, version }: { readonly streamId: string; readonly version: number }): string =>
    `${streamId}@${version}`
  if (real.length !== expected.length)
    assert.deepEqual(
      real.map(place),
      expected.map(({ event }) => place(event)),
      `Events of ${what}`,
    )
  for (const [at, { event, link }] of expected.entries()) {
    const found = real[at]!
    assert.equal(place(found), place(event), `Event ${at} of ${what}`)
    compareEvent(found, oracle, event, `${place(event)} in ${what}`)
    assert.equal(
      found.link && place(found.link),
      link && place(link),
      `The link of ${place(event)} in ${what}`,
    )
    if (link !== undefined) compareLink(found.link!, oracle, link, what)
  }
}

function compareLink(
  found: NonNullable<TransactionEvent['link']>,
  oracle: StoreOracle,
  link: ModelEvent,
  what: string,
): void {
  if (link.id !== undefined) assert.equal(found.id, link.id, `The id of a link in ${what}`)
  if (oracle.isPending(link)) assert.equal(found.position, undefined)
  else compareTold(found.position, link, `The position of a link in ${what}`)
}

function compareEvent(found: TransactionEvent, oracle: StoreOracle, event: ModelEvent, what: string): void {
  const isPending = oracle.isPending(event)
  const recordedMs = isPending ? undefined : event.recordedMs
  if (isPending) assert.equal(found.position, undefined, `The position of ${what}`)
  else compareTold(found.position, event, `The position of ${what}`)
  const data = isSystem(event) ? metadataOf(found.data) : found.data
  const isSame =
    found.type === event.type &&
    found.recordedAt?.getTime() === recordedMs &&
    found.time?.getTime() === (event.timeMs ?? recordedMs) &&
    (event.id === undefined || found.id === event.id) &&
    isDeepStrictEqual(found.tags, event.tags) &&
    (found.metadata === event.metadata || isDeepStrictEqual(found.metadata, event.metadata)) &&
    (data === event.data || isDeepStrictEqual(data, event.data))
  if (isSame) return
  const { type, id = found.id, tags, metadata, timeMs = recordedMs } = event
  const { streamId: _, version: __, position: ___, link: ____, ...rest } = plain(found)
  assert.deepEqual(
    { ...rest, data },
    {
      type,
      id,
      tags,
      metadata,
      data: event.data,
      time: timeMs === undefined ? undefined : new Date(timeMs),
      recordedAt: recordedMs === undefined ? undefined : new Date(recordedMs),
    },
    what,
  )
  assert.fail(`${what} is not what it should be`)
}

function plain(event: TransactionEvent): Record<string, unknown> {
  const { streamId, version, type, id, tags, metadata, data, time, recordedAt, position, link } = event
  return { streamId, version, type, id, tags, metadata, data, time, recordedAt, position, link }
}

/** Of the data of system events, only the map of metadata is anybody's business. */
function metadataOf(data: unknown): unknown {
  const { metadata } = data as { readonly metadata?: unknown }
  return metadata === undefined ? undefined : { metadata }
}

async function refuses(call: Promise<unknown>, code: string, what: string): Promise<void> {
  await assert.rejects(call, (error: EventDbError) => error.code === code, `${what} is refused`)
}

async function refusesIndex(source: ReadableSource<TransactionEvent>, what: string): Promise<void> {
  await assert.rejects(
    source.read().toArray(),
    IndexMissingError,
    `${what} is refused, as the index is missing`,
  )
}
