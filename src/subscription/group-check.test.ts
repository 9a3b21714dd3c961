import { expect, test } from 'vitest'
import { openMemory } from '../drivers/memory/index.ts'
import { TransactionTooOldError } from '../errors.ts'
import type { KeyValueStore, ReadTransaction } from '../kv/contract.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import { systemRuntime } from '../runtime.ts'
import { CheckRun } from '../store/check-run.ts'
import type { StoreHost } from '../store/host.ts'
import { type Keyspace, keyspaceOf } from '../store/keyspace.ts'
import { writeGroups } from '../testing/store/group-writing.ts'
import { checkGroups } from './group-check.ts'

/** A database with groups, and their keys. */
async function withGroups(): Promise<{ readonly kv: KeyValueStore; readonly keys: Keyspace }> {
  const kv = await openMemory()
  const store = await openEventStore(kv)
  for (const n of [1, 2]) {
    for (const m of [1, 2, 3, 4, 5]) await store.stream(`order-${m}`).append({ type: 'OrderPaid', data: n })
  }
  const directory = await kv.openDirectory(['eventdb'])
  await writeGroups({ store, directory, category: 'order', streamId: 'order-1' })
  await store.close()
  return { kv, keys: keyspaceOf(directory) }
}

async function check(kv: KeyValueStore, keys: Keyspace, comparedRowsMax?: number): Promise<CheckRun> {
  const run = new CheckRun({ kv, keys, runtime: systemRuntime } as unknown as StoreHost, {})
  await checkGroups(run, comparedRowsMax)
  return run
}

/** The last row of the groups of a kind, by its number. */
function lastOf(kv: KeyValueStore, keys: Keyspace, group: number, kind: number): Promise<Uint8Array> {
  return kv.readTransact(async (tx) => {
    const rows = await tx.getRange(keys.groups.range([group, kind])).toArray()
    return rows.at(-1)!.key
  })
}

const PARKED = 11

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 25, 100])(
  'checkGroups() finds nothing wrong with groups of which it compares %i rows',
  async (comparedRowsMax) => {
    const { kv, keys } = await withGroups()
    const { problems, rows } = await check(kv, keys, comparedRowsMax)
    expect(problems).toEqual([])
    expect(rows).toBe((await check(kv, keys)).rows)
    await kv.close()
  },
)

test('checkGroups() finds damaged rows behind those that it compares', async () => {
  const { kv, keys } = await withGroups()
  const key = await lastOf(kv, keys, 1, PARKED)
  await kv.transact((tx) => tx.set(key, Uint8Array.of(1, 2, 3, 4, 5)))
  for (const comparedRowsMax of [1, 4, 7, 100]) {
    const { problems } = await check(kv, keys, comparedRowsMax)
    expect(problems).toEqual([
      {
        kind: 'damaged',
        message: 'Subscription "audit" to {"kind":"all"}: A parked event is damaged',
      },
    ])
  }
  await kv.close()
})

test('checkGroups() does not count parked events that it does not compare', async () => {
  const { kv, keys } = await withGroups()
  const key = await lastOf(kv, keys, 1, PARKED)
  await kv.transact((tx) => tx.clear(key))
  expect((await check(kv, keys)).problems.map(({ kind }) => kind)).toEqual(['group-count-wrong'])
  expect((await check(kv, keys, 7)).problems).toEqual([])
  await kv.close()
})

test('checkGroups() leaves out of the comparison what cannot be read on one snapshot', async () => {
  const { kv, keys } = await withGroups()
  const whole = keys.groups.subspace([1]).everything()
  let refused = 0
  const slow: KeyValueStore = {
    ...kv,
    readTransact: (body, options) =>
      kv.readTransact((tx) => {
        const ageing: ReadTransaction = {
          ...tx,
          get: (key) => tx.get(key),
          getMany: (several) => tx.getMany(several),
          readHorizon: () => tx.readHorizon(),
          getRange: (range, rangeOptions) => {
            if (Buffer.compare(range.begin as Uint8Array, whole.begin) !== 0)
              return tx.getRange(range, rangeOptions)
            refused += 1
            throw new TransactionTooOldError(5_001, 5_000)
          },
        }
        return body(ageing)
      }, options),
  }
  const { problems, rows } = await check(slow, keys)
  expect([problems, refused]).toEqual([[], 1])
  expect(rows).toBe((await check(kv, keys)).rows)
  await kv.close()
})
