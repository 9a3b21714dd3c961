import type { EventStore, GroupStrategy } from 'eventdb'
import { type Figures, measured } from './measured.ts'
import {
  type ConsumerJob,
  type Consumers,
  consumerProcess,
  consumersIn,
  GROUP,
} from './subscription-consumers.ts'
import { patiently, signalled } from './subscription-events.ts'

/** Consumers of a group with default settings, and a store full of events that wait for them. */
export interface Persistent {
  readonly kind: 'persistent'
  readonly strategy: GroupStrategy
  readonly consumers: number
  /** Whether each consumer has a process of its own. */
  readonly ownProcesses: boolean
}

/** From the moment at which the group begins to deliver until everything is acknowledged, durably. */
export async function persistent(
  store: EventStore,
  place: ConsumerJob,
  { strategy, consumers: wanted, ownProcesses }: Persistent,
): Promise<Figures> {
  const { events } = await store.info()
  const group = await store.all.createSubscription(GROUP, { strategy })
  await group.pause()
  const all = signalled()
  let consumers: Consumers[] = []
  const handled = (): number => consumers.reduce((sum, one) => sum + one.count(), 0)
  const onProgress = (): void => {
    if (handled() >= events) all.resolve()
  }
  consumers = ownProcesses
    ? await Promise.all(Array.from({ length: wanted }, () => consumerProcess(place, onProgress)))
    : [await consumersIn(store, wanted, onProgress)]
  let positions: string[] = []
  const seen = await measured(async () => {
    await group.resume()
    await patiently(all.promise, () => `${handled()} of ${events} events were delivered`)
    // Whoever leaves acknowledges first what it has handled.
    positions = (await Promise.all(consumers.map((one) => one.close()))).flat()
    return events
  })
  const { lag, inFlight, parked } = await group.info()
  const different = new Set(positions).size
  if (different !== events || lag + inFlight + parked > 0) {
    throw new Error(`${different} of ${events} delivered, ${lag} not finished, ${parked} parked`)
  }
  return { ...seen, again: positions.length - events }
}
