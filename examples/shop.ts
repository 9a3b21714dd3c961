/**
 * A small shop that keeps what happened, instead of overwriting what is.
 *
 *   npm run demo              shows it, and leaves nothing behind
 *   npm run demo -- --keep    leaves the store, to be looked at with the command line
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import {
  days,
  defineCorrelation,
  defineEvents,
  type EventStore,
  matchesOf,
  openEventStore,
  type RecordedEvent,
  sequence,
  WrongExpectedVersionError,
  windowOf,
} from 'eventdb'

// ── What can happen ──────────────────────────────────────────────────────────────────────────────────────

type OrderEvent =
  | { type: 'OrderPlaced'; data: { customer: string; item: string; price: number } }
  | { type: 'ItemAdded'; data: { item: string; price: number } }
  | { type: 'OrderPaid'; data: { amount: number } }
  | { type: 'OrderShipped'; data: { parcel: string } }
  | { type: 'OrderCancelled'; data: { reason: string } }
  | { type: 'ReturnAgreed'; data: { reason: string } }

type VoucherEvent = { type: 'VoucherIssued' | 'VoucherUsed'; data: { amount: number } }

// ── What an order is: the sum of what happened to it ─────────────────────────────────────────────────────

interface Order {
  readonly status: 'new' | 'open' | 'paid' | 'shipped' | 'cancelled' | 'coming back'
  readonly items: readonly string[]
  readonly total: number
}

const NEW_ORDER: Order = { status: 'new', items: [], total: 0 }

function evolve(order: Order, event: OrderEvent): Order {
  switch (event.type) {
    case 'OrderPlaced':
    case 'ItemAdded': {
      const { item, price } = event.data
      return { status: 'open', items: [...order.items, item], total: order.total + price }
    }
    case 'OrderPaid':
      return { ...order, status: 'paid' }
    case 'OrderShipped':
      return { ...order, status: 'shipped' }
    case 'OrderCancelled':
      return { ...order, status: 'cancelled' }
    case 'ReturnAgreed':
      return { ...order, status: 'coming back' }
  }
}

/** Reads an order's events and adds them up. The version says how far it has read. */
async function load(store: EventStore, id: string): Promise<{ order: Order; version: number }> {
  let [order, version] = [NEW_ORDER, 0]
  for await (const event of store.stream<OrderEvent>(id).read()) {
    order = evolve(order, event)
    version = event.version
  }
  return { order, version }
}

// ── What people decide: an order in, an event out ────────────────────────────────────────────────────────

function ship(order: Order): OrderEvent {
  if (order.status !== 'paid') throw new Error(`An order that is ${order.status} cannot be shipped`)
  return { type: 'OrderShipped', data: { parcel: 'P-1001' } }
}

function callOff(order: Order, reason: string): OrderEvent {
  return order.status === 'shipped'
    ? { type: 'ReturnAgreed', data: { reason } }
    : { type: 'OrderCancelled', data: { reason } }
}

// ── The demo ─────────────────────────────────────────────────────────────────────────────────────────────

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'eventdb-demo-'))
  const keep = process.argv.includes('--keep')
  console.log('A small shop that keeps what happened, instead of overwriting what is.')
  try {
    await aDayInTheShop(folder)
    await theNextMorning(folder)
    await aQuestionAboutThePast()
  } finally {
    if (!keep) await rm(folder, { recursive: true })
  }
  step('That was all')
  say(`The files were in ${folder}${keep ? '.' : ', and are gone now.'}`)
  say(
    keep
      ? `Look around: npm run eventdb -- read --all --store ${folder}`
      : 'To keep them: npm run demo -- --keep',
  )
}

async function aDayInTheShop(folder: string): Promise<void> {
  step('Open a store', 'openEventStore(folder)')
  await using store = await openEventStore(folder)
  say('A store is a folder. There is no server, and nothing to set up.')

  await placeOrders(store)
  await readOneOrder(store)
  await addItUp(store)
  await letTwoClerksMeet(store)
  await payWithVoucher(store)
  await readEverything(store)
}

