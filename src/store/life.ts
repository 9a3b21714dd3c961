import type { Retention, StreamState } from './contract-streams.ts'

/** What a stream has been through, and how long its events stay readable. "Life" in `docs/streams.md` says what follows from it. */
export interface Life extends Retention {
  /** Where the stream ended when it was deleted last. An append after that brings it back. */
  readonly deletedAt?: number
  /** Where it ended when it was deleted before that, and brought back by an append. */
  readonly floor?: number
  readonly tombstoned?: true
  readonly truncateBefore?: number
  /** Up to this version its events are gone. */
  readonly scavengedTo?: number
  /** The `deletedAt` of the deletion by which events could be scavenged that would be readable without it. */
  readonly lostAt?: number
  /** When it was created, in milliseconds, once the event is gone that said so. */
  readonly createdMs?: number
}

/** The life of a stream that has been through nothing. */
export const LIVE: Life = {}

/** Types of the events in a stream's system stream, by which it came to be what it is. */
export const CREATED = '$stream-created'
/** The user's map was changed. */
export const METADATA_CHANGED = '$metadata-changed'
/** Bounds of what remains readable were changed. */
export const RETENTION_CHANGED = '$retention-changed'
/** Events before a version were hidden. */
export const TRUNCATED = '$stream-truncated'
/** The stream was deleted. */
export const DELETED = '$stream-deleted'
/** The stream was restored. */
export const RESTORED = '$stream-restored'
/** The stream was deleted for ever. */
export const TOMBSTONED = '$stream-tombstoned'

/** What the data of an event in a system stream may say about a life. */
export interface LifeChange {
  /** The stream's last version at that time. */
  readonly version?: number
  readonly truncateBefore?: number
  readonly maxCount?: number | null
  readonly maxAgeMs?: number | null
}

/** How a stream is, from its life and where it ends. */
export function stateOf(exists: boolean, head: number, life: Life): StreamState {
  if (life.tombstoned) return 'tombstoned'
  if (!exists) return 'none'
  return life.deletedAt === head ? 'deleted' : 'live'
}

/** The last version that is hidden whatever the head and the clock are. */
export function hiddenTo(life: Life): number {
  if (life.tombstoned) return Number.POSITIVE_INFINITY
  return Math.max(lifeBase(life), (life.truncateBefore ?? 1) - 1, life.scavengedTo ?? 0)
}

/** A life without the deletion that is in force: what would be left if it were restored. */
export function undeleted({ deletedAt: _, ...life }: Life): Life {
  return life
}

/** The life of a stream as far as it cannot be taken back: without a deletion that can be. */
export function lasting(life: Life, head: number): Life {
  return life.deletedAt === head ? undeleted(life) : life
}

/** Where the stream's present life begins: versions up to this one belong to another. */
export function lifeBase({ deletedAt = 0, floor = 0 }: Life): number {
  return Math.max(deletedAt, floor)
}

/** What a change makes of a life. */
export function changedLife(life: Life, type: string, change: LifeChange): Life {
  switch (type) {
    case CREATED:
    case RETENTION_CHANGED:
      return withRetention(life, change)
    case TRUNCATED:
      return { ...life, truncateBefore: change.truncateBefore! }
    case DELETED:
      return deleted(life, change.version!)
    case RESTORED:
      return undeleted(life)
    case TOMBSTONED:
      return { ...life, tombstoned: true }
    default:
      return life
  }
}

function deleted(life: Life, version: number): Life {
  const { deletedAt } = life
  const wasBroughtBack = deletedAt !== undefined && deletedAt < version
  return { ...life, deletedAt: version, ...(wasBroughtBack && { floor: deletedAt }) }
}

function withRetention(life: Life, { maxCount, maxAgeMs, truncateBefore }: LifeChange): Life {
  const changed: Record<string, number | null | undefined | true> = {
    ...life,
    ...(maxCount !== undefined && { maxCount }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(truncateBefore !== undefined && { truncateBefore }),
  }
  return Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== null)) as Life
}

/** Whether two lives are the same, but for what scavenging left in them. */
export function sameLife(a: Life, b: Life): boolean {
  return DECLARED.every((name) => a[name] === b[name])
}

const DECLARED = ['deletedAt', 'floor', 'tombstoned', 'truncateBefore', 'maxCount', 'maxAgeMs'] as const
