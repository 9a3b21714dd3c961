/**
 * Appends, consumes two groups that are kept, changes them and others, and lets everything fail now and then, without pause until it is
 * killed: `grouping-child.ts <folder> <engine> <seed> <files>`. Loads everything, reports `ready`, opens the store when it is told to
 * `go`, and then reports `open`, and how much was handed over of the groups that are kept. What is handed over of a group that is kept, it writes to `<files>-<group>` before it says what
 * became of it.
 */
import { openSync, writeSync } from 'node:fs'
import {
  type Delivery,
  InvalidArgumentError,
  openEventStore,
  type RecordedEvent,
  type SubscriptionGroup,
  SubscriptionNotFoundError,
} from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { handedLine } from './handed.ts'
import { KEPT_GROUPS } from './kept-groups.ts'
import { report, told } from './told.ts'

const STREAMS = 12
/** Most events that it appends: what is consumed must keep up. */
const APPENDS = 15

const [folder, engine, seed, files] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string, string]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
const going = told('go')
report({ event: 'ready' })
await going
const store = await openEventStore(folder, { engine })
const { all } = store
let count = 0
report({ event: 'open' })
await Promise.all([
  append(),
  ...KEPT_GROUPS.flatMap((name) => [consume(name), consume(name), keep(all.subscription(name))]),
  comeAndGo('wild-1'),
  comeAndGo('wild-2'),
])

async function append(): Promise<void> {
  for (let n = 0; n < APPENDS; n += 1) {
    const events = Array.from({ length: 1 + below(8) }, () => ({ type: 'T', data: { n } }))
    await store.stream(`stream-${below(STREAMS)}`).append(events)
  }
}

/** Consumes a group that is kept, for ever. */
async function consume(group: string): Promise<void> {
  const file = openSync(`${files}-${group}`, 'a')
  for (;;) {
    const options = { type: 'persistent', group, concurrency: 1 + below(3) } as const
    const { ended } = await all.subscribe(options, (event, delivery) => {
      const verdict = verdictOf()
      writeSync(file, handedLine(event, delivery, verdict.isDone))
      count += 1
      report({ event: 'handed', count })
      return verdict.give(delivery)
    })
    const { reason, error } = await ended
    if (reason !== 'lease-lost') throw error
  }
}

interface RandomVerdict {
  readonly isDone: boolean
  give(delivery: Delivery<RecordedEvent>): unknown
}

function verdictOf(): RandomVerdict {
  const chance = random()
  if (chance < 0.6) return { isDone: true, give: () => {} }
  if (chance < 0.8) return { isDone: true, give: (delivery) => delivery.ack() }
  if (chance < 0.85) return { isDone: true, give: (delivery) => delivery.nack('skip') }
  if (chance < 0.95) return { isDone: false, give: (delivery) => delivery.nack('retry', 'chance') }
  if (chance < 0.99) return { isDone: false, give: (delivery) => delivery.nack('park', 'chance') }
  return { isDone: false, give: (delivery) => delivery.nack('stop', 'chance') }
}

/** Changes a group so that nothing is left out. */
async function keep(group: SubscriptionGroup): Promise<void> {
  for (;;) {
    const chance = random()
    if (chance < 0.3) await group.resume()
    else if (chance < 0.4) await group.pause()
    else if (chance < 0.6) await group.replay('all')
    else if (chance < 0.75) await replayOne(group)
    else if (chance < 0.85) await group.update({ maxRetryCount: below(4), bufferSize: 1 + below(30) })
    else if (chance < 0.88) await group.reset({ to: 'start' })
    else await resetToCheckpoint(group)
    await group.info()
    // Others must have their turn.
    await new Promise((resolve) => setTimeout(resolve, 40 * random()))
    await group.resume()
  }
}

async function replayOne(group: SubscriptionGroup): Promise<void> {
  for await (const { place, isBehind } of group.parked()) {
    if (!isBehind && random() < 0.5) {
      // It may be behind another by now.
      await group.replay({ place }).catch((error: unknown) => ignore(error, InvalidArgumentError))
      return
    }
  }
}

async function resetToCheckpoint(group: SubscriptionGroup): Promise<void> {
  const { checkpoint } = await group.info()
  await group.reset({ to: checkpoint ?? 'start' })
}

/** A group comes, is consumed, changed and skipped, and goes. */
async function comeAndGo(name: string): Promise<void> {
  const group = all.subscription(name)
  for (;;) {
    await group.delete().catch((error: unknown) => ignore(error, SubscriptionNotFoundError))
    const strategy = random() < 0.5 ? 'pinned' : 'dispatch-to-single'
    await all.createSubscription(name, { strategy, bufferSize: 1 + below(20), maxRetryCount: below(2) })
    const rest = 1 + below(60)
    let [count, enough] = [0, () => {}]
    const done = new Promise<void>((resolve) => {
      enough = resolve
    })
    const { ended } = await all.subscribe({ type: 'persistent', group: name }, () => {
      count += 1
      if (count >= rest) enough()
      if (random() < 0.3) throw new Error('chance')
    })
    await Promise.race([done, ended])
    await group.skip('all')
    await group.reset({ to: random() < 0.5 ? 'end' : 'start' })
    await group.replay('all')
  }
}

function ignore(error: unknown, kind: new (...args: never[]) => Error): void {
  if (!(error instanceof kind)) throw error
}

function below(limit: number): number {
  return Math.floor(limit * random())
}
