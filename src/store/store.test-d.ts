import type { EventStore } from './contract.ts'
import type { Stream } from './contract-streams.ts'
import type { StoreReadTransaction, StoreTransaction } from './contract-transactions.ts'
import type { NewEvent, PendingEvent, RecordedEvent } from './event.ts'

/** What the types must infer, and what must not compile. Nothing here runs. */

type CartEvent =
  | { type: 'ItemAdded'; data: { sku: string; quantity: number } }
  | { type: 'CheckedOut'; data: { total: number }; metadata: { user: string } }
  | { type: 'Abandoned' }

declare const store: EventStore

function is<Expected>(_value: Expected): void {}

/** Whether two types are the same, not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

async function appendsAreTyped(cart: Stream<CartEvent>): Promise<void> {
  const result = await cart.append({ type: 'ItemAdded', data: { sku: 'a', quantity: 1 } })
  is<bigint | undefined>(result.position)
  is<true>({} as Same<typeof result.position, bigint | undefined>)
  await cart.append([
    { type: 'ItemAdded', data: { sku: 'a', quantity: 1 }, id: 'x', tags: ['t'], time: new Date(0) },
    { type: 'CheckedOut', data: { total: 1 }, metadata: { user: 'me' } },
    { type: 'Abandoned' },
  ])
  await cart.append([], { expectedVersion: 3 })
  // @ts-expect-error a misspelt type
  await cart.append({ type: 'ItemAded', data: { sku: 'a', quantity: 1 } })
  // @ts-expect-error a misspelt field
  await cart.append({ type: 'ItemAdded', data: { sku: 'a', quantitty: 1 } })
  // @ts-expect-error a missing field
  await cart.append({ type: 'ItemAdded', data: { sku: 'a' } })
  // @ts-expect-error a field of another type
  await cart.append({ type: 'ItemAdded', data: { sku: 1, quantity: 1 } })
  // @ts-expect-error data of another event
  await cart.append({ type: 'ItemAdded', data: { total: 1 } })
  // @ts-expect-error missing data
  await cart.append([{ type: 'ItemAdded' }])
  // @ts-expect-error missing metadata
  await cart.append({ type: 'CheckedOut', data: { total: 1 } })
  // @ts-expect-error an unknown field of a new event
  await cart.append({ type: 'Abandoned', tag: ['t'] })
  // @ts-expect-error no expected version
  await cart.append({ type: 'Abandoned' }, { expectedVersion: 'none' })
  // @ts-expect-error positions are no versions
  await cart.append({ type: 'Abandoned' }, { expectedVersion: 3n })
}

async function readingNarrowsByType(cart: Stream<CartEvent>): Promise<void> {
  for await (const event of cart.read({ from: 1, direction: 'backwards' })) {
    is<bigint>(event.position)
    is<Date>(event.recordedAt)
    is<number>(event.version)
    is<readonly string[]>(event.tags)
    is<true>({} as Same<typeof event.metadata, unknown>)
    switch (event.type) {
      case 'ItemAdded':
        is<true>({} as Same<typeof event.data, { sku: string; quantity: number }>)
        // @ts-expect-error a misspelt field
        is<unknown>(event.data.skuu)
        is<true>({} as Same<typeof event.metadata, unknown>)
        // @ts-expect-error metadata is unknown until it is checked
        is<unknown>(event.metadata.user)
        break
      case 'CheckedOut':
        is<number>(event.data.total)
        is<true>({} as Same<typeof event.metadata, { user: string }>)
        break
      case 'Abandoned':
        // @ts-expect-error it has no data
        is<unknown>(event.data.total)
        break
      default:
        is<never>(event)
    }
    // @ts-expect-error no event has this type
    if (event.type === 'ItemRemoved') is<unknown>(event)
    // @ts-expect-error recorded events do not change
    event.version = 2
  }
  const [first] = await cart.read().toArray()
  is<RecordedEvent<CartEvent> | undefined>(first)
  is<true>({} as Same<typeof first, RecordedEvent<CartEvent> | undefined>)
  is<RecordedEvent<CartEvent> | undefined>(await cart.event(1))
  for await (const batch of cart.read().batches()) is<readonly RecordedEvent<CartEvent>[]>(batch)
  // @ts-expect-error versions are numbers
  cart.read({ from: 1n })
  // @ts-expect-error a misspelt option
  cart.read({ form: 1 })
  // @ts-expect-error streams know no times
  cart.read({ from: new Date(0) })
  store.all.read({ from: new Date(0), to: 5n, system: true })
  // @ts-expect-error positions are bigint
  store.all.read({ from: 5 })
}

async function positionsAreUnknownInTransactions(tx: StoreTransaction): Promise<void> {
  const cart = tx.stream<CartEvent>('cart-1')
  const result = await cart.append({ type: 'Abandoned' })
  is<true>({} as Same<typeof result.position, undefined>)
  for await (const event of cart.read()) {
    is<bigint | undefined>(event.position)
    // @ts-expect-error its own events have no position yet
    is<bigint>(event.position)
    // @ts-expect-error nor were they recorded
    is<Date>(event.recordedAt)
    if (event.position !== undefined) is<Date>(event.recordedAt)
    if (event.type === 'ItemAdded') is<string>(event.data.sku)
    if (event.type === 'Abandoned') is<true>({} as Same<typeof event.metadata, unknown>)
  }
  tx.afterCommit(({ position }) => is<bigint | undefined>(position))
  tx.kv.set(['seats', 1], { free: true })
  tx.kv.set(['seats', 2], Uint8Array.of(1))
  // @ts-expect-error JSON has no dates
  tx.kv.set(['seats', 3], new Date(0))
  // @ts-expect-error a key is a tuple
  tx.kv.set('seats', 1)
  // @ts-expect-error transactions have no streams by prefix
  tx.streams()
  is<true>({} as Same<PendingEvent<CartEvent>['position'], undefined>)
}

async function readTransactionsOnlyRead(tx: StoreReadTransaction): Promise<void> {
  const cart = tx.stream<CartEvent>('cart-1')
  is<RecordedEvent<CartEvent> | undefined>(await cart.read().first())
  // @ts-expect-error nothing is written
  await cart.append({ type: 'Abandoned' })
  // @ts-expect-error nothing is written
  await cart.setMetadata({})
  // @ts-expect-error nothing is written
  tx.kv.set(['a'], 1)
  // @ts-expect-error nothing is created
  await tx.createStream('a')
}

async function untypedStreamsTakeAnyEvent(): Promise<void> {
  const event: NewEvent = { type: 'Anything', data: { at: [1, null] }, metadata: new Uint8Array(1) }
  await store.stream('s').append(event)
  is<unknown>((await store.stream('s').event(1))?.data)
  // @ts-expect-error data is unknown until it is checked
  is<string>((await store.stream('s').event(1))?.data.at)
  // @ts-expect-error an event has a type
  await store.stream('s').append({ data: 1 })
  const [result] = await store.append([{ streamId: 's', events: event, expectedVersion: 'no-stream' }])
  is<bigint | undefined>(result?.position)
  const created = await store.createStream<CartEvent>('cart-2', { metadata: { owner: 'me' } })
  is<Stream<CartEvent>>(created)
  is<number>(await store.transact(() => 7))
  is<string>(await store.readTransact(async () => 'text'))
}

async function conditionsAreTyped(cart: Stream<CartEvent>): Promise<void> {
  const query = { items: [{ types: ['ItemAdded'], tags: ['sku:a'] }] }
  await cart.append(
    { type: 'Abandoned' },
    { failIfEventsMatch: { query, after: undefined }, expectedVersion: 'deleted' },
  )
  await cart.append({ type: 'Abandoned' }, { failIfEventsMatch: [{ query, after: 3n }], idempotencyKey: 'k' })
  // @ts-expect-error a version is no position
  await cart.append({ type: 'Abandoned' }, { failIfEventsMatch: { query, after: 3 } })
  // @ts-expect-error a misspelt side of an item
  await cart.append({ type: 'Abandoned' }, { failIfEventsMatch: { query: { items: [{ type: ['A'] }] } } })
  await cart.setRetention({ maxCount: 3, maxAgeMs: null })
  // @ts-expect-error a misspelt bound
  await cart.setRetention({ maxAge: 3 })
}

async function indexesAreTyped(): Promise<void> {
  for await (const event of store.eventType<CartEvent>('ItemAdded').read({ after: 3n, to: new Date() })) {
    if (event.type === 'ItemAdded') is<number>(event.data.quantity)
  }
  // @ts-expect-error a type that is not among the events
  store.eventType<CartEvent>('Other')
  // @ts-expect-error a version is no position
  store.category('cart').read({ after: 3 })
  const first = await store
    .query<CartEvent>({ items: [{ tags: ['a'] }] })
    .read()
    .first()
  is<true>({} as Same<typeof first, RecordedEvent<CartEvent> | undefined>)
  is<bigint | undefined>(first?.link?.position)
}

async function snapshotsAreTyped(cart: Stream<CartEvent>): Promise<void> {
  const totals = cart.snapshots<{ readonly total: number }>('total', { schemaVersion: 2, keep: 3 })
  await totals.save(1, { total: 3 })
  // @ts-expect-error another state
  await totals.save(1, { sum: 3 })
  const found = await totals.closest(4)
  is<number | undefined>(found?.state.total)
}

function readingIsAllInASnapshot(tx: StoreReadTransaction): void {
  is<object>(tx.stream('s').snapshots('total').closest)
  // @ts-expect-error a snapshot cannot be saved there
  tx.stream('s').snapshots('total').save(1, {})
  // @ts-expect-error nor can a stream be deleted
  tx.stream('s').delete()
}

/** Named once each, as unused functions are errors. */
export const checks: readonly unknown[] = [
  appendsAreTyped,
  readingNarrowsByType,
  positionsAreUnknownInTransactions,
  readTransactionsOnlyRead,
  untypedStreamsTakeAnyEvent,
  conditionsAreTyped,
  indexesAreTyped,
  snapshotsAreTyped,
  readingIsAllInASnapshot,
]
