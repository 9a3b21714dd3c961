/**
 * The key-value layer: FoundationDB's contract (ordered keys, optimistic transactions, versionstamps, watches) and
 * the engine that keeps it on embedded storage. This layer knows bytes, transactions and commits. It must not know
 * what is stored: no streams, no events.
 */
export type {
  Capabilities,
  Coherence,
  Commit,
  KeyValueBackupOptions,
  KeyValueStore,
  RangeOptions,
  RangeRead,
  ReadConflictOptions,
  Reader,
  ReadTransaction,
  StampClock,
  StampedKeyOptions,
  Transaction,
  TransactionLimits,
  TransactOptions,
  Watch,
  WatchOptions,
} from './contract.ts'
export type { Directories, DirectoryPath } from './directories.ts'
export type { Engine, EngineSnapshot, EngineWriter } from './engine.ts'
export { type OptimisticOptions, openOptimisticStore, type TransactionalStore } from './key-value-store.ts'
export type { KeyRange, Row } from './rows.ts'
export { STAMP_BYTES } from './stamp.ts'
export { type Subspace, subspace } from './subspace.ts'
