import type { ExpectedVersion, IndexName, JsonObject, MetadataPatch, Query, RetentionPatch } from 'eventdb'

/**
 * What a run of the model consists of: operations as plain data, so that a failing run can be printed, made shorter, and run again.
 * Positions are not known in advance, so operations name events by their place in the oracle's log.
 */

/** A new event. Large payloads are described, not written out. */
export interface ModelNewEvent {
  readonly type: string
  readonly data?: number | string | { readonly bytes: number; readonly fill: number }
  readonly metadata?: JsonObject
  readonly id?: string
  readonly timeMs?: number
  readonly tags?: readonly string[]
}

/** One stream's part of an append. */
export interface ModelAppend {
  readonly streamId: string
  readonly events: readonly ModelNewEvent[]
  readonly expectedVersion: ExpectedVersion
}

/** A query that nothing may match, behind an event of the log and some positions more, if one is named. */
export interface ModelQueryCondition {
  readonly query: Query
  readonly after?: { readonly event: number; readonly plus: number }
}

/** An append to one stream, or, with `many`, to several. */
export interface AppendOperation {
  readonly do: 'append'
  readonly many: boolean
  readonly appends: readonly ModelAppend[]
  readonly conditions: readonly { readonly streamId: string; readonly expectedVersion: ExpectedVersion }[]
  readonly queries: readonly ModelQueryCondition[]
  readonly key?: string
}

/** Snapshots with a name and a schema version. */
export interface ModelSeries {
  readonly streamId: string
  readonly name: string
  readonly schemaVersion: number
}

/** What is done to one stream, in a transaction or without. */
export type StreamOperation =
  | {
      readonly do: 'link'
      readonly streamId: string
      readonly target: { readonly streamId: string; readonly version: number }
      readonly id?: string
      readonly expectedVersion: ExpectedVersion
    }
  | {
      readonly do: 'create'
      readonly streamId: string
      readonly metadata?: JsonObject
      readonly maxCount?: number
      readonly maxAgeMs?: number
    }
  | { readonly do: 'metadata'; readonly streamId: string; readonly patch: MetadataPatch }
  | { readonly do: 'retention'; readonly streamId: string; readonly patch: RetentionPatch }
  | { readonly do: 'truncate'; readonly streamId: string; readonly before: number }
  | {
      readonly do: 'delete' | 'tombstone'
      readonly streamId: string
      readonly expectedVersion: ExpectedVersion
    }
  | { readonly do: 'restore'; readonly streamId: string }
  | {
      readonly do: 'save'
      readonly series: ModelSeries
      readonly keep: number
      readonly version: number
      readonly state: number
    }
  | { readonly do: 'forget'; readonly series: ModelSeries; readonly version?: number }

/** What is done to the caller's own keys, in transactions only. */
export type KeyOperation =
  | { readonly do: 'set'; readonly key: string; readonly value: number }
  | { readonly do: 'clear'; readonly key: string }
  | { readonly do: 'clear all' }

/** What a transaction can consist of. */
export type TransactionOperation = AppendOperation | StreamOperation | KeyOperation

/** What is done to a whole store, or to the world around it. */
export type WorldOperation =
  | {
      readonly do: 'transact'
      readonly operations: readonly TransactionOperation[]
      readonly thrownAway: boolean
    }
  | {
      /** Through several handles, without any read in between that would tell one of the others. */
      readonly do: 'in a row'
      readonly steps: readonly {
        readonly store: number
        readonly operation: AppendOperation | StreamOperation
      }[]
    }
  | { readonly do: 'append together'; readonly appends: readonly AppendOperation[] }
  | {
      readonly do: 'scavenge'
      /** After so many steps it is aborted; 0 is before the first. */
      readonly abortAfter?: number
      /** Appends that are made meanwhile. */
      readonly meanwhile: readonly AppendOperation[]
    }
  | {
      readonly do: 'reindex'
      readonly add: readonly IndexName[]
      readonly drop: readonly IndexName[]
      readonly abortAfter?: number
      readonly meanwhile: readonly AppendOperation[]
    }
  | { readonly do: 'reopen'; readonly process: boolean }
  | { readonly do: 'time passes'; readonly ms: number }
  | { readonly do: 'clock goes back'; readonly ms: number }

/** Anything that a run does. */
export type Operation = AppendOperation | StreamOperation | WorldOperation

/** One step of a run: an operation through one of the stores, and the seed of the reads after it. */
export interface ModelStep {
  readonly store: number
  readonly operation: Operation
  readonly reads: number
}

/** One line of text for a step. */
export function describeStep({ store, operation }: ModelStep, at: number): string {
  return `${String(at).padStart(4)}  store ${store}: ${describeOperation(operation)}`
}

/** Longer lists are all of one kind. */
const LISTED_MAX = 10

function describeOperation(operation: Operation | KeyOperation): string {
  if (operation.do === 'transact') {
    const lines = operation.operations.map((inner) => `\n          · ${describeOperation(inner)}`)
    return `transact${operation.thrownAway ? ', thrown away' : ''}${lines.join('')}`
  }
  const { do: name, ...rest } = operation
  return `${name} ${JSON.stringify(rest, shortly)}`
}

function shortly(_: string, value: unknown): unknown {
  if (Array.isArray(value) && value.length > LISTED_MAX) return [value[0], `and ${value.length - 1} like it`]
  return value === false || (Array.isArray(value) && value.length === 0) ? undefined : value
}
