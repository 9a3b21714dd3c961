/**
 * Aggregates: deciders over streams. This layer knows how states are folded, kept and saved, and how commands on one aggregate take turns. It
 * must not know how events are stored beyond what a store hands it, nor anything of projections.
 */
export { aggregateFromClass, type FromClassDefinition, type MethodCommands } from './aggregate-from-class.ts'
export { aggregateFromDecider, type FromDeciderOptions } from './aggregate-from-decider.ts'
export { defineAggregate } from './define-aggregate.ts'
