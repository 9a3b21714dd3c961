import { seededRandom } from 'eventdb/testing'
import type { AnyPlace } from '../../src/store/broker.ts'
import type { ExchangeRequest, Failure } from '../../src/subscription/group-exchange-parts.ts'
import { assertInfo, replay, reset, type Selection, setRunning, skip, update } from './group-administering.ts'
import { join, makeExchange } from './group-exchanging.ts'
import type { ModelMember, ModelProcess } from './group-process.ts'
import type { Laid } from './group-sight.ts'
import {
  type GroupWorld,
  keyTexts,
  placesOf,
  type RunPlan,
  startProcess,
  wantedEvents,
} from './group-world.ts'

/** What can happen to a group, and how often it mostly does. */
const ORDINARY = {
  work: 34,
  exchange: 36,
  read: 5,
  grow: 6,
  time: 9,
  join: 3,
  start: 8,
  leave: 1,
  crash: 1,
  unknown: 0.6,
  freeze: 1,
  thaw: 2,
  pause: 0.4,
  resume: 3,
  reset: 1.1,
  update: 1.2,
  replay: 1.5,
  skip: 0.7,
} as const

type StepKind = keyof typeof ORDINARY

/** How often it does while an administrator is restless, who meddles besides. */
const RESTLESS: Readonly<Record<StepKind, number>> = {
  ...ORDINARY,
  time: 4,
  crash: 0.3,
  freeze: 0.3,
  pause: 0.1,
  reset: 4,
  update: 0.1,
  replay: 4,
  skip: 0.2,
}

/** Something that happens. Whom it happens to, and how, follows from the seed and from what there is by then. */
export interface GroupStep {
  readonly kind: StepKind
  readonly seed: number
}

/** Draws what happens. */
export function randomSteps(
  random: () => number,
  length: number,
  { isRestless }: Pick<RunPlan, 'isRestless'>,
): readonly GroupStep[] {
  const weights = isRestless ? RESTLESS : ORDINARY
  const seed = (): number => Math.floor(random() * 2 ** 31)
  const begin: GroupStep[] = [{ kind: 'start', seed: seed() }]
  if (random() < 0.7) begin.push({ kind: 'start', seed: seed() })
  return [...begin, ...Array.from({ length }, () => randomStep(random, weights))]
}

/** Draws what happens next. */
function randomStep(random: () => number, weights: Readonly<Record<StepKind, number>>): GroupStep {
  const kinds = Object.entries(weights) as [StepKind, number][]
  let rest = random() * kinds.reduce((sum, [, weight]) => sum + weight, 0)
  const seed = Math.floor(random() * 2 ** 31)
  for (const [kind, weight] of kinds) {
    rest -= weight
    if (rest < 0) return { kind, seed }
  }
  return { kind: 'work', seed }
}

/** Consumers of a group at most. */
const CONSUMERS_MAX = 6
const PROCESSES_MAX = 3

interface Hazard {
  readonly world: GroupWorld
  readonly random: () => number
  readonly chance: (probability: number) => boolean
  pick<T>(from: readonly T[]): T | undefined
}

/** Lets it happen, and asserts that everything is as it must be. */
export async function takeStep(world: GroupWorld, { kind, seed }: GroupStep): Promise<void> {
  const random = seededRandom(seed)
  const hazard: Hazard = {
    world,
    random,
    chance: (probability) => random() < probability,
    pick: (from) => from[Math.floor(random() * from.length)],
  }
  if (!(world.plan.isRestless && (await meddle(hazard)))) await HAPPENINGS[kind](hazard)
  if (hazard.chance(0.15)) await assertInfo(world)
}

/**
 * An administrator who is restless replays what earlier events of its key are on their way to, and once those are behind it, goes back before
 * it, and replays or skips it while others come again. Returns whether there was anything to meddle with.
 */
