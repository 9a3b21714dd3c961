import type { Commit } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type { AppendResult, EventPlace, ExpectedVersion } from './contract-appending.ts'
import type { PreparedEvent } from './prepared-event.ts'
import type { PreparedQuery } from './query.ts'

/** One stream's part of an append. */
export interface SessionAppend {
  readonly streamId: string
  readonly events: readonly PreparedEvent[]
  readonly expectedVersion: ExpectedVersion
  /** Where the stream's life must begin. A stream that was deleted has the version that it had, but not this. */
  readonly expectedBase?: number
}

/** A condition on a stream without an append to it. */
export interface SessionCondition {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
}

/** A condition on everything that matches a query. */
export interface QueryCondition {
  readonly query: PreparedQuery
  readonly after: bigint | undefined
}

/** An idempotency key with the fingerprint of what is appended under it. */
export interface AppendKey {
  readonly text: string
  readonly fingerprint: string
}

/** All that an append consists of. */
export interface SessionRequest {
  readonly appends: readonly SessionAppend[]
  readonly conditions: readonly SessionCondition[]
  readonly queries: readonly QueryCondition[]
  readonly key: AppendKey | undefined
  /** The event that a link was to point to, if it cannot be read: refused, unless the link was made before. */
  readonly missing?: EventPlace
}

/** Makes the request that is an append to one stream and nothing else. */
export function plainRequest(append: SessionAppend): SessionRequest {
  return { appends: [append], conditions: NONE, queries: NONE, key: undefined }
}

const NONE: readonly never[] = []

/** What an append came to, as far as it is known before the commit. */
export interface Appended {
  readonly streamId: string
  readonly firstVersion: number
  readonly lastVersion: number
  /** User version of the last event, by which its position is known after the commit. */
  readonly lastUserVersion: number | undefined
  /** Position of events that were there already. */
  readonly recordedPosition: bigint | undefined
  readonly idempotent: boolean
}

/** What the caller of an append is told once its transaction is durable. */
export function resultOf(appended: Appended, commit: Commit): AppendResult {
  const { streamId, firstVersion, lastVersion, idempotent } = appended
  return { streamId, firstVersion, lastVersion, position: positionIn(commit, appended), idempotent }
}

/** What became of an append to one stream, and where each of its events is. */
export interface PlacedAppend extends AppendResult {
  /** Position of the event that got this version. */
  positionAt(version: number): bigint | undefined
}

/** Position of one of the events of an append, which have neighbouring user versions; of those that were there already, only of the last. */
export function positionAt(version: number, appended: Appended, commit: Commit): bigint | undefined {
  const { lastUserVersion, lastVersion } = appended
  if (lastUserVersion === undefined) return positionIn(commit, appended)
  return positionOf(commit.stamp(lastUserVersion - (lastVersion - version)))
}

function positionIn(commit: Commit, appended: Appended): bigint | undefined {
  const { lastUserVersion, recordedPosition } = appended
  return lastUserVersion === undefined ? recordedPosition : positionOf(commit.stamp(lastUserVersion))
}

/** What the caller of an append is told within its transaction. */
export function pendingResultOf(appended: Appended): AppendResult<undefined> {
  const { streamId, firstVersion, lastVersion, idempotent } = appended
  return { streamId, firstVersion, lastVersion, position: undefined, idempotent }
}

/** What an append without events came to. */
export function nothingAppended({
  id,
  version,
}: {
  readonly id: string
  readonly version: number
}): Appended {
  return {
    streamId: id,
    firstVersion: version + 1,
    lastVersion: version,
    lastUserVersion: undefined,
    recordedPosition: undefined,
    idempotent: false,
  }
}
