import assert from 'node:assert/strict'
import type { ReadTransaction, Transaction } from '../../kv/contract.ts'
import { TRANSACTION_AGE_MS_MAX } from '../../limits.ts'
import { sleep } from '../../runtime.ts'
import { type Body, bytes, contents, everything, hole, type Laws, put, range, text } from './laws.ts'

const [key, value] = [bytes('a'), bytes('1')]

const READS: Readonly<Record<string, (tx: ReadTransaction) => unknown>> = {
  get: (tx) => tx.get(key),
  getRange: (tx) => tx.getRange(everything).toArray(),
  readHorizon: (tx) => tx.readHorizon(),
  readVersion: (tx) => tx.readVersion(),
  watch: (tx) => tx.watch(key),
}

const USES: Readonly<Record<string, Body>> = {
  ...READS,
  'snapshot.get': (tx) => tx.snapshot.get(key),
  'snapshot.getRange': (tx) => tx.snapshot.getRange(everything).toArray(),
  set: (tx) => tx.set(key, value),
  clear: (tx) => tx.clear(key),
  clearRange: (tx) => tx.clearRange(range('a', 'b')),
  setStampedKey: (tx) => tx.setStampedKey(bytes(`k${text(hole())}`), 1, value),
  setStampedValue: (tx) => tx.setStampedValue(key, hole(), 0),
  addReadConflictKey: (tx) => tx.addReadConflictKey(key),
  addReadConflictRange: (tx) => tx.addReadConflictRange(range('a', 'b')),
  addReadConflictJoin: (tx) => tx.addReadConflictJoin([[key]]),
  afterCommit: (tx) => tx.afterCommit(() => {}),
}

/** The life of a transaction ends with its body, and 5 seconds after it began at the latest. */
export function transactionAgeLaws({ law, simulatedLaw }: Laws): void {
  law('a transaction that ended refuses everything with ClosedError', async ({ kv }) => {
    let leaked: Transaction | undefined
    await kv.transact(async (tx) => {
      leaked = tx
      await tx.get(key)
    })
    for (const [name, use] of Object.entries(USES)) {
      await assert.rejects(async () => use(leaked!), { code: 'closed' }, name)
    }
    assert.equal(await contents(kv), '')
  })

  law('a read transaction that ended refuses everything with ClosedError', async ({ kv }) => {
    let leaked: ReadTransaction | undefined
    await kv.readTransact((tx) => {
      leaked = tx
    })
    for (const [name, use] of Object.entries(READS)) {
      await assert.rejects(async () => use(leaked!), { code: 'closed' }, name)
    }
  })

  law('a transaction whose body threw refuses everything with ClosedError', async ({ kv }) => {
    let leaked: Transaction | undefined
    const failing = kv.transact((tx) => {
      leaked = tx
      throw new Error('no')
    })
    await assert.rejects(failing)
    assert.throws(() => leaked!.set(key, value), { code: 'closed' })
  })

  law('getRange() cannot go on after its transaction ended', async ({ kv }) => {
    await kv.transact((tx) => {
      for (let n = 0; n < 1_000; n += 1) tx.set(bytes(`k${n}`), value)
    })
    const leaked = await kv.readTransact(async (tx) => {
      const batches = tx.getRange(everything).batches()[Symbol.asyncIterator]()
      assert.equal((await batches.next()).done, false)
      return batches
    })
    await assert.rejects(leaked.next(), { code: 'closed' })
  })

  simulatedLaw(`a transaction works for ${TRANSACTION_AGE_MS_MAX} ms`, async ({ kv, runtime }) => {
    await put(kv, 'a=1')
    await kv.transact(async (tx) => {
      assert.equal(text(await tx.get(key)), '1')
      await sleep(runtime, TRANSACTION_AGE_MS_MAX - 10)
      assert.equal(text(await tx.get(key)), '1')
      tx.set(bytes('b'), bytes('2'))
    })
    assert.equal(await contents(kv), 'a=1 b=2')
  })

  for (const [name, use] of Object.entries(USES)) {
    simulatedLaw(
      `${name}() throws TransactionTooOldError after ${TRANSACTION_AGE_MS_MAX} ms`,
      async ({ kv, runtime }) => {
        const late = kv.transact(async (tx) => {
          await sleep(runtime, TRANSACTION_AGE_MS_MAX + 10)
          await use(tx)
        })
        await assert.rejects(late, { code: 'transaction-too-old', retryable: true })
        assert.equal(await contents(kv), '')
      },
    )
  }

  simulatedLaw(
    'readTransact() throws TransactionTooOldError after its time, in the middle of a range',
    async ({ kv, runtime }) => {
      await kv.transact((tx) => {
        for (let n = 0; n < 1_000; n += 1) tx.set(bytes(`k${n}`), value)
      })
      const slow = kv.readTransact(async (tx) => {
        for await (const _ of tx.getRange(everything).batches()) await sleep(runtime, 4_000)
      })
      await assert.rejects(slow, { code: 'transaction-too-old' })
    },
  )

  simulatedLaw('transact() that comes to its commit too late writes nothing', async ({ kv, runtime }) => {
    const late = kv.transact(
      async (tx) => {
        tx.set(key, value)
        await sleep(runtime, TRANSACTION_AGE_MS_MAX + 10)
      },
      { attemptsMax: 1 },
    )
    await assert.rejects(late, { code: 'transaction-too-old' })
    assert.equal(await contents(kv), '')
  })

  simulatedLaw(
    'a transaction that read nothing and writes nothing may take its time',
    async ({ kv, runtime }) => {
      await kv.readTransact(() => sleep(runtime, TRANSACTION_AGE_MS_MAX * 2))
    },
  )

  simulatedLaw(
    'a young transaction keeps its snapshot although older ones share it',
    async ({ kv, runtime }) => {
      await put(kv, 'a=1')
      const read = (): Promise<void> =>
        kv.readTransact(async (tx) => {
          assert.equal(text(await tx.get(key)), '1')
          await sleep(runtime, 3_000)
          assert.equal(text(await tx.get(key)), '1')
        })
      const outcomes: Promise<PromiseSettledResult<void>[]>[] = []
      for (let started = 0; started < 40; started += 1) {
        outcomes.push(Promise.allSettled([read()]))
        await sleep(runtime, 200)
      }
      for (const [outcome] of await Promise.all(outcomes)) assert.equal(outcome?.status, 'fulfilled')
    },
  )
}
