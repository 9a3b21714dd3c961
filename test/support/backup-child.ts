/**
 * A process beside a backup: `backup-child.ts <folder> <engine> count` counts on in the store until it is told to `finish`, and reports
 * every count that was acknowledged; `backup-child.ts <folder> <engine> backup <target>` backs the store up, and stands still for ever in
 * the middle of it, when it reports `copying`.
 */
import { type BackedUpEngine, countOn, openWith } from './counting-store.ts'
import { onTold, report } from './told.ts'

const [folder, engine, task, target = ''] = process.argv.slice(2) as [string, BackedUpEngine, string, string?]
const kv = await openWith(engine, folder)
if (task === 'count') await count()
else await kv.backup(target, { onProgress: standStill })
await kv.close()
report({ event: 'done' })
process.exit(0)

async function count(): Promise<void> {
  let finished = false
  onTold(() => {
    finished = true
  })
  while (!finished) report({ event: 'counted', count: await countOn(kv) })
}

function standStill(): void {
  report({ event: 'copying' })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
