import { seededRandom } from 'eventdb/testing'
import { assertInfo, replay, setRunning } from './group-administering.ts'
import { join, makeExchange } from './group-exchanging.ts'
import type { ModelProcess } from './group-process.ts'
import { demand, isSetAside } from './group-sight.ts'
import { aloneOf } from './group-steps.ts'
import { EVENTS, type GroupWorld, placesOf, startProcess, wantedEvents } from './group-world.ts'

/** Exchanges after which a group that is well has nothing more to do. */
const EXCHANGES_MAX = 40 * EVENTS

/**
 * Lets everything be well from now on, and processes make exchanges only for the reasons that a desk has: then every event has to be finished
 * or parked, and after a replay, finished.
 */
export async function heal(world: GroupWorld, seed: number): Promise<void> {
  const random = seededRandom(seed)
  world.log.push('— all is well from now on —')
  for (const process of world.processes) process.isFrozen = false
  if (world.processes.length === 0) startProcess(world)
  await setRunning(world, true)
  if (random() < 0.7) letOneRest(world, random)
  await runDry(world, random)
  await assertDone(world)
  await replay(world, 'all')
  await runDry(world, random)
  await assertDone(world)
  const { ledger, laid, hands } = world.sight
  const isClean =
    laid.length + hands.size + ledger.waiting + ledger.parked + ledger.keys + ledger.slots.size === 0
  demand(isClean, () => 'everything is finished, and something is left')
}

/** One of several consumers does not ask any more, and gives back what it has not begun: others have to notice. */
function letOneRest(world: GroupWorld, random: () => number): void {
  if (world.sight.control.settings.strategy !== 'round-robin') return
  const staying = world.processes.filter(({ members }) => [...members.values()].some(({ leaves }) => !leaves))
  const process = staying[Math.floor(random() * staying.length)]
  if (process === undefined || staying.length < 2) return
  for (const member of process.members.values()) {
    member.giveBack()
    member.rests = true
  }
  world.log.push(`${process.name} does not ask any more`)
}

/** Runs until nobody has a reason to make an exchange. */
async function runDry(world: GroupWorld, random: () => number): Promise<void> {
  // Mostly some have nothing to do any more before others do anything, so that they have to be woken.
  const [first, last] = [random() < 0.4, random() < 0.7]
  for (let count = 0; ; count += 1) {
    demand(count < EXCHANGES_MAX, () => `after ${count} exchanges there is still something to do`)
    for (const process of world.processes) await settleIn(world, process)
    const due = world.processes.filter((process) => isDue(world, process))
    const any = Math.floor(random() * due.length)
    const process = due.at(first ? 0 : last ? -1 : any)
    if (process !== undefined) await exchangeWell(world, process, random)
    else if (!letTimePass(world)) return
  }
}

/** Handles what a process has, reads on, and consumes again if all its consumers are gone. */
async function settleIn(world: GroupWorld, process: ModelProcess): Promise<void> {
  if (process.members.size === 0) await join(world, process, 2)
  if (world.sight.control.state !== 'running') await setRunning(world, true)
  for (const member of process.members.values()) {
    for (
      let items = member.eligible(process.isAlone);
      items.length > 0;
      items = member.eligible(process.isAlone)
    ) {
      member.finish(items[0]!)
    }
  }
  if (process.readAhead.revision !== world.sight.control.revision) return
  process.read(
    wantedEvents(world, world.sight, world.head),
    placesOf(world)[world.head - 1] ?? world.source.origin,
  )
}

function isDue(world: GroupWorld, process: ModelProcess): boolean {
  if (process.members.size === 0) return false
  if (process.hasReports || buriable(world) !== undefined) return true
  return process.wantsMore(world.sight.control.state === 'running', world.nowMs)
}

function buriable({ dead }: GroupWorld): number | undefined {
  return [...dead][0]
}

async function exchangeWell(world: GroupWorld, process: ModelProcess, random: () => number): Promise<void> {
  const consumer = buriable(world)
  const renewals = consumer === undefined ? undefined : world.sight.leases.get(consumer)?.renewals
  const alone = aloneOf(process)
  const isHeldUp = process.isAlone && !process.isDrained
  await makeExchange(world, process, {
    room: ({ room }) => (isHeldUp ? 0 : room),
    alone,
    renews: false,
    buries: renewals === undefined ? undefined : { consumer: consumer!, renewals },
    movesCursor: false,
    forgetsRead: true,
    dies: false,
    random,
  })
}

/** Time passes until a retry is due that somebody waits for. */
function letTimePass(world: GroupWorld): boolean {
  const times = world.processes.flatMap(({ nextDueMs }) => nextDueMs ?? [])
  const nextMs = Math.min(...times.filter((it) => it > world.nowMs))
  if (!Number.isFinite(nextMs)) return false
  world.nowMs = nextMs
  return true
}

async function assertDone(world: GroupWorld): Promise<void> {
  const { oracle, sight } = world
  const aside = new Set(sight.laid.filter((it) => isSetAside(sight, it)).map(({ place }) => place))
  for (const place of oracle.owed.keys()) {
    demand(aside.has(place), () => `the event at ${place} is not finished, and nobody has anything to do`)
  }
  const left = wantedEvents(world, sight, world.head).filter(({ place }) => place > sight.ledger.cursor)
  demand(
    left.length === 0,
    () => `the event at ${left[0]?.place} was not given out, and nobody has anything to do`,
  )
  await assertInfo(world)
}
