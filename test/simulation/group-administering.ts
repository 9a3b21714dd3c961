import { systemRuntime, turn } from '../../src/runtime.ts'
import type { AnyPlace } from '../../src/store/broker.ts'
import type { GroupSettings, ParkedSelection } from '../../src/store/contract-subscribing.ts'
import { readGroupInfo } from '../../src/subscription/group-info.ts'
import { pinOf } from '../../src/subscription/group-pin.ts'
import { ring } from './group-exchanging.ts'
import { demand, type GroupSight, isPinned, isSetAside, type Laid } from './group-sight.ts'
import { type GroupWorld, look, wantedEvents } from './group-world.ts'

/** Which parked events are meant; the key as its text. */
export type Selection = ParkedSelection<AnyPlace>

/** Pauses or resumes. */
export async function setRunning(world: GroupWorld, runs: boolean): Promise<void> {
  world.log.push(runs ? 'resume' : 'pause')
  await heard(world, () => (runs ? world.group.resume() : world.group.pause()))
  world.sight = await look(world)
  const { state } = world.sight.control
  demand(runs === (state === 'running'), () => `the group is ${state}`)
}

/** Moves the cursor to a place, and forgets what is unfinished. */
export async function reset(world: GroupWorld, to: AnyPlace | 'start'): Promise<void> {
  world.log.push(`reset to ${to}`)
  await heard(world, () => world.group.reset({ to }))
  const after = await look(world)
  const origin = world.source.origin
  const expected = to === 'start' ? origin : to
  demand(after.ledger.cursor === expected, () => `reset to ${expected}, the cursor is ${after.ledger.cursor}`)
  world.oracle.reset(world.sight)
  demand(after.hands.size === 0, () => 'a reset leaves nothing in hands')
  world.sight = after
}

/** Changes settings. Another strategy may be refused, or go back to the checkpoint. */
export async function update(world: GroupWorld, settings: GroupSettings): Promise<void> {
  const before = world.sight
  const isRefused = await heard(world, () => world.group.update(settings)).then(
    () => false,
    (error: unknown) => {
      if ((error as { readonly code?: unknown }).code === 'invalid-argument') return true
      throw error
    },
  )
  world.log.push(`update ${JSON.stringify(settings)}${isRefused ? ': refused' : ''}`)
  world.sight = await look(world)
  if (isRefused) {
    const { control } = before
    const isOther = settings.strategy !== undefined && settings.strategy !== control.settings.strategy
    demand(isOther && world.oracle.owed.size > 0, () => 'an update is refused without a reason')
    return
  }
  if (world.sight.control.resets !== before.control.resets) world.oracle.reset(before)
}

/** Has parked events delivered again. */
export async function replay(world: GroupWorld, which: Selection): Promise<void> {
  const chosen = selected(world.sight, which, true)
  const count = await heard(world, () => dealt(() => world.group.replay(which)))
  world.log.push(`replay ${describeSelection(which)}: ${count}`)
  const before = world.sight
  world.sight = await look(world)
  const asideIn = (sight: GroupSight): number => sight.laid.filter((it) => isSetAside(sight, it)).length
  const expected = asideIn(before) - asideIn(world.sight)
  const isLeft = chosen.some(({ place }) =>
    world.sight.laid.some((it) => it.place === place && isSetAside(world.sight, it)),
  )
  demand(!isLeft || count === 'refused', () => 'what was replayed is parked')
  demand(isAsTold(before, which, count, expected), () => `replay says ${count}, not ${expected}`)
  if (count === 'refused') return
  const heads = chosen.filter(({ where }) => where === 'parked')
  world.oracle.replayed(
    before,
    world.sight,
    heads.map(({ place }) => place),
  )
  for (const { key } of chosen) world.oracle.disturb(key)
}

