import { defineEvents, defineSinkProjection, eventType, type ProjectionFault } from 'eventdb'
import { describe, expect } from 'vitest'
import { a, keeps, keepsUnless, law, put, type SinkWorld, until } from '../support/sink-world.ts'

/** Refuses the data that is in the set. */
function refusing(refused: ReadonlySet<unknown>): (data: unknown) => void {
  return (data) => {
    if (refused.has(data)) throw new Error(`${data} is refused`)
  }
}

/** Runs a projection that refuses some data, and keeps what it is told of faults. */
async function refused(world: SinkWorld, ...data: readonly unknown[]) {
  const broken = new Set(data)
  const faults: ProjectionFault[] = []
  const running = await world.store.projectInto(world.sink, keepsUnless(refusing(broken)), {
    onFault: (fault) => faults.push(fault),
  })
  return { running, faults, broken, [Symbol.asyncDispose]: () => running.close() }
}

describe('an event that cannot be handled', () => {
  law('stops it before that event, with everything before it committed', async (world) => {
    const { store, handled, append } = world
    const before = await append(1, 2)
    const at = await append('bad')
    const after = await append(4)
    await using run = await refused(world, 'bad')
    await run.running.waitFor(before)
    await expect(run.running.waitFor(at)).rejects.toMatchObject({
      code: 'projection-faulted',
      details: { projection: 'p', version: 1, event: { streamId: 's-1', version: 3, type: 'A' } },
    })
    await expect(run.running.waitFor(after)).rejects.toMatchObject({ code: 'projection-faulted' })
    expect(handled()).toEqual([1, 2])
    expect(run.faults).toMatchObject([
      {
        event: { position: at, streamId: 's-1', version: 3, type: 'A' },
        error: { name: 'Error', message: 'bad is refused' },
        attempts: 1,
      },
    ])
    const status = await run.running.status()
    expect(status).toMatchObject({ state: 'faulted', lag: 2, handled: 2, fault: { attempts: 1 } })
    expect(status.position).toBeGreaterThanOrEqual(before)
    expect(status.position).toBeLessThan(at)
    expect((await store.stream('s-1').read().toArray()).length).toBe(4)
  })

  law('is tried again after pauses that double, and then goes on', async (world) => {
    const { handled, append, runtime } = world
    await using run = await refused(world, 'bad')
    await append('bad', 2)
    await until(world, 'it was tried four times', () => run.faults.length === 4)
    const pauses = run.faults.map(({ since, retryAt }) => retryAt.getTime() - since.getTime())
    expect(run.faults.map(({ attempts }) => attempts)).toEqual([1, 2, 3, 4])
    expect(new Set(run.faults.map(({ since }) => since.getTime())).size).toBe(1)
    const rounded = pauses.map((pause) => Math.round(pause / 1_000))
    expect(rounded).toEqual([1, 1 + 2, 1 + 2 + 4, 1 + 2 + 4 + 8])
    run.broken.clear()
    const since = runtime.monotonic()
    await until(world, 'it goes on', () => handled().length === 2)
    expect(runtime.monotonic() - since).toBeLessThan(9_000)
    expect(await run.running.status()).toMatchObject({ state: 'live', fault: undefined, handled: 2 })
  })

  law('is none if it only fails once', async (world) => {
    const { store, sink, handled, append, warnings } = world
    const seen = new Set<unknown>()
    const failsOnce = keepsUnless((data) => {
      if (seen.has(data)) return
      seen.add(data)
      throw new Error(`${data} has come too early`)
    })
    const told: unknown[] = []
    const tell = (error: unknown): void => void told.push(error)
    await using running = await store.projectInto(sink, failsOnce, { onFault: tell, onProblem: tell })
    await running.waitFor(await append(1, 2, 3))
    await running.waitFor(await append(4))
    expect(handled()).toEqual([1, 2, 3, 4])
    expect([told, warnings]).toEqual([[], []])
  })

  law('is told of once, if nobody wants to know', async (world) => {
    const { store, sink, append, warnings } = world
    await using running = await store.projectInto(sink, keepsUnless(refusing(new Set(['bad']))))
    await append('bad')
    await until(
      world,
      'it was tried thrice',
      async () => ((await running.status()).fault?.attempts ?? 0) >= 3,
    )
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Version 1 of the projection "p" has stopped at version \d+ of stream .*bad is refused/,
      ),
      new Error('bad is refused'),
    ])
  })

  law('can be skipped, and only it', async (world) => {
    const { handled, append } = world
    await using run = await refused(world, 'bad', 'worse')
    await expect(run.running.skip()).rejects.toMatchObject({ code: 'projection-not-faulted' })
    const first = await append('bad')
    const second = await append('worse', 3)
    await until(world, 'it stands', () => run.faults.length === 1)
    await expect(run.running.skip({ position: second })).rejects.toMatchObject({
      code: 'projection-not-faulted',
    })
    expect(await run.running.skip({ position: first })).toMatchObject({
      event: { position: first },
      error: { message: 'bad is refused' },
    })
    await until(world, 'it stands again', () => run.faults.length === 2)
    await run.running.skip()
    await until(world, 'it goes on', () => handled().length === 1)
    expect(handled()).toEqual([3])
    expect(await run.running.status()).toMatchObject({ handled: 1, skipped: 2, fault: undefined })
    await expect(run.running.skip()).rejects.toMatchObject({ code: 'projection-not-faulted' })
  })

  law('stays skipped for those that come later', async (world) => {
    const { store, another, handled, append } = world
    const run = await refused(world, 'bad')
    await append('bad', 2)
    await until(world, 'it stands', () => run.faults.length === 1)
    await run.running.skip()
    await run.running.close()
    await using later = await store.projectInto(another(), keepsUnless(refusing(new Set(['bad']))))
    await later.waitFor(await append(3))
    expect(handled()).toEqual([2, 3])
    expect((await later.status()).skipped).toBe(1)
  })

  law('cannot be skipped while it succeeds after all', async (world) => {
    const { store, sink, handled, append } = world
    let isBroken = true
    let onTry = (): void => {}
    const projection = keepsUnless(async () => {
      if (isBroken) throw new Error('not yet')
      onTry()
      // Somebody skips while it is being handled.
      await Promise.resolve()
    })
    await using running = await store.projectInto(sink, projection, { onFault: () => {} })
    await append(1)
    await until(world, 'it stands', async () => (await running.status()).fault !== undefined)
    isBroken = false
    const skipped = new Promise((resolve) => {
      onTry = () => resolve(running.skip().catch((error: unknown) => error))
    })
    expect(await skipped).toMatchObject({ code: 'projection-not-faulted' })
    expect(handled()).toEqual([1])
    expect((await running.status()).skipped).toBe(0)
  })

  law('is found also if it only shows when all is committed', async (world) => {
    const { store, sink, db, append } = world
    db.exec(`
      create table parents (id text primary key);
      create table children (parent text references parents deferrable initially deferred);
      insert into parents values ('here')`)
    const faults: ProjectionFault[] = []
    const problems: unknown[] = []
    const on = {
      A: (tx: typeof db, { data }: { data?: unknown }) => {
        tx.prepare('insert into children values (?)').run(data)
      },
    }
    await using running = await store.projectInto(sink, keeps({ on }), {
      onFault: (fault) => faults.push(fault),
      onProblem: (problem) => problems.push(problem),
    })
    await append('here', 'here', 'nowhere', 'here')
    await until(world, 'it stands', () => faults.length === 1)
    expect(faults[0]).toMatchObject({
      event: { version: 3 },
      error: { name: 'SqliteError', message: 'FOREIGN KEY constraint failed' },
    })
    expect(problems.length).toBeGreaterThan(0)
    await running.skip()
    await running.waitFor(await append('here'))
    const rows = db.prepare('select parent from children').pluck().all()
    expect(rows).toEqual(['here', 'here', 'here', 'here'])
  })

  law('is found also if it has ended the transaction, and keeps that to itself', async (world) => {
    const { store, sink, append, handled } = world
    const faults: ProjectionFault[] = []
    const on = {
      A: (tx: typeof world.db, { data }: { data?: unknown }) => {
        put(tx, data)
        if (data !== 'bad') return
        try {
          tx.exec('insert or rollback into handled (n) select max(n) from handled')
        } catch {
          // As if nothing had happened.
        }
      },
    }
    await using running = await store.projectInto(sink, keeps({ on }), {
      onFault: (fault) => faults.push(fault),
      onProblem: () => {},
    })
    await append(1, 2, 'bad')
    await until(world, 'it stands', () => faults.length === 1)
    expect(faults[0]).toMatchObject({ event: { version: 3 } })
    await running.skip()
    await running.waitFor(await append(4))
    expect(handled()).toEqual([1, 2, 4])
  })

  law('is found also if its data is not what it should be', async (world) => {
    const { store, sink, handled, append } = world
    const events = defineEvents({
      A: eventType<number>({
        version: 2,
        upcast: {
          1: (data: unknown) => {
            if (data === 'bad') throw new Error('it cannot be brought up to date')
            return data
          },
        },
      }),
    })
    const projection = defineSinkProjection(events, {
      name: 'p',
      source: { kind: 'category', category: 's' },
      on: { A: (tx: typeof world.db, { data }) => put(tx, data) },
    })
    const faults: ProjectionFault[] = []
    await using running = await store.projectInto(sink, projection, { onFault: (it) => faults.push(it) })
    await append(1, 'bad', 3)
    await until(world, 'it stands', () => faults.length === 1)
    expect(faults[0]!.error.message).toBe('it cannot be brought up to date')
    await running.skip()
    await until(world, 'it goes on', () => handled().length === 2)
    expect(handled()).toEqual([1, 3])
  })

  law('is what a handler throws, whatever that is', async (world) => {
    const { store, sink, append } = world
    const thrown = [undefined, null, 'a text', { toString: () => assertNever() }, Symbol('s')]
    const faults: ProjectionFault[] = []
    const projection = keepsUnless((at) => {
      throw thrown[at as number]
    })
    await using running = await store.projectInto(sink, projection, { onFault: (it) => faults.push(it) })
    for (let at = 0; at < thrown.length; at += 1) {
      await append(at)
      await until(world, 'it stands', () => faults.length === at + 1)
      await running.skip()
    }
    const [nothing, , text] = faults.map(({ error }) => error)
    expect([nothing, text]).toMatchObject([{ message: 'undefined' }, { message: 'a text' }])
  })
})

