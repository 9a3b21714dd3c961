import type { ExpectedVersion, IndexName, JsonObject, Query, StreamState, Violation } from 'eventdb'
import type { ModelSeries } from './store-model-operations.ts'

/** An event of the oracle's log. Its place in the array is its place in the log. */
export interface ModelEvent {
  readonly streamId: string
  readonly version: number
  readonly type: string
  /** The caller's id, if there is one. */
  readonly id: string | undefined
  readonly tags: readonly string[]
  readonly data: unknown
  readonly metadata: unknown
  readonly timeMs: number | undefined
  /** What it points to, if it is a link. */
  readonly target: ModelPlace | undefined
  readonly recordedMs: number
  /** What the store said when it was asked first. */
  position: bigint | undefined
  /** Whether it was scavenged, as far as that can be known. */
  gone: 'no' | 'maybe' | 'yes'
  /** Whether it was scavenged because of a deletion that could have been taken back till then. */
  lost: boolean
}

/** Where an event is. */
export interface ModelPlace {
  readonly streamId: string
  readonly version: number
}

/** One change of a stream, in the order in which they were made. */
export type ModelChange =
  | { readonly kind: 'metadata'; readonly patch: JsonObject }
  | {
      readonly kind: 'retention'
      readonly maxCount?: number | null
      readonly maxAgeMs?: number | null
      /** What the bounds before had hidden stays hidden: versions up to this one. */
      readonly hiddenTo: number
    }
  | { readonly kind: 'truncated'; readonly before: number }
  | { readonly kind: 'deleted'; readonly head: number }
  | { readonly kind: 'restored' }
  | { readonly kind: 'tombstoned' }

/** What the changes of a stream come to. */
export interface ModelLife {
  readonly isTombstoned: boolean
  /** Where the stream ended when it was deleted last, unless that was taken back. */
  readonly deletedAt: number | undefined
  /** Where the life before that ended. */
  readonly endOfLifeBefore: number
  /** Versions before this one were hidden by truncating. */
  readonly truncatedBefore: number
  /** Versions up to this one were hidden by bounds that are not in force any more. */
  readonly hiddenByFormerBounds: number
  readonly maxCount: number | undefined
  readonly maxAgeMs: number | undefined
  readonly metadata: JsonObject
}

/** A snapshot of an aggregate. */
export interface ModelSnapshot {
  readonly version: number
  readonly state: number
  /** Where the life before the one began in which it was saved. */
  readonly life: number
}

/** What an append came to. */
export interface ModelResult {
  readonly streamId: string
  readonly firstVersion: number
  readonly lastVersion: number
  readonly idempotent: boolean
  /** The event whose position is the result's. */
  readonly last: ModelEvent | undefined
}

/** What an idempotency key stands for. */
export interface ModelKey {
  readonly fingerprint: string
  readonly usedMs: number
  readonly results: readonly ModelResult[]
}

/** What a call comes to: a value, or an error. Violations by queries name the first event that matches. */
export type Outcome = { readonly value: unknown } | OutcomeError

/** The error of a call. */
export interface OutcomeError {
  readonly code: string
  readonly problem?: string
  readonly violations?: readonly ModelViolation[]
}

/** A violated condition: of a stream as it comes out, of a query with the event that it is about. */
export type ModelViolation =
  | Extract<Violation, { kind: 'stream' }>
  | { readonly kind: 'query'; readonly after: bigint | undefined; readonly event: ModelEvent | undefined }

/** Thrown where the rules leave open what has to happen. Such operations are left out. */
export class OpenQuestion extends Error {}

/** How long idempotency keys are kept in these runs. */
export const KEY_MS: number = 3_600_000

/** The event store as plain arrays and maps, written from SEMANTICS.md, sections 1 to 5, alone. */
export class StoreOracle {
  events: ModelEvent[] = []
  /** The changes of each stream that was created or changed. */
  changes: Map<string, readonly ModelChange[]> = new Map()
  own: Map<string, number> = new Map()
  keys: Map<string, ModelKey> = new Map()
  snapshots: Map<string, readonly ModelSnapshot[]> = new Map()
  indexes: Set<IndexName> = new Set(['category', 'type', 'tag'])
  /** Indexes of which an aborted reindex has not told what will become of them. */
  unfinished: Set<IndexName> = new Set()
  /** Events that are gone without anybody knowing which. */
  removedUnseen = 0
  /** The latest time that there was; events expire by it. */
  now = 0
  /** What the clock says, which may be less. */
  clock = 0
  /** Within a transaction, where its own events begin. */
  pendingFrom: number = Number.POSITIVE_INFINITY

