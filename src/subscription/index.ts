/**
 * Subscriptions: events delivered to whoever is interested, volatile, catching up, or competing for them in groups. This layer knows
 * sources, places, handlers, and the rows that groups keep in the store, which knows it as its broker. It must not know how rows
 * become durable, nor what handlers make of events.
 */
export { makeBroker } from './broker.ts'
