import {
  defineSinkProjection,
  type EventShape,
  type EventStore,
  openEventStore,
  type ProjectionFault,
  type RunningSinkProjection,
  type SinkProjection,
  type SinkProjectionDefinition,
} from 'eventdb'
import { sinkConformance } from 'eventdb/testing'
import type { Pool, PoolClient } from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { CHECKPOINTS_TABLE, pgSink } from '../../examples/sinks/pg-sink.ts'
import { eventually } from '../support/eventually.ts'
import { killReporters } from '../support/killed-reporters.ts'
import { startPostgres } from '../support/postgres.ts'
import { expectReported, REPORTED_TABLES, reportedSums } from '../support/reported-sums.ts'
import { postgresReporting } from '../support/reporting.ts'

const seed = Number(process.env.EVENTDB_SEED ?? 20_261_124)
const started = await startPostgres()
const server = typeof started === 'string' ? undefined : started
const name = server === undefined ? `PostgreSQL: skipped, as ${started}` : 'PostgreSQL'

afterAll(() => server?.[Symbol.asyncDispose]())

describe.skipIf(server === undefined)(name, () => {
  sinkConformance({
    test,
    open: async () => {
      const { pool } = await server!.database()
      await pool.query(`${CHECKPOINTS_TABLE}; create table texts (text text)`)
      return {
        sink: pgSink(pool),
        other: pgSink(pool),
        put: (tx, text) => tx.query('insert into texts values ($1)', [text]),
        rows: async () => (await pool.query('select text from texts')).rows.map(({ text }) => text),
        dispose: () => pool.end(),
      }
    },
  })

  test('a failed statement that a handler keeps to itself is a fault, and nothing of its event is written', async () => {
    await using scene = await scenery('create table handled (data integer check (data <> 2))')
    const { store, faults, project } = scene
    await store.stream('s-1').append([1, 2, 3].map((data) => ({ type: 'A', data })))
    await using running = await project({
      any: async (tx, { data }) => {
        await tx.query('insert into handled values ($1)', [data]).catch(() => {})
      },
    })
    await eventually('it stands', () => faults.length > 0, Boolean)
    expect(faults[0]).toMatchObject({ event: { version: 2 } })
    expect(await scene.handled()).toEqual([1])
    await running.skip()
    await eventually('it goes on', scene.handled, ({ length }) => length === 2)
    expect(await scene.handled()).toEqual([1, 3])
  })

  test('a constraint that is checked at the end is a fault of the event that has broken it', async () => {
    await using scene = await scenery(`
      create table parents (id integer primary key);
      create table handled (data integer references parents deferrable initially deferred);
      insert into parents values (1), (3)`)
    await scene.store.stream('s-1').append([1, 2, 3].map((data) => ({ type: 'A', data })))
    await using running = await scene.project()
    await eventually('it stands', () => scene.faults.length > 0, Boolean)
    expect(scene.faults[0]).toMatchObject({
      event: { version: 2 },
      error: { message: expect.stringContaining('foreign key') },
    })
    await running.skip()
    await eventually('it goes on', scene.handled, ({ length }) => length === 2)
  })

  test('savepoints are the affair of handlers', async () => {
    await using scene = await scenery('create table handled (data integer check (data <> 2))')
    const { position } = await scene.store
      .stream('s-1')
      .append([1, 2, 3].map((data) => ({ type: 'A', data })))
    await using running = await scene.project({
      any: async (tx, { data }) => {
        await tx.query('savepoint mine')
        await tx
          .query('insert into handled values ($1)', [data])
          .catch(() => tx.query('rollback to savepoint mine'))
      },
    })
    await running.waitFor(position!)
    expect(await scene.handled()).toEqual([1, 3])
    expect(scene.faults).toEqual([])
  })

  test('two that run the same do everything once', async () => {
    await using scene = await scenery('create table handled (data integer)')
    const runs = await Promise.all([1, 2, 3].map(() => scene.project()))
    const expected: number[] = []
    for (let data = 1; data <= 60; data += 1) {
      expected.push(data)
      const { position } = await scene.store.stream('s-1').append({ type: 'A', data })
      if (data % 5 === 0) await Promise.all(runs.map((run) => run.waitFor(position!)))
    }
    expect(await scene.handled()).toEqual(expected)
    expect([scene.faults, scene.problems]).toEqual([[], []])
    await Promise.all(runs.map((run) => run.close()))
  })

  test('connections that are lost are no fault of an event, and nothing is done twice', async () => {
    const { pool: admin, url } = await server!.database()
    await admin.query(`${CHECKPOINTS_TABLE}; ${REPORTED_TABLES}`)
    await using reporting = postgresReporting(url)
    await using store = await openEventStore(':memory:')
    const [faults, problems]: [ProjectionFault[], unknown[]] = [[], []]
    const sums = reportedSums(reporting, () => new Promise((resolve) => setTimeout(resolve, 10)))
    await using running = await store.projectInto(reporting.sink, sums, {
      onFault: (fault) => faults.push(fault),
      onProblem: (problem) => problems.push(problem),
    })
    for (let round = 1; round <= 6; round += 1) {
      const events = Array.from({ length: 20 }, (_, at) => ({ type: 'Counted', data: { by: round + at } }))
      const { position } = await store.stream(`sum-${round % 3}`).append(events)
      const kill = `
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`
      await eventually('one was lost', async () => (await admin.query(kill)).rowCount, Boolean)
      await eventually('it is there', () => isThere(running, position!), Boolean)
    }
    expect(await expectReported(store, reporting)).toBe(120)
    expect(faults).toEqual([])
    expect(problems.length).toBeGreaterThan(0)
  })

  test('a server that ends and comes again is waited for, and nothing is done twice', async () => {
    const { pool, url } = await server!.database()
    await pool.query(`${CHECKPOINTS_TABLE}; ${REPORTED_TABLES}`)
    await using reporting = postgresReporting(url)
    await using store = await openEventStore(':memory:')
    const problems: unknown[] = []
    await using running = await store.projectInto(reporting.sink, reportedSums(reporting), {
      onProblem: (problem) => problems.push(problem),
      onFault: () => {},
    })
    let last = 0n
    for (let count = 1; count <= 3; count += 1) {
      const before = problems.length
      await server!.crash()
      for (let at = 0; at < 50; at += 1) {
        const { position } = await store.stream('sum-1').append({ type: 'Counted', data: { by: at + 1 } })
        last = position!
      }
      await eventually('it is told of', () => problems.length > before, Boolean)
      expect((await running.status()).state).toBe('failing')
      await server!.restart()
    }
    await eventually('it is there', () => isThere(running, last), Boolean)
    expect(await expectReported(store, reporting)).toBe(150)
    await pool.end()
  })

  test('a read model is what a plain loop makes of the events, when the process that writes it is killed', async () => {
    const { pool, url } = await server!.database()
    await pool.query(`${CHECKPOINTS_TABLE}; ${REPORTED_TABLES}`)
    await using reporting = postgresReporting(url)
    await killReporters({ engine: 'sqlite', database: url, reporting, kills: 25, seed })
  }, 300_000)
})

