import type { Commit } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type { ExpectedVersion } from './contract.ts'
import type { ObservedStream } from './expected-version.ts'
import type { PreparedEvent } from './prepared-event.ts'

/** One stream's part of an append. */
export interface SessionAppend {
  readonly streamId: string
  readonly events: readonly PreparedEvent[]
  readonly expectedVersion: ExpectedVersion
}

/** A condition without an append. */
export interface SessionCondition {
  readonly streamId: string
  readonly expectedVersion: ExpectedVersion
}

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

/** The position of an append's last event, once its transaction is durable. */
export function positionIn(commit: Commit, appended: Appended): bigint | undefined {
  const { lastUserVersion, recordedPosition } = appended
  return lastUserVersion === undefined ? recordedPosition : positionOf(commit.stamp(lastUserVersion))
}

/** What an append without events came to. */
export function nothingAppended({ id, version }: ObservedStream): Appended {
  return {
    streamId: id,
    firstVersion: version + 1,
    lastVersion: version,
    lastUserVersion: undefined,
    recordedPosition: undefined,
    idempotent: false,
  }
}
