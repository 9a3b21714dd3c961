import assert from 'node:assert/strict'
import type { ReadTransaction } from '../../src/kv/contract.ts'
import type { Copy } from '../../src/projection/name-rows.ts'
import type { ControlRow, NameRow } from '../../src/projection/projection-rows.ts'
import { statesIn, storedValue } from '../../src/projection/state-rows.ts'
import { timerOf } from '../../src/projection/timers.ts'
import type { JsonValue } from '../../src/store/event.ts'
import { userKeyReader } from '../../src/store/user-keys.ts'
import { NAME } from './projection-rules.ts'
import {
  linkText,
  outText,
  Replay,
  type SourceEvent,
  type TrueEmission,
  type TrueTimer,
  type Truth,
} from './projection-truth.ts'
import { type CopyHistory, count, type ProjectionWorld, sourceEvents, trueSums } from './projection-world.ts'

/** What is stored of a copy. */
interface StoredCopy {
  readonly role: 'serving' | 'building'
  readonly number: number
  readonly control: ControlRow
  readonly held: Truth
  /** The timers among it. */
  readonly timers: readonly TrueTimer[]
  /** Timers that were due in the copy before. */
  readonly owed: number
}

/** What is stored by the name of the projection. */
export interface Stored {
  readonly row: NameRow | undefined
  readonly copies: readonly StoredCopy[]
}

/** Reads everything of the projection on one snapshot. */
export function readStored({ observer, rows }: ProjectionWorld): Promise<Stored> {
  return observer.kv.readTransact((tx) => storedIn(rows, tx, NAME))
}

/** Everything of a projection that a transaction sees. */
export async function storedIn(
  rows: ProjectionWorld['rows'],
  tx: ReadTransaction,
  name: string,
): Promise<Stored> {
  const row = await rows.read(tx, name)
  const copies: StoredCopy[] = []
  for (const role of ['serving', 'building'] as const) {
    const copy = await rows.copyAt(tx, row?.[role])
    if (copy === undefined) continue
    const timers = await timersOf(tx, rows.keyspace, copy)
    const held = await heldBy(tx, rows.keyspace, copy, timers)
    const owed = (await tx.getRange(copy.keys.owedTimers()).toArray()).length
    copies.push({ role, number: copy.keys.copy, control: copy.control, held, timers, owed })
  }
  return { row, copies }
}

async function heldBy(
  tx: ReadTransaction,
  keyspace: ProjectionWorld['rows']['keyspace'],
  { keys, control }: Copy,
  timers: readonly TrueTimer[],
): Promise<Truth> {
  const states = statesIn(await tx.getRange(keys.states()).toArray(), { keyspace, keys })
  const model: string[] = []
  for await (const { key, value } of userKeyReader(tx, keys.model).getRange([])) {
    model.push(JSON.stringify([key, value]))
  }
  return {
    states: Object.fromEntries(states.map(({ partition, encoded }) => [partition, plain(encoded)])),
    model,
    timers: timers.map(({ dueMs, partition, name }) => `${dueMs} ${partition} ${name}`),
    handled: control.handled,
    watermarkMs: control.watermarkMs,
  }
}

function plain(encoded: string | Uint8Array): JsonValue {
  const value = storedValue(encoded)
  return value instanceof Uint8Array ? (JSON.parse(new TextDecoder().decode(value)) as JsonValue) : value
}

async function timersOf(
  tx: ReadTransaction,
  keyspace: ProjectionWorld['rows']['keyspace'],
  { keys }: Copy,
): Promise<readonly TrueTimer[]> {
  const found = await tx.getRange(keys.timers()).toArray()
  return found.map((row) => {
    const { origin, ...timer } = timerOf(keyspace, keys, row)
    return { ...timer, from: origin.position }
  })
}

/** Compares what each copy holds with what it should, at the checkpoint that it claims. */
export async function compareCopies(world: ProjectionWorld): Promise<Stored> {
  const stored = await readStored(world)
  const events = await sourceEvents(world)
  for (const copy of stored.copies) {
    const { number, control, held } = copy
    const history = historyOf(world, number)
    assert.ok(control.position >= history.position, `copy ${number} went back to ${control.position}`)
    history.position = control.position
    countChanges(world, copy, history)
    const truths = await truthsAt(world, copy, history, events)
    const isOne = truths.some((truth) => isSame(truth, held))
    if (!isOne) {
      assert.deepEqual(held, truths.at(-1), `copy ${number} at ${control.place} (one of ${truths.length})`)
    }
  }
  return stored
}

