import type { EventStore } from '../store/contract.ts'
import type { Delivery } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'

/** What is inferred of subscriptions, and what must not compile. Checked by the compiler, never run. */

type CartEvent =
  | { type: 'ItemAdded'; data: { sku: string } }
  | { type: 'CheckedOut'; data: Record<string, never> }

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function holds<T extends true>(): T

/** Handlers, loops and checkpoints know the events and places of their source. */
export async function typesOf(store: EventStore): Promise<void> {
  const cart = store.stream<CartEvent>('cart-1')
  const following = await cart.subscribe({ type: 'catch-up', after: 50 }, (event) => {
    if (event.type === 'ItemAdded') event.data.sku.toUpperCase()
    holds<Equal<typeof event, RecordedEvent<CartEvent>>>()
  })
  holds<Equal<typeof following.checkpoint, number | undefined>>()

  const all = await store.all.subscribe({ type: 'catch-up', after: 5n })
  holds<Equal<typeof all.checkpoint, bigint | undefined>>()
  for await (const event of all) holds<Equal<typeof event, RecordedEvent>>()

  await store.category<CartEvent>('cart').subscribe({ type: 'catch-up', batchSize: 10 }, (events) => {
    holds<Equal<typeof events, readonly RecordedEvent<CartEvent>[]>>()
  })
  const watching = await cart.subscribe({
    type: 'volatile',
    filter: { where: ({ type }) => type === 'ItemAdded' },
  })
  holds<Equal<typeof watching.lagged, number>>()

  const group = await cart.createSubscription('billing', { startFrom: 7 })
  holds<Equal<Awaited<ReturnType<typeof group.info>>['checkpoint'], number | undefined>>()
  const consumer = await cart.subscribe({ type: 'persistent', group: 'billing' })
  for await (const delivery of consumer) holds<Equal<typeof delivery, Delivery<RecordedEvent<CartEvent>>>>()
}

/** What must not compile. */
export async function misuse(store: EventStore): Promise<void> {
  const cart = store.stream<CartEvent>('cart-1')
  // @ts-expect-error a stream has versions, which are numbers
  await cart.subscribe({ type: 'catch-up', after: 50n })
  // @ts-expect-error everything else has positions, which are bigints
  await store.all.subscribe({ type: 'catch-up', after: 50 })
  // @ts-expect-error there is no such kind
  await cart.subscribe({ type: 'catchup' })
  // @ts-expect-error a persistent subscription needs a group
  await cart.subscribe({ type: 'persistent' })
  // @ts-expect-error a group keeps its filter, so it must be data
  await cart.createSubscription('g', { filter: { where: () => true } })
  // @ts-expect-error a misspelt setting
  await cart.createSubscription('g', { maxRetries: 3 })
  // @ts-expect-error a misspelt type of event
  await cart.subscribe({ type: 'volatile' }, (event) => event.type === 'ItemRemoved')
  await store.transact(async (tx) => {
    await tx.stream('cart-1').createSubscription('g')
    // @ts-expect-error a subscription outlives any transaction
    await tx.stream('cart-1').subscribe({ type: 'volatile' })
  })
  await store.readTransact(async (tx) => {
    // @ts-expect-error nothing can be created in a transaction that only reads
    await tx.all.createSubscription('g')
  })
}
