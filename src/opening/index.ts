/**
 * Opening a store: puts the layers together, with the engine that is wanted, for the caller. This layer knows all the others, and nothing
 * of what they do; nobody but the public surface and the test kit may know it.
 */
export { type OpenEventStoreOptions, openEventStore } from './open-event-store.ts'
