/**
 * What others need to test a driver, a middleware or their own program: the conformance suites of the key-value contract, of
 * the event store and of sinks, examples of how aggregates and projections behave, a runtime on virtual time, and an engine that fails on demand. This layer knows contracts and
 * seams. It must not know any driver, nor a test runner, and nothing of the library may import it.
 */
export { Faults, faultyEngine, type WriteFault } from './faulty-engine.ts'
export {
  type KvConformanceOptions,
  type KvFixture,
  type KvOpenOptions,
  kvConformance,
} from './kv-conformance.ts'
export {
  type SimulatedRuntime,
  type SimulatedRuntimeOptions,
  seededRandom,
  simulatedRuntime,
} from './simulated-runtime.ts'
export {
  type SinkConformanceOptions,
  type SinkFixture,
  sinkConformance,
} from './sink-conformance.ts'
export { specify } from './specify.ts'
export type {
  ExpectedError,
  ExpectedEvent,
  ExpectedState,
  GivenEvent,
  OldEvent,
  ReturnedBy,
  Specification,
  SpecifiedOutcome,
  SpecifiedState,
  SpecifyOptions,
  Told,
} from './specify-contract.ts'
export { specifyProjection } from './specify-projection.ts'
export type {
  ExpectedEmission,
  ExpectedRow,
  GivenDeletion,
  GivenRecord,
  ProjectionSpecification,
  SpecifiedProjection,
  SpecifyProjectionOptions,
} from './specify-projection-contract.ts'
export {
  type StoreConformanceOptions,
  type StoreFixture,
  type StoreOpenOptions,
  storeConformance,
} from './store-conformance.ts'
