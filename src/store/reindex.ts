import { CorruptionError } from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES, stampOf } from '../kv/stamp.ts'
import { REINDEX_DROP_ROWS, REINDEX_EVENTS } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { ReindexOptions, ReindexProgress } from './contract-admin.ts'
import type { IndexName } from './contract-reading.ts'
import type { RecordedEvent } from './event.ts'
import { indexedTexts } from './event-writer.ts'
import type { StoreHost } from './host.ts'
import { onlyNames } from './known-names.ts'
import { isSystemStream } from './prepared-event.ts'
import { decodePage } from './read-event.ts'
import {
  checkIndexNames,
  INDEX_NAMES,
  type IndexState,
  readSettings,
  type Settings,
  withIndex,
  writeSettings,
} from './settings.ts'
import { encodePlace } from './small-values.ts'
import { stampOfEvent, streamNumberOf } from './stored-event.ts'

const checkOptions = onlyNames('The options of reindex', 'add', 'drop', 'signal', 'onProgress')

/**
 * Adds and drops indexes while the store stays in use. "Adding and dropping" in `docs/streams.md` says why no event is missed, and why it can
 * be stopped, killed, or run twice at a time.
 */
export async function reindexStore(host: StoreHost, options: ReindexOptions = {}): Promise<void> {
  checkOptions(options)
  const { add = [], drop = [], signal, onProgress } = options
  checkIndexNames(add, 'The indexes to be added')
  checkIndexNames(drop, 'The indexes to be dropped')
  const work: Work = { host, signal, onProgress }
  for (const index of drop) await moveIndex(host, index, 'dropping', (state) => state !== undefined)
  for (const index of INDEX_NAMES) {
    if ((await stateOf(host, index)) === 'dropping') await dropRows(work, index)
    if (add.includes(index)) await moveIndex(host, index, 'building', (state) => state === undefined)
    if ((await stateOf(host, index)) === 'building') await build(work, index)
  }
}

interface Work {
  readonly host: StoreHost
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: ReindexProgress) => void) | undefined
}

async function stateOf({ kv, keys }: StoreHost, index: IndexName): Promise<IndexState | undefined> {
  return kv.readTransact(async (tx) => (await readSettings(tx, keys)).indexes[index])
}

/** Moves an index to another state, if it is in one from which that is wanted. */
async function moveIndex(
  host: StoreHost,
  index: IndexName,
  to: IndexState,
  isWanted: (state: IndexState | undefined) => boolean,
): Promise<void> {
  await host.kv.transact(async (tx) => {
    const settings = await readSettings(tx, host.keys)
    if (isWanted(settings.indexes[index])) change(host, tx, withIndex(settings, index, to), index, to)
  })
}

function change(
  { keys, settings }: StoreHost,
  tx: Transaction,
  changed: Settings,
  index: IndexName,
  to: IndexState | undefined,
): void {
  writeSettings(tx, keys, changed)
  // The stamp of this very transaction: every event below it may lack its rows, every one above it has them.
  if (to === 'building') tx.setStampedValue(keys.reindexKey(index), new Uint8Array(2 * STAMP_BYTES), 0)
  else tx.clear(keys.reindexKey(index))
  tx.afterCommit(() => settings.forget())
}

/** What a step came to: how far the work is, unless somebody else has done it, and whether it is done. */
interface Step {
  readonly progress?: ReindexProgress
  readonly isLast: boolean
}

const DONE_BY_OTHERS: Step = { isLast: true }

/** Runs steps, each a transaction, until one is the last. */
async function repeat(
  { host, signal, onProgress }: Work,
  step: (tx: Transaction) => Promise<Step>,
): Promise<void> {
  let done = 0
  for (let isLast = false; !isLast; ) {
    signal?.throwIfAborted()
    const made = await host.kv.transact(step)
    done += made.progress?.done ?? 0
    if (made.progress !== undefined) onProgress?.({ ...made.progress, done })
    isLast = made.isLast
    await turn(host.runtime)
  }
}

