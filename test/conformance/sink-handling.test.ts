import type { Database } from 'better-sqlite3'
import { defineEvents, defineSinkProjection, eventType } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { sleep } from '../../src/runtime.ts'
import { lists } from '../../src/testing/store/aggregate-examples.ts'
import { a, keeps, keepsUnless, law, put, type SinkSettings, until } from '../support/sink-world.ts'

describe('projectInto', () => {
  law('hands each event of the source to its handler, in order, in the transaction', async (world) => {
    const { store, sink, handled, append } = world
    await append(1, 2)
    await store.stream('other-1').append(a('not of the source'))
    await using running = await store.projectInto(sink, keeps())
    await store.stream('s-2').append([a(3), { type: 'B', data: 'without a handler' }])
    await running.waitFor(await append(4, 5))
    expect(handled()).toEqual([1, 2, 3, 4, 5])
    expect(await running.status()).toMatchObject({ state: 'live', handled: 5, skipped: 0, lag: 0 })
  })

  law('tells where each event is, and what it is today', async ({ store, sink }) => {
    const events = defineEvents({
      A: eventType<{ amount: number }>({ version: 2, upcast: { 1: (amount: number) => ({ amount }) } }),
    })
    const seen: unknown[] = []
    const projection = defineSinkProjection(events, {
      name: 'p',
      source: { kind: 'all' },
      on: {
        A: (_tx: Database, { streamId, version, position, tags, data }, context) => {
          seen.push([streamId, version, context.position === position, tags, data.amount])
        },
      },
    })
    await using running = await store.projectInto(sink, projection)
    const { position } = await store.stream('s-1').append(a(7, { tags: ['t'] }))
    await running.waitFor(position!)
    expect(seen).toEqual([['s-1', 1, true, ['t'], 7]])
  })

  law(
    'waits for whatever a handler returns, if it can be waited for',
    async ({ store, sink, handled, append }) => {
      // As query builders do, which are no promises, and begin only when they are waited for.
      const lazily = (work: () => void): PromiseLike<number> => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what they have
        then: async (done) => {
          work()
          return done!(7) as never
        },
      })
      const on: SinkSettings['on'] = { A: (tx, { data }) => lazily(() => put(tx, data)) }
      await using running = await store.projectInto(sink, keeps({ on }))
      await running.waitFor(await append(1, 2, 3))
      expect(handled()).toEqual([1, 2, 3])
    },
  )

  law('goes on where it was, in a new connection', async (world) => {
    const { store, sink, handled, append } = world
    const first = await store.projectInto(sink, keeps())
    await first.waitFor(await append(1, 2))
    await first.close()
    await append(3)
    await using second = await store.projectInto(world.another(), keeps())
    await second.waitFor(await append(4))
    expect(handled()).toEqual([1, 2, 3, 4])
    expect((await second.status()).handled).toBe(4)
  })

  law('handles events of all kinds of sources', async (world) => {
    const { store, another, append, db } = world
    await append(1)
    await store.stream('t-1').append([{ type: 'B', data: 2 }, a(3, { tags: ['x'] })])
    const sources = {
      all: { kind: 'all' },
      stream: { kind: 'stream', streamId: 't-1' },
      type: { kind: 'type', type: 'A' },
      query: { kind: 'query', query: { items: [{ tags: ['x'] }] } },
    } as const
    const seen: Record<string, unknown[]> = {}
    for (const [name, source] of Object.entries(sources)) {
      const any: SinkSettings['any'] = (tx, { data }) => put(tx, [name, data])
      await using running = await store.projectInto(another(), keeps({ name, source, on: undefined, any }))
      await running.waitFor((await store.all.read().toArray()).at(-1)!.position)
      if (name === 'stream') expect((await running.status()).streamVersion).toBe(2)
    }
    for (const data of db.prepare<[], string>('select data from handled order by n').pluck().all()) {
      const [name, one] = JSON.parse(data) as [string, unknown]
      seen[name] = [...(seen[name] ?? []), one]
    }
    expect(seen).toEqual({ all: [1, 2, 3], stream: [2, 3], type: [1, 3], query: [3] })
  })

  law('sees what links point to, unless it does not want to', async (world) => {
    const { store, another, handled, append } = world
    await append(1, 2)
    const { position } = await store.stream('linked').linkTo({ streamId: 's-1', version: 2 })
    const source = { kind: 'stream', streamId: 'linked' } as const
    for (const resolveLinks of [true, false]) {
      const projection = keeps({ name: `${resolveLinks}`, source, resolveLinks })
      await using running = await world.store.projectInto(another(), projection)
      await running.waitFor(position!)
    }
    expect(handled()).toEqual([2])
  })

  law('is told of streams that were deleted', async ({ store, sink, db, append }) => {
    const projection = keeps({
      deleted: (tx, { streamId, version, isTombstone }, { position }) => {
        put(tx, [streamId, version, isTombstone], position)
      },
    })
    await append(1, 2)
    await using running = await store.projectInto(sink, projection)
    await store.stream('s-2').append(a(3))
    await store.stream('s-1').delete()
    await store.stream('s-2').tombstone()
    await running.waitFor(await append(4))
    const rows = db.prepare<[], string>('select data from handled order by n').pluck().all()
    expect(rows.map((row) => JSON.parse(row) as unknown).slice(-3)).toEqual([
      ['s-1', 2, false],
      ['s-2', 1, true],
      4,
    ])
    const status = await running.status()
    expect([status.lag, status.state]).toEqual([0, 'live'])
  })

  law('moves the checkpoint past what is of no interest, a while later', async (world) => {
    const { store, sink, append, checkpoint } = world
    const commits: number[] = []
    await using running = await store.projectInto(sink, keeps(), {
      onProgress: () => commits.push(world.runtime.monotonic()),
    })
    const first = await append(1)
    await running.waitFor(first)
    const before = checkpoint()
    commits.length = 0
    for (let count = 0; count < 20; count += 1) await store.stream('other-1').append(a(count))
    await until(world, 'it has moved', () => checkpoint() !== before)
    expect(commits.length).toBe(1)
    // And a new one begins behind them.
    const { position } = await store.stream('other-1').append(a('last'))
    await running.waitFor(position!)
    expect((await running.status()).position).toBeGreaterThanOrEqual(position!)
    expect((await running.status()).handled).toBe(1)
  })

  law('keeps its versions apart', async (world) => {
    const { store, sink, another, handled, append } = world
    await using one = await store.projectInto(sink, keeps())
    await append(1, 2)
    const second = keeps({ version: 2, on: { A: (tx, { data }) => put(tx, ['second', data]) } })
    await using two = await store.projectInto(another(), second)
    const position = await append(3)
    await one.waitFor(position)
    await two.waitFor(position)
    const both = handled()
    expect(both.filter((data) => typeof data === 'number')).toEqual([1, 2, 3])
    expect(both.filter((data) => typeof data !== 'number')).toEqual([1, 2, 3].map((data) => ['second', data]))
    expect([one.version, two.version]).toEqual([1, 2])
  })

  law('can be waited for by a command', async ({ store, sink, handled }) => {
    const source = { kind: 'category', category: 'list' } as const
    const any: SinkSettings['any'] = (tx, { data }) => put(tx, data)
    await using running = await store.projectInto(sink, keeps({ source, on: undefined, any }))
    for (const item of ['x', 'y', 'z']) {
      await store.aggregate(lists()).execute('1', 'add', item, { waitFor: [running] })
      expect(handled().at(-1)).toBe(item)
    }
  })

  law('handles a large log in several transactions, none of them long', async (world) => {
    const { store, sink, handled, runtime } = world
    for (let from = 0; from < 3_000; from += 500) {
      await store.stream('s-1').append(Array.from({ length: 500 }, (_, at) => a(from + at)))
    }
    let commits = 0
    await using running = await store.projectInto(sink, keeps(), {
      onProgress: () => {
        commits += 1
      },
    })
    const { position } = await store.stream('s-1').append(a(3_000))
    await running.waitFor(position!)
    expect(handled()).toEqual(Array.from({ length: 3_001 }, (_, at) => at))
    expect(commits).toBeGreaterThan(1)
    expect(runtime.monotonic()).toBeLessThan(1_000)
  })

  law('lets slow handlers have a transaction each, so that none is long', async (world) => {
    const { store, sink, handled, runtime } = world
    const begun: number[] = []
    const slow = keepsUnless(() => sleep(runtime, 60))
    await using running = await store.projectInto(sink, slow, {
      onProgress: () => begun.push(handled().length),
    })
    await running.waitFor(await world.append(1, 2, 3, 4, 5, 6))
    expect(handled()).toEqual([1, 2, 3, 4, 5, 6])
    expect(begun).toEqual([2, 4, 6])
  })
})

test('defineSinkProjection refuses what cannot be', () => {
  const source = { kind: 'all' } as const
  const any = (): void => {}
  const refused: object[] = [
    {},
    { name: '', source, any },
    { name: 'a', source },
    { name: 'a', source, any: 1 },
    { name: 'a', source, on: { A: 'x' } },
    { name: 'a', source, any, version: 0 },
    { name: 'a', source, any, version: 1.5 },
    { name: 'a', source: { kind: 'nothing' }, any },
    { name: 'a', source, any, partitionBy: 'stream' },
    { name: 'a', source, any, initialState: () => 0 },
    { name: 'a', source, any, timer: any },
    { name: 'a', source: { kind: 'type', type: 'A' }, any, deleted: any },
  ]
  for (const definition of refused) {
    expect(() => defineSinkProjection(definition as never), JSON.stringify(definition)).toThrowError(
      expect.objectContaining({ code: expect.stringMatching(/^(invalid-argument|limit-exceeded)$/) }),
    )
  }
})
