import { EventDbError } from 'eventdb'
import { sleep } from '../../src/runtime.ts'
import { historyOf, readStored } from './projection-comparing.ts'
import { FOUND } from './projection-correlations.ts'
import { below, chance, newEvent, oneOf, STREAMS } from './projection-drawing.ts'
import { appendByCarriers, KEPT_ACTS } from './projection-kept-steps.ts'
import { closeProcess, type Process } from './projection-process.ts'
import { ALL_TIMERS, eventText, NAME, timerText, type Wish } from './projection-rules.ts'
import { skippedText } from './projection-truth.ts'
import {
  count,
  note,
  type ProjectionWorld,
  runVersion,
  sourceEvents,
  startProcess,
} from './projection-world.ts'

/** Processes that run or stand still, at most. */
const PROCESSES_MAX = 3
const REFUSALS: readonly string[] = [
  'stream-not-found',
  'storage-failed',
  'commit-unknown',
  'projection-not-found',
  'projection-building',
  'projection-superseded',
  'projection-not-faulted',
  'projection-timeout',
  'projection-faulted',
  // There is an inline projection, and who writes does not carry it.
  'projection-not-carried',
]

/** Says `false` if nothing came of it. */
type Act = (world: ProjectionWorld) => Promise<unknown>

/** What may happen, and how often. */
const ACTS: readonly (readonly [weight: number, name: string, act: Act])[] = [
  [12, 'append', append],
  [6, 'appendForeign', appendForeign],
  [4, 'link', link],
  [2, 'hide', hide],
  [6, 'open', open],
  [3, 'close', close],
  [3, 'kill', kill],
  [4, 'stand', stand],
  [5, 'goOn', goOn],
  [2, 'jump', jump],
  [6, 'fail', fail],
  [4, 'heal', heal],
  [8, 'skip', skip],
  [2, 'pause', (world) => administer(world, (handle) => handle.pause())],
  [4, 'resume', (world) => administer(world, (handle) => handle.resume())],
  [4, 'reset', (world) => beginAnew(world, 'reset')],
  [5, 'rebuild', (world) => beginAnew(world, 'rebuild')],
  [5, 'deploy', deploy],
  [1, 'delete', remove],
  [4, 'rejoin', rejoin],
  [6, 'breakDisk', breakDisk],
  [4, 'wait', wait],
]

/** Each as often as it weighs: those of all runs, and those of runs with an inline projection. */
const DEALT = dealt(ACTS)
const DEALT_WITH_KEPT = dealt([
  ...ACTS,
  ...KEPT_ACTS.map(
    ([weight, name, act]) => [weight, name, (world: ProjectionWorld) => act(world, world.kept!)] as const,
  ),
])

function dealt(acts: typeof ACTS): typeof ACTS {
  return acts.flatMap((act) => Array.from({ length: act[0] }, () => act))
}

/** Does something at random, and lets time pass. */
export async function step(world: ProjectionWorld): Promise<void> {
  const [, name, act] = oneOf(world, world.kept === undefined ? DEALT : DEALT_WITH_KEPT)
  note(world, name)
  if ((await act(world)) !== false) count(world, name)
  const pause = world.random()
  await sleep(
    world.runtime,
    pause < 0.5 ? below(world, 30) : pause < 0.85 ? below(world, 300) : below(world, 2_500),
  )
}

async function append(world: ProjectionWorld): Promise<void> {
  if (world.kept !== undefined) return void (await appendByCarriers(world, world.kept))
  for (let appends = 1 + below(world, 3); appends > 0; appends -= 1) {
    const events = Array.from({ length: 1 + below(world, 6) }, () => newEvent(world))
    await world.observer.store.stream(oneOf(world, STREAMS)).append(events)
  }
}

/** Others write to the streams that it emits to. */
async function appendForeign(world: ProjectionWorld): Promise<void> {
  const { store } = world.observer
  for (let appends = 1 + below(world, 8); appends > 0; appends -= 1) {
    const stream = store.stream(oneOf(world, ['out-0', 'out-1', 'links-0']))
    await permitting(world, () => stream.append({ type: 'Foreign' }))
    if (chance(world, 0.5)) await sleep(world.runtime, below(world, 3))
  }
}

