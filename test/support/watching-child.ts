/**
 * Watches a key and says when it changed, until it is told to `finish`: `watching-child.ts <folder> <engine>`. Reports `watching`
 * with the value that it has read, and `fired` with the moment, on the clock that all processes share.
 */
import { openEventStore } from 'eventdb'
import { report, told } from './told.ts'
import { WATCHED_KEY, WATCHED_PATH } from './watched.ts'

const [folder, engine] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb']
const store = await openEventStore(folder, { engine })
const key = (await store.kv.createOrOpenDirectory(WATCHED_PATH)).pack(WATCHED_KEY)
void told('finish').then(() => process.exit(0))
for (;;) {
  const [value, watch] = await store.kv.readTransact(
    async (tx) => [await tx.get(key), tx.watch(key)] as const,
  )
  report({ event: 'watching', value: value?.[0] ?? 0 })
  await watch.fired
  report({ event: 'fired', value: value?.[0] ?? 0, at: String(process.hrtime.bigint()) })
}
