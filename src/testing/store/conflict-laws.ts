import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import { counted, dataOf, nextTurn, type StoreLaws } from './laws.ts'

type Look = (tx: StoreTransaction) => Promise<unknown>
type Change = (store: EventStore) => Promise<unknown>

const appendToA: Change = (store) => store.stream('a').append(counted(1, 4))
const appendToNew: Change = (store) => store.stream('new').append(counted(1, 4))
const setKey: Change = (store) => store.transact((tx) => tx.kv.set(['k', 2], 'changed'))

/** What a body reads, what another commit changes meanwhile, and what the body sees when it runs again. */
const CONFLICTS: Readonly<Record<string, readonly [Look, Change, unknown, unknown]>> = {
  'stream.read()': [(tx) => dataOf(tx.stream('a').read()), appendToA, [1, 2, 3], [1, 2, 3, 4]],
  'stream.read() backwards': [
    (tx) => dataOf(tx.stream('a').read({ direction: 'backwards', limit: 1 })),
    appendToA,
    [3],
    [4],
  ],
  'stream.read().last()': [async (tx) => (await tx.stream('a').read().last())!.data, appendToA, 3, 4],
  'stream.read() of a new stream': [(tx) => dataOf(tx.stream('new').read()), appendToNew, [], [4]],
  'stream.event() of a version to come': [
    async (tx) => (await tx.stream('a').event(4))?.data,
    appendToA,
    undefined,
    4,
  ],
  'stream.exists()': [(tx) => tx.stream('new').exists(), appendToNew, false, true],
  'stream.info()': [async (tx) => (await tx.stream('a').info()).version, appendToA, 3, 4],
  'stream.metadata()': [
    (tx) => tx.stream('a').metadata(),
    (store) => store.stream('a').setMetadata({ x: 1 }),
    {},
    { x: 1 },
  ],
  'all.read()': [(tx) => dataOf(tx.all.read()), appendToNew, [1, 2, 3], [1, 2, 3, 4]],
  'all.read().last()': [async (tx) => (await tx.all.read().last())!.data, appendToNew, 3, 4],
  'kv.get()': [(tx) => tx.kv.get(['k', 2]), setKey, undefined, 'changed'],
  'kv.getRange()': [(tx) => valuesBelow(tx, 'k'), setKey, [1], [1, 'changed']],
  'an expected version': [
    async (tx) => (await tx.stream('a').append([], { expectedVersion: 'stream-exists' })).lastVersion,
    appendToA,
    3,
    4,
  ],
}

/** What a body reads that a commit does not change. */
const HARMLESS: Readonly<Record<string, readonly [Look, Change]>> = {
  'stream.read() and an append to another stream': [(tx) => dataOf(tx.stream('a').read()), appendToNew],
  'stream.event() that is there and an append to its stream': [(tx) => tx.stream('a').event(2), appendToA],
  'stream.read() up to a version and an append after it': [
    (tx) => dataOf(tx.stream('a').read({ to: 3 })),
    appendToA,
  ],
  'all.read() with a limit and an append after it': [(tx) => dataOf(tx.all.read({ limit: 2 })), appendToNew],
  'stream.metadata() and an append': [(tx) => tx.stream('a').metadata(), appendToA],
  'kv.get() and another key': [(tx) => tx.kv.get(['k', 1]), setKey],
  'kv.getRange() and an append': [(tx) => valuesBelow(tx, 'k'), appendToA],
}

/** What a transaction has read must still hold when it commits. */
export function conflictLaws({ law }: StoreLaws): void {
  for (const [name, [look, change, before, after]] of Object.entries(CONFLICTS)) {
    law(
      `transact() runs again when what ${name} has read is changed, and sees the new state`,
      async ({ store }) => {
        await prepare(store)
        assert.deepEqual(await sightsOf(store, look, change), [before, after])
      },
    )

    law(`transact() that only reads keeps its snapshot of ${name}`, async ({ store }) => {
      await prepare(store)
      const sights = await store.transact(async (tx) => {
        const first = await look(tx)
        await change(store)
        return [first, await look(tx)]
      })
      assert.deepEqual(sights, [before, before])
    })
  }

  for (const [name, [look, change]] of Object.entries(HARMLESS)) {
    law(`transact() does not run again for ${name}`, async ({ store }) => {
      await prepare(store)
      assert.equal((await sightsOf(store, look, change)).length, 1)
    })
  }

  law('transact() that writes blindly conflicts with nobody', async ({ store }) => {
    await prepare(store)
    const write: Look = async (tx) => tx.kv.set(['k', 2], 'blind')
    assert.equal((await sightsOf(store, write, setKey)).length, 1)
    assert.equal(await store.readTransact((tx) => tx.kv.get(['k', 2])), 'blind')
  })

  law(
    'transact() catches write skew: two that read what the other writes do not both commit unseen',
    async ({ store }) => {
      const withdraw = (own: string, other: string): Promise<void> =>
        store.transact(async (tx) => {
          const taken =
            (await tx.stream(own).read().toArray()).length + (await tx.stream(other).read().toArray()).length
          await nextTurn()
          if (taken === 0) await tx.stream(own).append({ type: 'Withdrawn' })
        })
      await Promise.all([withdraw('x', 'y'), withdraw('y', 'x')])
      assert.equal((await store.all.read().toArray()).length, 1)
    },
  )
}

async function prepare(store: EventStore): Promise<void> {
  await store.transact(async (tx) => {
    await tx.stream('a').append(counted(3))
    tx.kv.set(['k', 1], 1)
  })
}

/** What each run of a body has seen that writes something of its own, while its first run is disturbed. */
async function sightsOf(store: EventStore, look: Look, change: Change): Promise<unknown[]> {
  const sights: unknown[] = []
  await store.transact(async (tx) => {
    sights.push(await look(tx))
    if (sights.length === 1) await change(store)
    await tx.stream('out').append({ type: 'A' })
  })
  assert.equal((await store.stream('out').info()).version, 1)
  return sights
}

async function valuesBelow(tx: StoreTransaction, first: string): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const { value } of tx.kv.getRange([first])) values.push(value)
  return values
}
