import type { AnyPlace } from '../../src/store/broker.ts'
import { joinGroup } from '../../src/subscription/group-creating.ts'
import { exchange } from '../../src/subscription/group-exchange.ts'
import type {
  ExchangeOutcome,
  ExchangeRequest,
  MemberReport,
} from '../../src/subscription/group-exchange-parts.ts'
import { GroupRowsIn } from '../../src/subscription/group-rows-in.ts'
import { ModelMember, type ModelProcess } from './group-process.ts'
import { demand, type GroupSight, isPinned } from './group-sight.ts'
import { type GroupWorld, look, wantedEvents } from './group-world.ts'

/** How a process makes an exchange. */
export interface ExchangeManner {
  readonly room: (member: ModelMember) => number
  readonly alone: ExchangeRequest['alone']
  readonly renews: boolean
  readonly buries: ExchangeRequest['buries']
  readonly movesCursor: boolean
  readonly forgetsRead: boolean
  /** Whether the process dies before it hears of the outcome. */
  readonly dies: boolean
  readonly random: () => number
}

/** Makes an exchange for a process, and holds it against the oracle. */
export async function makeExchange(
  world: GroupWorld,
  process: ModelProcess,
  manner: ExchangeManner,
): Promise<void> {
  const { room, random, dies, forgetsRead, ...rest } = manner
  const members = [...process.members.values()].map((member) => member.report(room(member)))
  const { readAhead } = process
  const request: ExchangeRequest = {
    ...rest,
    members,
    readAhead,
    graceIsOver: false,
    nowMs: world.nowMs,
    wallMs: world.nowMs,
    random,
  }
  const looked = process.looks
  process.looks = false
  const before = world.sight
  const { outcome, rings } = await commit(world, request)
  const after = await look(world)
  world.log.push(() => {
    const said = describeExchange(request, outcome, before, after)
    return `${process.name} ${said}${dies ? '; dies' : ''}`
  })
  if (rings) ring(world)
  // Who had no room has not looked.
  if (outcome.cursor === undefined && looked) process.looks = true
  settle(world, request, outcome, after)
  assertPassed(world, before, request, outcome, after)
  if (dies) return
  for (const consumer of process.apply(request, outcome, forgetsRead)) world.dead.delete(consumer)
  assertAlone(process, after)
  for (const { consumer, items } of process.members.values()) {
    const [known, stored] = [items, after.hands.get(consumer) ?? []].map((some) =>
      some.map((it) => it.place).join(),
    )
    demand(known === stored, () => `${consumer} believes to have ${known}, and has ${stored}`)
  }
}

async function commit(
  world: GroupWorld,
  request: ExchangeRequest,
): Promise<{ readonly outcome: ExchangeOutcome; readonly rings: boolean }> {
  const { kv, settings } = world.scene.host
  return kv.transact(
    async (tx) => {
      if (settings.recall(tx) === undefined) await settings.read(tx)
      const rows = (await GroupRowsIn.read(tx, world.place))!
      let rings = false
      const ringing = rows.ring.bind(rows)
      rows.ring = () => {
        rings = true
        ringing()
      }
      return { outcome: await exchange(rows, request), rings }
    },
    { commitAtOnce: true },
  )
}

/** Holds what an exchange has done against the oracle. */
function settle(
  world: GroupWorld,
  request: ExchangeRequest,
  outcome: ExchangeOutcome,
  after: GroupSight,
): void {
  const before = world.sight
  const { cursor } = before.ledger
  const passed = wantedEvents(world, before, world.head).filter(
    ({ place }) => place > cursor && place <= after.ledger.cursor,
  )
  world.sight = after
  world.oracle.exchanged(before, request, outcome, after, passed)
  const { buries } = request
  if (buries !== undefined && !after.leases.has(buries.consumer)) world.dead.delete(buries.consumer)
}

