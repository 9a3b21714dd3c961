/**
 * The numbers that bound everything, with their units, in one place. `docs/limits.md` explains each; a test
 * keeps the two lists the same.
 */

/** Largest key of the key-value layer, in bytes. */
export const KEY_BYTES_MAX: number = 1_024
/** Largest value of the key-value layer, in bytes. */
export const VALUE_BYTES_MAX: number = 90_000
/** Most rows that one transaction may set or clear. */
export const TRANSACTION_ROWS_MAX: number = 50_000
/** Most bytes of keys and values that one transaction may write. */
export const TRANSACTION_BYTES_MAX: number = 64 * 1_024 * 1_024
/** How long a transaction may use its snapshot, in milliseconds. */
export const TRANSACTION_AGE_MS_MAX: number = 5_000
/** How often `transact` runs a body that conflicts before it gives up. */
export const TRANSACTION_ATTEMPTS_MAX: number = 100
/** First pause before a conflicting transaction runs again, in milliseconds; it doubles with each attempt. */
export const RETRY_DELAY_MS_MIN: number = 1
/** Longest pause before a conflicting transaction runs again, in milliseconds. */
export const RETRY_DELAY_MS_MAX: number = 100
/** Most different snapshots that one process keeps pinned; the oldest gives way. */
export const SNAPSHOTS_MAX: number = 256
/** Most transactions that share one durable commit. */
export const COMMIT_GROUP_TRANSACTIONS_MAX: number = 512
/** Rows after which a commit group takes no further transaction. */
export const COMMIT_GROUP_ROWS_MAX: number = 4_096
/** How long a commit group's write set stays in the store for other processes, in milliseconds. */
export const WRITE_SET_RETENTION_MS: number = 15_000
/** Commit records that a process leaves in the store when it commits for the first time. */
export const COMMIT_RECORDS_KEPT_MAX: number = 4_096
/** Most commit groups that one process remembers for validation. */
export const RECENT_COMMITS_MAX: number = 100_000
/** Most watches of one process. */
export const WATCHES_MAX: number = 100_000
/** How often a process with watches looks for commits of other processes when it has found some lately, in milliseconds. */
export const WATCH_POLL_MS_MIN: number = 2
/** How often it looks when it has not, in milliseconds. */
export const WATCH_POLL_MS_MAX: number = 8
/** Pause before the write lock is tried again while another process holds it, in milliseconds. */
export const LOCK_POLL_MS: number = 1
/** How long a process commits without those of others before it leaves them a gap, in milliseconds. */
export const COMMIT_TURN_MS: number = 10
/** How long it then leaves the write lock alone, in milliseconds: longer than `LOCK_POLL_MS`, so that every other process tries. */
export const COMMIT_GAP_MS: number = 3
/** How long a commit waits for the write lock before it fails, in milliseconds. */
export const LOCK_WAIT_MS_MAX: number = 30_000
/** Rows that a range read fetches from the engine at once. */
export const RANGE_BATCH_ROWS: number = 512
/** Bytes after which a batch of a range read ends early. */
export const RANGE_BATCH_BYTES: number = 4 * 1_024 * 1_024
/** Longest name of a directory, in UTF-8 bytes. */
export const DIRECTORY_NAME_BYTES_MAX: number = 255
/** Deepest path of directories. */
export const DIRECTORY_DEPTH_MAX: number = 16

