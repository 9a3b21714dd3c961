import assert from 'node:assert/strict'
import type { EventStore, IndexName, ScavengeReport, StreamsOptions } from 'eventdb'
import type { AppendOperation, ModelSeries, WorldOperation } from './store-model-operations.ts'
import { perform } from './store-model-performing.ts'
import {
  isSystem,
  type ModelEvent,
  type ModelSnapshot,
  type StoreOracle,
  seriesName,
} from './store-oracle.ts'

type Of<Name extends WorldOperation['do']> = Extract<WorldOperation, { readonly do: Name }>

/** Makes appends while something else is going on. */
export type AppendMeanwhile = (appends: readonly AppendOperation[]) => Promise<void>

/** Compares an enumeration of streams. */
export async function compareListing(
  store: EventStore,
  oracle: StoreOracle,
  options: StreamsOptions,
): Promise<void> {
  const listed = []
  for await (const entry of store.streams(options)) listed.push(entry)
  const { prefix = '', after, limit, system = false, deleted = false } = options
  const ids = oracle.streamIds()
  const wanted = ids
    .filter((id) => id.startsWith(prefix) && (after === undefined || bytesBetween(after, id) < 0))
    .map((streamId) => ({ streamId, state: oracle.state(streamId), version: oracle.head(streamId) }))
    .filter(({ state }) => deleted || state === 'live')
    .filter((entry) => system || !isSystem(entry))
  assert.deepEqual(listed, wanted.slice(0, limit), `streams(${JSON.stringify(options)})`)
}

/** Compares what is known of the whole store. Whether a hidden event at an end still counts depends on scavenging. */
export async function compareStoreInfo(store: EventStore, oracle: StoreOracle): Promise<void> {
  const info = await store.info()
  const [visible, live] = [oracle.visible(), oracle.streamIds().filter((id) => oracle.state(id) === 'live')]
  assert.deepEqual(
    {
      indexes: [...info.indexes].sort(),
      streams: info.streams,
      events: info.events,
      systemEvents: info.systemEvents,
    },
    {
      indexes: [...oracle.indexes].sort(),
      streams: live.filter((streamId) => !isSystem({ streamId })).length,
      events: visible.filter((event) => !isSystem(event)).length,
      systemEvents: visible.filter(isSystem).length,
    },
    'info() of the store',
  )
  const there = oracle.events.filter(({ gone }) => gone !== 'yes')
  const firsts = ends(there)
  const lasts = ends(there.toReversed())
  const isOneOf = (
    events: readonly ModelEvent[],
    of: (event: ModelEvent) => unknown,
    found: unknown,
  ): boolean => (events.length === 0 ? found === undefined : events.some((event) => of(event) === found))
  assert.ok(
    isOneOf(firsts, ({ recordedMs }) => recordedMs, info.firstRecordedAt?.getTime()),
    'firstRecordedAt',
  )
  assert.ok(
    isOneOf(lasts, ({ recordedMs }) => recordedMs, info.lastRecordedAt?.getTime()),
    'lastRecordedAt',
  )
  const isUnseen = lasts.some(({ position }) => position === undefined)
  assert.ok(isUnseen || isOneOf(lasts, ({ position }) => position, info.lastPosition), 'lastPosition')
}

/** The first of the events that are certainly there, and those before it that may be. */
function ends(events: readonly ModelEvent[]): readonly ModelEvent[] {
  return events.slice(0, events.findIndex(({ gone }) => gone === 'no') + 1)
}

/** Scavenges, and lets the oracle know what is gone. Reads must not notice. */
export async function scavenge(
  store: EventStore,
  world: { readonly oracle: StoreOracle },
  { abortAfter, meanwhile }: Of<'scavenge'>,
  append: AppendMeanwhile,
): Promise<void> {
  const due = hiddenEvents(world.oracle).length - world.oracle.removedUnseen
  const appending = append(meanwhile)
  const { done, report } = await aborting<ScavengeReport>(abortAfter, (options) => store.scavenge(options))
  await appending
  const { oracle } = world
  if (done && meanwhile.length === 0) {
    assert.equal(report?.events, due, 'Every hidden event is reclaimed')
    for (const event of hiddenEvents(oracle)) {
      event.gone = 'yes'
      event.lost = event.version > oracle.hiddenTo(event.streamId, 'ignored')
    }
    oracle.removedUnseen = 0
    return
  }
  const removed = report?.events ?? 0
  const hidden = hiddenEvents(oracle)
  oracle.removedUnseen += removed
  assert.ok(oracle.removedUnseen <= hidden.length, 'Nothing is reclaimed but what is hidden')
  if (removed > 0) for (const event of hidden) event.gone = 'maybe'
}

