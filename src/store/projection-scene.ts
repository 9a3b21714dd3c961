import type { Transaction } from '../kv/contract.ts'
import type { Broker } from './broker.ts'
import type { CheckRun } from './check-run.ts'
import type {
  Answer,
  Projection,
  ProjectionEntry,
  ProjectionHandle,
  ProjectOptions,
  RunningProjection,
  RunOnceOptions,
} from './contract-projections.ts'
import type {
  ProjectIntoOptions,
  ProjectionSink,
  RunningSinkProjection,
  SinkProjection,
} from './contract-sinks.ts'
import type { StoreTransaction } from './contract-transactions.ts'
import type { EventShape } from './event.ts'
import type { StoreHost } from './host.ts'
import type { Reading } from './reading.ts'

/** What projections are given of a store. */
export interface ProjectionScene {
  readonly host: StoreHost
  readonly reading: Reading
  readonly broker: Broker
  /** Throws once the store is closed. */
  assertOpen(): void
  /** Lays the store over a transaction. */
  within(tx: Transaction): StoreTransaction
}

/** The projections of a store: the layer above, which the store knows by this alone. */
export interface ProjectionHost {
  project<E extends EventShape, S>(
    projection: Projection<E, S>,
    options: ProjectOptions,
  ): Promise<RunningProjection<S>>
  projectInto<E extends EventShape, Tx>(
    sink: ProjectionSink<Tx>,
    projection: SinkProjection<E, Tx>,
    options: ProjectIntoOptions,
  ): Promise<RunningSinkProjection>
  projection<E extends EventShape, S>(projection: Projection<E, S> | string): ProjectionHandle<S>
  runOnce<E extends EventShape, S>(projection: Projection<E, S>, options: RunOnceOptions): Promise<Answer<S>>
  list(signal: AbortSignal | undefined): AsyncIterable<ProjectionEntry>
  /** Verifies the rows that it keeps in the store. */
  check(run: CheckRun): Promise<void>
  /** Ends all projections that run here, and waits for their batches; `undefined` if there are none. */
  close(): Promise<void> | undefined
  /** Lets go of what appends need of it, when none are made any more. */
  release(): void
}

/** Makes the projections of a store. */
export type MakeProjections = (scene: ProjectionScene) => ProjectionHost