type Definition = Partial<SinkProjectionDefinition<EventShape, PoolClient>>

interface Scenery extends AsyncDisposable {
  readonly store: EventStore
  readonly faults: ProjectionFault[]
  readonly problems: unknown[]
  project(definition?: Definition): ReturnType<EventStore['projectInto']>
  handled(): Promise<readonly unknown[]>
}

/** A store, and an empty database with a table `handled`. */
async function scenery(script: string): Promise<Scenery> {
  const { pool } = await server!.database()
  await pool.query(`${CHECKPOINTS_TABLE}; ${script}`)
  const store = await openEventStore(':memory:')
  const [faults, problems]: [ProjectionFault[], unknown[]] = [[], []]
  return {
    store,
    faults,
    problems,
    project: (definition) =>
      store.projectInto(pgSink(pool), handling(definition), {
        onFault: (fault) => faults.push(fault),
        onProblem: (problem) => problems.push(problem),
      }),
    handled: () => handledIn(pool),
    [Symbol.asyncDispose]: async () => {
      await store.close()
      await pool.end()
    },
  }
}

function handling(definition: Definition = {}): SinkProjection<EventShape, PoolClient> {
  return defineSinkProjection<PoolClient>({
    name: 'p',
    source: { kind: 'category', category: 's' },
    any: (tx, { data }) => tx.query('insert into handled values ($1)', [data]),
    ...definition,
  })
}

async function handledIn(pool: Pool): Promise<readonly unknown[]> {
  const { rows } = await pool.query<{ data: number }>('select data from handled order by data')
  return rows.map(({ data }) => data)
}

function isThere(running: RunningSinkProjection, position: bigint): Promise<boolean> {
  return running.waitFor(position, { timeoutMs: 60_000 }).then(
    () => true,
    () => false,
  )
}
