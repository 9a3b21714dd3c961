import { expect, test } from 'vitest'
import { memoryEngine } from '../drivers/memory/memory-engine.ts'
import { type Runtime, systemRuntime } from '../runtime.ts'
import type { Transaction } from './contract.ts'
import { openOptimisticStore } from './key-value-store.ts'

const put =
  (key: number) =>
  (tx: Transaction): void =>
    tx.set(Uint8Array.of(key), Uint8Array.of(key))

test('transact() waits a turn of the event loop for others, but not with commitAtOnce', async () => {
  let turns = 0
  const defer: Runtime['defer'] = (callback) => {
    turns += 1
    systemRuntime.defer(callback)
  }
  const kv = openOptimisticStore(memoryEngine(), { runtime: { ...systemRuntime, defer } })
  await kv.transact(put(1), { commitAtOnce: true })
  expect(turns).toBe(0)
  await kv.transact(put(2))
  expect(turns).toBe(1)
  await kv.close()
})

test('transact() with commitAtOnce within afterCommit becomes a group after the one that called it', async () => {
  const kv = openOptimisticStore(memoryEngine())
  const versions: number[] = []
  let inner: Promise<void> | undefined
  await kv.transact((tx) => {
    put(1)(tx)
    tx.afterCommit(({ version }) => {
      versions.push(version)
      inner = kv.transact(
        (innerTx) => {
          put(2)(innerTx)
          innerTx.afterCommit((commit) => void versions.push(commit.version))
        },
        { commitAtOnce: true },
      )
    })
  })
  await inner
  expect(versions).toEqual([1, 2])
  // Validation needs every group in between, so a hole in what is known would show here.
  await kv.transact(async (tx) => put((await tx.get(Uint8Array.of(2)))![0]!)(tx))
  expect(kv.coherence.version).toBe(3)
  await kv.close()
})