/** Longest stream id, in UTF-8 bytes. */
export const STREAM_ID_BYTES_MAX: number = 512
/** Longest event type, in UTF-8 bytes. */
export const EVENT_TYPE_BYTES_MAX: number = 512
/** Most tags of one event. */
export const TAGS_MAX: number = 64
/** Longest tag, in UTF-8 bytes. */
export const TAG_BYTES_MAX: number = 256
/** Largest encoded event, in bytes, unless the store is opened with another `eventBytesMax`. */
export const EVENT_BYTES_MAX: number = 16 * 1_024 * 1_024
/** Largest `eventBytesMax` that a store can be opened with, in bytes: an event must fit into a transaction. */
export const EVENT_BYTES_LIMIT: number = 48 * 1_024 * 1_024
/** Size of an encoded event from which its bytes are stored in chunks, and of each chunk, in bytes. */
export const CHUNK_BYTES: number = 64 * 1_024
/** Most events of one append. */
export const APPEND_EVENTS_MAX: number = 10_000
/** Most streams of one append. */
export const APPEND_STREAMS_MAX: number = 1_000
/** Largest map of a stream's own metadata, encoded, in bytes. */
export const STREAM_METADATA_BYTES_MAX: number = 64 * 1_024
/** Most waiting appends that are written in one transaction. */
export const APPEND_BATCH_MAX: number = 512
/** Most events of the waiting appends that are written in one transaction; a single larger append goes alone. */
export const APPEND_BATCH_EVENTS_MAX: number = 2_000
/** Bytes of event payload after which a batch of waiting appends is closed. */
export const APPEND_BATCH_BYTES_MAX: number = 8 * 1_024 * 1_024
/** Streams whose last version is kept in memory. */
export const HEAD_CACHE_STREAMS_MAX: number = 100_000
/** Stream numbers that a process takes from the store at first; each further block is twice as large. */
export const STREAM_NUMBER_BLOCK_MIN: number = 16
/** Most stream numbers that a process takes from the store at a time. */
export const STREAM_NUMBER_BLOCK_MAX: number = 4_096
/** How often a read or an append begins again because the process stood still for seconds in the middle of it. */
export const STANDSTILLS_MAX: number = 3
/** Events that a read fetches at a time. */
export const READ_PAGE_EVENTS: number = 512
/** Events that a read fetches first, as many reads want few. */
export const READ_PAGE_EVENTS_FIRST: number = 64
/** How long reads follow each other before the event loop gets a turn, in milliseconds. */
export const READ_TURN_MS: number = 10
/** Bytes of events after which a page of a read ends early. */
export const READ_PAGE_BYTES: number = 8 * 1_024 * 1_024
/** Rows that `check` looks at on one snapshot. */
export const CHECK_PAGE_ROWS: number = 500
/** How long `check` looks on one snapshot, in milliseconds. */
export const CHECK_PAGE_MS_MAX: number = 1_000
/** Problems after which `check` stops looking, unless it is told otherwise. */
export const CHECK_PROBLEMS_MAX: number = 1_000
/** Deepest nesting of JSON data. */
export const JSON_DEPTH_MAX: number = 1_000

/** Lives of streams that a page of a read looks for in one range before it asks for each. */
export const LIFE_PROBE_ROWS: number = 64
/** Texts of an index whose packed form is kept in memory, for each index. */
export const INDEX_PREFIXES_KEPT_MAX: number = 10_000
/** Rows of indexes that one page of a read looks at. */
export const INDEX_PAGE_ROWS_MAX: number = 8_192
/** Rows of an index that are read after a jump; twice as many each time when most were used. */
export const INDEX_JUMP_ROWS: number = 8
/** Most items of a query. */
export const QUERY_ITEMS_MAX: number = 64
/** Most types of an item of a query. */
export const QUERY_TYPES_MAX: number = 64
/** Most queries that one append depends on. */
export const APPEND_QUERIES_MAX: number = 16
/** Longest idempotency key, in UTF-8 bytes. */
export const IDEMPOTENCY_KEY_BYTES_MAX: number = 256
/** How long idempotency keys are kept, in milliseconds, unless the store is opened with another `idempotencyKeyMs`. */
export const IDEMPOTENCY_KEY_MS: number = 7 * 24 * 60 * 60 * 1_000
/** Events that a scavenge removes in one transaction. */
export const SCAVENGE_EVENTS: number = 200
/** Bytes of records after which a transaction of a scavenge ends early. */
export const SCAVENGE_BYTES: number = 16 * 1_024 * 1_024
/** Events whose rows a reindex writes in one transaction. */
export const REINDEX_EVENTS: number = 500
/** Rows of an index that are dropped in one transaction. */
export const REINDEX_DROP_ROWS: number = 4_000
/** Longest name of snapshots, in UTF-8 bytes. */
export const SNAPSHOT_NAME_BYTES_MAX: number = 256
/** Largest state of a snapshot, encoded, in bytes. */
export const SNAPSHOT_BYTES_MAX: number = 16 * 1_024 * 1_024
/** Snapshots that are kept for each name and schema version, unless another number is wanted. */
export const SNAPSHOTS_KEPT: number = 2
/** Idempotency keys that are forgotten in one transaction when they have expired. */
export const KEY_SWEEP_KEYS: number = 256
/** Appends with idempotency keys after which a process looks for keys that have expired. */
export const KEY_SWEEP_APPENDS: number = 256

