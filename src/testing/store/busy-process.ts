import type { GroupSettings, SubscriptionGroup } from '../../store/contract-subscribing.ts'
import { type Consumer, consume, QUICK, waitUntil } from './group-consumers.ts'
import { counted, type SimulatedStoreScene } from './laws.ts'
import { type VanishingStore, vanishingStore } from './vanishing-store.ts'

/** How long leases last in the laws about them. */
export const LEASE_MS = 2_000

/** Settings of groups in the laws about leases. */
export const LEASED: GroupSettings = { ...QUICK, messageTimeoutMs: LEASE_MS }

/** All ways in which events find their consumers. */
export const STRATEGIES = ['round-robin', 'dispatch-to-single', 'pinned', 'pinned-by-correlation'] as const

/** Another process whose only consumer has events and is busy with the first. */
export async function busyProcess(
  scene: SimulatedStoreScene,
  count: number,
): Promise<{ readonly other: VanishingStore; readonly dead: Consumer; readonly group: SubscriptionGroup }> {
  const { store, runtime } = scene
  await store.stream('s').append(counted(count))
  const group = await store.all.createSubscription('g', { ...LEASED, maxRetryCount: 1 })
  const other = await vanishingStore(scene)
  const dead = await consume(other.store.all, 'g', () => new Promise(() => {}))
  await waitUntil(runtime, 'it is busy', () => dead.seen.length === 1)
  return { other, dead, group }
}