async function placeOrders(store: EventStore): Promise<void> {
  step('Place orders', 'stream.append(event)')
  say('Each order is a stream of events of its own. Events are appended, and never changed.')
  const orders = [
    { customer: 'ada', item: 'teapot', price: 18 },
    { customer: 'grace', item: 'kettle', price: 35 },
    { customer: 'edsger', item: 'strainer', price: 6 },
    { customer: 'barbara', item: 'teapot', price: 18 },
  ]
  // Appends that wait together become durable together: this is one flush to the disk, not four.
  const placed = orders.map((data, index) => {
    const stream = store.stream<OrderEvent>(`order-${index + 1}`)
    return stream.append({ type: 'OrderPlaced', data }, { expectedVersion: 'no-stream' })
  })
  for (const { streamId, lastVersion } of await Promise.all(placed)) {
    row(streamId, `is on disk, at version ${lastVersion}`)
  }
  const { lastVersion } = await store.stream<OrderEvent>('order-1').append([
    { type: 'ItemAdded', data: { item: 'cup', price: 4 } },
    { type: 'OrderPaid', data: { amount: 22 } },
  ])
  row('order-1', `gets a cup more, and is paid: version ${lastVersion}`)
}

async function readOneOrder(store: EventStore): Promise<void> {
  step('Read one stream', 'stream.read()')
  say('This is everything that ever happened to order-1:')
  for await (const event of store.stream<OrderEvent>('order-1').read()) show(event)
}

async function addItUp(store: EventStore): Promise<void> {
  step('Find out what the order is', 'order = evolve(order, event)')
  say('Its state is stored nowhere. It follows from the events, one after the other:')
  let order = NEW_ORDER
  for await (const event of store.stream<OrderEvent>('order-1').read()) {
    order = evolve(order, event)
    row(event.type, `→ ${order.status}, ${order.total} € for ${order.items.join(' and ')}`)
  }
}

async function letTwoClerksMeet(store: EventStore): Promise<void> {
  step('Two clerks, one order', 'stream.append(event, { expectedVersion })')
  const stream = store.stream<OrderEvent>('order-1')
  const [seenByAnn, seenByBob] = [await load(store, 'order-1'), await load(store, 'order-1')]
  say(`Ann and Bob both look at order-1: it is ${seenByBob.order.status}, at version ${seenByBob.version}.`)

  const shipped = await stream.append(ship(seenByAnn.order), { expectedVersion: seenByAnn.version })
  row(
    'Ann ships it',
    `and expects version ${seenByAnn.version}: done, it is at version ${shipped.lastVersion}`,
  )
  try {
    await stream.append(callOff(seenByBob.order, 'too late'), { expectedVersion: seenByBob.version })
  } catch (error) {
    if (!(error instanceof WrongExpectedVersionError)) throw error
    row('Bob cancels it', `and expects version ${error.expected}: refused, it is at version ${error.actual}`)
    const { order, version } = await load(store, 'order-1')
    await stream.append(callOff(order, 'too late'), { expectedVersion: version })
    row(
      'Bob looks again',
      `sees that it is ${order.status}, and decides again: the customer may send it back`,
    )
  }
}

async function payWithVoucher(store: EventStore): Promise<void> {
  step('Two streams and a list, all or nothing', 'store.transact(async (tx) => …)')
  await store.stream<VoucherEvent>('voucher-7').append({ type: 'VoucherIssued', data: { amount: 35 } })
  await store.transact(async (tx) => {
    const voucher = tx.stream<VoucherEvent>('voucher-7')
    await voucher.append({ type: 'VoucherUsed', data: { amount: 35 } }, { expectedVersion: 1 })
    await tx.stream<OrderEvent>('order-2').append({ type: 'OrderPaid', data: { amount: 35 } })
    tx.kv.set(['to pack', 'order-2'], { item: 'kettle' })
  })
  say('A voucher pays for order-2, and somebody has to pack it:')
  row('voucher-7', 'is used up,')
  row('order-2', 'is paid,')
  row('to pack', 'names order-2: three changes in one transaction')
}