async function link(world: ProjectionWorld): Promise<void> {
  const { store } = world.observer
  const target = await store
    .stream(oneOf(world, ['in-a', 'in-b']))
    .read()
    .toArray()
  if (target.length > 0) await store.stream(oneOf(world, ['in-a', 'in-c'])).linkTo(oneOf(world, target))
}

/** Hides what is not of the source, or what was handled is none of the projection's business. */
async function hide(world: ProjectionWorld): Promise<void> {
  const { kind } = world.plan.source
  if (world.kept !== undefined || (kind !== 'category' && kind !== 'stream')) return
  await permitting(world, () => world.observer.store.stream('other-x').delete())
}

async function open(world: ProjectionWorld): Promise<void> {
  if (world.processes.length >= PROCESSES_MAX) return
  await permitting(world, () => startProcess(world, world.version))
}

async function close(world: ProjectionWorld): Promise<void> {
  const process = leave(world)
  if (process === undefined) return
  process.runtime.goOn()
  await closeProcess(process)
}

async function kill(world: ProjectionWorld): Promise<void> {
  leave(world)?.runtime.die()
}

function leave(world: ProjectionWorld): Process | undefined {
  if (world.processes.length === 0) return undefined
  const [process] = world.processes.splice(below(world, world.processes.length), 1)
  note(world, `  ${process!.name} leaves`)
  return process
}

async function stand(world: ProjectionWorld): Promise<void> {
  if (world.processes.length === 0) return
  const process = oneOf(world, world.processes)
  note(world, `  ${process.name}${process.running?.isLeader ? ', the leader,' : ''} stands`)
  process.runtime.stand()
}

async function goOn(world: ProjectionWorld): Promise<void> {
  for (const { runtime } of world.processes) if (runtime.stands && chance(world, 0.7)) runtime.goOn()
}

async function jump(world: ProjectionWorld): Promise<void> {
  if (world.processes.length === 0) return
  oneOf(world, world.processes).runtime.jump(oneOf(world, [-100_000, -3_000, 400, 3_000, 200_000]))
}

/** An event that was not handled yet, or a timer, fails from now on. */
async function fail(world: ProjectionWorld): Promise<void> {
  if (world.plan.hasTimers && chance(world, 0.4)) {
    world.failing.add(ALL_TIMERS)
    return
  }
  const { copies } = await readStored(world)
  const next = copies.flatMap(({ held }) => held.timers)
  if (next.length > 0 && chance(world, 0.7)) {
    const [dueMs, partition, name] = oneOf(world, next).split(' ')
    world.failing.add(timerText(partition!, name!, Number(dueMs)))
  } else world.failing.add(eventText(world.appended + 1 + below(world, 5)))
  if (chance(world, 0.5)) await append(world)
}

async function heal(world: ProjectionWorld): Promise<void> {
  for (const what of world.failing) if (chance(world, 0.7)) world.failing.delete(what)
}

async function breakDisk(world: ProjectionWorld): Promise<void> {
  if (!world.plan.hasFaults || world.processes.length === 0) return
  const { faults, name } = oneOf(world, world.processes)
  const kind = oneOf(world, [
    'disk-full',
    'unknown-lost',
    'unknown-kept',
    'unknown-kept',
    'reads',
    'lock',
  ] as const)
  note(world, `  ${name} ${kind}`)
  if (kind === 'reads') faults.failReads(1 + below(world, 4))
  else if (kind === 'lock') faults.holdLock(1 + below(world, 4))
  else faults.failWrite(kind, 1 + below(world, 4))
}

async function administer(
  world: ProjectionWorld,
  act: (handle: ReturnType<Process['store']['projection']>) => Promise<unknown>,
): Promise<boolean> {
  return permitting(world, () => act(world.observer.store.projection(NAME)))
}

/** What it refuses is no failure. */
async function permitting(world: ProjectionWorld, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (!(error instanceof EventDbError) || !REFUSALS.includes(error.code)) throw error
    note(world, `  refused: ${error.code}`)
    return false
  }
}

