import { type EventStore, type IndexName, openEventStore } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { type DeciderReport, INVOICES, SEATS } from '../support/decided.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES } from './history.ts'

const NAMES = ['first', 'second', 'third']
const INDEXES: readonly IndexName[] = ['category', 'type', 'tag']
const EVENT = { type: 'A', tags: ['t'] }
const byTag = { items: [{ tags: ['t'] }] }

describe.each(ENGINES)('several processes with one %s store', (engine) => {
  test('decide within the same boundaries as if they were one, while indexes come and go', async () => {
    await using folder = await temporaryFolder()
    await using store = await openEventStore(folder.path, { engine })
    await using children = childrenOf(folder.path, engine)
    await Promise.all(children.list.map((child) => child.reported(({ event }) => event === 'ready')))
    for (const child of children.list) child.tell('go')
    let running = true
    const done = Promise.all(children.list.map(seatsOf)).finally(() => {
      running = false
    })
    while (running) await store.reindex({ drop: ['category'], add: ['category'] })
    const seats = await done
    expect(seats.flat().toSorted((a, b) => a - b)).toEqual(numbers(0, SEATS - 1))
    const taken = await store.eventType('SeatTaken').read().toArray()
    expect(taken).toHaveLength(SEATS)
    const invoices = await store.eventType('InvoiceCreated').read().toArray()
    const expected = numbers(1, NAMES.length * INVOICES).map((number) => ({ number }))
    expect(invoices.map(({ data }) => data)).toEqual(expected)
    expect(await store.category('invoices').read().toArray()).toHaveLength(expected.length)
    expect((await store.check()).problems).toEqual([])
  })

  test('learn of a reindex before their next append', async () => {
    await using folder = await temporaryFolder()
    await using one = await openEventStore(folder.path, { engine })
    await using other = await openEventStore(folder.path, { engine })
    expect(one.kv).not.toBe(other.kv)
    for (const [writer, changer] of [
      [one, other],
      [other, one],
    ] as const) {
      await writer.stream('s').append(EVENT)
      await changer.reindex({ drop: INDEXES })
      await writer.stream('s').append(EVENT)
      await expect(writer.query(byTag).read().toArray()).rejects.toMatchObject({ code: 'index-missing' })
      expect((await changer.check()).problems).toEqual([])
      await changer.reindex({ add: INDEXES })
      await writer.stream('s').append(EVENT)
      await expectAllFound(writer)
      await expectAllFound(changer)
    }
  })

  test('go on with a reindex that another has begun', async () => {
    await using folder = await temporaryFolder()
    await using one = await openEventStore(folder.path, { engine })
    await using other = await openEventStore(folder.path, { engine })
    await one.stream('s').append(numbers(1, 2_000).map(() => EVENT))
    const controller = new AbortController()
    const { signal } = controller
    await one.reindex({ drop: ['tag'] })
    const building = one.reindex({ add: ['tag'], signal, onProgress: () => controller.abort() })
    await expect(building).rejects.toMatchObject({ name: 'AbortError' })
    await other.stream('s').append(EVENT)
    await Promise.all([other.reindex(), one.reindex(), one.stream('s').append(EVENT)])
    await expectAllFound(one)
    await expectAllFound(other)
  })

  test('give one boundary to one of two', async () => {
    await using folder = await temporaryFolder()
    await using one = await openEventStore(folder.path, { engine })
    await using other = await openEventStore(folder.path, { engine })
    for (const n of numbers(1, 100)) {
      const tags = [`seat:${n}`]
      const failIfEventsMatch = { query: { items: [{ tags }] } }
      const outcomes = await Promise.allSettled(
        [one, other].map((store, at) =>
          store.stream(`s-${at}`).append({ ...EVENT, tags }, { failIfEventsMatch }),
        ),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    }
    expect((await one.check()).problems).toEqual([])
  })
})

function childrenOf(folder: string, engine: string): AsyncDisposable & { list: Child<DeciderReport>[] } {
  const list = NAMES.map((name) => startChild<DeciderReport>('deciding-child.ts', folder, engine, name))
  return {
    list,
    [Symbol.asyncDispose]: async () => {
      for (const child of list) await child[Symbol.asyncDispose]()
    },
  }
}

async function seatsOf(child: Child<DeciderReport>): Promise<readonly number[]> {
  const report = await child.reported(({ event }) => event === 'done')
  return report.event === 'done' ? report.seats : []
}

/** Each index leads to as many events as there are. */
async function expectAllFound(store: EventStore): Promise<void> {
  const { events } = await store.info()
  for (const source of [store.query(byTag), store.eventType('A'), store.category('s')])
    expect(await source.read().toArray()).toHaveLength(events)
  expect((await store.check()).problems).toEqual([])
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
