import assert from 'node:assert/strict'
import { WrongExpectedVersionError } from '../../errors.ts'
import type { AppendResult } from '../../store/contract-appending.ts'
import { assertAscending } from './append-laws.ts'
import { counted, dataIn, numbers, refuses, type StoreLaws } from './laws.ts'

/** Writers at the same time. */
export function concurrencyLaws({ law }: StoreLaws): void {
  law(
    'append() of 64 writers to one stream, expecting any version, all succeed with dense versions',
    async ({ store }) => {
      const results = await Promise.all(
        numbers(1, 64).map((n) => store.stream('s').append(counted(1 + (n % 3), n * 10))),
      )
      const events = await store.stream('s').read().toArray()
      assert.deepEqual(
        events.map(({ version }) => version),
        numbers(1, events.length),
      )
      assertAscending(events.map(({ position }) => position))
      for (const [index, { firstVersion, lastVersion, position }] of results.entries()) {
        const own = events.slice(firstVersion - 1, lastVersion)
        const count = 1 + ((index + 1) % 3)
        assert.deepEqual(
          own.map(({ data }) => data),
          counted(count, (index + 1) * 10).map(({ data }) => data),
        )
        assert.equal(position, own.at(-1)!.position)
      }
    },
  )

  law('append() of one program is in the order in which it was called', async ({ store }) => {
    const results = await Promise.all(
      numbers(1, 100).map((n) => store.stream(`s${n % 7}`).append(counted(1, n))),
    )
    assertAscending(results.map(({ position }) => position!))
    assert.deepEqual(
      (await store.all.read().toArray()).map(({ data }) => data),
      numbers(1, 100),
    )
  })

  for (const caller of ['stream.append()', 'tx.stream.append()'] as const) {
    law(
      `${caller} of 32 writers with the same expected version: one wins, the others are told`,
      async ({ store }) => {
        await store.stream('s').append(counted(5))
        const outcomes = await Promise.allSettled<Pick<AppendResult, 'lastVersion'>>(
          numbers(1, 32).map((n) => {
            const event = { type: 'A', data: n }
            return caller === 'stream.append()'
              ? store.stream('s').append(event, { expectedVersion: 5 })
              : store.transact((tx) => tx.stream('s').append(event, { expectedVersion: 5 }))
          }),
        )
        const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
        assert.deepEqual(
          won.map(({ lastVersion }) => lastVersion),
          [6],
        )
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') continue
          assert.ok(outcome.reason instanceof WrongExpectedVersionError, outcome.reason)
          assert.deepEqual([outcome.reason.expected, outcome.reason.actual], [5, 6])
        }
        assert.equal((await dataIn(store, 's')).length, 6)
      },
    )
  }

  law('append() of several writers that all expect a new stream: one makes it', async ({ store }) => {
    const outcomes = await Promise.allSettled(
      numbers(1, 16).map((n) => store.stream('s').append(counted(1, n), { expectedVersion: 'no-stream' })),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual((await dataIn(store, 's')).length, 1)
  })

  law('append() and transact() on one stream, side by side, lose nothing', async ({ store }) => {
    const plain = numbers(1, 30).map((n) => store.stream('s').append(counted(1, n)))
    const transacted = numbers(101, 130).map((n) =>
      store.transact(async (tx) => {
        const before = (await tx.stream('s').read().toArray()).length
        const { firstVersion } = await tx.stream('s').append(counted(1, n), { expectedVersion: before })
        assert.equal(firstVersion, before + 1)
      }),
    )
    await Promise.all([...plain, ...transacted])
    const data = await dataIn(store, 's')
    assert.deepEqual(
      data.toSorted((a, b) => Number(a) - Number(b)),
      [...numbers(1, 30), ...numbers(101, 130)],
    )
  })

  law('transact() that adds up what it reads loses no update', async ({ store }) => {
    await Promise.all(
      numbers(1, 25).map(() =>
        store.transact(async (tx) => {
          const last = await tx.stream('sum').read().last()
          await tx.stream('sum').append({ type: 'Counted', data: Number(last?.data ?? 0) + 1 })
        }),
      ),
    )
    assert.deepEqual(await dataIn(store, 'sum'), numbers(1, 25))
  })

  law(
    'append() knows at once what a transaction has appended, and the other way round',
    async ({ store }) => {
      for (const n of [1, 3, 5, 7]) {
        await store.stream('s').append(counted(1, n), { expectedVersion: n - 1 })
        await store.transact((tx) => tx.stream('s').append(counted(1, n + 1), { expectedVersion: n }))
      }
      assert.deepEqual(await dataIn(store, 's'), numbers(1, 8))
    },
  )

  law('append() refuses one of those that wait together, and writes the others', async ({ store }) => {
    const outcomes = await Promise.allSettled([
      store.stream('a').append(counted(1)),
      store.stream('b').append(counted(1), { expectedVersion: 9 }),
      store.stream('a').append(counted(1, 2), { expectedVersion: 1 }),
      store.stream('a').append(counted(1, 3), { expectedVersion: 1 }),
      store.stream('b').append(counted(1, 4), { expectedVersion: 0 }),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(await dataIn(store, 'a'), [1, 2])
    assert.deepEqual(await dataIn(store, 'b'), [4])
    await refuses(store, 'wrong-expected-version', () =>
      store.stream('a').append(counted(1), { expectedVersion: 1 }),
    )
  })
}
