/** The memory driver: for tests, and for stores that need not outlive their process. */
import { withDirectories } from '../../directory/directory-layer.ts'
import type { KeyValueStore } from '../../kv/contract.ts'
import { type OptimisticOptions, openOptimisticStore } from '../../kv/key-value-store.ts'
import { memoryEngine } from './memory-engine.ts'

/** Opens an empty key-value store in memory. */
export async function openMemory(options: OptimisticOptions = {}): Promise<KeyValueStore> {
  return withDirectories(openOptimisticStore(memoryEngine(), options))
}