/** Clears the rows of an index, and forgets it when there are none. */
function dropRows(work: Work, index: IndexName): Promise<void> {
  const { host } = work
  const { keys } = host
  return repeat(work, async (tx) => {
    const settings = await readSettings(tx, keys)
    if (settings.indexes[index] !== 'dropping') return DONE_BY_OTHERS
    const range = keys.indexRows(index)
    const rows = await tx.snapshot.getRange(range, { limit: REINDEX_DROP_ROWS }).toArray()
    const last = rows.at(-1)
    const isLast = rows.length < REINDEX_DROP_ROWS
    if (last !== undefined) tx.clearRange({ begin: range.begin, end: Uint8Array.of(...last.key, 0) })
    if (isLast) change(host, tx, withIndex(settings, index, undefined), index, undefined)
    return { progress: { index, doing: 'dropping', done: rows.length, share: undefined }, isLast }
  })
}

/** Writes the rows of events that were there before the index. */
function build(work: Work, index: IndexName): Promise<void> {
  const { host } = work
  const { keys } = host
  return repeat(work, async (tx) => {
    const settings = await readSettings(tx, keys)
    if (settings.indexes[index] !== 'building') return DONE_BY_OTHERS
    const { end, done } = await readProgress(tx, host, index)
    const page = await eventsBetween(tx, host, done, end)
    for (const event of page.events) writeRows(tx, host, index, event, settings)
    const last = page.events.at(-1)
    const isLast = page.isLast || last === undefined
    if (isLast) change(host, tx, withIndex(settings, index, 'ready'), index, 'ready')
    else tx.set(keys.reindexKey(index), encodeProgress(end, stampOfEvent(last)!))
    const share = isLast ? 1 : await shareOf(tx, host, last.position, end)
    return { progress: { index, doing: 'building', done: page.events.length, share }, isLast }
  })
}

/** Reads with conflicts, so that a scavenge of the same events makes this run again. */
async function eventsBetween(
  tx: Transaction,
  { keys }: StoreHost,
  done: Uint8Array,
  end: Uint8Array,
): Promise<{ readonly events: readonly RecordedEvent[]; readonly isLast: boolean }> {
  const range = keys.logRange(stampOf(positionOf(done) + 1n), end)
  const rows = await tx.getRange(range, { limit: REINDEX_EVENTS }).toArray()
  const found = rows.map(({ key, value }) => ({ stamp: keys.stampOfLogKey(key), row: value }))
  const { events, isCut } = await decodePage(tx, keys, found)
  return { events, isLast: !isCut && rows.length < REINDEX_EVENTS }
}

function writeRows(
  tx: Transaction,
  { keys }: StoreHost,
  index: IndexName,
  event: RecordedEvent,
  settings: Settings,
): void {
  if (isSystemStream(event.streamId)) return
  const place = encodePlace(streamNumberOf(event), event.version)
  for (const { text } of indexedTexts(event, settings, [index])) {
    tx.set(keys.indexKey(index, text, stampOfEvent(event)!), place)
  }
}

/** How far the building of an index has come: the stamp of its beginning, up to which it has to go, and that of the last event done. */
async function readProgress(
  tx: Transaction,
  { keys }: StoreHost,
  index: IndexName,
): Promise<{ readonly end: Uint8Array; readonly done: Uint8Array }> {
  const row = await tx.get(keys.reindexKey(index))
  if (row?.length !== 2 * STAMP_BYTES) {
    throw new CorruptionError(`How far the building of the index by ${index} has come is damaged`, { index })
  }
  return { end: row.slice(0, STAMP_BYTES), done: row.slice(STAMP_BYTES) }
}

function encodeProgress(end: Uint8Array, done: Uint8Array): Uint8Array {
  const row = new Uint8Array(2 * STAMP_BYTES)
  row.set(end)
  row.set(done, STAMP_BYTES)
  return row
}

/** Positions have gaps, but over a whole log they pass evenly enough for a progress bar. */
async function shareOf(
  tx: Transaction,
  { keys }: StoreHost,
  position: bigint,
  end: Uint8Array,
): Promise<number> {
  const [first] = await tx.snapshot.getRange(keys.log(), { limit: 1 }).toArray()
  const begin = first === undefined ? 0n : positionOf(keys.stampOfLogKey(first.key))
  const whole = Number(positionOf(end) - begin)
  return whole <= 0 ? 1 : Math.min(1, Number(position - begin) / whole)
}
