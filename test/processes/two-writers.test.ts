import { seededRandom } from 'eventdb/testing'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import type { AcknowledgedReport, ReaderReport, SeenEvent, WriterReport } from '../support/written-history.ts'
import { ENGINES, type Engine, lookAtHistory } from './history.ts'

/** Appends of each writer. */
const APPENDS = 3_000
/** What the slower of two writers with the same work must have done when the faster is ready. */
const SHARE_MIN = 0.2
/** How long a process stands still, in milliseconds; the last time longer than a transaction may live. */
const STOPS_MS = [2_000, 2_000, 2_000, 6_000]
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_101)

type Writer = Child<WriterReport>
type Reader = Child<ReaderReport>

describe.each(ENGINES)('two processes that write to one %s store', (engine) => {
  test('lose no update, share the work, and show their events to a third in order', async () => {
    await using folder = await temporaryFolder()
    await using first = startWriter(folder.path, engine, 'first', APPENDS)
    await using second = startWriter(folder.path, engine, 'second', APPENDS)
    const writers = [first, second]
    await begin(writers)
    await using reader = await startReader(folder.path, engine, 0n)
    await Promise.race(writers.map(done))
    const shares = writers.map((writer) => acknowledgedBy(writer).length / APPENDS)
    await Promise.all(writers.map(done))
    const seen = await finish(reader)
    const tries = await Promise.all(writers.map(done))
    console.log(`${engine}: when one was ready, they had done ${shares}; tries: ${tries}`)
    await lookAtHistory(folder.path, engine, writers.flatMap(acknowledgedBy), seen)
    expect(Math.min(...shares)).toBeGreaterThan(SHARE_MIN)
  })

  test('lose no update while one of them stands still now and then', async () => {
    await using folder = await temporaryFolder()
    const random = seededRandom(seed)
    await using first = startWriter(folder.path, engine, 'first')
    await using second = startWriter(folder.path, engine, 'second')
    const writers = [first, second]
    await begin(writers)
    await using reader = await startReader(folder.path, engine, 0n)
    for (const stopMs of STOPS_MS) {
      await pause(300 * random())
      first.signal('SIGSTOP')
      await pause(stopMs)
      first.signal('SIGCONT')
    }
    for (const writer of writers) writer.tell('finish')
    await Promise.all(writers.map(done))
    const seen = await finish(reader)
    await lookAtHistory(folder.path, engine, writers.flatMap(acknowledgedBy), seen)
  })

  test('do not disturb a reader that is killed and goes on where it was', async () => {
    await using folder = await temporaryFolder()
    const random = seededRandom(seed)
    await using first = startWriter(folder.path, engine, 'first')
    await using second = startWriter(folder.path, engine, 'second')
    const writers = [first, second]
    await begin(writers)
    const seen: SeenEvent[] = []
    for (let life = 1; life <= 4; life += 1) {
      await using reader = await startReader(folder.path, engine, BigInt(seen.at(-1)?.[0] ?? 0))
      await pause(300 * random())
      reader.signal('SIGKILL')
      await reader.ended
      seen.push(...seenBy(reader))
    }
    for (const writer of writers) writer.tell('finish')
    await Promise.all(writers.map(done))
    await using last = await startReader(folder.path, engine, BigInt(seen.at(-1)?.[0] ?? 0))
    seen.push(...(await finish(last)))
    await lookAtHistory(folder.path, engine, writers.flatMap(acknowledgedBy), seen)
  })
})

function startWriter(folder: string, engine: Engine, name: string, count = Number.MAX_SAFE_INTEGER): Writer {
  return startChild('writing-child.ts', folder, engine, name, String(seed + name.length), String(count))
}

async function startReader(folder: string, engine: Engine, after: bigint): Promise<Reader> {
  const reader: Reader = startChild('tailing-child.ts', folder, engine, String(after))
  await reader.reported(({ event }) => event === 'ready')
  return reader
}

async function begin(writers: readonly Writer[]): Promise<void> {
  await Promise.all(writers.map((writer) => writer.reported(({ event }) => event === 'ready')))
  for (const writer of writers) writer.tell('go')
}

/** Resolves when a writer has done its work, with the number of its tries. */
async function done(writer: Writer): Promise<number> {
  const report = await writer.reported(({ event }) => event === 'done')
  return report.event === 'done' ? report.tries : 0
}

async function finish(reader: Reader): Promise<readonly SeenEvent[]> {
  reader.tell('finish')
  await reader.reported(({ event }) => event === 'done')
  return seenBy(reader)
}

function seenBy(reader: Reader): readonly SeenEvent[] {
  return reader.reports.flatMap((report) => (report.event === 'seen' ? report.events : []))
}

function acknowledgedBy(writer: Writer): readonly AcknowledgedReport[] {
  return writer.reports.filter((report) => report.event === 'acknowledged')
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