async function meddle({ world, pick, chance }: Hazard): Promise<boolean> {
  const { hands, laid, keyRows, ledger } = world.sight
  const parked = pick([...keyRows].filter(([, { state }]) => state === 'parked'))
  if (parked === undefined || chance(0.2)) return false
  const [key, { head }] = parked
  const isEarlier = (it: Pick<Laid, 'key' | 'place'>): boolean => it.key === key && it.place < head
  const inHands = [...hands.values()].flat().filter(isEarlier)
  const waiting = laid.filter(isEarlier)
  const behind = waiting.find(({ where }) => where === 'behind')
  if (behind === undefined) {
    if (inHands.length + waiting.length === 0 || ledger.cursor < head) return false
    await replay(world, { place: head })
  } else if (inHands.some(({ place }) => place > behind.place)) {
    await skip(world, { place: head })
  } else if (behind.place <= ledger.cursor && ledger.cursor < head && chance(0.3)) {
    await replay(world, { place: head })
  } else if (ledger.cursor < behind.place) {
    return false
  } else {
    const before = pick(placesOf(world).filter((place) => place < head))
    await reset(world, chance(0.3) ? 'start' : (before ?? 'start'))
  }
  return true
}

function awake({ processes }: GroupWorld): readonly ModelProcess[] {
  return processes.filter(({ isFrozen }) => !isFrozen)
}

const HAPPENINGS: Readonly<Record<StepKind, (hazard: Hazard) => Promise<void> | void>> = {
  work: ({ world, pick, chance }) => {
    for (let times = 0; times < 4; times += 1) {
      const process = pick(awake(world))
      const member = pick([...(process?.members.values() ?? [])])
      if (member !== undefined) workOn(process!, member, { world, pick, chance })
    }
  },
  exchange: (hazard) => exchangeNow(hazard, false),
  unknown: (hazard) => exchangeNow(hazard, true),
  read: ({ world, pick, random }) => {
    const process = pick(awake(world))
    if (process !== undefined) readOn({ world, random }, process)
  },
  grow: ({ world, random }) => {
    world.head = Math.min(placesOf(world).length, world.head + 1 + Math.floor(random() * 6))
  },
  time: ({ world, random, chance }) => {
    world.nowMs += Math.floor(random() * 1_200)
    if (chance(0.05)) world.nowMs -= 5_000
  },
  join: async ({ world, pick, random }) => {
    const process = pick(awake(world))
    if (process === undefined || world.sight.leases.size >= CONSUMERS_MAX) return
    await join(world, process, 1 + Math.floor(random() * world.plan.bufferSize))
  },
  start: async ({ world, random }) => {
    if (world.processes.length >= PROCESSES_MAX || world.sight.leases.size >= CONSUMERS_MAX) return
    const process = startProcess(world)
    await join(world, process, 1 + Math.floor(random() * world.plan.bufferSize))
  },
  leave: ({ world, pick, chance }) => {
    const process = pick(awake(world))
    const member = pick([...(process?.members.values() ?? [])])
    if (member === undefined) return
    // Those whose handlers run finish first; those who iterate give everything back.
    if (chance(0.5))
      for (const item of member.eligible(false)) if (member.handed.has(item.place)) member.finish(item)
    member.leaves = true
    world.log.push(`${member.consumer} is to leave`)
  },
  crash: ({ world, pick }) => {
    const process = pick(world.processes)
    if (process !== undefined) die(world, process)
  },
  freeze: ({ world, pick }) => {
    const process = pick(awake(world))
    if (process === undefined) return
    process.isFrozen = true
    world.log.push(`${process.name} stands still`)
  },
  thaw: ({ world, pick }) => {
    const process = pick(world.processes.filter(({ isFrozen }) => isFrozen))
    if (process === undefined) return
    process.isFrozen = false
    world.log.push(`${process.name} goes on`)
  },
  pause: ({ world }) => setRunning(world, false),
  resume: ({ world }) => setRunning(world, true),
  reset: async ({ world, pick, chance }) => {
    const to = pick(placesOf(world).slice(0, world.head))
    await reset(world, to === undefined || chance(0.3) ? 'start' : to)
  },
  update: ({ world, pick, random, chance }) => {
    if (chance(0.3)) return update(world, { maxRetryCount: Math.floor(random() * 4) })
    if (chance(0.3)) return update(world, { parkMode: pick(['sequence', 'single'] as const)! })
    if (chance(0.5)) return update(world, { filter: { types: pick([['A'], ['B'], ['A', 'B']])! } })
    return update(world, { strategy: pick(['round-robin', 'dispatch-to-single', 'pinned'] as const)! })
  },
  replay: (hazard) => replay(hazard.world, selectionOf(hazard)),
  skip: (hazard) => skip(hazard.world, selectionOf(hazard)),
}

