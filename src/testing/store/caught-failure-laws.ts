import assert from 'node:assert/strict'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import { counted, dataOf, failureOf, refuses, type StoreLaws, uuidOf } from './laws.ts'

const EVENT_BYTES_MAX = 1_000
const large = 'x'.repeat(EVENT_BYTES_MAX)

/** What fails inside a body, and what the body may catch. */
const FAILURES: Readonly<Record<string, (tx: StoreTransaction) => unknown>> = {
  'limit-exceeded': (tx) => tx.stream('a').append([{ type: 'A' }, { type: 'A', data: large }, { type: 'A' }]),
  'limit-exceeded in a new stream': (tx) =>
    tx.stream('new').append([
      { type: 'A', id: uuidOf(9) },
      { type: 'A', data: large },
    ]),
  'wrong-expected-version': (tx) => tx.stream('a').append(counted(2), { expectedVersion: 7 }),
  'wrong-expected-version of a new stream': (tx) =>
    tx.stream('new').append(counted(2), { expectedVersion: 'stream-exists' }),
  'idempotency-conflict': (tx) =>
    tx.stream('a').append([
      { type: 'A', id: uuidOf(8) },
      { type: 'A', id: uuidOf(1) },
    ]),
  'idempotency-conflict of a key': async (tx) => {
    await tx.stream('a').append([], { idempotencyKey: 'key' })
    await tx.stream('new').append(counted(1), { idempotencyKey: 'key' })
  },
  'append-condition-failed': (tx) =>
    tx.stream('new').append(counted(2), { idempotencyKey: 'free', failIfEventsMatch: { query: {} } }),
  'stream-not-found in a snapshot': (tx) => tx.stream('new').snapshots('x').save(0, 1),
  'invalid-argument in a snapshot': (tx) => tx.stream('a').snapshots('x').save(9, 1),
  unserializable: (tx) => tx.stream('new').append([{ type: 'A' }, { type: 'A', data: 1n }]),
  'invalid-argument': (tx) => tx.stream('new').append([{ type: 'A' }, { type: '' }]),
  'stream-exists': (tx) => tx.createStream('a', { metadata: { x: 1 } }),
  'unserializable in new metadata': (tx) => tx.createStream('new', { metadata: { x: 1n } as never }),
  'limit-exceeded in new metadata': (tx) => tx.createStream('new', { metadata: { x: large } }),
  'unserializable in changed metadata': (tx) => tx.stream('new').setMetadata({ x: 1n } as never),
  'limit-exceeded in changed metadata': (tx) => tx.stream('a').setMetadata({ x: large }),
  'unserializable in an own value': (tx) => tx.kv.set(['k'], 1n as never),
  'limit-exceeded in an own value': (tx) => tx.kv.set(['k'], 'x'.repeat(100_000)),
  'limit-exceeded in an own key': (tx) => tx.kv.set(['x'.repeat(2_000)], 1),
}

/** A failure that a body catches leaves nothing half-written. */
export function caughtFailureLaws({ law }: StoreLaws): void {
  for (const [name, fail] of Object.entries(FAILURES)) {
    const code = name.split(' ')[0]!
    law(
      `transact() whose body catches ${name} commits the rest, and nothing of what failed`,
      async ({ store }) => {
        await store.stream('a').append({ type: 'A', data: 1, id: uuidOf(1) })
        await store.transact(async (tx) => {
          await tx.stream('a').append(counted(1, 2))
          await failureOf(code, () => fail(tx))
          await failureOf(code, () => fail(tx))
          assert.deepEqual(await dataOf(tx.all.read({ system: true })), [1, 2])
          assert.equal(await tx.stream('new').exists(), false)
          assert.equal(await tx.kv.get(['k']), undefined)
          await tx.stream('a').append(counted(1, 3), { expectedVersion: 2 })
          await tx.stream('b').append(counted(1, 4))
        })
        assert.deepEqual(await dataOf(store.all.read({ system: true })), [1, 2, 3, 4])
        assert.equal(await store.stream('new').exists(), false)
        assert.deepEqual(await store.stream('a').metadata(), {})
        assert.equal(await store.readTransact((tx) => tx.kv.get(['k'])), undefined)
        const { streams, events, systemEvents } = await store.info()
        assert.deepEqual({ streams, events, systemEvents }, { streams: 2, events: 4, systemEvents: 0 })
        await store.stream('new').append(counted(1), { expectedVersion: 'no-stream' })
      },
      { open: { eventBytesMax: EVENT_BYTES_MAX } },
    )
  }

  law('transact() whose body catches that it has become too large never commits', async ({ store }) => {
    await store.stream('a').append(counted(1))
    const { rowsMax } = store.kv.limits
    for (const spare of [0, 1, 4]) {
      const error = await refuses(store, 'transaction-too-large', () =>
        store.transact(async (tx) => {
          tx.afterCommit(() => assert.fail('it does not commit'))
          for (let n = spare; n < rowsMax; n += 1) tx.kv.set([n], null)
          await failureOf('transaction-too-large', () => tx.stream('new').append(counted(5)))
        }),
      )
      assert.equal((error.details as { what: string }).what, 'rows')
    }
    await store.stream('new').append(counted(1), { expectedVersion: 'no-stream' })
  })

  law('transact() that catches an error of its own and throws it later writes nothing', async ({ store }) => {
    const failure = new Error('mine')
    const failing = store.transact(async (tx) => {
      await tx.stream('a').append(counted(2))
      await tx
        .stream('a')
        .append(counted(1), { expectedVersion: 9 })
        .catch(() => {})
      throw failure
    })
    await assert.rejects(failing, failure)
    assert.equal(await store.stream('a').exists(), false)
  })
}
