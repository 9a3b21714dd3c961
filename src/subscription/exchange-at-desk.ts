import type { Transaction } from '../kv/contract.ts'
import { storeNowMs } from '../store/forward-clock.ts'
import type { StoreHost } from '../store/host.ts'
import { removeGroup } from './group-creating.ts'
import { exchange, renew } from './group-exchange.ts'
import type { ExchangeOutcome, ExchangeRequest } from './group-exchange-parts.ts'
import { type GroupPlace, GroupRowsIn } from './group-rows-in.ts'

/** What a desk asks, before the time is known. */
export type DeskRequest = Omit<ExchangeRequest, 'nowMs'>

/** An exchange as a transaction of its own; `undefined` if the group is gone. */
export async function exchangeIn(
  tx: Transaction,
  host: StoreHost,
  { place, nameKey }: { readonly place: GroupPlace; readonly nameKey: Uint8Array },
  request: DeskRequest,
): Promise<ExchangeOutcome | undefined> {
  if (host.settings.recall(tx) === undefined) await host.settings.read(tx)
  const rows = await GroupRowsIn.read(tx, place)
  if (rows === undefined) return undefined
  const outcome = await exchange(rows, { ...request, nowMs: await storeNowMs(host, tx) })
  const someLeave = request.members.some(({ leaves }) => leaves)
  // A volatile group goes with its last member.
  if (rows.control.kind === 'volatile' && someLeave && (await rows.leases()).size === 0) {
    removeGroup(tx, nameKey, place)
  }
  return outcome
}

/**
 * Renews leases and nothing else. It depends on nothing that others change, so it goes through where an exchange is in conflict time and again:
 * who has much to do with others shall not lose its lease for that.
 */
export async function renewIn(
  tx: Transaction,
  host: StoreHost,
  place: GroupPlace,
  members: DeskRequest['members'],
): Promise<void> {
  if (host.settings.recall(tx) === undefined) await host.settings.read(tx)
  const rows = await GroupRowsIn.read(tx, place)
  if (rows === undefined) return
  const nowMs = await storeNowMs(host, tx)
  for (const member of members) await renew(rows, member, nowMs)
}
