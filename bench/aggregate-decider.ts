import { eventSource } from './events.ts'

/** What an event says: about 256 bytes of JSON. */
export interface OrderData {
  readonly orderId: string
  readonly items: readonly { readonly sku: string; readonly quantity: number; readonly price: number }[]
  readonly total: number
}

type OrderType = 'OrderPlaced' | 'ItemAdded' | 'ItemRemoved' | 'PaymentReceived' | 'OrderShipped'

/** What happens to the aggregates of all programs. */
export type OrderEvent = { [Type in OrderType]: { readonly type: Type; readonly data: OrderData } }[OrderType]

/** What the events come to. */
export interface OrderState {
  readonly events: number
  readonly total: number
  readonly quantity: number
  readonly lastOrderId: string
}

/** An order without events. */
export function initialState(): OrderState {
  return { events: 0, total: 0, quantity: 0, lastOrderId: '' }
}

/** Looks at the data of each event, as any real one would. The same for all programs. */
export function evolve(state: OrderState, { data }: OrderEvent): OrderState {
  return {
    events: state.events + 1,
    total: state.total + data.total,
    quantity: state.quantity + data.items.reduce((sum, { quantity }) => sum + quantity, 0),
    lastOrderId: data.orderId,
  }
}

/** A total that no order reaches here. */
const TOTAL_MAX = 1e15

/** The one command: says yes after a look at the state. The same for all programs. */
export function decide(state: OrderState, event: OrderEvent): OrderEvent {
  if (state.total + event.data.total > TOTAL_MAX) throw new Error(`${event.data.orderId} is too much`)
  return event
}

/** Makes events: the same for all programs. */
export function orderSource(seed: number): () => OrderEvent {
  return eventSource(seed, false) as () => OrderEvent
}