async function readEverything(store: EventStore): Promise<void> {
  step('Read the log', 'store.all.read()')
  say('All events of all streams, in the order in which they happened:')
  for await (const event of store.all.read()) showWithStream(event)
}

async function theNextMorning(folder: string): Promise<void> {
  step('Close the store, and open it again', 'store.close()')
  await using store = await openEventStore(folder)
  const { events, streams } = await store.info()
  say(`All ${events} events in ${streams} streams are still there, and so is the list.`)
  const { order } = await load(store, 'order-1')
  row('order-1', `is ${order.status}`)
  await store.readTransact(async (tx) => {
    for await (const { key, value } of tx.kv.getRange(['to pack'])) {
      row('to pack', `${key.at(-1)}: ${JSON.stringify(value)}`)
    }
  })
  const { problems } = await store.check()
  row('check', problems.length === 0 ? 'every event is as it was written' : `${problems.length} problems`)
}

/** When orders were placed early in 2024, and how many days later they were shipped. */
const ORDERS_OF_2024 = [
  ['01-09', 1],
  ['02-13', 2],
  ['02-27', 5],
  ['03-19', 1],
  ['04-02', 3],
  ['04-24', 12],
  ['05-21', 2],
] as const

async function aQuestionAboutThePast(): Promise<void> {
  step('Ask what nobody has asked before', 'store.runOnce(defineCorrelation(…))')
  await using store = await openEventStore(':memory:')
  for (const [index, [day, later]] of ORDERS_OF_2024.entries()) {
    const placed = new Date(`2024-${day}T10:00Z`)
    const stream = store.stream<OrderEvent>(`order-${index + 1}`)
    await stream.append([
      { type: 'OrderPlaced', data: { customer: 'ada', item: 'cup', price: 4 }, time: placed },
      {
        type: 'OrderShipped',
        data: { parcel: `P-${index}` },
        time: new Date(placed.getTime() + days(later)),
      },
    ])
  }
  say('How long did customers wait at most, in each month of 2024? Events know when they happened:')
  const orders = defineEvents<OrderEvent>()
  const waiting = defineCorrelation(orders, {
    name: 'waiting',
    source: { kind: 'category', category: 'order' },
    by: 'stream',
    sequence: sequence(orders).startsWith('OrderPlaced').followedBy('OrderShipped'),
  })
  const longest = new Map<string, number>()
  for await (const { startedAt, durationMs } of matchesOf(await store.runOnce(waiting))) {
    const month = windowOf(startedAt, 'month')
    longest.set(month, Math.max(longest.get(month) ?? 0, durationMs / days(1)))
  }
  for (const [month, wait] of [...longest].toSorted()) {
    row(month, `${paint('cyan', '█'.repeat(wait))} ${wait} ${wait === 1 ? 'day' : 'days'}`)
  }
}

// ── What it looks like ───────────────────────────────────────────────────────────────────────────────────

const isColourful = process.stdout.isTTY && process.stdout.hasColors()
let steps = 0

function paint(colour: 'bold' | 'cyan' | 'dim', text: string): string {
  return isColourful ? styleText(colour, text) : text
}

function step(title: string, code = ''): void {
  steps += 1
  console.log(`\n${paint('bold', `${steps}  ${title.padEnd(42)}`)}${paint('dim', code)}`.trimEnd())
}

function say(text: string): void {
  console.log(`   ${text}`)
}

function row(name: string, text: string, width = 16): void {
  console.log(`     ${paint('cyan', name.padEnd(width))} ${text}`)
}

function show({ version, type, data }: RecordedEvent): void {
  row(`${version}  ${type}`, paint('dim', JSON.stringify(data)))
}

function showWithStream({ streamId, version, type, data }: RecordedEvent): void {
  row(`${streamId} ${version}`.padEnd(13) + type, paint('dim', JSON.stringify(data)), 27)
}

await main()