/** Events at the end of the log that are kept in memory for all subscribers of a store. */
export const TAIL_EVENTS_MAX: number = 4_096
/** Bytes of records after which fewer are kept. */
export const TAIL_BYTES_MAX: number = 32 * 1_024 * 1_024
/** Events that wait for the consumer of a volatile subscription, unless it says otherwise. */
export const INBOX_EVENTS: number = 1_000
/** Most events that a volatile subscription may let wait. */
export const INBOX_EVENTS_MAX: number = 100_000
/** Most events that a handler can ask for at a time: what is read at a time. */
export const HANDLER_BATCH_MAX: number = 512
/** Longest name of a group, in UTF-8 bytes. */
export const GROUP_NAME_BYTES_MAX: number = 256
/** Largest source and settings of a group, encoded, in bytes. */
export const GROUP_SETTINGS_BYTES_MAX: number = 64 * 1_024
/** Most events that a consumer of a group may have in its hand. */
export const GROUP_BUFFER_MAX: number = 2_000
/** Most events that a handler of a group may have at a time. */
export const GROUP_CONCURRENCY_MAX: number = 1_000
/** Events of a group that wait, to be delivered again or behind others, from which on nothing new is given out. */
export const GROUP_WAITING_MAX: number = 4_000
/** Slots that the keys of a pinned group are divided into. */
export const PIN_SLOTS: number = 256
/** Parked events that are replayed or skipped in one transaction. */
export const REPLAY_EVENTS: number = 500
/** Events that are looked at to find out how far a group is behind. */
export const LAG_EVENTS_MAX: number = 100_000
/** Longest reason of a nack that is kept, in characters. */
export const REASON_CHARACTERS_MAX: number = 1_000
/** Bytes of events that wait in memory for a consumer, from which on it gets no more. */
export const SUBSCRIPTION_BYTES_MAX: number = 32 * 1_024 * 1_024
/** How long members of a volatile group may leave events that are only theirs, in milliseconds. */
export const VOLATILE_GRACE_MS: number = 1_000
/** Rows of a group that a check compares on one snapshot. */
export const GROUP_CHECK_ROWS_MAX: number = 50_000

/** Highest version of the data of an event type. */
export const SCHEMA_VERSION_MAX: number = 1_000
/** Commands on one aggregate that are decided together. */
export const AGGREGATE_ROUND_MAX: number = 256
/** Commands that may wait for one aggregate in a process. */
export const AGGREGATE_QUEUE_MAX: number = 10_000
/** How often a command is decided again after conflicts, unless it says otherwise. */
export const COMMAND_RETRIES: number = 5
/** Pause before a command is decided again after a conflict, in milliseconds; doubles each time. */
export const COMMAND_BACKOFF_MS: number = 2
/** Longest such pause, in milliseconds. */
export const COMMAND_BACKOFF_MS_MAX: number = 100
/** States of aggregates of one kind that are kept in memory, unless another number is wanted. */
export const AGGREGATE_CACHE_STATES: number = 10_000
/** Most states of aggregates of one kind that may be kept in memory. */
export const AGGREGATE_CACHE_STATES_MAX: number = 1_000_000
/** Snapshots that one kind of aggregates saves at a time; what comes on top is left out. */
export const SNAPSHOTS_UNDER_WAY_MAX: number = 16
/** How often a load begins anew because its stream was deleted or restored meanwhile. */
export const LOAD_RESTARTS_MAX: number = 10
/** Longest name of a codec, in characters. */
export const CODEC_NAME_LENGTH_MAX: number = 32
/** Most codecs that a store can be opened with. */
export const CODECS_MAX: number = 16

