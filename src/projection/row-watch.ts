import type { Watch } from '../kv/contract.ts'
import type { Reading, View } from '../store/reading.ts'

/** What was seen, and when it is so no more. */
export interface Seen<T> {
  readonly seen: T
  /** Resolves when one of the rows changes, or the store is closed. */
  readonly changed: Promise<void>
  /** Whoever waits no more says so. */
  cancel(): void
}

/** Looks at something, and watches the rows that it depends on from then on. @throws ClosedError, and what `look` throws */
export async function lookAndWatch<T>(
  reading: Reading,
  keys: readonly Uint8Array[],
  look: (view: View) => Promise<T>,
): Promise<Seen<T>> {
  const watches: Watch[] = []
  const cancel = (): void => {
    for (const watch of watches) watch.cancel()
  }
  const seen = await reading.onSnapshot(async (view) => {
    cancel()
    watches.length = 0
    const found = await look(view)
    for (const key of keys) watches.push(view.tx.watch(key))
    return found
  })
  const fired = watches.map((watch) => watch.fired.catch(() => {}))
  return { seen, changed: Promise.race(fired), cancel }
}
