import { GROUP_WAITING_MAX } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import { dealer, type Findings, FRESH, giveAlone, giveRetries, passEvents } from './group-dealing.ts'
import type { ExchangeRequest, MemberUnderWay } from './group-exchange-parts.ts'
import { givePinned } from './group-pinning.ts'
import type { GroupRowsIn } from './group-rows-in.ts'

/** What was given out, and what is to be known for the next time. */
export interface Given extends Readonly<Findings> {
  readonly cursor: AnyPlace
}

/** Gives out events to consumers that have room. */
export async function giveOut(
  rows: GroupRowsIn,
  members: readonly MemberUnderWay[],
  request: ExchangeRequest,
): Promise<Given> {
  const findings: Findings = {
    suspectIsDue: false,
    nextDueMs: undefined,
    waitsForOthers: false,
    isBlocked: false,
    isWaitedFor: false,
    passedOver: 0,
    hasMoreFor: new Set(),
  }
  if (rows.isPinned) await givePinned(rows, members, request, findings)
  else if (rows.control.kind === 'volatile') await giveVolatile(rows, members, request, findings)
  else await giveFreely(rows, members, request, findings)
  return { ...findings, cursor: (await rows.ledger()).cursor }
}

/** Any event may go to any consumer, or all of them to one. */
async function giveFreely(
  rows: GroupRowsIn,
  members: readonly MemberUnderWay[],
  request: ExchangeRequest,
  findings: Findings,
): Promise<void> {
  const eligible = await eligibleFor(rows, members)
  findings.isBlocked = eligible.length === 0
  if (findings.isBlocked) return
  if (await giveAlone(rows, eligible, request, 0, findings)) return
  const deal = dealer(eligible, request)
  const room = eligible.reduce((sum, member) => sum + member.room, 0)
  if (await giveRetries(rows, request, { slot: 0, room }, findings, deal)) {
    for (const { report } of eligible) findings.hasMoreFor.add(report.consumer)
  }
  findings.isBlocked = (await rows.ledger()).waiting >= GROUP_WAITING_MAX
  if (findings.isBlocked) return
  const quota = await quotaOf(rows, members.length, request)
  await passEvents(rows, request, quota, async ({ place, key }) => {
    if (place <= (await rows.ledger()).reach && (await rows.parkedAt(place)) !== undefined) return true
    return deal({ ...FRESH, place, key })
  })
}

/** The consumers that may get something: all, or the single one. */
async function eligibleFor(
  rows: GroupRowsIn,
  members: readonly MemberUnderWay[],
): Promise<readonly MemberUnderWay[]> {
  if (rows.control.settings.strategy !== 'dispatch-to-single') return members
  const leases = await rows.leases()
  let { single } = await rows.ledger()
  if (!leases.has(single)) {
    single = Math.min(...leases.keys())
    await rows.change((ledger) => {
      ledger.single = single
    })
  }
  return members.filter(({ report }) => report.consumer === single)
}

/** How much of what was read ahead a desk takes: all, or its share if others are about. */
async function quotaOf(rows: GroupRowsIn, local: number, { readAhead }: ExchangeRequest): Promise<number> {
  if (rows.control.settings.strategy === 'dispatch-to-single') return Number.POSITIVE_INFINITY
  const all = (await rows.leases()).size
  if (all <= local) return Number.POSITIVE_INFINITY
  const { cursor } = await rows.ledger()
  const left = readAhead.events.filter(({ place }) => place > cursor).length
  return Math.ceil((left * local) / all)
}

/** Volatile: nobody gets what was there before it joined, and who has no room keeps nothing from others for long. */
async function giveVolatile(
  rows: GroupRowsIn,
  members: readonly MemberUnderWay[],
  request: ExchangeRequest,
  findings: Findings,
): Promise<void> {
  const { cursor } = await rows.ledger()
  const own = earliestOf(members.filter(({ room }) => room > 0))
  const isLate = own > cursor
  if (isLate && !request.graceIsOver && earliestOf([...(await rows.leases()).values()]) <= cursor) {
    findings.waitsForOthers = true
    return
  }
  if (isLate) {
    findings.passedOver = request.readAhead.events.filter(
      ({ place }) => place > cursor && place <= own,
    ).length
    await rows.change((ledger) => {
      ledger.cursor = own
      if (own > ledger.reach) ledger.reach = own
    })
  }
  const start = isLate ? own : cursor
  const deal = dealer(
    members.filter(({ since }) => since <= start),
    request,
  )
  const quota = await quotaOf(rows, members.length, request)
  await passEvents(rows, request, quota, async ({ place, key }) => deal({ ...FRESH, place, key }))
}

/** Where the first of them joined. */
function earliestOf([first, ...others]: readonly { readonly since: AnyPlace }[]): AnyPlace {
  let earliest = first!.since
  for (const { since } of others) if (since < earliest) earliest = since
  return earliest
}
