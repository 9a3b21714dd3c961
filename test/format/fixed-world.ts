import { withDirectories } from '../../src/directory/directory-layer.ts'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import type { KeyValueStore } from '../../src/kv/contract.ts'
import type { Engine } from '../../src/kv/engine.ts'
import { openOptimisticStore } from '../../src/kv/key-value-store.ts'
import type { Row } from '../../src/kv/rows.ts'
import { type Runtime, systemRuntime } from '../../src/runtime.ts'

/** 2024-01-01T00:00:00Z: always, in the world of these tests. */
export const NOW = new Date('2024-01-01T00:00:00Z')

/** A world in which a store writes the same bytes each time: the clock stands still, and chance counts 0, 1, 2, … */
export function fixedRuntime(): Runtime {
  return {
    ...systemRuntime,
    now: () => NOW.getTime(),
    monotonic: () => 0,
    random: () => 0,
    randomBytes: (target) => {
      for (let at = 0; at < target.length; at += 1) target[at] = at
    },
  }
}

/** A database in memory of which every row can be seen, those of the engine included. */
export interface OpenDatabase {
  readonly engine: Engine
  readonly kv: KeyValueStore
}

/** Makes a database in memory, with rows in it if wanted. */
export function databaseWith(rows: readonly Row[] = []): OpenDatabase {
  const engine = memoryEngine()
  engine.write((writer) => {
    for (const { key, value } of rows) writer.set(key, value)
    return true
  })
  return { engine, kv: withDirectories(openOptimisticStore(engine, { runtime: fixedRuntime() })) }
}

/** Every row of a database, in the order of the keys. */
export function allRows(engine: Engine): Row[] {
  const snapshot = engine.openSnapshot()
  try {
    return snapshot.range(Uint8Array.of(0), Uint8Array.of(0xff, 0xff), Number.MAX_SAFE_INTEGER, false)
  } finally {
    snapshot.close()
  }
}
