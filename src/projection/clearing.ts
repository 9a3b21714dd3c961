import { PROJECTION_CLEAR_ROWS, PROJECTION_WRITTEN_BYTES } from '../limits.ts'
import type { StoreHost } from '../store/host.ts'
import type { NameRows } from './name-rows.ts'

/** Clears the rows of copies that are gone, in small transactions; stopped or killed, whoever is next goes on. */
export async function clearGone(
  { host, rows }: { readonly host: StoreHost; readonly rows: NameRows },
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const isDone = await host.kv.transact(async (tx) => {
      const row = await rows.read(tx, name)
      const copy = row?.gone[0]
      if (row === undefined || copy === undefined) return true
      const range = rows.copy(copy).everything()
      let [cleared, bytes] = [0, 0]
      for await (const { key, value } of tx.snapshot.getRange(range, { limit: PROJECTION_CLEAR_ROWS })) {
        tx.clear(key)
        cleared += 1
        bytes += value.length
        if (bytes > PROJECTION_WRITTEN_BYTES) break
      }
      if (cleared === PROJECTION_CLEAR_ROWS || bytes > PROJECTION_WRITTEN_BYTES) return false
      rows.write(tx, name, { ...row, gone: row.gone.filter((other) => other !== copy) })
      return false
    })
    if (isDone) return
  }
}
