import type { EventPlace } from '../store/contract-appending.ts'
import type { DataCodec } from '../store/contract-codec.ts'
import type { EventShape, JsonValue } from '../store/event.ts'
import type { Tuple } from '../tuple/elements.ts'
import type { ExpectedError, ExpectedEvent, ExpectedState, GivenEvent } from './specify-contract.ts'

/** Options of `specifyProjection`. */
export interface SpecifyProjectionOptions {
  /** When the first event is recorded, unless it says so. @default the beginning of the year 2000, in UTC */
  readonly now?: Date
  /** Whether it is for `runOnce`, so that handlers may stop it. @default false: `context.stop()` throws */
  readonly once?: boolean
  /** What data is written with, as in `openEventStore`. @default JSON alone */
  readonly codecs?: readonly DataCodec[]
}

/** An event that was recorded in a stream. */
export type GivenRecord<E extends EventShape> = GivenEvent<E> & {
  readonly streamId: string
  /** When it was recorded, not before the one that was recorded last. @default its time, or when the last one was recorded */
  readonly recordedAt?: Date
}

/** A stream that was deleted, as `deleted` makes it. */
export interface GivenDeletion {
  readonly deleted: string
  /** Whether it is gone for ever. @default false */
  readonly isTombstone?: boolean
  /** When that was. @default when the last event was recorded */
  readonly recordedAt?: Date
}

/** What a projection should emit to a stream: events, one or several, or a link. */
export type ExpectedEmission =
  | {
      readonly streamId: string
      readonly events: ExpectedEvent<EventShape> | readonly ExpectedEvent<EventShape>[]
    }
  | { readonly streamId: string; readonly link: EventPlace }

/** A row that a read model should have. */
export type ExpectedRow = readonly [key: Tuple, value: JsonValue | Uint8Array]

/** Examples of what a projection makes of events. */
export interface ProjectionSpecification<E extends EventShape, S> {
  /**
   * A log in which this was recorded, in this order. What is not of the projection's source is passed over, as it would be. Events of today are
   * checked as if they were appended, and all are brought up to date as if they were read.
   */
  given(
    log: GivenRecord<E> | GivenDeletion | readonly (GivenRecord<E> | GivenDeletion)[],
  ): SpecifiedProjection<S>
  /** Says in a log that a stream was deleted. */
  deleted(streamId: string, options?: Omit<GivenDeletion, 'deleted'>): GivenDeletion
}

/**
 * What a projection came to. Every method that begins with `then` rejects with an AssertionError if it is otherwise, or if a rule was broken:
 * if a handler cannot run again, or if what comes of it depends on how events fall into batches.
 */
export interface SpecifiedProjection<S> {
  /** The same some time later: timers run that are due by then. */
  at(time: Date): SpecifiedProjection<S>
  /** The state of a partition is this, as it is read again. @default partition the one that has no name */
  thenState(expected: ExpectedState<S>, partition?: string): Promise<void>
  /** There are these partitions, with these states, and no others. */
  thenPartitions(expected: { readonly [partition: string]: ExpectedState<S> }): Promise<void>
  /** It has emitted this, in this order, and nothing else. */
  thenEmitted(expected: ExpectedEmission | readonly ExpectedEmission[]): Promise<void>
  /** Its read model has these rows, in any order, and no others. */
  thenKv(expected: readonly ExpectedRow[]): Promise<void>
  /** It stopped with this error: of a handler, or since what came of an event cannot be written. */
  thenThrows(expected: ExpectedError): Promise<void>
}