function assertPassed(
  world: GroupWorld,
  before: GroupSight,
  request: ExchangeRequest,
  { members }: ExchangeOutcome,
  after: GroupSight,
): void {
  demand(after.ledger.cursor >= before.ledger.cursor, () => 'the cursor has gone back')
  const { readAhead } = request
  const isMoved = after.ledger.cursor !== before.ledger.cursor
  const isStale =
    readAhead.revision !== before.control.revision ||
    before.ledger.cursor < readAhead.after ||
    before.ledger.cursor > readAhead.through
  demand(!(isMoved && isStale), () => 'the cursor was moved by what is out of date')
  demand(!isMoved || before.control.state === 'running', () => 'the cursor moves and the group does not run')
  const given = [...members].filter(([, own]) => own.given.length > 0).map(([consumer]) => consumer)
  if (before.control.settings.strategy === 'dispatch-to-single') assertSingle(world, before, given)
  if (!isPinned(before)) return
  for (const [consumer, own] of members) {
    for (const { key, place } of own.given) {
      const item = after.hands.get(consumer)?.find((it) => it.place === place)
      demand(
        item !== undefined,
        () => `${place} of key ${key} was given to ${consumer} and is not in its hand`,
      )
    }
  }
}

function assertSingle(world: GroupWorld, before: GroupSight, given: readonly number[]): void {
  const { single } = world.sight.ledger
  const stays = world.sight.leases.has(before.ledger.single)
  demand(!stays || single === before.ledger.single, () => `${single} takes the place of one that is there`)
  demand(
    given.every((consumer) => consumer === single),
    () => `${given} got something, the single one is ${single}`,
  )
  if (given.length > 0 && !stays) {
    const oldest = Math.min(...world.sight.leases.keys())
    demand(single === oldest, () => `the single one is ${single}, the oldest ${oldest}`)
  }
}

/** One that is delivered alone is alone in its process. */
function assertAlone(process: ModelProcess, { hands }: GroupSight): void {
  const items = [...process.members.keys()].flatMap((consumer) => hands.get(consumer) ?? [])
  const isAlone = items.length <= 1 || items.every((it) => !it.isAlone)
  demand(isAlone, () => `${process.name} has ${items.map(({ place }) => place)}, one of which is alone`)
}

/** All processes hear the bell. */
export function ring({ processes }: GroupWorld): void {
  for (const process of processes) process.looks = true
}

/** A process gets one more consumer. */
export async function join(world: GroupWorld, process: ModelProcess, bufferSize: number): Promise<void> {
  const { host } = world.scene
  const { name } = world.plan
  const { consumer } = await host.kv.transact(
    (tx) => joinGroup(host, tx, world.nameKey, { name, source: world.source, bufferSize }),
    { commitAtOnce: true },
  )
  process.members.set(consumer, new ModelMember(consumer, bufferSize))
  world.log.push(`${process.name} joins as ${consumer} with room for ${bufferSize}`)
  ring(world)
  world.sight = await look(world)
  const held = [...world.sight.leases.values()].reduce((sum, lease) => sum + lease.bufferSize, 0)
  world.mostInHands = Math.max(world.mostInHands, held)
}

function describeExchange(
  { members, readAhead, alone, buries, movesCursor }: ExchangeRequest,
  outcome: ExchangeOutcome,
  before: GroupSight,
  after: GroupSight,
): string {
  const said = members.map((report) => describeReport(report, outcome)).join('; ')
  const ahead = `read (${readAhead.after}, ${readAhead.through}]: ${list(readAhead.events.map((it) => it.place))}`
  const cursor = `cursor ${before.ledger.cursor} → ${after.ledger.cursor}`
  const burial = buries === undefined ? '' : `, buries ${buries.consumer}`
  return `exchanges ${alone}${movesCursor ? ', moves' : ''}${burial}, ${ahead}, ${cursor}: ${said}`
}

function describeReport(report: MemberReport, outcome: ExchangeOutcome): string {
  const { consumer, finished, failed, returned, leaves, room } = report
  const own = outcome.members.get(consumer)
  const parts = [`${consumer} (room ${room})`]
  if (finished.length > 0) parts.push(`finished ${list(finished)}`)
  for (const { place, action } of failed) parts.push(`${action} ${place}`)
  if (returned.length > 0) parts.push(`returned ${list(returned)}`)
  if (leaves) parts.push('leaves')
  if (own === undefined) parts.push('is fenced')
  else if (own.given.length > 0) parts.push(`got ${own.given.map(describeItem).join(' ')}`)
  return parts.join(' ')
}

function describeItem({ place, retries, isAlone, isHead }: ExchangeItem): string {
  return `${place}${retries > 0 ? `*${retries}` : ''}${isAlone ? '!' : ''}${isHead ? '^' : ''}`
}

type ExchangeItem =
  ExchangeOutcome['members'] extends ReadonlyMap<number, { readonly given: readonly (infer It)[] }>
    ? It
    : never

function list(places: readonly AnyPlace[]): string {
  return `[${places.join(' ')}]`
}