  /** A copy, to be changed by a transaction and kept if that commits. */
  copy(): StoreOracle {
    const copy = new StoreOracle()
    copy.events = [...this.events]
    copy.changes = new Map(this.changes)
    copy.own = new Map(this.own)
    copy.keys = new Map(this.keys)
    copy.snapshots = new Map(this.snapshots)
    copy.indexes = this.indexes
    copy.unfinished = this.unfinished
    copy.removedUnseen = this.removedUnseen
    copy.now = this.now
    copy.clock = this.clock
    copy.pendingFrom = this.pendingFrom
    return copy
  }

  /** The same as a transaction sees it that begins now. */
  beginTransaction(): StoreOracle {
    const copy = this.copy()
    copy.pendingFrom = copy.events.length
    return copy
  }

  /** The same once the transaction has committed. */
  committed(): StoreOracle {
    this.pendingFrom = Number.POSITIVE_INFINITY
    return this
  }

  isPending(event: ModelEvent): boolean {
    return this.events.indexOf(event) >= this.pendingFrom
  }

  /** All events of a stream, hidden ones included. */
  stream(streamId: string): readonly ModelEvent[] {
    return this.events.filter((event) => event.streamId === streamId)
  }

  head(streamId: string): number {
    return this.events.findLast((event) => event.streamId === streamId)?.version ?? 0
  }

  /** The changes of a stream, folded. */
  life(streamId: string): ModelLife {
    const changes = this.changes.get(streamId) ?? []
    let life: ModelLife = UNTOUCHED
    for (const change of changes) life = changed(life, change)
    return life
  }

  state(streamId: string): StreamState {
    const head = this.head(streamId)
    if (head === 0 && !this.changes.has(streamId)) return 'none'
    const { isTombstoned, deletedAt } = this.life(streamId)
    if (isTombstoned) return 'tombstoned'
    return deletedAt === head ? 'deleted' : 'live'
  }

  /** Versions up to this one are hidden; by truncation and bounds alone if `deletion` is not to count that could be taken back. */
  hiddenTo(streamId: string, deletion: 'counts' | 'ignored' = 'counts'): number {
    const life = this.life(streamId)
    if (life === UNTOUCHED) return 0
    const head = this.head(streamId)
    if (life.isTombstoned) return head
    const { deletedAt = 0, endOfLifeBefore, truncatedBefore, hiddenByFormerBounds, maxCount = head } = life
    const isIgnored = deletion === 'ignored' && deletedAt === head
    return Math.max(
      isIgnored ? 0 : deletedAt,
      endOfLifeBefore,
      truncatedBefore - 1,
      hiddenByFormerBounds,
      head - maxCount,
      this.#expiredTo(streamId, life),
    )
  }

