/**
 * What the events of an application are: their types, the schemas of their data, and what became of old ones. This layer knows the shape of
 * events. It must not know how they are stored, read or folded.
 */
export { type DefineEventsOptions, defineEvents } from './define-events.ts'
export { eventType } from './event-type.ts'