/** Counts what was seen to happen to a copy. */
function countChanges(
  world: ProjectionWorld,
  { role, control, owed }: StoredCopy,
  history: CopyHistory,
): void {
  if (control.term > Math.max(1, history.term)) count(world, 'another leader')
  if (history.role === 'building' && role === 'serving') count(world, 'switched')
  if (owed > 0) count(world, 'owed')
  Object.assign(history, { term: control.term, role })
}

function isSame(a: Truth, b: Truth): boolean {
  try {
    assert.deepEqual(a, b)
    return true
  } catch {
    return false
  }
}

/** What a copy was made to leave out. */
export function historyOf({ copies }: ProjectionWorld, number: number): CopyHistory {
  const known = copies.get(number) ?? {
    after: 0n,
    events: new Set(),
    timers: new Set(),
    position: 0n,
    term: 0,
    role: undefined,
  }
  copies.set(number, known)
  return known
}

/** What there may be at a checkpoint: between two events a batch may end between any two timers. */
async function truthsAt(
  world: ProjectionWorld,
  { control }: StoredCopy,
  history: CopyHistory,
  events: readonly SourceEvent[],
): Promise<Truth[]> {
  const replay = new Replay(trueSums(world, control.version), history)
  const before = events.filter(({ place }) => place <= control.place)
  for (const event of before) await replay.take(event)
  const truths = [replay.truth()]
  const { watermarkMs } = control
  while (await replay.runTimer()) truths.push(replay.truth())
  if (watermarkMs !== undefined) {
    while (await replay.runTimer(watermarkMs)) truths.push(replay.truth())
  }
  while (replay.dropTimer()) truths.push(replay.truth())
  return truths
}

/** Compares what was emitted with what should have been, when all is done. */
export async function compareEmitted(world: ProjectionWorld): Promise<void> {
  const { plan, version } = world
  const replay = new Replay(trueSums(world, version), { after: 0n, events: new Set(), timers: new Set() })
  for (const event of await sourceEvents(world)) {
    await replay.take(event)
    while (await replay.runTimer()) {
      // Those that were scheduled for a time that is over.
    }
  }
  for (const streamId of ['out-0', 'out-1', 'links-0', 'links-1']) {
    const expected = replay.emitted.filter((one) => one.streamId === streamId)
    const actual = await emittedTo(world, streamId)
    count(world, 'emitted', actual.length)
    if (plan.isPlain) {
      assert.deepEqual(
        actual,
        expected.map(({ what }) => what),
        `what was emitted to ${streamId}`,
      )
      continue
    }
    // Which stream a timer emits to depends on what was left out.
    const others = replay.emitted.filter((one) => one.streamId !== streamId && one.cause.startsWith('timer'))
    compareLoosely(world, streamId, actual, [...expected, ...others])
  }
}

/** Counts and timers depend on what was left out; but nothing is there more often than it should be. */
function compareLoosely(
  { lost }: Pick<ProjectionWorld, 'lost'>,
  streamId: string,
  actual: readonly string[],
  expected: readonly TrueEmission[],
): void {
  const found = countsOf(actual)
  const allowed = countsOf(expected.map(({ what }) => what))
  const wanted = countsOf(
    expected.filter(({ cause }) => !cause.startsWith('timer') && !lost.has(cause)).map(({ what }) => what),
  )
  for (const [what, count] of wanted) {
    assert.ok((found.get(what) ?? 0) >= count, `${what} is missing in ${streamId}`)
  }
  for (const [what, count] of found) {
    const most = allowed.get(what) ?? (what.includes(' timer ') ? 1 : 0)
    assert.ok(count <= most, `${what} is ${count} times in ${streamId}`)
  }
}

function countsOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts.map(withoutCount)) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

function withoutCount(what: string): string {
  return what.startsWith('Out') ? what.slice(0, what.lastIndexOf(' ')) : what
}

async function emittedTo({ observer }: ProjectionWorld, streamId: string): Promise<string[]> {
  const found: string[] = []
  for await (const { type, data, link, streamId: of, version } of observer.store.stream(streamId).read()) {
    if (link !== undefined) found.push(linkText({ streamId: of, version }))
    else if (type === 'Out') found.push(outText(type, data))
  }
  return found
}