async function skip(world: ProjectionWorld): Promise<boolean> {
  if (world.plan.isPlain) return false
  const before = await readStored(world)
  // A copy that takes its place with less time behind it is given that of the other, which no loop knows of.
  const building = before.copies.length > 1 && !world.plan.hasTimers && chance(world, 0.4)
  const handle = world.observer.store.projection(NAME)
  return permitting(world, async () => {
    const { event, timer, partition } = await handle.skip({ building })
    const after = await readStored(world)
    const skipped = after.copies.find(
      ({ number, control }) =>
        control.skipped > (before.copies.find((copy) => copy.number === number)?.control.skipped ?? 0),
    )
    note(world, `  copy ${skipped?.number} skipped ${event?.position} ${timer?.name}`)
    if (skipped === undefined) return
    const { events, timers } = historyOf(world, skipped.number)
    const known = before.copies.find(({ number }) => number === skipped.number)?.timers
    const dropped = known?.find((one) => one.name === timer?.name && one.partition === (partition ?? ''))
    if (timer !== undefined) timers.add(skippedText(dropped!))
    else if (event !== undefined) {
      events.add(event.position)
      loseFrom(world, await sourceEvents(world), event.position, event.position)
    }
  })
}

/** What is left out may never be emitted. */
function loseFrom(
  world: ProjectionWorld,
  events: Awaited<ReturnType<typeof sourceEvents>>,
  from: bigint,
  to: bigint,
): void {
  for (const { event, position } of events) {
    const { n } = (event.data ?? {}) as Partial<Wish>
    if (position >= from && position <= to) world.lost.add(`${eventText(n ?? 0)} at ${position}`)
  }
}

async function beginAnew(world: ProjectionWorld, kind: 'reset' | 'rebuild'): Promise<boolean> {
  const events = await sourceEvents(world)
  const isWhole = world.plan.isPlain || world.plan.hasTimers
  const first = isWhole || chance(world, 0.6) ? undefined : events[below(world, events.length)]
  const { store } = world.observer
  if (world.plan.correlation !== undefined && chance(world, 0.4)) {
    const isDone = await permitting(world, () => store.projection(FOUND)[kind]())
    if (isDone) count(world, `${kind} of the correlation`)
    return false
  }
  const handle = store.projection(NAME)
  const isDone = await permitting(world, () => handle[kind](first && { from: first.place }))
  if (!isDone || first === undefined) return isDone
  const { copies } = await readStored(world)
  const number = Math.max(...copies.map((copy) => copy.number))
  note(world, `  copy ${number} from ${first.place}`)
  world.copies.set(number, { ...historyOf(world, number), after: first.position - 1n })
  loseFrom(world, events, 0n, first.position - 1n)
  return true
}

/** What timers were due and had not run is forgotten by that, which no loop knows of. */
async function remove(world: ProjectionWorld): Promise<boolean> {
  const { isPlain, hasTimers } = world.plan
  return !(isPlain && hasTimers) && administer(world, (handle) => handle.delete())
}

/** A process whose projection was deleted or superseded runs the newest version. */
async function rejoin(world: ProjectionWorld): Promise<boolean> {
  const free = world.processes.find(({ version, runtime }) => version === undefined && !runtime.stands)
  return free !== undefined && permitting(world, () => runVersion(world, free, world.version))
}

/** A process runs a newer version. */
async function deploy(world: ProjectionWorld): Promise<boolean> {
  if (world.version >= 5) return false
  const free = world.processes.filter(({ version, runtime }) => version === undefined && !runtime.stands)
  const isNew = free.length === 0 || chance(world, 0.5)
  if (isNew && world.processes.length >= PROCESSES_MAX) await kill(world)
  world.version += 1
  note(world, `  version ${world.version}`)
  return permitting(world, () =>
    isNew ? startProcess(world, world.version) : runVersion(world, oneOf(world, free), world.version),
  )
}

/** Reads what was written. */
async function wait(world: ProjectionWorld): Promise<void> {
  const { store } = world.observer
  let position: bigint | undefined
  const isAppended = await permitting(world, async () => {
    position = (await store.stream('in-b').append(newEvent(world))).position
  })
  if (!isAppended) return
  const handle = store.projection(NAME)
  const reset = world.copies.size
  const isThere = await permitting(world, () =>
    handle.waitFor(position!, { timeoutMs: 1 + below(world, 2_000) }),
  )
  if (!isThere) return
  const { copies } = await readStored(world)
  const serving = copies.find(({ role }) => role === 'serving')
  if (serving === undefined) throw new Error(`Waited for ${position}, but there is no projection`)
  if (serving.control.position < position! && world.copies.size === reset) {
    throw new Error(`Waited for ${position}, but it stands at ${serving.control.position}`)
  }
}
