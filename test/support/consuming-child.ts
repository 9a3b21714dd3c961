/**
 * A consumer of a group of `all` in a process of its own: `consuming-child.ts <folder> <engine> <group> <file> <manner>`, where the manner is
 * one of `HandlingManner`. Reports `ready`, joins when it is told to `go`, and writes down in its file what it is handed before it
 * acknowledges it. If it loses its lease, it says so, and joins again (but not if it holds what it has). When it is told to `finish`, it leaves.
 */
import { openSync, writeSync } from 'node:fs'
import { type DeliveryHandler, openEventStore, type RecordedEvent } from 'eventdb'
import { type ConsumingReport, type HandlingManner, handedLine } from './handed.ts'
import { onTold, report } from './told.ts'

/** Events after which it says how many there were. */
const EVENTS_PER_REPORT = 200

const [folder, engine, group, path, manner] = process.argv.slice(2) as [
  string,
  'sqlite' | 'lmdb',
  string,
  string,
  HandlingManner,
]
await import(`../../src/drivers/${engine}/index.ts`)
const file = openSync(path, 'a')
let count = 0
let isFinishing = false
const lines: ((line: string) => void)[] = []
onTold((line) => {
  for (const hear of [...lines]) hear(line)
})
const finishing = told('finish').then(() => {
  isFinishing = true
})
const going = told('go')
say({ event: 'ready' })
await going
const store = await openEventStore(folder, { engine })
while (!isFinishing) await consume()
await store.close()
say({ event: 'done' })
process.exit(0)

async function consume(): Promise<void> {
  const subscription = await store.all.subscribe({ type: 'persistent', group }, handlerOf(manner))
  say({ event: 'joined', consumer: subscription.consumer })
  const ending = subscription.ended.then(async ({ reason, error }) => {
    if (isFinishing) return
    say({ event: 'ended', reason })
    if (reason !== 'lease-lost') throw error
    if (manner === 'hold') await finishing
  })
  await Promise.race([ending, finishing])
  if (isFinishing) await subscription.close()
}

function handlerOf(how: HandlingManner): DeliveryHandler<RecordedEvent> {
  switch (how) {
    case 'handle':
      return (event, delivery) => note(handedLine(event, delivery, true))
    case 'die':
      return (event, delivery) => {
        const isDeadly = event.type === 'Poison'
        note(handedLine(event, delivery, !isDeadly))
        if (isDeadly) process.kill(process.pid, 'SIGKILL')
        // It takes a moment.
        return isDeadly ? new Promise(() => {}) : undefined
      }
    case 'hold':
      return async (event, delivery) => {
        note(handedLine(event, delivery, false))
        const verdict = told('ack', 'park')
        say({ event: 'holding' })
        const isAccepted = (await verdict) === 'park' ? delivery.nack('park', 'told to') : delivery.ack()
        say({ event: 'settled', isAccepted: await isAccepted })
      }
  }
}

/** What was written is not lost when this process is killed. */
function note(line: string): void {
  writeSync(file, line)
  count += 1
  if (count % EVENTS_PER_REPORT === 0) say({ event: 'handed', count })
}

/** Resolves when one of these lines is said. */
function told(...expected: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const hear = (line: string): void => {
      if (!expected.includes(line)) return
      lines.splice(lines.indexOf(hear), 1)
      resolve(line)
    }
    lines.push(hear)
  })
}

function say(what: ConsumingReport): void {
  report(what)
}
