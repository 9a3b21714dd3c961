import {
  defineEvents,
  defineSinkProjection,
  type EventStore,
  type ProjectionSink,
  type SinkProjection,
} from 'eventdb'
import { expect } from 'vitest'
import { firstDifference } from './first-difference.ts'
import type { Counted } from './projected-sums.ts'

/** A database that is reported to, whatever its kind. */
export interface Reporting<Tx> extends AsyncDisposable {
  readonly sink: ProjectionSink<Tx>
  /** Runs a statement in a transaction; parameters are `$1`, `$2` … in this order. */
  run(tx: Tx, sql: string, ...parameters: readonly (string | number)[]): unknown
  /** What is committed: rows as arrays of texts and numbers. */
  rows(sql: string): Promise<readonly (readonly unknown[])[]>
}

/** The tables, and the one row that says how much it is in all. */
export const REPORTED_TABLES = `
  create table reported (stream text, version integer, total integer);
  create table running (total integer);
  insert into running values (0);`

/** Reports each event, with the sum so far. So one that was reported twice, or not in order, makes all the others wrong. */
export function reportedSums<Tx>(
  { run }: Pick<Reporting<Tx>, 'run'>,
  beforeEach: (event: { readonly data: Counted['data'] }) => Promise<void> | void = () => {},
): SinkProjection<Counted, Tx> {
  return defineSinkProjection(defineEvents<Counted>(), {
    name: 'reported',
    source: { kind: 'category', category: 'sum' },
    on: {
      Counted: async (tx: Tx, event) => {
        await beforeEach(event)
        const { streamId, version, data } = event
        await run(tx, 'update running set total = total + $1', data.by)
        const report = 'insert into reported (stream, version, total) select $1, $2, total from running'
        await run(tx, report, streamId, version)
      },
    },
  })
}

/** Finds what was reported to be what a plain loop makes of the events up to the checkpoint. Returns how many these are. */
export async function expectReported(
  store: EventStore,
  { rows }: Pick<Reporting<never>, 'rows'>,
): Promise<number> {
  // One statement sees one state of the database.
  const found = await rows(`
    select checkpoint, null, null from projection_checkpoints
    union all select stream, version, total from reported order by 3`)
  const isCheckpoint = (row: readonly unknown[]): boolean => row[2] === null
  const text = found.find(isCheckpoint)?.[0] as string | undefined
  const { position, handled } = JSON.parse(text ?? '{"position":"0","handled":0}') as {
    readonly position: string
    readonly handled: number
  }
  const all = await store.category<Counted>('sum').read().toArray()
  const events = all.filter((event) => event.position <= BigInt(position))
  let total = 0
  const expected = events.map(({ streamId, version, data }) => {
    total += data.by
    return JSON.stringify([streamId, version, total])
  })
  const reported = found.filter((row) => !isCheckpoint(row)).map((row) => JSON.stringify(row))
  expect(firstDifference(reported, expected)).toBeUndefined()
  expect(handled).toBe(events.length)
  return events.length
}
