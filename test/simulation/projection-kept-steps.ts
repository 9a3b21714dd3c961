import assert from 'node:assert/strict'
import {
  EventDbError,
  type EventStore,
  type NewEvent,
  ProjectionNotCarriedError,
  ProjectionRefusedError,
} from 'eventdb'
import { sleep } from '../../src/runtime.ts'
import { historyOf, type Stored, storedIn } from './projection-comparing.ts'
import { below, chance, newEvent, oneOf, STREAMS } from './projection-drawing.ts'
import { KEPT, keptText } from './projection-kept.ts'
import { forceOf } from './projection-kept-comparing.ts'
import type { Process } from './projection-process.ts'
import type { RulesPlan, Wish } from './projection-rules.ts'
import { carryKept, count, eventsOf, type KeptWorld, note, type ProjectionWorld } from './projection-world.ts'

/** Says `false` if nothing came of it. */
type Act = (world: ProjectionWorld, kept: KeptWorld) => Promise<unknown>

/** What may happen to an inline projection, and how often. */
export const KEPT_ACTS: readonly (readonly [weight: number, name: string, act: Act])[] = [
  [10, 'append by carriers', appendByCarriers],
  [5, 'append by a stranger', appendByStranger],
  [4, 'pause of the inline one', (world) => administered(world, (handle) => handle.pause())],
  [6, 'resume of the inline one', (world) => administered(world, (handle) => handle.resume())],
  [3, 'reset of the inline one', (world, kept) => beginAnew(world, kept, 'reset')],
  [4, 'rebuild of the inline one', (world, kept) => beginAnew(world, kept, 'rebuild')],
  [4, 'deploy of the inline one', deploy],
  [1, 'delete of the inline one', remove],
  [6, 'carry', carry],
  [8, 'fail of the inline one', fail],
  [3, 'skip of the inline one', skip],
]
const REFUSALS: readonly string[] = ['projection-not-found', 'projection-building', 'projection-not-faulted']
/** What appends of processes that are disturbed may come to. */
const DISTURBANCES: readonly string[] = [
  'storage-failed',
  'commit-unknown',
  'conflict',
  'transaction-too-old',
  'closed',
]
/** Time in which everything has to be well again. */
const PATIENCE_MS = 240_000

/** Several appends at once, which nobody waits for: whoever makes them may stand still, or be killed. */
export async function appendByCarriers(world: ProjectionWorld, kept: KeptWorld): Promise<boolean> {
  if (world.processes.length === 0) return false
  for (let appends = 1 + below(world, 4); appends > 0; appends -= 1) {
    void appendBy(world, kept, oneOf(world, world.processes))
  }
  return true
}

async function appendBy(world: ProjectionWorld, kept: KeptWorld, process: Process): Promise<void> {
  const events = Array.from({ length: 1 + below(world, 4) }, () => newEvent(world))
  // By the time of an error the process may carry another version.
  const { carrying } = process
  const carriedBy = carrying?.isReady === true && !carrying.isOver ? carrying : undefined
  process.appending += 1
  try {
    await appendSomehow(world, process.store, events)
    for (const n of numbersOf(events)) kept.appended.add(n)
    count(world, 'appended by a carrier')
  } catch (error) {
    try {
      judge(world, kept, process, events, error, carriedBy)
    } catch (wrong) {
      kept.wrong.push(wrong)
    }
  } finally {
    process.appending -= 1
  }
}

function numbersOf(events: readonly NewEvent[]): number[] {
  return events.map(({ data }) => (data as Wish).n)
}

function appendSomehow(
  world: ProjectionWorld,
  store: EventStore,
  events: readonly NewEvent[],
): Promise<unknown> {
  const [streamId, other] = [oneOf(world, STREAMS), oneOf(world, STREAMS)]
  const [first, ...rest] = events
  const way = below(world, 4)
  if (way === 0) {
    return store.transact(async (tx) => {
      await tx.stream(streamId).append(first!)
      await tx.stream(other).append(rest)
    })
  }
  if (way === 1 && other !== streamId) {
    return store.append([
      { streamId, events: [first!] },
      { streamId: other, events: rest },
    ])
  }
  return store.stream(streamId).append(events)
}

/** An append is refused for a reason, and then nothing of it is there. */
function judge(
  world: ProjectionWorld,
  kept: KeptWorld,
  process: Process,
  events: readonly NewEvent[],
  error: unknown,
  carriedBy: Process['carrying'],
): void {
  const numbers = numbersOf(events)
  note(world, `  ${process.name} could not append ${numbers}: ${error}`)
  if (error instanceof ProjectionRefusedError) {
    const isLate = error.message.includes('its handlers took more than')
    assert.ok(isLate || numbers.some((n) => kept.failing.has(n)), `${numbers} were refused: ${error.message}`)
    count(world, 'refused')
  } else if (error instanceof ProjectionNotCarriedError) {
    const carries = carriedBy?.version === error.details.version && carriedBy.deletes === kept.deletes
    assert.ok(!carries || carriedBy.isOver, `${process.name} carries it: ${error.message}`)
    count(world, 'not carried')
  } else {
    if (!(error instanceof EventDbError) || !DISTURBANCES.includes(error.code)) throw error
    return
  }
  for (const n of numbers) kept.refused.add(n)
}

/** Who does not carry it is refused while it is in force, and only then, and only events of its source. */
export async function appendByStranger(world: ProjectionWorld, kept: KeptWorld): Promise<boolean> {
  const streamId = oneOf(world, [...STREAMS, 'out-0'])
  const event = newEvent(world)
  const before = await forceOf(world)
  const code = await world.observer.store
    .stream(streamId)
    .append(event)
    .then(() => 'done', codeOf)
  const after = await forceOf(world)
  const [n] = numbersOf([event])
  if (code === 'done') kept.appended.add(n!)
  else kept.refused.add(n!)
  if (before.what !== after.what) return false
  const isRefused = before.isInline && isOfSource(kept.plan.source, streamId, event.type)
  assert.equal(code, isRefused ? 'projection-not-carried' : 'done', `append to ${streamId} by a stranger`)
  if (isRefused) count(world, 'stranger refused')
  return true
}

