import { positionOf, timeOfPosition } from '../kv/stamp.ts'
import { KEY_SWEEP_KEYS } from '../limits.ts'
import type { StoreHost } from './host.ts'
import { isPlaceOfResult } from './key-results.ts'
import { readSettings } from './settings.ts'

/** Sweeps if enough keys were used since the last time. Whether that works is of no concern to those who append. */
export async function sweepIfDue(host: StoreHost): Promise<void> {
  for (let left = host.keyUse.takeDue(); left > 0; left -= KEY_SWEEP_KEYS) {
    const swept = await sweepKeys(host).catch(() => 0)
    if (swept < KEY_SWEEP_KEYS) return
  }
}

/**
 * Forgets idempotency keys that have expired, the oldest first, some in one transaction. A key that was used again after that has a younger
 * result, which stays. Returns how many places in the order of expiry were cleared.
 */
export function sweepKeys({ kv, keys, clock, idempotencyKeyMs }: StoreHost): Promise<number> {
  return kv.transact(async (tx) => {
    await readSettings(tx, keys)
    const expiredBefore = clock.now() - idempotencyKeyMs
    const isExpired = (stamp: Uint8Array): boolean => timeOfPosition(positionOf(stamp)) < expiredBefore
    const rows = await tx.snapshot.getRange(keys.keyResults.expiries(), { limit: KEY_SWEEP_KEYS }).toArray()
    let swept = 0
    for (const { key } of rows) {
      const { stamp, idempotencyKey } = keys.keyResults.placeOfExpiry(key)
      if (!isExpired(stamp)) break
      const result = await tx.get(keys.keyResults.part(idempotencyKey, 0))
      if (result !== undefined && isPlaceOfResult(stamp, result)) {
        tx.clearRange(keys.keyResults.parts(idempotencyKey))
      }
      tx.clear(key)
      swept += 1
    }
    return swept
  })
}
