import { expect, test } from 'vitest'
import { withDirectories } from '../directory/directory-layer.ts'
import { memoryEngine } from '../drivers/memory/memory-engine.ts'
import { TransactionTooOldError } from '../errors.ts'
import { openOptimisticStore } from '../kv/key-value-store.ts'
import { simulatedRuntime } from '../testing/simulated-runtime.ts'
import { onSnapshot } from './on-snapshot.ts'

test('onSnapshot() reads again if the process has stood still, but not for ever', async () => {
  const runtime = simulatedRuntime({ seed: 1 })
  const kv = withDirectories(openOptimisticStore(memoryEngine(), { runtime }))
  let runs = 0
  const read = (standstills: number): Promise<number> => {
    runs = 0
    return onSnapshot(kv, async (tx) => {
      runs += 1
      await tx.get(Uint8Array.of(1))
      if (runs <= standstills) await runtime.advance(6_000)
      await tx.get(Uint8Array.of(2))
      return runs
    })
  }
  expect(await read(0)).toBe(1)
  expect(await read(2)).toBe(3)
  await expect(read(9)).rejects.toThrow(TransactionTooOldError)
  expect(runs).toBe(4)
})
