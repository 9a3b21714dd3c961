/**
 * One of several processes that write to one store: `writing-child.ts <folder> <engine> <name> <seed> <count>`. Reports `ready`,
 * begins when it is told to `go`, reports every append that was acknowledged, and `done` after `count` of them or when it is told
 * to `finish`.
 */
import {
  type AppendResult,
  type EventStore,
  openEventStore,
  type StoreTransaction,
  TransactionTooOldError,
  WrongExpectedVersionError,
} from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { onTold, report, told } from './told.ts'
import { COUNTERS, SHARED_STREAMS } from './written-history.ts'

const IN_FLIGHT = 8
/** How often an append is tried on the version that its stream has. */
const TRIES_MAX = 1_000

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
let number = 0
let tries = 0
onTold((line) => {
  if (line === 'finish') left = 0
})
await Promise.all(Array.from({ length: IN_FLIGHT }, work))
await store.close()
report({ event: 'done', tries })
process.exit(0)

async function work(): Promise<void> {
  while (left > 0) {
    left -= 1
    number += 1
    const id = `${name}-${number}`
    const [kind, { streamId, firstVersion, lastVersion }] = await append(id)
    report({ event: 'acknowledged', kind, id, streamId, firstVersion, lastVersion })
  }
}

async function append(id: string): Promise<[string, AppendResult<unknown>]> {
  const chance = random()
  if (chance < 0.5) return ['any', await appendToAny(id)]
  return chance < 0.75 ? ['increment', await increment(id)] : ['expecting', await appendToVersion(store, id)]
}

function appendToAny(id: string): Promise<AppendResult> {
  const events = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({ type: 'Any', data: { id } }))
  return store.stream(`any-${below(SHARED_STREAMS)}`).append(events)
}

/** Runs a transaction or a read of our own again if this process stood still for longer than one may take; appends do that by themselves. */
async function again<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof TransactionTooOldError)) throw error
    }
  }
}

/** Reads a counter, writes it back with one added, and appends an event that says what it has become. */
function increment(id: string): Promise<AppendResult<unknown>> {
  const counter = below(COUNTERS)
  const body = async (tx: StoreTransaction): Promise<AppendResult<unknown>> => {
    tries += 1
    const value = Number((await tx.kv.get(['counter', counter])) ?? 0) + 1
    tx.kv.set(['counter', counter], value)
    return tx.stream(`counter-${counter}`).append({ type: 'Incremented', data: { id, value } })
  }
  return again(() => store.transact(body))
}

/** Appends to the version that it has read; if somebody else was faster, it reads again. */
async function appendToVersion(on: EventStore, id: string): Promise<AppendResult> {
  const stream = on.stream(`expecting-${below(SHARED_STREAMS)}`)
  for (let attempt = 1; ; attempt += 1) {
    tries += 1
    const version = (await again(() => stream.read().last()))?.version ?? 0
    try {
      return await stream.append(
        { type: 'Expecting', data: { id, value: version + 1 } },
        { expectedVersion: version },
      )
    } catch (error) {
      if (!(error instanceof WrongExpectedVersionError) || attempt >= TRIES_MAX) throw error
    }
  }
}

function below(bound: number): number {
  return Math.floor(random() * bound)
}
