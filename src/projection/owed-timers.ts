import type { Transaction } from '../kv/contract.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { CopyKeys } from './copy-keys.ts'
import { isQuiet } from './effects.ts'
import type { Copy } from './name-rows.ts'
import { timerOf } from './timers.ts'

const NOTHING = new Uint8Array()

/**
 * Notes in a copy which timers were due in its predecessor and have not run there: what they emit is not quiet, although the mark covers
 * them.
 */
export async function oweTimers(
  keyspace: Keyspace,
  tx: Transaction,
  { keys, control }: Copy,
  successor: CopyKeys,
): Promise<void> {
  const { watermarkMs, mark } = control
  for await (const { key } of tx.getRange(keys.owedTimers()))
    tx.set(successor.owed(keys.owedOfKey(key)), NOTHING)
  if (watermarkMs === undefined) return
  for await (const row of tx.getRange(keys.timersUntil(watermarkMs))) {
    const { origin, ...place } = timerOf(keyspace, keys, row)
    const timer = { ...place, scheduledAt: origin.position }
    const { position } = control
    const cause = {
      step: 0,
      place: position,
      position,
      timer,
      causationId: undefined,
      correlationId: undefined,
    }
    if (!isQuiet(mark, cause)) tx.set(successor.owed(place), NOTHING)
  }
}
