import { setTimeout as pause } from 'node:timers/promises'
import { defineProjection, type EventShape, type EventStore, type Projection } from 'eventdb'
import { eventSource } from './events.ts'
import { type Figures, measured } from './measured.ts'
import { now, patiently, percentile } from './subscription-events.ts'

/** What a projection makes of every event. */
export type ProjectedBy = 'counting' | 'counting all' | 'partitioned' | 'linking' | 'read model'

/** A projection handles everything that is there. */
export interface Projecting {
  readonly kind: 'project'
  readonly by: ProjectedBy
}

/** The same events handed to a catch-up subscription, whose handler counts them. */
export interface Counting {
  readonly kind: 'catch-up'
}

/** Appends, one after the other, each waited for. */
export interface Waiting {
  readonly kind: 'wait'
  readonly pauseMs: number
  readonly events: number
}

/** Partitions of the partitioned projection: the streams. */
export const PARTITIONS = 10_000

interface OrderData {
  readonly total: number
}

type Order = EventShape & { readonly data: OrderData }

/** Fills a store with events of 10,000 streams, in groups of 1,000. */
export async function build(store: EventStore, events: number): Promise<void> {
  const next = eventSource(1, false)
  for (let done = 0; done < events; done += 1_000) {
    const group = Array.from({ length: Math.min(1_000, events - done) }, (_, at) =>
      // Neighbours are of streams that are far from each other.
      store.stream(`order-${((done + at) * 7_919) % PARTITIONS}`).append(next()),
    )
    await Promise.all(group)
  }
}

/** Runs a projection over everything, and makes sure that it has counted everything. */
export async function project(store: EventStore, { by }: Projecting): Promise<Figures> {
  const { events } = await store.info()
  const last = await store.all.read({ direction: 'backwards', limit: 1 }).first()
  const faults: string[] = []
  const projection = projectionBy(by)
  const seen = await measured(async () => {
    const running = await store.project(projection, { onFault: ({ error }) => faults.push(error.message) })
    await running.waitFor(last!.position, { timeoutMs: 1_800_000 })
    return events
  })
  if (faults.length > 0) throw new Error(faults[0])
  const counted = await countedBy(store, projection)
  if (counted !== events) throw new Error(`${by}: ${counted} events were counted, but there are ${events}`)
  return { ...seen }
}

async function countedBy(store: EventStore, projection: Projection<EventShape, Counted>): Promise<number> {
  let counted = 0
  for await (const { state } of store.projection(projection).partitions()) counted += state.count
  return counted
}

interface Counted {
  readonly count: number
  readonly total: number
}

function projectionBy(by: ProjectedBy): Projection<EventShape, Counted> {
  const settings = {
    name: by,
    source: { kind: 'category', category: 'order' },
    initialState: () => ({ count: 0, total: 0 }),
  } as const
  const counted = (state: Counted): Counted => ({ ...state, count: state.count + 1 })
  switch (by) {
    case 'counting':
      return defineProjection<Counted>({ ...settings, any: counted })
    case 'counting all':
      return defineProjection<Counted>({ ...settings, source: { kind: 'all' }, any: counted })
    case 'partitioned':
      return defineProjection<Counted>({
        ...settings,
        partitionBy: 'stream',
        any: ({ count, total }, event) => ({ count: count + 1, total: total + (event as Order).data.total }),
      })
    case 'linking':
      return defineProjection<Counted>({
        ...settings,
        any: (state, event, { linkTo }) => {
          linkTo(`by-type-${event.type}`, event)
          return counted(state)
        },
      })
    case 'read model':
      return defineProjection<Counted>({
        ...settings,
        any: (state, event, { kv }) => {
          kv.set([event.type, event.position], (event as Order).data.total)
          return counted(state)
        },
      })
    default:
      return by satisfies never
  }
}

/** Hands everything to a subscription. */
export async function catchUp(store: EventStore): Promise<Figures> {
  const seen = await measured(async () => {
    let count = 0
    const stop = new AbortController()
    const subscription = await store
      .category('order')
      .subscribe({ type: 'catch-up', signal: stop.signal, onCaughtUp: () => stop.abort() }, () => {
        count += 1
      })
    await subscription.ended
    return count
  })
  return { ...seen }
}

/** Appends events and waits for a counting projection each time: from the acknowledgement until `waitFor` resolves. */
export async function waitFor(store: EventStore, { pauseMs, events }: Waiting): Promise<Figures> {
  const projection = await store.project(projectionBy('counting'))
  const next = eventSource(1, false)
  const [delays, appends]: [number[], number[]] = [[], []]
  const warmUp = Math.ceil(events / 5)
  for (let number = 0; number < events + warmUp; number += 1) {
    const began = now()
    const { position } = await store.stream(`order-${number % 100}`).append(next())
    const acknowledged = now()
    await patiently(projection.waitFor(position!), () => `Event ${number} was not projected`)
    if (number >= warmUp) {
      appends.push(acknowledged - began)
      delays.push(now() - acknowledged)
    }
    if (pauseMs > 0) await pause(pauseMs)
  }
  await projection.close()
  const [sorted, took] = [delays.toSorted((a, b) => a - b), appends.toSorted((a, b) => a - b)]
  return {
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    appendP50Ms: percentile(took, 0.5),
    appendP99Ms: percentile(took, 0.99),
  }
}