/** A process reads further, as far as there is something. What it has read with other settings is out of date, whatever it is. */
function readOn({ world, random }: Pick<Hazard, 'world' | 'random'>, process: ModelProcess): void {
  const through = placesOf(world).slice(0, world.head)[Math.floor(random() ** 0.3 * world.head)]
  if (through !== undefined) process.read(wantedEvents(world, world.sight, world.head), through)
}

/** A process dies. Its consumers are buried some time. */
export function die(world: GroupWorld, process: ModelProcess): void {
  world.processes = world.processes.filter((other) => other !== process)
  for (const consumer of process.members.keys())
    if (world.sight.leases.has(consumer)) world.dead.add(consumer)
  world.log.push(`${process.name} dies`)
}

function selectionOf({ world, pick, chance }: Hazard): Selection {
  if (chance(0.25)) return 'all'
  if (chance(0.3)) return { key: pick(keyTexts(world))! }
  const aside = world.sight.laid.filter(({ where }) => where === 'parked' || where === 'behind')
  return { place: (pick(aside) ?? { place: placesOf(world)[0]! }).place }
}

function workOn(
  process: ModelProcess,
  member: ModelMember,
  { world, pick, chance }: Pick<Hazard, 'world' | 'pick' | 'chance'>,
): void {
  if (member.leaves) return
  if (chance(0.08)) return member.giveBack()
  const isRunning = world.sight.control.state === 'running'
  const item = pick(
    member.eligible(process.isAlone).filter(({ place }) => isRunning || member.handed.has(place)),
  )
  if (item === undefined) return
  if (!member.handed.has(item.place)) {
    member.handOver(item)
    if (isKiller(world, item.place) && chance(world.plan.killing)) die(world, process)
    return
  }
  if (!chance(world.plan.failing)) return member.finish(item)
  const actions: readonly Failure['action'][] = ['retry', 'retry', 'retry', 'retry', 'park', 'stop']
  member.fail(item, pick(chance(0.3) ? actions : (['retry', 'park'] as const))!)
}

async function exchangeNow({ world, random, chance, pick }: Hazard, dies: boolean): Promise<void> {
  const process = pick(awake(world).filter(({ members }) => members.size > 0))
  if (process === undefined) return
  if (chance(0.7)) readOn({ world, random }, process)
  const alone = chance(0.1) ? 'unable' : aloneOf(process)
  const isHeldUp = process.isAlone && !process.isDrained
  const roomOf = ({ room }: ModelMember): number => {
    if (isHeldUp) return 0
    return chance(0.85) ? room : Math.floor(random() * (room + 1))
  }
  await makeExchange(world, process, {
    room: roomOf,
    alone,
    renews: chance(0.3),
    buries: chance(0.35) ? burialBy(world, process, pick, chance) : undefined,
    movesCursor: chance(0.2),
    forgetsRead: chance(0.8),
    dies,
    random,
  })
  if (dies) die(world, process)
}

/** Whether a process may deliver one alone: when it has nothing else, which it has to see to. */
export function aloneOf(process: ModelProcess): ExchangeRequest['alone'] {
  if (process.isAlone && process.isDrained) for (const member of process.members.values()) member.giveBack()
  return process.isEmpty ? 'ready' : 'willing'
}

/** One that is dead is buried, or one that only stands still. */
function burialBy(
  world: GroupWorld,
  process: ModelProcess,
  pick: Hazard['pick'],
  chance: Hazard['chance'],
): ExchangeRequest['buries'] {
  const others = [...world.sight.leases.keys()].filter((consumer) => !process.members.has(consumer))
  const still = world.processes.filter((it) => it.isFrozen).flatMap(({ members }) => [...members.keys()])
  const consumer = pick(others.filter((it) => world.dead.has(it) || still.includes(it)))
  if (consumer === undefined) return undefined
  const { renewals } = world.sight.leases.get(consumer)!
  return { consumer, renewals: renewals + Number(chance(0.1)) }
}

/** Some events kill the process that handles them, now and then. */
function isKiller(world: GroupWorld, place: AnyPlace): boolean {
  return placesOf(world).indexOf(place) % 6 === 2
}
