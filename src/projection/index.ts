/**
 * The projection layer: what follows from events, kept beside them. It knows the store below and the feeds of subscriptions. It must not know
 * of aggregates.
 */
export { defineInlineProjection, defineProjection } from './define-projection.ts'
export { makeProjections } from './projections.ts'
