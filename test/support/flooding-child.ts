/**
 * One of several processes that write to one store as fast as they can: `flooding-child.ts <folder> <engine> <name> <seed> <count>`. Reports
 * `ready`, begins when it is told to `go`, and reports `done` after `count` appends. What it writes is in each source of `followedSources`.
 */
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { eventsOf, FOLLOWED_STREAM } from './followed-sources.ts'
import { report, told } from './told.ts'

const IN_FLIGHT = 8

const [folder, engine, name, seed, count] = process.argv.slice(2) as [
  string,
  'sqlite' | 'lmdb',
  string,
  string,
  string,
]
const random = seededRandom(Number(seed))
const store = await openEventStore(folder, { engine })
const going = told('go')
report({ event: 'ready' })
await going
let left = Number(count)
await Promise.all(Array.from({ length: IN_FLIGHT }, work))
await store.close()
report({ event: 'done' })
process.exit(0)

async function work(): Promise<void> {
  while (left > 0) {
    left -= 1
    const events = eventsOf(random() < 0.02 ? 600 : 1 + Math.floor(random() * 5))
    const streamId = random() < 0.5 ? FOLLOWED_STREAM : `${FOLLOWED_STREAM}-${name}`
    const noise = { streamId: `noise-${name}`, events: { type: 'Noise' } }
    await store.append([{ streamId, events }, ...(random() < 0.5 ? [noise] : [])])
  }
}
