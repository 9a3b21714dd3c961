import { type Aggregates, defineAggregate, defineEvents, type EventStore, openEventStore } from 'eventdb'
import {
  decide,
  evolve,
  initialState,
  type OrderEvent,
  type OrderState,
  orderSource,
} from './aggregate-decider.ts'
import {
  type AggregateProgram,
  eventsBehindSnapshot,
  type Filled,
  idOf,
  type LoadWay,
  type OpenAggregates,
} from './aggregate-program.ts'

const CATEGORY = 'order'
/** Events of one append while a store is filled. */
const FILL_EVENTS = 500
/** Aggregates that are filled side by side. */
const FILL_IN_FLIGHT = 128

type Orders = Aggregates<OrderEvent, OrderState, { readonly record: typeof decide }>

/** The event store of this package, durable as always, without the indexes that nobody else has. */
export function eventdbAggregates(engine: 'sqlite' | 'lmdb'): OpenAggregates {
  return async ({ folder, way, cacheMax }) => {
    const store = await openEventStore(folder, { engine, indexes: [] })
    return programOf(store, ordersOf(store, way, way === 'cache' ? cacheMax : 0, 100), way)
  }
}

function ordersOf(store: EventStore, way: LoadWay, cacheMax: number | undefined, every: number): Orders {
  const definition = defineAggregate(defineEvents<OrderEvent>(), {
    category: CATEGORY,
    initialState,
    evolve,
    commands: { record: decide },
    cacheMax,
    snapshots: way === 'snapshot' ? { every } : undefined,
  })
  return store.aggregate(definition)
}

function programOf(store: EventStore, orders: Orders, way: LoadWay): AggregateProgram {
  return {
    fill: (filled) => fill(store, filled, way === 'snapshot'),
    load: async (id) => (await orders.load(id)).state,
    executor: () => async (id, event) => (await orders.execute(id, 'record', event)).decisions,
    appender: () => async (id, event) => {
      await store.stream(`${CATEGORY}-${id}`).append(event)
      return 1
    },
    countEvents: async () => (await store.info()).events,
    close: () => store.close(),
  }
}

async function fill(store: EventStore, filled: readonly Filled[], hasSnapshots: boolean): Promise<void> {
  const next = orderSource(1)
  const orders = ordersOf(store, 'snapshot', 0, 1)
  for (const one of filled) {
    let number = 0
    const work = async (): Promise<void> => {
      for (; number < one.aggregates; ) {
        const id = idOf(one, number)
        number += 1
        const behind = hasSnapshots ? eventsBehindSnapshot(one.events) : 0
        await append(store, id, one.events - behind - 1, next)
        await (hasSnapshots ? saveSnapshot(store, orders, id, next()) : append(store, id, 1, next))
        await append(store, id, behind, next)
      }
    }
    // Only so many snapshots are saved side by side; more would be left out.
    await Promise.all(Array.from({ length: hasSnapshots ? 8 : FILL_IN_FLIGHT }, work))
  }
}

async function append(store: EventStore, id: string, events: number, next: () => OrderEvent): Promise<void> {
  const stream = store.stream(`${CATEGORY}-${id}`)
  for (let left = events; left > 0; left -= FILL_EVENTS)
    await stream.append(Array.from({ length: Math.min(left, FILL_EVENTS) }, next))
}

/** Snapshots are saved behind the command's back, so this looks until it is there. */
async function saveSnapshot(store: EventStore, orders: Orders, id: string, event: OrderEvent): Promise<void> {
  const { version } = await orders.execute(id, 'record', event)
  const snapshots = store.stream(`${CATEGORY}-${id}`).snapshots('state', { schemaVersion: 1 })
  for (let looks = 0; looks < 10_000; looks += 1) {
    if ((await snapshots.closest(version))?.version === version) return
  }
  throw new Error(`No snapshot of ${id} was saved`)
}
