import type { KeyValueStore } from '../kv/contract.ts'
import type { Runtime } from '../runtime.ts'
import type { ForwardClock } from './forward-clock.ts'
import type { HeadCache } from './head-cache.ts'
import type { InlineCarriers } from './inline-carriers.ts'
import type { KeyUse } from './key-use.ts'
import type { Keyspace } from './keyspace.ts'
import type { RecordEncoder } from './record.ts'
import type { SettingsCache } from './settings-cache.ts'
import type { StreamNumbers } from './stream-numbers.ts'
import type { UuidSource } from './uuid.ts'

/** What the parts of one open store share. */
export interface StoreHost {
  readonly kv: KeyValueStore
  readonly keys: Keyspace
  readonly runtime: Runtime
  readonly heads: HeadCache
  readonly numbers: StreamNumbers
  readonly records: RecordEncoder
  readonly uuids: UuidSource
  readonly settings: SettingsCache
  readonly clock: ForwardClock
  readonly keyUse: KeyUse
  readonly inline: InlineCarriers
  /** How long idempotency keys are kept. */
  readonly idempotencyKeyMs: number
  readonly eventBytesMax: number
}
