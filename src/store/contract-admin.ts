import type { IndexName } from './contract-reading.ts'

/** What is known of a whole store. */
export interface StoreInfo {
  /** Name of the engine below. */
  readonly engine: string
  /** Number of the stored format. */
  readonly format: number
  /** Indexes that can be read. */
  readonly indexes: readonly IndexName[]
  /** What separates the category from the rest of a stream id. */
  readonly categorySeparator: string
  /** Streams of the application, those that were created but are empty included, deleted ones not. */
  readonly streams: number
  /** Events of the application that can be read, links included. */
  readonly events: number
  /** Events of system streams. */
  readonly systemEvents: number
  /** Position of the last event. */
  readonly lastPosition: bigint | undefined
  /** When the first and the last event were recorded. */
  readonly firstRecordedAt: Date | undefined
  readonly lastRecordedAt: Date | undefined
}

/** One thing that is wrong with a store. */
export interface CheckProblem {
  /** Stable, kebab-case name of the kind of damage. */
  readonly kind: string
  /** For people: what is wrong, and where. */
  readonly message: string
  readonly streamId?: string
  readonly version?: number
  readonly position?: bigint
}

/** What a check found. */
export interface CheckReport {
  readonly problems: readonly CheckProblem[]
  /** What was looked at. */
  readonly events: number
  readonly streams: number
  readonly rows: number
}

/** Options of `check`. */
export interface CheckOptions {
  readonly signal?: AbortSignal
  /** Called now and then with the number of rows that were looked at so far. */
  readonly onProgress?: (rows: number) => void
  /** Problems after which it stops looking. @default 1000 */
  readonly problemsMax?: number
}

/** Options of `scavenge`. */
export interface ScavengeOptions {
  /** Ends it between two transactions; what was done is done. */
  readonly signal?: AbortSignal
  /** Called now and then with what was done so far. */
  readonly onProgress?: (report: ScavengeReport) => void
}

/** What a scavenge did. */
export interface ScavengeReport {
  /** Streams that were looked at: those with a life or retention of their own. */
  readonly streams: number
  /** Events that were removed. */
  readonly events: number
  /** Bytes of their records. The engine reuses the space; files do not shrink. */
  readonly bytes: number
  /** Other rows that went: expired idempotency keys, and snapshots that nothing can be built upon any more. */
  readonly others: number
}

/** What to do with the indexes of a store. */
export interface ReindexOptions {
  /** Indexes to be added; what an earlier call left unfinished is finished in any case. */
  readonly add?: readonly IndexName[]
  /** Indexes to be dropped. One in both lists is built anew. */
  readonly drop?: readonly IndexName[]
  /** Ends it between two transactions; the next call goes on from there. */
  readonly signal?: AbortSignal
  /** Called now and then. */
  readonly onProgress?: (progress: ReindexProgress) => void
}

/** How far a reindex has come. */
export interface ReindexProgress {
  readonly index: IndexName
  readonly doing: 'dropping' | 'building'
  /** Rows dropped, or events looked at, by this call. */
  readonly done: number
  /** How much of the log this has covered, from 0 to 1; `undefined` while dropping. */
  readonly share: number | undefined
}

/** Options of `backup`. */
export interface BackupOptions {
  /** Gives up and removes what was written. */
  readonly signal?: AbortSignal
  /** Called now and then with the bytes written and, roughly, to be written. */
  readonly onProgress?: (bytes: number, bytesTotal: number) => void
}
