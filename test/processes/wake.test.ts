import { type EventStore, openEventStore } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { eventually } from '../support/eventually.ts'
import type { HearingKind, HearingReport } from '../support/hearing-child.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES, type Engine } from './history.ts'

type Hearer = Child<HearingReport>

const CASES = ENGINES.flatMap((engine) =>
  (['volatile', 'catch-up', 'persistent'] as const).map((kind) => ({ engine, kind })),
)

describe('an append in one process', () => {
  test.each(CASES)('reaches a $kind subscription in another, on $engine', async ({ engine, kind }) => {
    await using folder = await temporaryFolder()
    await using store = await openEventStore(folder.path, { engine })
    await store.all.createSubscription('g')
    await using hearer = await startHearer(folder.path, engine, kind)
    // Each waits at the end of the log when the next one comes.
    for (const data of [1, 2, 3]) {
      await store.stream('s').append({ type: 'T', data })
      await heardBy([hearer], data)
    }
    expect(dataHeard(hearer)).toEqual([1, 2, 3])
    await finish(hearer)
    expect((await store.check()).problems).toEqual([])
  })
})

describe.each(ENGINES)('a volatile group of two processes, on %s', (engine) => {
  test('gets each event once, and each member its part in order', async () => {
    await using folder = await temporaryFolder()
    await using store = await openEventStore(folder.path, { engine })
    await using first = await startHearer(folder.path, engine, 'volatile-group')
    await using second = await startHearer(folder.path, engine, 'volatile-group')
    const hearers = [first, second]
    const numbers = await appendMany(store)
    await heardBy(hearers, numbers.length)
    // What is appended when one has left goes to the other.
    await finish(first)
    await store.stream('s').append({ type: 'T', data: numbers.length + 1 })
    await heardBy([second], 1 + dataHeard(second).length)
    await finish(second)
    for (const hearer of hearers) expect(dataHeard(hearer)).toEqual(dataHeard(hearer).toSorted(ascending))
    const all = hearers.flatMap(dataHeard).sort(ascending)
    expect(all).toEqual([...numbers, numbers.length + 1])
    expect(dataHeard(second).at(-1)).toBe(numbers.length + 1)
    console.log(`${engine}: they got ${hearers.map((hearer) => dataHeard(hearer).length)}`)
    expect((await store.check()).problems).toEqual([])
  })
})

/** Events of one stream, some of them appended together. Returns their data. */
async function appendMany(store: EventStore): Promise<number[]> {
  const numbers = Array.from({ length: 500 }, (_, at) => at + 1)
  for (let from = 0, size = 1; from < numbers.length; from += size, size = 1 + ((size * 3) % 7)) {
    const events = numbers.slice(from, from + size).map((data) => ({ type: 'T', data }))
    await store.stream('s').append(events)
  }
  return numbers
}

async function startHearer(folder: string, engine: Engine, kind: HearingKind): Promise<Hearer> {
  const hearer: Hearer = startChild('hearing-child.ts', folder, engine, kind)
  await hearer.reported(({ event }) => event === 'ready')
  return hearer
}

async function finish(hearer: Hearer): Promise<void> {
  hearer.tell('finish')
  await hearer.ended
}

/** Waits until all of them together have heard so many events. */
async function heardBy(hearers: readonly Hearer[], number: number): Promise<void> {
  await eventually(
    `${number} events arrive`,
    () => hearers.map(dataHeard),
    (heard) => heard.flat().length >= number,
  )
}

function dataHeard({ reports }: Hearer): number[] {
  return reports.flatMap((report) => (report.event === 'heard' ? [report.data as number] : []))
}

function ascending(one: number, other: number): number {
  return one - other
}
