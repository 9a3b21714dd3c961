/**
 * Shipping: a process that spans orders, stock and parcels. A projection follows each order, and when something is due it writes down, in the
 * same transaction as its state, what shall be done: a request. A persistent subscription does it, a command on another aggregate, at least
 * once; and as the id of the request is the key of the command, it is done once, whoever crashes when.
 */
import {
  defineAggregate,
  defineEvents,
  defineProjection,
  openEventStore,
  type ProjectionContext,
  type RecordedEvent,
} from 'eventdb'

// ── Three aggregates, which know nothing of each other ───────────────────────────────────────────────────────────────────────────────

type OrderEvent =
  | { type: 'OrderPlaced'; data: { item: string } }
  | { type: 'OrderPaid' }
  | { type: 'OrderCancelled'; data: { why: string } }
type StockEvent =
  | { type: 'Stocked'; data: { pieces: number } }
  | { type: 'Reserved'; data: { order: string } }
  | { type: 'SoldOut'; data: { order: string } }
type ParcelEvent = { type: 'ParcelSent'; data: { item: string } }

const order = defineAggregate(defineEvents<OrderEvent>(), {
  category: 'order',
  initialState: () => ({ isCancelled: false }),
  evolve: { OrderCancelled: () => ({ isCancelled: true }) },
  commands: {
    place: (_, item: string) => ({ type: 'OrderPlaced', data: { item } }),
    pay: () => ({ type: 'OrderPaid' }),
    cancel: ({ isCancelled }, why: string) => (isCancelled ? [] : { type: 'OrderCancelled', data: { why } }),
  },
})

const stock = defineAggregate(defineEvents<StockEvent>(), {
  category: 'stock',
  initialState: () => ({ pieces: 0 }),
  evolve: {
    Stocked: (state, { data }) => ({ pieces: state.pieces + data.pieces }),
    Reserved: (state) => ({ pieces: state.pieces - 1 }),
  },
  commands: {
    fill: (_, pieces: number) => ({ type: 'Stocked', data: { pieces } }),
    reserve: ({ pieces }, order: string) => ({ type: pieces > 0 ? 'Reserved' : 'SoldOut', data: { order } }),
  },
})

const parcel = defineAggregate(defineEvents<ParcelEvent>(), {
  category: 'parcel',
  initialState: () => null,
  evolve: {},
  commands: { send: (_, item: string) => ({ type: 'ParcelSent', data: { item } }) },
})

// ── The process: what has happened to an order, and what shall be done next ──────────────────────────────────────────────────────────

/** What shall be done: a command, and with what. */
type Request =
  | { readonly command: 'reserve'; readonly item: string; readonly order: string }
  | { readonly command: 'send'; readonly item: string; readonly order: string }
  | { readonly command: 'cancel'; readonly why: string; readonly order: string }

type Requested = { type: 'CommandRequested'; data: Request }

interface Progress {
  readonly item: string
  readonly isPaid: boolean
  readonly isReserved: boolean
}

const DAY_MS = 24 * 3_600_000

const shipping = defineProjection(defineEvents<OrderEvent | StockEvent>(), {
  name: 'shipping',
  source: { kind: 'all' },
  partitionBy: (event) => {
    if (event.type === 'Reserved' || event.type === 'SoldOut') return event.data.order
    return event.streamId.startsWith('order-') ? event.streamId.slice('order-'.length) : undefined
  },
  initialState: (): Progress => ({ item: '', isPaid: false, isReserved: false }),
  on: {
    OrderPlaced: (progress, { data, time }, context) => {
      request(context, { command: 'reserve', item: data.item, order: context.partition })
      context.schedule('not paid', new Date(time.getTime() + 3 * DAY_MS))
      return { ...progress, item: data.item }
    },
    OrderPaid: (progress, _, context) => {
      context.cancel('not paid')
      return sendIfReady({ ...progress, isPaid: true }, context)
    },
    Reserved: (progress, _, context) => sendIfReady({ ...progress, isReserved: true }, context),
    SoldOut: (_progress, _, context) => {
      request(context, { command: 'cancel', why: 'sold out', order: context.partition })
    },
    OrderCancelled: (_progress, _, context) => {
      context.cancel('not paid')
      context.forget()
    },
  },
  timer: (_progress, { name }, context) => {
    request(context, { command: 'cancel', why: name, order: context.partition })
  },
  // Time goes by although no event comes.
  clock: 'wall',
})

function sendIfReady(progress: Progress, context: ProjectionContext): Progress {
  const { item, isPaid, isReserved } = progress
  if (isPaid && isReserved) request(context, { command: 'send', item, order: context.partition })
  return progress
}

function request(context: ProjectionContext, data: Request): void {
  context.emit('shipping-requests', { type: 'CommandRequested', data })
}

// ── It runs, in one process of those that have it; requests are carried out in all of them ───────────────────────────────────────────

await using store = await openEventStore(':memory:')
const orders = store.aggregate(order)
const stocks = store.aggregate(stock)
const parcels = store.aggregate(parcel)

const requests = store.eventType<Requested>('CommandRequested')
await requests.createSubscription('carry out', { retryBackoff: { initialMs: 10, maxMs: 100 } })
let crashes = 1
await using _carrier = await requests.subscribe({ type: 'persistent', group: 'carry out' }, carryOut)
await using _process = await store.project(shipping)

async function carryOut({ id, data }: RecordedEvent<Requested>): Promise<void> {
  const { idempotent } = await execute(data, id)
  console.log(`${data.order}: ${data.command} ${idempotent ? 'was done before' : 'is done'}`)
  if (data.command !== 'send' || crashes === 0) return
  crashes -= 1
  throw new Error('Crashed, when all was done, but nobody had heard of it')
}

function execute(data: Request, idempotencyKey: string): Promise<{ readonly idempotent: boolean }> {
  switch (data.command) {
    case 'reserve':
      return stocks.execute(data.item, 'reserve', data.order, { idempotencyKey })
    case 'send':
      return parcels.execute(data.order, 'send', data.item, { idempotencyKey })
    case 'cancel':
      return orders.execute(data.order, 'cancel', data.why, { idempotencyKey })
  }
}

// ── Three orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

await stocks.execute('teapot', 'fill', 2)

console.log('Ada orders a teapot, and pays; the one who sends it crashes, and does it again')
await orders.execute('ada', 'place', 'teapot')
await orders.execute('ada', 'pay')
await until(async () => (await carried()) === 2)

console.log('Bob has ordered one a week ago, by letter, and not paid yet')
const lastWeek = new Date(Date.now() - 7 * DAY_MS)
const letter = { type: 'OrderPlaced', data: { item: 'teapot' }, time: lastWeek } as const
await store.stream<OrderEvent>('order-bob').append(letter)
await until(async () => (await orders.load('bob')).state.isCancelled)
await until(async () => (await carried()) === 4)

console.log('Cleo orders one, and there is none left')
await orders.execute('cleo', 'place', 'teapot')
await until(async () => (await orders.load('cleo')).state.isCancelled)
await until(async () => (await carried()) === 6)

for await (const { streamId, type, data } of store.all.read()) {
  if (type === 'ParcelSent' || type === 'OrderCancelled')
    console.log(`${streamId} ${type} ${JSON.stringify(data)}`)
}

/** How many requests were carried out. */
async function carried(): Promise<number> {
  const { lag } = await requests.subscription('carry out').info()
  return (await requests.read().toArray()).length - lag
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}
