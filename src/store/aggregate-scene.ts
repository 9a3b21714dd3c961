import type { PlacedAppend, SessionRequest } from './appended.ts'
import type { Aggregate, Aggregates, AggregatesOptions } from './contract-aggregates.ts'
import type { SubscribableStream } from './contract-streams.ts'
import type { StoreTransaction } from './contract-transactions.ts'
import type { EventShape } from './event.ts'
import type { StoreHost } from './host.ts'
import type { Reading, View } from './reading.ts'
import type { StoreSession } from './session.ts'

/** The inside of a transaction of a store. */
export interface TransactionScene {
  readonly host: StoreHost
  readonly session: StoreSession
  readonly view: View
}

/** What aggregates are given of a store. */
export interface AggregateScene {
  readonly host: StoreHost
  readonly reading: Reading
  /** What separates the category from the rest of a stream id. */
  readonly categorySeparator: string
  /** Throws once the store is closed. */
  assertOpen(): void
  /** Appends to one stream. */
  append(request: SessionRequest): Promise<PlacedAppend>
  transact<T>(body: (tx: StoreTransaction) => Promise<T>): Promise<T>
  stream(id: string): SubscribableStream
}

/** The aggregates of a store: the layer above, which the store knows by this alone. */
export interface AggregateHost {
  aggregate<E extends EventShape, S, C>(
    aggregate: Aggregate<E, S, C>,
    options: AggregatesOptions,
  ): Aggregates<E, S, C>
  /** Refuses commands that are not decided, and waits for what is under way to the disk; `undefined` if there is nothing. */
  close(): Promise<void> | undefined
}

/** Makes the aggregates of a store. */
export type MakeAggregates = (scene: AggregateScene) => AggregateHost
