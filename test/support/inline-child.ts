/**
 * Appends what an inline projection sums up, until it is told to `stop`, or killed: `inline-child.ts <folder> <engine> <role> <seed>`. Loads
 * everything, reports `ready`, and opens the store when it is told to `go`. Roles: `carry`, which takes part in the projection, and does to it
 * what it is told, `pause`, `resume`, `reset`, `rebuild` or `raise` its version; told to `hold`, it stands still at the next event until it is
 * told to `continue`; `bare`, which only appends, and ends when it is refused; `disturb`, which resets and rebuilds all the time as well.
 */
import { type EventDbError, openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { COUNTED, inlineSums } from './projected-sums.ts'
import { onTold, report } from './told.ts'

const [folder, engine, role, seed] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string, string]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
let heard: string[] = []
let wake = (): void => {}
onTold((line) => {
  heard.push(line)
  wake()
})
report({ event: 'ready' })
await hear('go')
const store = await openEventStore(folder, { engine })
report({ event: 'open' })
let version = 1
let written = 0
let isStopped = false
/** Whether it is to stand still at the next event: nothing else is under way that might hold a lock meanwhile. */
let isAlone = false
if (role !== 'bare') await carry()
await (role === 'bare' ? appendUntilRefused() : appendUntilStopped())
await store.close()
process.exit(0)

/** Waits until it is told a line. */
async function hear(line: string): Promise<void> {
  while (!heard.includes(line)) {
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  heard = heard.filter((other) => other !== line)
}

async function carry(): Promise<void> {
  await store.project(inlineSums(version, beforeEach), { leaseMs: 1_000 })
  report({ event: 'in-force', version })
}

async function beforeEach(): Promise<void> {
  if (isAlone) {
    isAlone = false
    heard = heard.filter((line) => line !== 'hold')
    report({ event: 'holding' })
    await hear('continue')
  }
  // Appends shall take a moment, so that signals find them at work.
  if (random() < 0.2) await pause(2 * random())
}

async function append(): Promise<void> {
  // Most go to one partition.
  const streamId = random() < 0.5 ? COUNTED[0] : COUNTED[Math.floor(random() * COUNTED.length)]!
  const events = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    type: 'Counted',
    data: { by: 1 + Math.floor(random() * 100) },
  }))
  if (random() < 0.3) await store.transact((tx) => tx.stream(streamId).append(events))
  else await store.stream(streamId).append(events)
  written += events.length
  report({ event: 'appended', events: written })
}

async function appendUntilRefused(): Promise<void> {
  for (;;) {
    try {
      await append()
    } catch (error) {
      return report({ event: 'refused', code: (error as EventDbError).code })
    }
  }
}

async function appendUntilStopped(): Promise<void> {
  while (!isStopped) {
    try {
      isAlone = heard.includes('hold')
      await (isAlone ? append() : Promise.all([append(), append(), append()]))
      if (role === 'disturb' && random() < 0.5) await disturb()
    } catch (error) {
      const { code } = error as EventDbError
      // Somebody has raised the version.
      if (code !== 'projection-not-carried') throw error
      version += 1
      await carry()
    }
    for (const line of heard.splice(0)) {
      if (line === 'hold' || line === 'continue') heard.push(line)
      else await obey(line)
    }
    await pause(5 * random())
  }
}

async function disturb(): Promise<void> {
  const handle = store.projection('sums')
  const choice = random()
  try {
    if (choice < 0.3) await handle.reset()
    else if (choice < 0.6) await handle.rebuild()
    else if (choice < 0.8) await handle.pause()
    else await handle.resume()
  } catch (error) {
    if ((error as EventDbError).code !== 'projection-building') throw error
  }
  report({ event: 'disturbed' })
}

async function obey(line: string): Promise<void> {
  const handle = store.projection('sums')
  switch (line) {
    case 'pause':
    case 'resume':
    case 'reset':
    case 'rebuild':
      await handle[line]()
      break
    case 'raise':
      version += 1
      await carry()
      break
    default:
      isStopped = true
  }
  report({ event: 'done', line })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
