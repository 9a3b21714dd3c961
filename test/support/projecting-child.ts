/**
 * Runs a projection, or writes what it counts, until it is killed: `projecting-child.ts <folder> <engine> <role> <seed>`. Loads everything,
 * reports `ready`, and opens the store when it is told to `go`. Roles: `project`; `hold`, which reports `holding` at the first event and
 * goes on with it when it is told to `continue`; `write`, which ends when it is told to `stop`.
 */
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { COUNTED, EMITTED, sums } from './projected-sums.ts'
import { onTold, report } from './told.ts'

const [folder, engine, role, seed] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string, string]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
const heard = new Set<string>()
const listeners = new Map<string, () => void>()
onTold((line) => {
  heard.add(line)
  listeners.get(line)?.()
})
const going = hear('go')
report({ event: 'ready' })
await going
const store = await openEventStore(folder, { engine })
report({ event: 'open' })
await (role === 'write' ? write() : project())

function hear(line: string): Promise<void> {
  return new Promise((resolve) => {
    if (heard.has(line)) resolve()
    else listeners.set(line, resolve)
  })
}

async function project(): Promise<void> {
  let calls = 0
  const running = await store.project(
    sums(async () => {
      calls += 1
      if (calls === 1) report({ event: 'handling' })
      if (role === 'hold' && calls === 1) {
        report({ event: 'holding' })
        await hear('continue')
        report({ event: 'continued' })
        void tellWhenFenced()
      }
      // Batches shall take a while, so that kills find them at work.
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 4 * random()))
    }),
    { leaseMs: 1_000, onProgress: ({ handled }) => report({ event: 'progress', handled }) },
  )
  const tellWhenFenced = async (): Promise<void> => {
    while (running.isLeader) await new Promise((resolve) => setTimeout(resolve, 5))
    report({ event: 'fenced' })
  }
  const { reason } = await running.ended
  report({ event: 'ended', reason })
}

async function write(): Promise<void> {
  let written = 0
  while (!heard.has('stop')) {
    const streamId = COUNTED[Math.floor(random() * COUNTED.length)]!
    const events = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      written += 1
      return { type: 'Counted', data: { by: written } }
    })
    await store.stream(streamId).append(events)
    if (random() < 0.3) await store.stream(EMITTED[Math.floor(random() * 3)]!).append({ type: 'Foreign' })
    await new Promise((resolve) => setTimeout(resolve, 30 * random()))
  }
  await store.close()
  report({ event: 'written', written })
  process.exit(0)
}
