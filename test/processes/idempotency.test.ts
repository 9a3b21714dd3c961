import { type EventStore, openEventStore } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { type RepetitionPart, type RepetitionReport, repetition } from '../support/repetition.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES } from './history.ts'

/** Appends that each process makes. */
const APPENDS = 600
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_101)

type Repeater = Child<RepetitionReport>

describe.each(ENGINES)('two processes that make the same appends to one %s store', (engine) => {
  test('make each exactly once, and are told the same', async () => {
    await using folder = await temporaryFolder()
    await using first = start(folder.path, engine, seed)
    await using second = start(folder.path, engine, seed + 1)
    const repeaters = [first, second]
    await Promise.all(repeaters.map((repeater) => repeater.reported(({ event }) => event === 'ready')))
    for (const repeater of repeaters) repeater.tell('go')
    await Promise.all(repeaters.map(({ ended }) => ended))
    await using store = await openEventStore(folder.path, { engine })
    await lookAtEvents(store)
    await lookAtResults(store, repeaters.flatMap(madeBy))
    const shares = repeaters.map((repeater) => madeBy(repeater).filter(isNew).length)
    console.log(`${engine}: of ${APPENDS} appends, they made ${shares}`)
    expect((await store.check()).problems).toEqual([])
  })
})

type Made = Extract<RepetitionReport, { readonly event: 'made' }>

function start(folder: string, engine: string, childSeed: number): Repeater {
  return startChild('repeating-child.ts', folder, engine, String(childSeed), String(APPENDS))
}

function madeBy({ reports }: Repeater): Made[] {
  return reports.filter((report) => report.event === 'made')
}

function isNew({ parts }: Made): boolean {
  return parts.every(({ idempotent }) => !idempotent)
}

/** Every event is there once, and those of an append are one behind the other. */
async function lookAtEvents(store: EventStore): Promise<void> {
  const events = await store.all.read().toArray()
  const expected = Array.from({ length: APPENDS }, (_, number) =>
    repetition(number).appends.flatMap(({ events }) => events),
  ).flat()
  const textOf = ({ data }: { readonly data?: unknown }): string => JSON.stringify(data)
  expect(events.map(textOf).sort()).toEqual((expected as { readonly data: unknown }[]).map(textOf).sort())
}

/** All who made an append were told where its events are; only the first one was told that they are new. */
async function lookAtResults(store: EventStore, made: readonly Made[]): Promise<void> {
  for (let number = 0; number < APPENDS; number += 1) {
    const reports = made.filter((report) => report.number === number)
    expect(reports.length).toBeGreaterThanOrEqual(2)
    expect(reports.filter(isNew)).toHaveLength(1)
    for (const { parts } of reports) {
      expect(new Set(parts.map(({ idempotent }) => idempotent)).size).toBe(1)
      for (const [at, part] of parts.entries()) await lookAtPart(store, number, at, part)
    }
  }
}

async function lookAtPart(
  store: EventStore,
  number: number,
  part: number,
  { streamId, firstVersion, lastVersion, position }: RepetitionPart,
): Promise<void> {
  const events = await store.stream(streamId).read({ from: firstVersion, to: lastVersion }).toArray()
  expect(events.map(({ data }) => data)).toEqual(events.map((_, at) => ({ number, part, at })))
  if (position !== undefined) expect(position).toBe(`${events.at(-1)!.position}`)
}
