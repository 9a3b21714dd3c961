import { READ_PAGE_EVENTS } from '../limits.ts'
import type { SubscriptionEntry } from '../store/contract-subscribing.ts'
import type { AdminScene } from './group-admin-scene.ts'
import { groupPlace } from './group-creating.ts'
import { decodeGroupNumber } from './group-names.ts'

/** Lists persistent groups by their sources and names, page by page. */
export async function* listGroups(
  { host, reading, assertOpen }: AdminScene,
  signal: AbortSignal | undefined,
): AsyncGenerator<SubscriptionEntry> {
  assertOpen()
  const range = host.keys.subscriptions.range([0])
  let { begin } = range
  for (;;) {
    signal?.throwIfAborted()
    const page = await reading.onSnapshot(async ({ tx }) => {
      const rows = await tx.getRange({ begin, end: range.end }, { limit: READ_PAGE_EVENTS }).toArray()
      const entries: SubscriptionEntry[] = []
      for (const { key, value } of rows) {
        const { keys, values } = groupPlace(host, decodeGroupNumber(host.keys, key, value), false)
        const control = await tx.get(keys.control)
        if (control === undefined) continue
        const { name, source, state } = values.decodeControl(keys.control, control)
        entries.push({ name, source, state })
      }
      return { entries, rows }
    })
    yield* page.entries
    if (page.rows.length < READ_PAGE_EVENTS) return
    begin = Uint8Array.of(...page.rows.at(-1)!.key, 0)
  }
}
