import type { Query } from './contract-query.ts'
import type { NewEvent } from './event.ts'

/**
 * What a stream must look like for an append to happen: its version (0 for a stream without events), or
 * - `'any'`: it is not tombstoned. An append to a deleted stream brings it back to life, with nothing of what was before;
 * - `'no-stream'`: it was never created or written, or is deleted;
 * - `'stream-exists'`: it was created or written, and is not deleted;
 * - `'deleted'`: it is deleted.
 */
export type ExpectedVersion = number | 'any' | 'no-stream' | 'stream-exists' | 'deleted'

/** A condition on everything that a decision was based on: a Dynamic Consistency Boundary (dcb.events). */
export interface AppendCondition {
  readonly query: Query
  /** Events up to this position are known to the caller and do not count. @default none: any match fails the append */
  readonly after?: bigint | undefined
}

/** What any append can be asked for. */
export interface AppendConditions {
  /** Fails the append if an event matches the query, or one of the queries. */
  readonly failIfEventsMatch?: AppendCondition | readonly AppendCondition[] | undefined
  /**
   * Stands for the whole append, in the whole store: 1 to 256 bytes of UTF-8. The same append with the same key returns the result of the
   * first for 7 days (`idempotencyKeyMs` of `openEventStore`); another one with the same key is refused, whatever its streams.
   */
  readonly idempotencyKey?: string | undefined
}

/** Options of an append to one stream. */
export interface AppendOptions extends AppendConditions {
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion | undefined
  /** Gives up waiting. An append whose commit is under way happens all the same. */
  readonly signal?: AbortSignal | undefined
}

/** What became of an append. */
export interface AppendResult<Position = bigint> {
  readonly streamId: string
  /** Version of the first appended event; `lastVersion + 1` if there were none. */
  readonly firstVersion: number
  /** Version of the stream's last event afterwards; use it as the next `expectedVersion`. */
  readonly lastVersion: number
  /** Position of the last appended event; `undefined` if there were none. */
  readonly position: Position | undefined
  /** Whether this was appended before (recognised by ids or by its key), so that nothing was written. */
  readonly idempotent: boolean
}

/** One stream's part of an append to several. */
export interface StreamAppend {
  readonly streamId: string
  readonly events: NewEvent | readonly NewEvent[]
  /** @default 'any' */
  readonly expectedVersion?: ExpectedVersion | undefined
}

/** A condition on a stream that the append does not write. */
export interface StreamCondition {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
}

/** Options of an append to several streams. */
export interface MultiAppendOptions extends AppendConditions {
  /** Conditions on further streams. */
  readonly conditions?: readonly StreamCondition[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** An event by its place: what a link points to. Every event that was read is one. */
export interface EventPlace {
  readonly streamId: string
  readonly version: number
}

/** Options of `linkTo`. */
export interface LinkOptions extends AppendOptions {
  /** UUID of the link, by which linking again is recognised, as with events. @default a new UUIDv7 */
  readonly id?: string | undefined
}