function codeOf(error: unknown): string {
  if (error instanceof EventDbError) return error.code
  throw error
}

function isOfSource(source: RulesPlan['source'], streamId: string, type: string): boolean {
  switch (source.kind) {
    case 'all':
      return true
    case 'category':
      return streamId.startsWith(`${source.category}-`)
    case 'stream':
      return streamId === source.streamId
    case 'type':
      return type === source.type
    case 'query':
      return ['A', 'B', 'C'].includes(type)
  }
}

type Handle = ReturnType<EventStore['projection']>

/** What it refuses is no failure. */
async function administered(
  { observer }: ProjectionWorld,
  act: (handle: Handle) => Promise<unknown>,
): Promise<boolean> {
  try {
    await act(observer.store.projection(KEPT))
    return true
  } catch (error) {
    if (!REFUSALS.includes(codeOf(error))) throw error
    return false
  }
}

function readKept({ observer, rows }: ProjectionWorld): Promise<Stored> {
  return observer.kv.readTransact((tx) => storedIn(rows, tx, KEPT))
}

async function beginAnew(
  world: ProjectionWorld,
  kept: KeptWorld,
  kind: 'reset' | 'rebuild',
): Promise<boolean> {
  const before = await readKept(world)
  const events = await eventsOf(world.observer.store, kept.plan.source)
  const isWhole = kept.plan.isPlain || chance(world, 0.6) || events.length === 0
  const first = isWhole ? undefined : oneOf(world, events)
  if (!(await administered(world, (handle) => handle[kind](first && { from: first.place })))) return false
  if (first === undefined) return true
  const known = new Set(before.copies.map(({ number }) => number))
  const { copies } = await readKept(world)
  const fresh = copies.filter(
    ({ number, control }) => !known.has(number) && control.version === before.copies[0]?.control.version,
  )
  for (const { number } of fresh) {
    note(world, `  copy ${number} from ${first.place}`)
    world.copies.set(number, { ...historyOf(world, number), after: first.position - 1n })
  }
  return true
}

async function deploy(world: ProjectionWorld, kept: KeptWorld): Promise<boolean> {
  const free = world.processes.filter(({ runtime }) => !runtime.stands)
  if (kept.version >= 5 || free.length === 0) return false
  kept.version += 1
  // Others that append go on with the old version, until they are told.
  for (const process of free) if (chance(world, 0.7)) carryKept(world, process)
  return true
}

async function remove(world: ProjectionWorld, kept: KeptWorld): Promise<boolean> {
  kept.deletes += 1
  return administered(world, (handle) => handle.delete())
}

/** Processes that don't carry the newest version do so. */
async function carry(world: ProjectionWorld, kept: KeptWorld): Promise<boolean> {
  const behind = world.processes.filter(({ carrying }) => isBehind(kept, carrying))
  for (const process of behind) carryKept(world, process)
  return behind.length > 0
}

function isBehind({ version }: KeptWorld, carrying: Process['carrying']): boolean {
  return carrying === undefined || carrying.isOver || carrying.version < version
}

/** Its handling of an event that comes next fails, or of one that may have to be handled again. */
async function fail(world: ProjectionWorld, kept: KeptWorld): Promise<void> {
  const n = chance(world, 0.6) ? world.appended + 1 + below(world, 5) : 1 + below(world, world.appended + 1)
  kept.failing.add(n)
  world.failing.add(keptText(n))
  if (chance(world, 0.8)) await appendByCarriers(world, kept)
}

async function skip(world: ProjectionWorld, kept: KeptWorld): Promise<boolean> {
  if (kept.plan.isPlain) return false
  const before = await readKept(world)
  let position: bigint | undefined
  const isDone = await administered(world, async (handle) => {
    position = (await handle.skip()).event?.position
  })
  if (!isDone) return false
  const { copies } = await readKept(world)
  const skipped = copies.find(
    ({ number, control }) =>
      control.skipped > (before.copies.find((copy) => copy.number === number)?.control.skipped ?? 0),
  )
  note(world, `  copy ${skipped?.number} skipped ${position}`)
  if (skipped !== undefined && position !== undefined) historyOf(world, skipped.number).events.add(position)
  return true
}

/** All is well from now on, so it comes into force, and stays so. */
export async function finishKept(world: ProjectionWorld, kept: KeptWorld): Promise<void> {
  const { observer, runtime, processes } = world
  await observer.store.projection(KEPT).resume().catch(codeOf)
  for (const endMs = runtime.monotonic() + PATIENCE_MS; ; ) {
    for (const process of processes) if (isBehind(kept, process.carrying)) carryKept(world, process)
    const { row, copies } = await readKept(world)
    const [serving] = copies
    const isInForce = serving?.control.isInline && serving.control.version === kept.version
    const isOver = isInForce && copies.length === 1 && row!.gone.length === 0
    const isQuiet = processes.every(({ appending, carrying }) => appending === 0 && carrying?.isReady)
    if (isOver && isQuiet) break
    if (runtime.monotonic() > endMs) throw new Error(`It never comes into force: ${serving?.control.version}`)
    await sleep(runtime, 250)
  }
  for (const process of processes) void appendBy(world, kept, process)
  while (processes.some(({ appending }) => appending > 0)) await sleep(runtime, 10)
  world.failing.clear()
}