  #expiredTo(streamId: string, { maxAgeMs }: ModelLife): number {
    if (maxAgeMs === undefined) return 0
    const oldest = this.now - maxAgeMs
    return this.stream(streamId).findLast(({ recordedMs }) => recordedMs < oldest)?.version ?? 0
  }

  /** Everything that can be read, in order. */
  visible(): readonly ModelEvent[] {
    const hidden = new Map<string, number>()
    for (const streamId of this.changes.keys()) hidden.set(streamId, this.hiddenTo(streamId))
    return this.events.filter(({ streamId, version }) => version > (hidden.get(streamId) ?? 0))
  }

  /** The event at a place, if it can be read. */
  readable({ streamId, version }: ModelPlace): ModelEvent | undefined {
    if (version <= this.hiddenTo(streamId)) return undefined
    return this.stream(streamId)[version - 1]
  }

  /** All streams that were ever created or written, in the order of their ids' bytes. */
  streamIds(): readonly string[] {
    const ids = new Set([...this.events.map(({ streamId }) => streamId), ...this.changes.keys()])
    return [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  /** When a stream was created, and when something happened to it last. */
  times(streamId: string): { readonly createdMs: number; readonly modifiedMs: number } {
    const about = this.events.filter(
      (event) => event.streamId === streamId || event.streamId === `$$${streamId}`,
    )
    return { createdMs: about[0]!.recordedMs, modifiedMs: about.at(-1)!.recordedMs }
  }

  /** Puts an event at the end of its stream and of the log. */
  write(streamId: string, event: Partial<ModelEvent> & { readonly type: string }): ModelEvent {
    const written: ModelEvent = {
      id: undefined,
      tags: [],
      data: undefined,
      metadata: undefined,
      timeMs: undefined,
      target: undefined,
      ...event,
      streamId,
      version: this.head(streamId) + 1,
      recordedMs: this.now,
      position: undefined,
      gone: 'no',
      lost: false,
    }
    this.events.push(written)
    return written
  }

  /** Notes a change of a stream, which is an event of its system stream, too. */
  change(streamId: string, type: string, changes: readonly ModelChange[], data?: object): void {
    this.changes.set(streamId, [...(this.changes.get(streamId) ?? []), ...changes])
    this.write(`$$${streamId}`, { type, data })
  }

  snapshotsOf(series: ModelSeries): readonly ModelSnapshot[] {
    return this.snapshots.get(seriesName(series)) ?? []
  }

  /** Where the life before the present one of a stream ended: what belongs to it has nothing to do with this one. */
  beginOfLife(streamId: string): number {
    const { deletedAt = 0, endOfLifeBefore } = this.life(streamId)
    return Math.max(deletedAt, endOfLifeBefore)
  }

  /** Whether a state can be built upon: it is of this life, and nothing is hidden between it and the first event behind it. */
  isUsable({ streamId }: ModelSeries, { version, life }: ModelSnapshot): boolean {
    const begin = this.beginOfLife(streamId)
    return life === begin && (begin === 0 || version > begin) && version >= this.hiddenTo(streamId)
  }
}

/** The name of a series of snapshots in the oracle's map. */
export function seriesName({ streamId, name, schemaVersion }: ModelSeries): string {
  return JSON.stringify([streamId, name, schemaVersion])
}

/** Whether an event belongs to a stream that tells of another one. */
export function isSystem({ streamId }: { readonly streamId: string }): boolean {
  return streamId.startsWith('$')
}

/** Whether a query means an event. Those of system streams are never meant. */
export function isMeant({ items }: Query, event: ModelEvent): boolean {
  if (isSystem(event)) return false
  if (items === undefined) return true
  return items.some(
    ({ types = [], tags = [] }) =>
      (types.length === 0 || types.includes(event.type)) && tags.every((tag) => event.tags.includes(tag)),
  )
}

/** What precedes the first `-`; the whole id if there is none. */
export function categoryOf(streamId: string): string {
  return streamId.split('-')[0] || streamId
}

/** Section 1 of the semantics: whether a stream is as expected. */
export function isAsExpected(expected: ExpectedVersion, state: StreamState, head: number): boolean {
  if (state === 'tombstoned') return false
  if (expected === 'any') return true
  if (expected === 'no-stream') return state === 'none' || state === 'deleted'
  if (expected === 'stream-exists') return state === 'live'
  if (expected === 'deleted') return state === 'deleted'
  return expected === head
}

const UNTOUCHED: ModelLife = {
  isTombstoned: false,
  deletedAt: undefined,
  endOfLifeBefore: 0,
  truncatedBefore: 1,
  hiddenByFormerBounds: 0,
  maxCount: undefined,
  maxAgeMs: undefined,
  metadata: {},
}

function changed(life: ModelLife, change: ModelChange): ModelLife {
  switch (change.kind) {
    case 'metadata': {
      const entries = Object.entries({ ...life.metadata, ...change.patch }).filter(
        ([, value]) => value !== null,
      )
      return { ...life, metadata: Object.fromEntries(entries) }
    }
    case 'retention': {
      const { maxCount = life.maxCount, maxAgeMs = life.maxAgeMs, hiddenTo } = change
      const hiddenByFormerBounds = Math.max(life.hiddenByFormerBounds, hiddenTo)
      return {
        ...life,
        maxCount: maxCount ?? undefined,
        maxAgeMs: maxAgeMs ?? undefined,
        hiddenByFormerBounds,
      }
    }
    case 'truncated':
      return { ...life, truncatedBefore: Math.max(life.truncatedBefore, change.before) }
    case 'deleted':
      return {
        ...life,
        deletedAt: change.head,
        endOfLifeBefore: Math.max(life.endOfLifeBefore, life.deletedAt ?? 0),
      }
    case 'restored':
      return { ...life, deletedAt: undefined }
    case 'tombstoned':
      return { ...life, isTombstoned: true }
  }
}