function assertNever(): never {
  throw new Error('a text cannot be had')
}

describe('a source that cannot be read', () => {
  law('is a fault without an event', async (world) => {
    const { store, sink, append, handled } = world
    const faults: ProjectionFault[] = []
    const source = { kind: 'stream', streamId: 's-1' } as const
    await using running = await store.projectInto(sink, keeps({ source }), {
      onFault: (fault) => faults.push(fault),
    })
    const position = await append(1)
    await running.waitFor(position)
    await store.stream('s-1').tombstone()
    await until(world, 'it stands', () => faults.length === 2)
    expect(faults[1]).toMatchObject({ error: { name: 'StreamTombstonedError' }, attempts: 2 })
    expect(faults[1]!.event).toBeUndefined()
    await expect(running.skip()).rejects.toMatchObject({ code: 'projection-not-faulted' })
    const { position: later } = await store.stream('s-2').append(a(2))
    await expect(running.waitFor(later!)).rejects.toMatchObject({ code: 'projection-faulted' })
    expect(handled()).toEqual([1])
  })

  law('is a fault no more when it can be read again', async (world) => {
    const { store, sink, append, handled } = world
    await append(1)
    await store.reindex({ drop: ['category'] })
    const faults: ProjectionFault[] = []
    await using running = await store.projectInto(sink, keeps(), { onFault: (it) => faults.push(it) })
    await until(world, 'it stands', () => faults.length > 0)
    expect(faults[0]!.error.name).toBe('IndexMissingError')
    await store.reindex({ add: ['category'] })
    await until(world, 'it goes on', () => handled().length === 1)
    expect(await running.status()).toMatchObject({ state: 'live', fault: undefined })
  })

  law('is no fault of a stream that was deleted, and may come again', async (world) => {
    const { store, sink, append, handled } = world
    const source = { kind: 'stream', streamId: 's-1' } as const
    await using running = await store.projectInto(sink, keeps({ source }))
    await running.waitFor(await append(1, 2))
    await store.stream('s-1').delete()
    await running.waitFor(await append(3))
    expect(handled()).toEqual([1, 2, 3])
    expect(await running.status()).toMatchObject({ streamVersion: 3, lag: 0 })
  })
})
