/**
 * Appends what another process appends at the same time: `repeating-child.ts <folder> <engine> <seed> <count>`. Reports `ready`, begins when it
 * is told to `go`, reports what each append came to, and then `done`.
 */
import { type EventStore, openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { type Repetition, type RepetitionReport, repetition } from './repetition.ts'
import { report, told } from './told.ts'

const IN_FLIGHT = 6

const [folder, engine, seed, count] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string, string]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
const going = told('go')
const store = await openEventStore(folder, { engine })
report({ event: 'ready' } satisfies RepetitionReport)
await going
const todo = Array.from({ length: Number(count) }, (_, number) => number).values()
await Promise.all(Array.from({ length: IN_FLIGHT }, work))
await store.close()
report({ event: 'done' } satisfies RepetitionReport)
process.exit(0)

async function work(): Promise<void> {
  for (const number of todo) {
    // Each process makes some of its appends twice, at once or one after the other.
    const times = random() < 0.3 ? 2 : 1
    const atOnce = random() < 0.5
    const first = make(store, repetition(number))
    if (!atOnce) await first
    await Promise.all(Array.from({ length: times - 1 }, () => make(store, repetition(number))))
    await first
  }
}

async function make(store: EventStore, { number, way, appends, key }: Repetition): Promise<void> {
  const options = key === undefined ? {} : { idempotencyKey: key }
  const results =
    way === 'transaction'
      ? await store.transact((tx) => tx.append(appends, options))
      : await store.append(appends, options)
  report({
    event: 'made',
    number,
    parts: results.map(({ streamId, firstVersion, lastVersion, position, idempotent }) => ({
      streamId,
      firstVersion,
      lastVersion,
      position: position === undefined ? undefined : `${position}`,
      idempotent,
    })),
  } satisfies RepetitionReport)
}