/** Longest name of a projection, in UTF-8 bytes. */
export const PROJECTION_NAME_BYTES_MAX: number = 256
/** Longest partition of a projection, in UTF-8 bytes. */
export const PARTITION_BYTES_MAX: number = 512
/** Longest name of a timer, in UTF-8 bytes. */
export const TIMER_NAME_BYTES_MAX: number = 128
/** Largest state of a partition, encoded, in bytes. */
export const PARTITION_STATE_BYTES_MAX: number = 16 * 1_024 * 1_024
/** Most events of a projection that are handled and committed together. */
export const PROJECTION_BATCH_EVENTS: number = 2_048
/** Bytes of events after which no more are read for a batch. */
export const PROJECTION_BATCH_BYTES: number = 16 * 1_024 * 1_024
/** How long events are handled before they are committed, in milliseconds. */
export const PROJECTION_BATCH_MS: number = 100
/** Rows and emitted events after which a batch is committed. */
export const PROJECTION_BATCH_ROWS: number = 4_096
/** Bytes of states and rows after which a batch is committed. */
export const PROJECTION_WRITTEN_BYTES: number = 8 * 1_024 * 1_024
/** How long events of no interest wait before the checkpoint moves past them, in milliseconds. */
export const PROJECTION_CHECKPOINT_MS: number = 20
/** How long what is of no interest waits until it moves the checkpoint in a sink, in milliseconds. */
export const SINK_CHECKPOINT_MS: number = 250
/** How often whoever stands by looks at the checkpoint in a sink while somebody waits for a position, in milliseconds. */
export const SINK_LOOK_MS: number = 50
/** How long others wait for a sign of life of a projection's leader, in milliseconds, unless another time is wanted. */
export const PROJECTION_LEASE_MS: number = 10_000
/** States of partitions that are kept in memory, unless another number is wanted. */
export const PROJECTION_CACHE_STATES: number = 50_000
/** Most states of partitions that may be kept in memory. */
export const PROJECTION_CACHE_STATES_MAX: number = 1_000_000
/** Bytes of encoded states after which fewer are kept in memory. */
export const PROJECTION_CACHE_BYTES: number = 64 * 1_024 * 1_024
/** Pause before what a projection has failed at is tried again, in milliseconds; it doubles each time. */
export const PROJECTION_RETRY_MS_MIN: number = 1_000
/** Longest such pause, in milliseconds. */
export const PROJECTION_RETRY_MS_MAX: number = 60_000
/** Rows of copies that are gone which are cleared in one transaction. */
export const PROJECTION_CLEAR_ROWS: number = 2_000
/** Events that a copy may be behind to come into force as an inline projection, or to take the place of one: they are handled in one transaction. */
export const INLINE_TAIL_EVENTS: number = 256
/** How long one that is near the end of the log may fail to come into force, as more is appended all the time, until those who append are asked to wait; in milliseconds. */
export const INLINE_PATIENCE_MS: number = 1_000
/** How long they are asked to wait, in milliseconds; it doubles each time. */
export const INLINE_HOLD_MS_MIN: number = 250
/** The longest that they are asked to wait, in milliseconds. */
export const INLINE_HOLD_MS_MAX: number = 2_000
/** Most inline projections that can be in force in a store. */
export const INLINE_PROJECTIONS_MAX: number = 32
/** Longest source of an inline projection, as JSON, in bytes: the format row of the store holds it. */
export const INLINE_SOURCE_BYTES_MAX: number = 2_048
/** How often what inline projections emit may be handled by inline projections in one transaction. */
export const INLINE_ROUNDS_MAX: number = 100
/** How long `waitFor` of a projection waits, in milliseconds, unless another time is wanted. */
export const WAIT_FOR_MS: number = 30_000
/** Longest stack of a projection's fault that is kept, in characters. */
export const FAULT_STACK_CHARACTERS_MAX: number = 4_000
/** Most attempts at a sequence that are open in one partition of a correlation. */
export const OPEN_ATTEMPTS_MAX: number = 1_000
/** Longest time within which a step of a sequence can be asked for, in milliseconds: 100 years. */
export const WITHIN_MS_MAX: number = 36_525 * 24 * 60 * 60 * 1_000
/** Most sliding windows that a time is in. */
export const SLIDING_WINDOWS_MAX: number = 10_000