/** Events that readers do not get, and that may still be there. */
function hiddenEvents(oracle: StoreOracle): readonly ModelEvent[] {
  const visible = new Set(oracle.visible())
  return oracle.events.filter((event) => !visible.has(event) && event.gone !== 'yes')
}

/** Snapshots that nothing can ever be built upon go with a scavenge, at a time of its own choice. */
export async function forgetSnapshots(
  store: EventStore,
  oracle: StoreOracle,
  series: readonly ModelSeries[],
): Promise<void> {
  for (const one of series) {
    const { streamId, name, schemaVersion } = one
    const listed = await store.stream(streamId).snapshots(name, { schemaVersion }).list()
    const kept = oracle.snapshotsOf(one)
    const isListed = ({ version }: ModelSnapshot): boolean =>
      listed.some((entry) => entry.version === version)
    for (const snapshot of kept) {
      if (isListed(snapshot)) continue
      assert.ok(isUseless(oracle, one, snapshot), `Snapshot ${snapshot.version} of ${seriesName(one)} went`)
    }
    oracle.snapshots.set(seriesName(one), kept.filter(isListed))
  }
}

function isUseless(oracle: StoreOracle, series: ModelSeries, snapshot: ModelSnapshot): boolean {
  const { streamId } = series
  if (oracle.state(streamId) === 'tombstoned') return true
  const others = oracle.hiddenTo(streamId, 'ignored')
  const isRestorable =
    oracle.state(streamId) === 'deleted' &&
    oracle
      .stream(streamId)
      .slice(others)
      .every(({ gone }) => gone === 'no')
  return snapshot.version < others || (!isRestorable && snapshot.version <= oracle.beginOfLife(streamId))
}

/** Changes the indexes. Where that is aborted, the store is asked which of them can be read. */
export async function reindex(
  store: EventStore,
  world: { readonly oracle: StoreOracle },
  { add, drop, abortAfter, meanwhile }: Of<'reindex'>,
  append: AppendMeanwhile,
): Promise<void> {
  const appending = append(meanwhile)
  const { done } = await aborting(abortAfter, (options) => store.reindex({ add, drop, ...options }))
  await appending
  const { oracle } = world
  const readable = new Set((await store.info()).indexes)
  const [before, touched] = [oracle.indexes, new Set([...oracle.unfinished, ...add, ...drop])]
  for (const name of ['category', 'type', 'tag'] as const) {
    const wanted = isWanted(name)
    if (wanted !== undefined) assert.equal(readable.has(name), wanted, `The index by ${name} can be read`)
  }
  oracle.indexes = readable
  oracle.unfinished = new Set(done ? [] : touched)

  function isWanted(name: IndexName): boolean | undefined {
    if (!touched.has(name)) return before.has(name)
    if (!done) return undefined
    if (add.includes(name)) return true
    return drop.includes(name) ? false : undefined
  }
}

/** Runs something that an `AbortSignal` ends after some steps. Its last progress is its report if it does not come to an end. */
async function aborting<Report>(
  after: number | undefined,
  run: (options: { signal?: AbortSignal; onProgress: (report: object) => void }) => Promise<unknown>,
): Promise<{ readonly done: boolean; readonly report: Report | undefined }> {
  const controller = new AbortController()
  let [steps, report] = [0, undefined as Report | undefined]
  if (after === 0) controller.abort()
  const onProgress = (progress: object): void => {
    steps += 1
    report = progress as Report
    if (steps === after) controller.abort()
  }
  try {
    const whole = await run({ onProgress, ...(after !== undefined && { signal: controller.signal }) })
    return { done: true, report: whole as Report }
  } catch (error) {
    if (error !== controller.signal.reason) throw error
    return { done: false, report }
  }
}

function bytesBetween(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Appends side by side, which are judged in the order of the calls. */
export function performTogether(
  store: EventStore,
  oracle: StoreOracle,
  appends: readonly AppendOperation[],
): Promise<readonly Awaited<ReturnType<typeof perform>>[]> {
  return Promise.all(appends.map((append) => perform(store, append, oracle)))
}
