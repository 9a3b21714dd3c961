import assert from 'node:assert/strict'
import type { ProjectionContext } from '../../store/contract-projections.ts'
import type { KeyValueWriter } from '../../store/contract-transactions.ts'
import { failureOf, numbers, type StoreLaws } from './laws.ts'
import { append, caughtUp, counts, logs, made, ofProjections, rowsOf } from './projection-examples.ts'

/** The read models of projections. */
export function projectionKvLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  writingLaws(named)
  ownWriteLaws(named)
  readingLaws(named)
}

/** What a handler does with its read model, one event at a time. */
type Course = readonly ((kv: KeyValueWriter, context: ProjectionContext) => unknown)[]

function runs(course: Course) {
  return counts((_state, { data }, context) => course[data as number]!(context.kv, context) as undefined)
}

function writingLaws({ simulatedLaw }: StoreLaws): void {
  const course: Course = [
    (kv) => kv.set(['a', 1], { x: [1] }),
    (kv) => kv.set(['a', 2], Uint8Array.of(1, 2)),
    (kv) => kv.set(['b'], 'text'),
    (kv) => kv.set(['a'], null),
    (kv) => kv.set(['a', 1], { x: [2] }),
    (kv) => kv.clear(['b']),
    (kv) => kv.clear(['none']),
    (kv) => {
      kv.set(['c', 1], 1)
      kv.set(['c', 2], 2)
      kv.set(['c'], 0)
      kv.set(['d', 1], 1)
    },
    (kv) => kv.clearRange(['c']),
    (kv) => kv.clearRange(['none']),
  ]
  const rows = [
    [['a'], null],
    [['a', 1], { x: [2] }],
    [['a', 2], Uint8Array.of(1, 2)],
    [['d', 1], 1],
  ]
  for (const isSplit of [false, true]) {
    simulatedLaw(
      `what handlers write to kv is there${isSplit ? ', however it falls into batches' : ''}`,
      async ({ store }) => {
        const running = await store.project(runs(course))
        for (const data of isSplit ? course.keys() : []) {
          await append(store, data)
          await caughtUp(store, running)
        }
        if (!isSplit) await append(store, ...course.keys())
        await caughtUp(store, running)
        assert.deepEqual(await rowsOf(running.kv), rows)
        assert.deepEqual(await running.kv.get(['a', 1]), { x: [2] })
        assert.equal(await running.kv.get(['c', 1]), undefined)
        assert.equal(await running.kv.get(['b']), undefined)
      },
    )
  }

  simulatedLaw('clearRange([]) clears everything, and nothing of others', async ({ store }) => {
    await store.transact((tx) => tx.kv.set(['own'], 1))
    await append(store, 0)
    await made(
      store,
      logs({
        name: 'q',
        any: (state, _event, { kv }) => {
          kv.set(['q'], 1)
          return [...state, 1]
        },
      }),
    )
    await append(store, 1)
    const running = await store.project(runs([(kv) => kv.set(['a'], 1), (kv) => kv.clearRange([])]))
    await caughtUp(store, running)
    assert.deepEqual(await rowsOf(running.kv), [])
    assert.deepEqual(await rowsOf(store.projection('q').kv), [[['q'], 1]])
    assert.equal(await store.readTransact((tx) => tx.kv.get(['own'])), 1)
    assert.equal(await running.state(), 2)
  })

  simulatedLaw('partitions share one read model', async ({ store }) => {
    await append(store, 'x', 'y', 'x')
    const add = async (
      state: readonly unknown[],
      { data }: { readonly data?: unknown },
      { kv }: ProjectionContext,
    ) => {
      const total = ((await kv.get(['total'])) as number | undefined) ?? 0
      kv.set(['total'], total + 1)
      return [...state, data]
    }
    const running = await store.project(logs({ partitionBy: ({ data }) => data as string, any: add }))
    await caughtUp(store, running)
    assert.equal(await running.kv.get(['total']), 3)
  })

  simulatedLaw('a value may be as large as a value can be', async ({ store }) => {
    await append(store, 0)
    const value = 'x'.repeat(80_000)
    const running = await store.project(runs([(kv) => kv.set(['a'], value)]))
    await caughtUp(store, running)
    assert.equal(await running.kv.get(['a']), value)
  })

  simulatedLaw('a value may be changed behind set()', async ({ store }) => {
    await append(store, 0)
    const set = (kv: KeyValueWriter): void => {
      const [list, bytes] = [[1], Uint8Array.of(1)]
      kv.set(['list'], list)
      kv.set(['bytes'], bytes)
      list.push(2)
      bytes[0] = 2
    }
    const running = await store.project(runs([set]))
    await caughtUp(store, running)
    assert.deepEqual(await rowsOf(running.kv), [
      [['bytes'], Uint8Array.of(1)],
      [['list'], [1]],
    ])
  })
}

