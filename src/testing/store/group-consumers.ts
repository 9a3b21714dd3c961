import assert from 'node:assert/strict'
import { openEventStore } from '../../opening/open-event-store.ts'
import { type Runtime, sleep } from '../../runtime.ts'
import type { AnySubscribable } from '../../store/broker.ts'
import type { EventStore } from '../../store/contract.ts'
import type {
  Delivery,
  DeliveryHandler,
  GroupSettings,
  ParkedEvent,
  PersistentOptions,
  PersistentSubscription,
  SubscriptionEnd,
  SubscriptionGroup,
} from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import type { SimulatedStoreScene } from './laws.ts'

/** Virtual milliseconds after which a condition is taken never to come true. */
const PATIENCE_MS = 200_000
/** Virtual milliseconds between two looks. */
const LOOK_MS = 5

/** Settings with which little time passes. */
export const QUICK: GroupSettings = {
  messageTimeoutMs: 3_000,
  retryBackoff: { initialMs: 50, maxMs: 400 },
  checkpointAfterMs: 200,
}

/** What can be consumed: a source, as far as groups go. */
export type Consumable = Pick<AnySubscribable, 'subscribe'>

/** A consumer of a group that keeps what it was handed. */
export interface Consumer {
  readonly subscription: PersistentSubscription<RecordedEvent>
  /** What it was handed, in order. */
  readonly seen: readonly Delivery<RecordedEvent>[]
  /** The data of what it was handed, in order. */
  readonly data: unknown[]
  /** Which attempts it was handed of the event with this data. */
  attempts(data: unknown): number[]
  /** Ends it. */
  close(): Promise<void>
}

/** Consumes with a handler that does `react`, and keeps what it was handed. */
export async function consume(
  source: Consumable,
  group: string,
  react: DeliveryHandler<RecordedEvent> = () => {},
  options: Omit<PersistentOptions, 'type' | 'group'> = {},
): Promise<Consumer> {
  const seen: Delivery<RecordedEvent>[] = []
  const subscription = await source.subscribe(
    { ...options, type: 'persistent', group },
    (event, delivery) => {
      seen.push(delivery)
      return react(event, delivery)
    },
  )
  return {
    subscription,
    seen,
    get data() {
      return seen.map(({ event }) => event.data)
    },
    attempts: (data) => seen.filter(({ event }) => event.data === data).map(({ attempt }) => attempt),
    close: () => subscription.close(),
  }
}

/** Waits until a condition holds, while virtual time passes. */
export async function waitUntil(
  runtime: Runtime,
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let waitedMs = 0; !(await condition()); waitedMs += LOOK_MS) {
    assert.ok(waitedMs < PATIENCE_MS, `it never came to this: ${what}`)
    await sleep(runtime, LOOK_MS)
  }
}

/** Waits until everything is finished or parked that a group has to deliver. */
export function waitUntilDone(runtime: Runtime, group: Pick<SubscriptionGroup, 'info'>): Promise<void> {
  return waitUntil(runtime, 'everything is finished or parked', async () => {
    const { lag, inFlight, retrying, held } = await group.info()
    return lag + inFlight + retrying + held === 0
  })
}

/** A door that is shut until it is opened. */
export interface Gate {
  readonly passed: Promise<void>
  open(): void
}

/** Makes a door that is shut. */
export function gate(): Gate {
  let open!: () => void
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

/** The same store, opened again beside itself. */
export function companion({ store, directory, runtime }: SimulatedStoreScene): Promise<EventStore> {
  return openEventStore(store.kv, { directory, runtime })
}

/** Everything that is parked. */
export function parkedIn(group: SubscriptionGroup): Promise<ParkedEvent[]> {
  return group.parked().toArray()
}

/** The data of what is parked, in the order of the source. */
export async function parkedDataIn(group: SubscriptionGroup): Promise<unknown[]> {
  return (await parkedIn(group)).map(({ event }) => event?.data)
}

/** Why and how a subscription has ended; fails if it has not. */
export async function endOf(
  runtime: Runtime,
  { subscription }: Pick<Consumer, 'subscription'>,
): Promise<SubscriptionEnd> {
  let end: SubscriptionEnd | undefined
  void subscription.ended.then((known) => {
    end = known
  })
  await waitUntil(runtime, 'the subscription ends', () => end !== undefined)
  return end!
}

/** What several consumers were handed, in the order of data. */
export function dataOfAll(...consumers: readonly Consumer[]): unknown[] {
  return consumers.flatMap(({ data }) => data).sort((one, other) => Number(one) - Number(other))
}
