import type { Transaction } from '../kv/contract.ts'
import type { CheckRun } from './check-run.ts'
import type { SourceName } from './contract-query.ts'
import type { StreamState } from './contract-streams.ts'
import type {
  CreateSubscriptionOptions,
  GroupSource,
  SubscribableSource,
  SubscriptionEntry,
  SubscriptionGroup,
} from './contract-subscribing.ts'
import type { RecordedEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import type { Reading, View } from './reading.ts'

/** A place of an event in any source. */
export type AnyPlace = bigint | number

/** Any source, when it does not matter which. */
export type AnySubscribable = SubscribableSource<RecordedEvent, AnyPlace>

/** The transaction in which a group is created. */
export interface GroupBirth {
  readonly tx: Transaction
  readonly view: View
  /** How a stream is, with what the transaction has done to it. */
  stateOf(streamId: string): Promise<{ readonly state: StreamState }>
}

/**
 * What delivers the events of a store: the layer above, which the store knows by this alone. The store hands it whatever is asked of its
 * sources.
 */
export interface Broker {
  readonly subscribe: (
    source: SourceName,
    ...how: Parameters<AnySubscribable['subscribe']>
  ) => Promise<unknown>
  create(
    source: SourceName,
    name: string,
    options: CreateSubscriptionOptions<AnyPlace>,
  ): Promise<SubscriptionGroup>
  createWithin(
    birth: GroupBirth,
    source: SourceName,
    name: string,
    options: CreateSubscriptionOptions<AnyPlace>,
  ): Promise<void>
  group(source: SourceName, name: string): SubscriptionGroup
  list(signal: AbortSignal | undefined): AsyncIterable<SubscriptionEntry>
  /** Verifies the rows that it keeps in the store. */
  check(run: CheckRun): Promise<void>
  /** Ends all subscriptions, and waits for their handlers; `undefined` if there are none. */
  close(): Promise<void> | undefined
}

/** What a broker is given. */
export interface BrokerScene {
  readonly host: StoreHost
  readonly reading: Reading
  /** Throws once the store is closed. */
  assertOpen(): void
}

/** Makes the broker of a store. */
export type MakeBroker = (scene: BrokerScene) => Broker

/** The part of a source that is subscribed to. */
export function subscribable<R, Place>(broker: Broker, source: SourceName): SubscribableSource<R, Place> {
  const faces = {
    subscribe: (...how: Parameters<AnySubscribable['subscribe']>) => broker.subscribe(source, ...how),
    createSubscription: (name: string, options: CreateSubscriptionOptions<AnyPlace> = {}) =>
      broker.create(source, name, options),
    subscription: (name: string) => broker.group(source, name),
  }
  return faces as unknown as SubscribableSource<R, Place>
}

/** The same within a transaction, where groups can only be created. */
export function groupSource<Place>(
  broker: Broker,
  source: SourceName,
  birth: GroupBirth,
): GroupSource<Place, void> {
  return {
    createSubscription: (name, options = {}) =>
      broker.createWithin(birth, source, name, options as CreateSubscriptionOptions<AnyPlace>),
  }
}
