/** Streams of each kind that all writing processes share. */
export const SHARED_STREAMS = 6
/** Counters that all writing processes share. */
export const COUNTERS = 3

/** What a writing process says. */
export type WriterReport =
  | { readonly event: 'ready' }
  | { readonly event: 'done'; readonly tries: number }
  | AcknowledgedReport

/** What it says of an append that was acknowledged. */
export interface AcknowledgedReport {
  readonly event: 'acknowledged'
  readonly kind: 'any' | 'increment' | 'expecting'
  readonly id: string
  readonly streamId: string
  readonly firstVersion: number
  readonly lastVersion: number
}

/** An event as a tailing process has seen it: position, stream, version. */
export type SeenEvent = readonly [position: string, streamId: string, version: number]

/** What a tailing process says. */
export type ReaderReport =
  | { readonly event: 'ready' | 'done' }
  | { readonly event: 'seen'; readonly events: readonly SeenEvent[] }
