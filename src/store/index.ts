/**
 * The event store: streams, the log and its indexes, metadata, appends with conditions, reading. This layer knows keys, transactions and
 * events. It must not know which engine is below, nor what aggregates, subscriptions or projections make of it.
 */

export type {
  EventStore,
  EventStoreOptions,
  IndexedSources,
  KeyValueRangeOptions,
  KeyValueReader,
  KeyValueRow,
  KeyValueWriter,
  StoreCommit,
  StoreReadTransaction,
  StoreTransaction,
  StoreTransactOptions,
  TransactionSources,
} from './contract.ts'
export type {
  BackupOptions,
  CheckOptions,
  CheckProblem,
  CheckReport,
  ReindexOptions,
  ReindexProgress,
  ScavengeOptions,
  ScavengeReport,
  StoreInfo,
} from './contract-admin.ts'
export type {
  AppendCondition,
  AppendConditions,
  AppendOptions,
  AppendResult,
  EventPlace,
  ExpectedVersion,
  LinkOptions,
  MultiAppendOptions,
  StreamAppend,
  StreamCondition,
} from './contract-appending.ts'
export type {
  AllReadOptions,
  EventRead,
  EventSource,
  IndexName,
  PositionReadOptions,
  Query,
  QueryItem,
  ReadOptions,
  StreamReadOptions,
} from './contract-reading.ts'
export type {
  CreateStreamOptions,
  DeleteOptions,
  MetadataPatch,
  ReadonlyStream,
  Retention,
  RetentionPatch,
  Snapshot,
  SnapshotEntry,
  SnapshotOptions,
  Snapshots,
  Stream,
  StreamEntry,
  StreamInfo,
  StreamState,
  StreamsOptions,
} from './contract-streams.ts'
export type {
  EventLink,
  EventShape,
  JsonObject,
  JsonValue,
  NewEvent,
  NewEventFields,
  PendingEvent,
  RecordedEvent,
  RecordedFields,
  TransactionEvent,
} from './event.ts'
export { type OpenEventStoreOptions, openEventStore } from './open-event-store.ts'