function ownWriteLaws({ simulatedLaw }: StoreLaws): void {
  for (const isSplit of [false, true]) {
    simulatedLaw(
      `handlers see what was written ${isSplit ? 'in earlier batches' : 'in the same batch'}`,
      async ({ store }) => {
        const seen: unknown[] = []
        const look = async (kv: KeyValueWriter): Promise<void> => {
          seen.push([
            await rowsOf(kv),
            await rowsOf(kv, ['a'], { reverse: true }),
            await rowsOf(kv, ['a'], { limit: 2 }),
            await rowsOf(kv, ['a'], { limit: 1, reverse: true }),
            await kv.get(['a', 2]),
          ])
        }
        const course: Course = [
          (kv) => numbers(1, 4).forEach((number) => void kv.set(['a', number], number)),
          (kv) => kv.set(['b'], 5),
          look,
          (kv) => kv.clear(['a', 2]),
          (kv) => kv.set(['a', 0], 0),
          look,
          (kv) => kv.clearRange(['a']),
          (kv) => kv.set(['a', 9], 9),
          look,
        ]
        const running = await store.project(runs(course))
        for (const data of isSplit ? course.keys() : []) {
          await append(store, data)
          await caughtUp(store, running)
        }
        if (!isSplit) await append(store, ...course.keys())
        await caughtUp(store, running)
        const row = (key: number) => [['a', key], key]
        const b = [['b'], 5]
        assert.deepEqual(seen, [
          [[1, 2, 3, 4].map(row).concat([b]), [4, 3, 2, 1].map(row), [1, 2].map(row), [row(4)], 2],
          [[0, 1, 3, 4].map(row).concat([b]), [4, 3, 1, 0].map(row), [0, 1].map(row), [row(4)], undefined],
          [[row(9), b], [row(9)], [row(9)], [row(9)], undefined],
        ])
      },
    )
  }

  simulatedLaw('a handler sees its own writes at once', async ({ store }) => {
    await append(store, 0)
    const seen: unknown[] = []
    const course: Course = [
      async (kv) => {
        kv.set(['a'], 1)
        seen.push(await kv.get(['a']))
        kv.set(['a'], 2)
        seen.push(await kv.get(['a']), await rowsOf(kv))
        kv.clear(['a'])
        seen.push(await kv.get(['a']), await rowsOf(kv))
      },
    ]
    await made(store, runs(course))
    assert.deepEqual(seen, [1, 2, [[['a'], 2]], undefined, []])
  })

  simulatedLaw('keys keep the order of tuples', async ({ store }) => {
    await append(store, 0)
    const keys = [
      [null],
      [Uint8Array.of(0)],
      [''],
      ['a'],
      ['a', -1],
      ['a', 0],
      ['a', 10],
      ['b'],
      [-5],
      [0],
      [2],
      [10n ** 12n],
      [false],
      [true],
    ]
    const running = await store.project(
      runs([(kv) => keys.toReversed().forEach((key) => void kv.set(key as never, 1))]),
    )
    await caughtUp(store, running)
    const found = (await rowsOf(running.kv)).map(([key]) => key)
    assert.deepEqual(found.map(String), keys.map(String))
    assert.deepEqual(
      (await rowsOf(running.kv, [], { reverse: true })).map(([key]) => key),
      found.toReversed(),
    )
  })
}

function readingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('kv is read from outside over many pages, both ways, up to a limit', async ({ store }) => {
    await append(store, 0)
    const all = numbers(0, 1_999).map((number) => [['a', number], number])
    const running = await store.project(
      runs([
        (kv) => {
          for (const [key, value] of all) kv.set(key as never, value as number)
          kv.set(['b'], 1)
        },
      ]),
    )
    await caughtUp(store, running)
    const { kv } = store.projection('p')
    assert.deepEqual(await rowsOf(kv, ['a']), all)
    assert.deepEqual(await rowsOf(kv, ['a'], { reverse: true }), all.toReversed())
    assert.deepEqual(await rowsOf(kv, ['a'], { limit: 700 }), all.slice(0, 700))
    assert.deepEqual(await rowsOf(kv, ['a'], { limit: 700, reverse: true }), all.toReversed().slice(0, 700))
    assert.deepEqual(await rowsOf(kv, [], { limit: 1, reverse: true }), [[['b'], 1]])
    assert.deepEqual(await rowsOf(kv, ['c']), [])
    assert.equal((await rowsOf(kv)).length, 2_001)
  })

  simulatedLaw('what is no key, or no range, is refused', async ({ store }) => {
    const running = await store.project(logs())
    for (const key of [[], 'a', 7, null, undefined, {}]) {
      await failureOf('invalid-argument', () => running.kv.get(key as never), JSON.stringify(key))
    }
    for (const prefix of ['a', 7, null, {}]) {
      await failureOf('invalid-argument', () => rowsOf(running.kv, prefix as never), JSON.stringify(prefix))
    }
    await failureOf('invalid-argument', () => rowsOf(running.kv, [], { first: 1 } as never))
    await failureOf('invalid-argument', () => rowsOf(running.kv, [], { limit: -1 }))
    await failureOf('invalid-argument', () => rowsOf(running.kv, [], { limit: 0.5 }))
    await failureOf('invalid-argument', () => rowsOf(running.kv, [], { limit: 'x' as never }))
  })

  simulatedLaw('kv of a projection that is not there is refused', async ({ store }) => {
    const { kv } = store.projection('none')
    await failureOf('projection-not-found', () => kv.get(['a']))
    await failureOf('projection-not-found', () => rowsOf(kv))
  })

  simulatedLaw('read() sees states and kv on one snapshot', async ({ store }) => {
    await append(store, 1)
    const running = await store.project(counts((state, _event, { kv }) => void kv.set(['n'], state + 1)))
    await caughtUp(store, running)
    const sight = await running.read(async (reader) => {
      const before = await reader.state()
      await append(store, 2)
      await caughtUp(store, running)
      const rows = await rowsOf(reader.kv)
      return [before, await reader.state(), rows, await reader.kv.get(['n']), (await reader.load()).state]
    })
    assert.deepEqual(sight, [1, 1, [[['n'], 1]], 1, 1])
    assert.equal(await running.state(), 2)
    await assert.rejects(
      running.read(() => {
        throw new Error('mine')
      }),
      /mine/,
    )
  })
}
