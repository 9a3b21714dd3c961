/**
 * Reads on and on after the last event that it has seen, and reports what it sees, until it is told to `finish`:
 * `tailing-child.ts <folder> <engine> <after>`. What was there when it heard of the end, it reports before it is `done`.
 */
import { openEventStore } from 'eventdb'
import { onTold, report } from './told.ts'
import type { SeenEvent } from './written-history.ts'

const PAUSE_MS = 1

const [folder, engine, begin] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string]
const store = await openEventStore(folder, { engine })
let finishing = false
onTold((line) => {
  if (line === 'finish') finishing = true
})
report({ event: 'ready' })
let after = BigInt(begin)
for (let last = false; !last; ) {
  last = finishing
  for await (const batch of store.all.read({ after }).batches()) {
    const events = batch.map(
      ({ position, streamId, version }): SeenEvent => [`${position}`, streamId, version],
    )
    report({ event: 'seen', events })
    after = batch.at(-1)!.position
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}
await store.close()
report({ event: 'done' })
process.exit(0)
