import assert from 'node:assert/strict'
import type { StoreReadTransaction } from 'eventdb'
import { type AppendsHold, readSettings } from '../../src/store/settings.ts'
import { historyOf, type Stored, storedIn } from './projection-comparing.ts'
import { KEPT, KEPT_STREAMS } from './projection-kept.ts'
import { linkText, outText, Replay, type SourceEvent } from './projection-truth.ts'
import { count, eventsOf, type KeptWorld, type ProjectionWorld, trueKept } from './projection-world.ts'

type StoredCopy = Stored['copies'][number]

/** What can be seen of the inline projection at one moment. */
interface SeenKept {
  readonly stored: Stored
  readonly events: readonly SourceEvent[]
  /** What it has emitted, by the stream. */
  readonly emitted: Readonly<Record<string, readonly string[]>>
  /** What those who append are asked. */
  readonly hold: AppendsHold | undefined
}

/** Looks at everything on one snapshot, while others go on. */
function seeKept({ observer, rows }: ProjectionWorld, { plan }: KeptWorld): Promise<SeenKept> {
  return observer.kv.transact(async (tx) => {
    const store = observer.store.within(tx) as unknown as StoreReadTransaction
    const emitted: Record<string, readonly string[]> = {}
    for (const streamId of [...KEPT_STREAMS, 'in-c']) emitted[streamId] = await emittedTo(store, streamId)
    const events = await eventsOf(store, plan.source)
    const stored = await storedIn(rows, tx, KEPT)
    const { hold } = await readSettings(tx, rows.keyspace)
    // To an inline projection links are no events.
    return { stored, events: events.filter(({ event }) => event.link === undefined), emitted, hold }
  })
}

async function emittedTo(store: StoreReadTransaction, streamId: string): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { type, data, link, streamId: of, version } of store.stream(streamId).read()) {
    if (link !== undefined && streamId === 'kept-links') found.push(linkText({ streamId: of, version }))
    else if (link === undefined && Object.hasOwn(data as object, 'of')) found.push(outText(type, data))
  }
  return found
}

/** The inline projection holds what a loop over the log comes to: all of it while it is in force. */
export async function compareKept(world: ProjectionWorld): Promise<void> {
  const { kept } = world
  if (kept === undefined) return
  assert.deepEqual(kept.wrong, [])
  const seen = await seeKept(world, kept)
  if (seen.hold !== undefined) count(world, 'asked to wait')
  for (const copy of seen.stored.copies) {
    const replay = await compareCopy(world, kept, copy, seen.events)
    if (copy.control.isInline) compareForced(world, copy, seen, replay)
  }
  await compareEmittedBy(kept, seen)
}

async function compareCopy(
  world: ProjectionWorld,
  { plan }: KeptWorld,
  { number, control, held }: StoredCopy,
  events: readonly SourceEvent[],
): Promise<Replay> {
  const history = historyOf(world, number)
  assert.ok(control.position >= history.position, `copy ${number} went back to ${control.position}`)
  history.position = control.position
  const replay = new Replay(trueKept(plan, control.version), history)
  for (const event of events) if (control.isInline || event.place <= control.place) await replay.take(event)
  const { states, model } = replay.truth()
  const how = control.isInline ? 'in force' : `at ${control.place}`
  assert.deepEqual({ states: held.states, model: held.model }, { states, model }, `copy ${number} ${how}`)
  assert.deepEqual(held.timers, [])
  return replay
}

function compareForced(
  world: ProjectionWorld,
  { number, role, control }: StoredCopy,
  { emitted }: SeenKept,
  replay: Replay,
): void {
  const history = historyOf(world, number)
  assert.equal(role, 'serving')
  count(world, 'in force')
  if (history.term !== control.term) count(world, 'into force')
  history.term = control.term
  if (world.kept?.plan.isPlain) assert.deepEqual(emitted, byStream(replay), 'what was emitted')
}

function byStream({ emitted }: Replay): SeenKept['emitted'] {
  const texts = (streamId: string): string[] =>
    emitted.filter((one) => one.streamId === streamId).map(({ what }) => what)
  return Object.fromEntries([...KEPT_STREAMS, 'in-c'].map((streamId) => [streamId, texts(streamId)]))
}

/** In order, and each once: whatever is not emitted yet comes later. */
async function compareEmittedBy({ plan, version }: KeptWorld, { emitted, events }: SeenKept): Promise<void> {
  const everything = { after: 0n, events: new Set<bigint>(), timers: new Set<string>() }
  const replay = new Replay(trueKept(plan, version), everything)
  for (const event of events) await replay.take(event)
  for (const [streamId, expected] of Object.entries(byStream(replay))) {
    const actual = emitted[streamId]!
    if (plan.isPlain) {
      assert.deepEqual(actual, expected.slice(0, actual.length), `what was emitted to ${streamId}`)
      continue
    }
    const causes = actual.map(withoutCount)
    assert.equal(new Set(causes).size, causes.length, `${streamId} has something twice`)
    const known = new Set(expected.map(withoutCount))
    for (const cause of causes) assert.ok(known.has(cause), `${cause} in ${streamId} has no cause`)
  }
}

function withoutCount(what: string): string {
  return what.startsWith('to ') ? what : what.slice(0, what.lastIndexOf(' '))
}

/** Events are there, or not, as those who appended them were told. */
export async function compareAppended({ observer }: ProjectionWorld, kept: KeptWorld): Promise<void> {
  const there = new Set<number>()
  for await (const { data } of observer.store.all.read({ resolveLinks: false }))
    there.add((data as { readonly n?: number } | undefined)?.n ?? 0)
  for (const n of kept.appended) assert.ok(there.has(n), `event ${n} was appended, and is not there`)
  for (const n of kept.refused) assert.ok(!there.has(n), `event ${n} was refused, and is there`)
}

/** Which copy is in force, if one is: what of it changes whenever it comes into force, or out of it. */
export async function forceOf({ observer, rows }: ProjectionWorld): Promise<{
  readonly isInline: boolean
  readonly what: string
}> {
  return observer.kv.readTransact(async (tx) => {
    const row = await rows.read(tx, KEPT)
    const copy = await rows.copyAt(tx, row?.serving)
    const isInline = copy?.control.isInline === true
    return { isInline, what: `${row?.generation} ${row?.serving} ${copy?.control.term} ${isInline}` }
  })
}