/** Forgets parked events. */
export async function skip(world: GroupWorld, which: Selection): Promise<void> {
  const isWhole = which === 'all' || 'key' in which
  const chosen = selected(world.sight, which, isWhole)
  const count = await heard(world, () => dealt(() => world.group.skip(which)))
  world.log.push(`skip ${describeSelection(which)}: ${count}`)
  const before = world.sight
  world.sight = await look(world)
  demand(isAsTold(before, which, count, chosen.length), () => `skip says ${count}, not ${chosen.length}`)
  if (count === 'refused') return
  world.oracle.skipped(
    before,
    world.sight,
    chosen.map(({ place }) => place),
  )
}

/** All processes look again if the bell is rung meanwhile. */
async function heard<T>(world: GroupWorld, administer: () => Promise<T>): Promise<T> {
  const { kv } = world.scene.host
  const bell = await kv.readTransact((tx) => tx.watch(world.place.keys.bell))
  let isRung = false
  void bell.fired.then(() => {
    isRung = true
  })
  const result = await administer()
  await turn(systemRuntime)
  if (isRung) ring(world)
  bell.cancel()
  return result
}

async function dealt(deal: () => Promise<number>): Promise<number | 'refused'> {
  return deal().catch((error: unknown) => {
    if ((error as { readonly code?: unknown }).code === 'invalid-argument') return 'refused'
    throw error
  })
}

/** One event that is behind another is refused. */
function isAsTold(
  before: GroupSight,
  which: Selection,
  count: number | 'refused',
  expected: number,
): boolean {
  if (count !== 'refused') return count === expected
  if (which === 'all' || !('place' in which)) return false
  return before.laid.some((it) => it.place === which.place && it.where === 'behind' && isSetAside(before, it))
}

/** What is set aside and meant. */
function selected(sight: GroupSight, which: Selection, withBehind: boolean): readonly Laid[] {
  const aside = sight.laid.filter((it) => isSetAside(sight, it))
  const heads = aside.filter(({ where, place, key }) => {
    if (where !== 'parked') return false
    if (which === 'all') return true
    return 'place' in which ? place === which.place : key === pinOf(which.key)
  })
  const behind = aside.filter(({ where, key }) => {
    const head = sight.keyRows.get(key)?.head
    return where === 'behind' && heads.some(({ place }) => place === head)
  })
  return withBehind ? [...heads, ...behind] : heads
}

function describeSelection(which: Selection): string {
  if (which === 'all') return which
  return 'place' in which ? `the event at ${which.place}` : `the key ${which.key}`
}

/** Asserts what is told of the group: the checkpoint above all, and counts. */
export async function assertInfo(world: GroupWorld): Promise<void> {
  const { scene, source, sight, oracle } = world
  const info = (await readGroupInfo({ ...scene }, source, world.nameKey, undefined))!
  const aside = new Set(sight.laid.filter((it) => isSetAside(sight, it)).map(({ place }) => place))
  const open = [...oracle.owed.keys()].filter((place) => !aside.has(place))
  const { cursor } = sight.ledger
  const checkpoint = info.checkpoint ?? source.origin
  for (const place of open)
    demand(checkpoint < place, () => `the checkpoint ${checkpoint} is beyond ${place}`)
  demand(checkpoint <= cursor, () => `the checkpoint ${checkpoint} is beyond the cursor ${cursor}`)
  const smallest = open.toSorted((a, b) => (a < b ? -1 : 1))[0]
  const below = smallest === undefined ? cursor : minus1(smallest)
  const expected = [below, cursor].toSorted((a, b) => (a < b ? -1 : 1))[0]!
  demand(checkpoint === expected, () => `the checkpoint is ${checkpoint} and could be ${expected}`)
  const wanted = wantedEvents(world, sight, Number.POSITIVE_INFINITY)
  const ahead = wanted.filter(({ place }) => place > cursor && !aside.has(place) && !open.includes(place))
  const lag = ahead.length + open.length
  demand(
    info.lag === lag || world.oracle.owed.size !== open.length,
    () => `the lag is ${info.lag}, not ${lag} (${isPinned(sight)})`,
  )
  demand(info.parked === aside.size, () => `${info.parked} parked, not ${aside.size}`)
}

function minus1(place: AnyPlace): AnyPlace {
  return typeof place === 'bigint' ? place - 1n : place - 1
}
