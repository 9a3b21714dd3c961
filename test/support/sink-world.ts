import type { Database } from 'better-sqlite3'
import {
  defineSinkProjection,
  type EventShape,
  type EventStore,
  type NewEvent,
  openEventStore,
  type ProjectionSink,
  type SinkProjection,
  type SinkProjectionDefinition,
} from 'eventdb'
import { type SimulatedRuntime, simulatedRuntime } from 'eventdb/testing'
import { test } from 'vitest'
import { sqliteSink } from '../../examples/sinks/sqlite-sink.ts'
import { sleep } from '../../src/runtime.ts'
import { type SqliteReports, sqliteReports } from './sqlite-reports.ts'

/** A store in memory, and a read model in SQLite: the data of the events that were handled, in order. Time is virtual. */
export interface SinkWorld {
  readonly runtime: SimulatedRuntime
  readonly store: EventStore
  readonly reports: SqliteReports
  readonly db: Database
  readonly sink: ProjectionSink<Database>
  /** What was told that nobody has asked for. */
  readonly warnings: unknown[]
  /** Another connection, as another process would have it. */
  another(): ProjectionSink<Database>
  /** What is in the read model. */
  handled(): unknown[]
  /** The checkpoint of a projection, as it is stored. */
  checkpoint(id?: string): string | undefined
  /** Appends one event of type `A` for each to the stream `s-1`, and returns the position of the last. */
  append(...data: readonly unknown[]): Promise<bigint>
}

const TABLES = 'create table handled (n integer primary key autoincrement, data text, at text)'

/** States a law of projections into sinks, on a world of its own. */
export function law(name: string, verify: (world: SinkWorld) => Promise<void>): void {
  test(name, async () => {
    const warnings: unknown[] = []
    const runtime = Object.assign(simulatedRuntime({ seed: name.length }), {
      warn: (message: string, error: unknown) => void warnings.push(message, error),
    })
    await using reports = await sqliteReports(TABLES)
    const db = reports.connect()
    await runtime.run(
      (async () => {
        await using store = await openEventStore(':memory:', { runtime })
        await verify({
          runtime,
          store,
          reports,
          db,
          warnings,
          sink: sqliteSink(db),
          another: () => sqliteSink(reports.connect()),
          handled: () => handledIn(db),
          checkpoint: (id = 'p@1') => checkpointIn(db, id),
          append: async (...data) => {
            const { position } = await store.stream('s-1').append(data.map((one) => a(one)))
            return position!
          },
        })
      })(),
    )
  })
}

function handledIn(db: Database): unknown[] {
  const rows = db.prepare<[], string>('select data from handled order by n').pluck().all()
  return rows.map((data) => JSON.parse(data) as unknown)
}

function checkpointIn(db: Database, id: string): string | undefined {
  return db
    .prepare<[string], string>('select checkpoint from projection_checkpoints where id = ?')
    .pluck()
    .get(id)
}

/** An event of type `A`. */
export function a(data: unknown, more: Partial<NewEvent> = {}): NewEvent {
  return { type: 'A', data, ...more } as NewEvent
}

/** Adds a row to the read model. */
export function put(db: Database, data: unknown, at?: bigint): void {
  db.prepare('insert into handled (data, at) values (?, ?)').run(JSON.stringify(data), String(at ?? ''))
}

/** What can be set of a projection. */
export type SinkSettings = Partial<SinkProjectionDefinition<EventShape, Database>>

/** A projection of the category `s`, called `p`, that keeps the data of what it handles. */
export function keeps(settings: SinkSettings = {}): SinkProjection<EventShape, Database> {
  return defineSinkProjection<Database>({
    name: 'p',
    source: { kind: 'category', category: 's' },
    on: { A: (tx, { data }, { position }) => put(tx, data, position) },
    ...settings,
  })
}

/** A projection that keeps the data of what it handles, but for what a function refuses by throwing. */
export function keepsUnless(
  refuse: (data: unknown) => unknown,
  settings: SinkSettings = {},
): SinkProjection<EventShape, Database> {
  return keeps({
    on: {
      A: async (tx, { data }, { position }) => {
        put(tx, data, position)
        await refuse(data)
      },
    },
    ...settings,
  })
}

/** A sink in whose commits somebody meddles. */
export interface Meddling<Tx> {
  /** In place of a commit; it may call the real one. */
  commit?(real: ProjectionSink<Tx>, ...given: Parameters<ProjectionSink<Tx>['commit']>): unknown
  checkpoint?(real: ProjectionSink<Tx>, id: string): unknown
}

/** Lays somebody between a sink and who uses it. */
export function meddled<Tx>(
  real: ProjectionSink<Tx>,
  { commit, checkpoint }: Meddling<Tx>,
): ProjectionSink<Tx> {
  return {
    commit: async (...given) =>
      (commit === undefined ? real.commit(...given) : commit(real, ...given)) as boolean,
    checkpoint: async (id) =>
      (checkpoint === undefined ? real.checkpoint(id) : checkpoint(real, id)) as string | undefined,
  }
}

/** Waits until something is so, while virtual time passes. */
export async function until(
  { runtime }: Pick<SinkWorld, 'runtime'>,
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let looks = 0; !(await isSo()); looks += 1) {
    if (looks > 20_000) throw new Error(`It never came to this: ${what}`)
    await sleep(runtime, 10)
  }
}
