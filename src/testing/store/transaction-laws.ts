import assert from 'node:assert/strict'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import { counted, dataIn, dataOf, failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

/** Several streams and own keys, all or nothing. */
export function transactionLaws({ law }: StoreLaws): void {
  law(
    'transact() commits what its body did to several streams, in one piece and in order',
    async ({ store }) => {
      const result = await store.transact(async (tx) => {
        await tx.stream('b').append(counted(2, 1))
        await tx.stream('a').append(counted(1, 3))
        await tx.stream('b').append(counted(1, 4))
        return 'result'
      })
      assert.equal(result, 'result')
      const events = await store.all.read().toArray()
      assert.deepEqual(
        events.map(({ streamId, version, data }) => [streamId, version, data]),
        [
          ['b', 1, 1],
          ['b', 2, 2],
          ['a', 1, 3],
          ['b', 3, 4],
        ],
      )
    },
  )

  law('transact() whose body throws writes nothing, and the error comes out unchanged', async ({ store }) => {
    await store.stream('a').append(counted(1))
    const failure = new Error('domain error')
    for (const thrown of [failure, undefined, null, 'text', { code: 'mine' }]) {
      const outcome = await store
        .transact(async (tx) => {
          await tx.stream('a').append(counted(1))
          await tx.createStream('b', { metadata: { a: 1 } })
          tx.kv.set(['k'], 1)
          tx.afterCommit(() => assert.fail('not committed'))
          throw thrown
        })
        .then(
          () => assert.fail('it fails'),
          (error: unknown) => error,
        )
      assert.equal(outcome, thrown)
    }
    assert.deepEqual(await dataIn(store, 'a'), [1])
    assert.equal(await store.stream('b').exists(), false)
    assert.equal(await store.readTransact((tx) => tx.kv.get(['k'])), undefined)
    await store.stream('a').append(counted(1, 2), { expectedVersion: 1 })
  })

  law('tx shows own events last in every source, without a position', async ({ store }) => {
    await store.stream('a').append(counted(2, 1))
    await store.transact(async (tx) => {
      await tx.stream('b').append({ type: 'A', data: 3 })
      await tx.stream('a').append([
        { type: 'A', data: 4, id: uuidOf(4), time: new Date(5), tags: ['t'] },
        { type: 'A', data: 5, metadata: { m: 1 } },
      ])
      assert.deepEqual(await dataOf(tx.all.read()), [1, 2, 3, 4, 5])
      assert.deepEqual(await dataOf(tx.all.read({ direction: 'backwards', limit: 4 })), [5, 4, 3, 2])
      assert.deepEqual(await dataOf(tx.all.read({ limit: 3 })), [1, 2, 3])
      assert.deepEqual(await dataOf(tx.stream('a').read()), [1, 2, 4, 5])
      assert.deepEqual(await dataOf(tx.stream('a').read({ from: 2, to: 3 })), [2, 4])
      assert.deepEqual(
        await dataOf(tx.stream('a').read({ direction: 'backwards', after: 1, limit: 2 })),
        [5, 4],
      )
      const { position, recordedAt, time, version, tags, id } = (await tx.stream('a').event(3))!
      assert.deepEqual([position, recordedAt, time, version], [undefined, undefined, new Date(5), 3])
      assert.deepEqual([tags, id], [['t'], uuidOf(4)])
      const last = (await tx.all.read().last())!
      assert.deepEqual(
        [last.position, last.time, last.metadata, last.streamId],
        [undefined, undefined, { m: 1 }, 'a'],
      )
      assert.equal(typeof (await tx.stream('a').event(2))!.position, 'bigint')
      for (const bound of [{ to: 2n ** 63n - 1n }, { before: 2n ** 63n - 1n }])
        assert.deepEqual(await dataOf(tx.all.read(bound)), [1, 2], 'own events are beyond every position')
    })
    const events = await store.all.read().toArray()
    assert.ok(events.every(({ position }) => typeof position === 'bigint'))
  })

  law('tx.stream.append() sees the versions of its own transaction', async ({ store }) => {
    await store.transact(async (tx) => {
      const stream = tx.stream('s')
      const first = await stream.append(counted(2), { expectedVersion: 'no-stream' })
      assert.deepEqual(first, {
        streamId: 's',
        firstVersion: 1,
        lastVersion: 2,
        position: undefined,
        idempotent: false,
      })
      assert.equal((await stream.append(counted(1, 3), { expectedVersion: 2 })).lastVersion, 3)
      assert.deepEqual([await stream.exists(), (await stream.info()).version], [true, 3])
      await assert.rejects(stream.append(counted(1), { expectedVersion: 2 }), {
        code: 'wrong-expected-version',
      })
      await assert.rejects(stream.append(counted(1), { expectedVersion: 'no-stream' }), {
        code: 'wrong-expected-version',
        details: {
          violations: [{ kind: 'stream', streamId: 's', expected: 'no-stream', actual: 3, state: 'live' }],
        },
      })
    })
    assert.deepEqual(await dataIn(store, 's'), [1, 2, 3])
  })

  law(
    'tx.afterCommit() is told the position of the last event, once, before transact() returns',
    async ({ store }) => {
      const calls: unknown[] = []
      const emptyCalls: unknown[] = []
      let attempts = 0
      await store.transact(async (tx) => {
        attempts += 1
        tx.afterCommit(({ position }) => calls.push(position))
        await tx.stream('read').read().toArray()
        if (attempts === 1) await store.stream('read').append(counted(1))
        await tx.stream('a').append(counted(3))
        await tx.stream('b').append(counted(1))
      })
      assert.equal(attempts, 2)
      assert.deepEqual(calls, [(await store.stream('b').event(1))!.position])
      await store.transact((tx) => {
        tx.kv.set(['k'], 1)
        tx.afterCommit(({ position }) => emptyCalls.push(position))
      })
      await store.transact((tx) => tx.afterCommit(({ position }) => emptyCalls.push(position)))
      assert.deepEqual(emptyCalls, [undefined, undefined])
    },
  )

  law('tx cannot be used when its body has ended', async ({ store }) => {
    let leaked: StoreTransaction | undefined
    await store.transact((tx) => {
      leaked = tx
    })
    const tx = leaked!
    const uses: readonly (() => unknown)[] = [
      () => tx.stream('s').append(counted(1)),
      () => tx.stream('s').read().toArray(),
      () => tx.all.read().first(),
      () => tx.stream('s').exists(),
      () => tx.stream('s').info(),
      () => tx.createStream('s'),
      () => tx.kv.get(['k']),
      () => tx.kv.set(['k'], 1),
      () => tx.afterCommit(() => {}),
    ]
    for (const use of uses) await refuses(store, 'closed', use)
  })

  law('transact() gives up after attemptsMax, or when its signal fires', async ({ store }) => {
    let attempts = 0
    const conflicting = async (tx: StoreTransaction): Promise<void> => {
      attempts += 1
      await tx.stream('s').read().toArray()
      await store.stream('s').append(counted(1))
      await tx.stream('t').append(counted(1))
    }
    const error = await failureOf('conflict', () => store.transact(conflicting, { attemptsMax: 3 }))
    assert.deepEqual([attempts, error.details, error.retryable], [3, { attempts: 3 }, true])
    const reason = new Error('given up')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(store.transact(conflicting, { signal }), reason)
    await assert.rejects(
      store.readTransact(() => assert.fail('ran'), { signal }),
      reason,
    )
    assert.equal(attempts, 3)
    assert.equal(await store.stream('t').exists(), false)
  })

  law('tx may do several things side by side, and each sees what was called before it', async ({ store }) => {
    await store.stream('a').append(counted(1))
    await store.transact(async (tx) => {
      const [results, maps] = await Promise.all([
        Promise.all(numbers(2, 9).map((n) => tx.stream(n % 2 === 0 ? 'a' : 'new').append(counted(1, n)))),
        Promise.all(numbers(1, 3).map((n) => tx.stream('s').setMetadata({ [`k${n}`]: n }))),
      ])
      assert.deepEqual(
        results.map(({ lastVersion }) => lastVersion),
        [2, 1, 3, 2, 4, 3, 5, 4],
      )
      assert.deepEqual(maps, [{ k1: 1 }, { k1: 1, k2: 2 }, { k1: 1, k2: 2, k3: 3 }])
      const creations = await Promise.allSettled([1, 2].map(() => tx.createStream('created')))
      assert.deepEqual(
        creations.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      )
    })
    assert.deepEqual(await dataIn(store, 'a'), [1, 2, 4, 6, 8])
    assert.deepEqual(await dataIn(store, 'new'), [3, 5, 7, 9])
    assert.equal((await store.stream('$$s').read().toArray()).length, 3)
    assert.equal((await store.stream('$$created').read().toArray()).length, 1)
  })

  law('within() lays the store over a key-value transaction, as often as one likes', async ({ store }) => {
    const key = new TextEncoder().encode('own key')
    const positions: unknown[] = []
    await store.kv.transact(async (kvTx) => {
      kvTx.set(key, Uint8Array.of(1))
      const first = store.within(kvTx)
      await first.stream('a').append(counted(2))
      const second = store.within(kvTx)
      assert.deepEqual(await dataOf(second.stream('a').read()), [1, 2])
      await second.stream('a').append(counted(1, 3), { expectedVersion: 2 })
      await first.stream('b').append(counted(1, 4))
      second.kv.set(['k'], 5)
      assert.equal(await first.kv.get(['k']), 5)
      second.afterCommit(({ position }) => positions.push(position))
    })
    assert.deepEqual(await dataOf(store.all.read()), [1, 2, 3, 4])
    assert.deepEqual(positions, [(await store.stream('b').event(1))!.position])
    const value = await store.kv.readTransact((tx) => tx.get(key))
    assert.deepEqual([...value!], [1])
    const failure = new Error('no')
    const failing = store.kv.transact(async (kvTx) => {
      await store.within(kvTx).stream('a').append(counted(1, 9))
      throw failure
    })
    await assert.rejects(failing, failure)
    assert.deepEqual(await dataIn(store, 'a'), [1, 2, 3])
  })

  law('two stores laid over one place know of each other', async ({ store, directory }) => {
    await using other = await openEventStore(store.kv, { directory })
    for (const n of numbers(1, 6)) {
      const writer = n % 2 === 0 ? store : other
      await writer.stream('s').append(counted(1, n))
      await writer.stream(`new-${n}`).append(counted(1, n), { expectedVersion: 'no-stream' })
    }
    await Promise.all(
      numbers(7, 20).map((n) => (n % 2 === 0 ? store : other).stream('s').append(counted(1, n))),
    )
    assert.deepEqual(await dataIn(store, 's'), await dataIn(other, 's'))
    assert.deepEqual(new Set(await dataIn(store, 's')), new Set(numbers(1, 20)))
    await store.kv.transact(async (tx) => {
      await store.within(tx).stream('t').append(counted(1, 1))
      await other.within(tx).stream('t').append(counted(1, 2))
      assert.deepEqual(await dataOf(store.within(tx).stream('t').read()), [1, 2])
    })
    assert.deepEqual(await dataIn(other, 't'), [1, 2])
  })
}
