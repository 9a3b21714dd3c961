import assert from 'node:assert/strict'
import type { Subspace } from '../kv/subspace.ts'
import type { OpenEventStoreOptions } from '../opening/open-event-store.ts'
import type { EventStore } from '../store/contract.ts'
import { seededRandom, simulatedRuntime } from './simulated-runtime.ts'
import { aggregateCommandLaws } from './store/aggregate-command-laws.ts'
import { aggregateEqualityLaws } from './store/aggregate-equality-laws.ts'
import { aggregateGivingUpLaws } from './store/aggregate-giving-up-laws.ts'
import { aggregateHiddenLaws } from './store/aggregate-hidden-laws.ts'
import { aggregateInputLaws } from './store/aggregate-input-laws.ts'
import { aggregateKeyLaws } from './store/aggregate-key-laws.ts'
import { aggregateKindLaws } from './store/aggregate-kind-laws.ts'
import { aggregateLoadLaws } from './store/aggregate-load-laws.ts'
import { aggregateMemoryLaws } from './store/aggregate-memory-laws.ts'
import { aggregateMetadataLaws } from './store/aggregate-metadata-laws.ts'
import { aggregateMiddlewareLaws } from './store/aggregate-middleware-laws.ts'
import { aggregateQueueLaws } from './store/aggregate-queue-laws.ts'
import { aggregateSnapshotFormLaws } from './store/aggregate-snapshot-form-laws.ts'
import { aggregateSnapshotLaws } from './store/aggregate-snapshot-laws.ts'
import { aggregateSnapshotProblemLaws } from './store/aggregate-snapshot-problem-laws.ts'
import { aggregateSnapshotStateLaws } from './store/aggregate-snapshot-state-laws.ts'
import { aggregateTransactionLaws } from './store/aggregate-transaction-laws.ts'
import { aggregateTransactionStateLaws } from './store/aggregate-transaction-state-laws.ts'
import { allReadLaws } from './store/all-read-laws.ts'
import { appendLaws } from './store/append-laws.ts'
import { boundaryExampleLaws } from './store/boundary-example-laws.ts'
import { boundaryLaws } from './store/boundary-laws.ts'
import { boundaryRaceLaws } from './store/boundary-race-laws.ts'
import { catchUpFilterLaws } from './store/catch-up-filter-laws.ts'
import { catchUpLaws } from './store/catch-up-laws.ts'
import { caughtFailureLaws } from './store/caught-failure-laws.ts'
import { checkLaws } from './store/check-laws.ts'
import { closeLaws } from './store/close-laws.ts'
import { concurrencyLaws } from './store/concurrency-laws.ts'
import { conflictLaws } from './store/conflict-laws.ts'
import { enumerationLaws } from './store/enumeration-laws.ts'
import { eventIdLaws } from './store/event-id-laws.ts'
import { eventLaws } from './store/event-laws.ts'
import { expectedVersionLaws } from './store/expected-version-laws.ts'
import { followedStreamLaws } from './store/followed-stream-laws.ts'
import { groupCheckLaws } from './store/group-check-laws.ts'
import { groupConsumerLaws } from './store/group-consumer-laws.ts'
import { groupControlLaws } from './store/group-control-laws.ts'
import { groupDeliveryLaws } from './store/group-delivery-laws.ts'
import { groupHiddenLaws } from './store/group-hidden-laws.ts'
import { groupInfoLaws } from './store/group-info-laws.ts'
import { groupKillerLaws } from './store/group-killer-laws.ts'
import { groupLaws } from './store/group-laws.ts'
import { groupLeaseLaws } from './store/group-lease-laws.ts'
import { groupLivenessLaws } from './store/group-liveness-laws.ts'
import { groupParkingLaws } from './store/group-parking-laws.ts'
import { groupPinnedLaws } from './store/group-pinned-laws.ts'
import { groupPinnedParkingLaws } from './store/group-pinned-parking-laws.ts'
import { groupRetryLaws } from './store/group-retry-laws.ts'
import { groupSettingLaws } from './store/group-setting-laws.ts'
import { groupStandstillLaws } from './store/group-standstill-laws.ts'
import { groupStartLaws } from './store/group-start-laws.ts'
import { groupStrategyLaws } from './store/group-strategy-laws.ts'
import { groupTimeoutLaws } from './store/group-timeout-laws.ts'
import { handingOverLaws } from './store/handing-over-laws.ts'
import { idempotencyExpiryLaws } from './store/idempotency-expiry-laws.ts'
import { idempotencyKeyLaws } from './store/idempotency-key-laws.ts'
import { idempotencyLaws } from './store/idempotency-laws.ts'
import { indexLaws } from './store/index-laws.ts'
import { indexPagingLaws } from './store/index-paging-laws.ts'
import { jsonLaws } from './store/json-laws.ts'
import type { SimulatedStoreScene, StoreLawOptions, StoreLaws, StoreScene } from './store/laws.ts'
import { lifecycleConflictLaws } from './store/lifecycle-conflict-laws.ts'
import { lifecycleLaws } from './store/lifecycle-laws.ts'
import { linkLaws } from './store/link-laws.ts'
import { linkTargetLaws } from './store/link-target-laws.ts'
import { metadataLaws } from './store/metadata-laws.ts'
import { missingIndexLaws } from './store/missing-index-laws.ts'
import { multiAppendLaws } from './store/multi-append-laws.ts'
import { nameLaws } from './store/name-laws.ts'
import { noLossLaws } from './store/no-loss-laws.ts'
import { ownKeyLaws } from './store/own-key-laws.ts'
import { pagingLaws } from './store/paging-laws.ts'
import { projectionBatchLaws } from './store/projection-batch-laws.ts'
import { projectionClockLaws } from './store/projection-clock-laws.ts'
import { projectionDefinitionLaws } from './store/projection-definition-laws.ts'
import { projectionDeletionLaws } from './store/projection-deletion-laws.ts'
import { projectionEmittingLaws } from './store/projection-emitting-laws.ts'
import { projectionFaultLaws } from './store/projection-fault-laws.ts'
import { projectionHandlingLaws } from './store/projection-handling-laws.ts'
import { projectionInlineAppendLaws } from './store/projection-inline-append-laws.ts'
import { projectionInlineDoorLaws } from './store/projection-inline-door-laws.ts'
import { projectionInlineEmittingLaws } from './store/projection-inline-emitting-laws.ts'
import { projectionInlineHistoryLaws } from './store/projection-inline-history-laws.ts'
import { projectionInlineReasonLaws } from './store/projection-inline-reason-laws.ts'
import { projectionInlineRefusalLaws } from './store/projection-inline-refusal-laws.ts'
import { projectionInlineVersionLaws } from './store/projection-inline-version-laws.ts'
import { projectionKvLaws } from './store/projection-kv-laws.ts'
import { projectionOddFaultLaws } from './store/projection-odd-fault-laws.ts'
import { projectionOnceLaws } from './store/projection-once-laws.ts'
import { projectionPartitionLaws } from './store/projection-partition-laws.ts'
import { projectionPositionLaws } from './store/projection-position-laws.ts'
import { projectionProcessLaws } from './store/projection-process-laws.ts'
import { projectionRaceLaws } from './store/projection-race-laws.ts'
import { projectionRemovalLaws } from './store/projection-removal-laws.ts'
import { projectionRestartLaws } from './store/projection-restart-laws.ts'
import { projectionRetryLaws } from './store/projection-retry-laws.ts'
import { projectionStateFormLaws } from './store/projection-state-form-laws.ts'
import { projectionStatusLaws } from './store/projection-status-laws.ts'
import { projectionTimerLaws } from './store/projection-timer-laws.ts'
import { projectionVersionLaws } from './store/projection-version-laws.ts'
import { projectionWaitingLaws } from './store/projection-waiting-laws.ts'
import { queryLaws } from './store/query-laws.ts'
import { reindexLaws } from './store/reindex-laws.ts'
import { reindexRaceLaws } from './store/reindex-race-laws.ts'
import { retentionLaws } from './store/retention-laws.ts'
import { scanLaws } from './store/scan-laws.ts'
import { scavengeLaws } from './store/scavenge-laws.ts'
import { sideBySideLaws } from './store/side-by-side-laws.ts'
import { sizeLaws } from './store/size-laws.ts'
import { slowSubscriberLaws } from './store/slow-subscriber-laws.ts'
import { snapshotLaws } from './store/snapshot-laws.ts'
import { snapshotLifeLaws } from './store/snapshot-life-laws.ts'
import { streamReadLaws } from './store/stream-read-laws.ts'
import { streamStateLaws } from './store/stream-state-laws.ts'
import { subscriptionLaws } from './store/subscription-laws.ts'
import { timeLaws } from './store/time-laws.ts'
import { transactionLaws } from './store/transaction-laws.ts'
import { volatileGroupLaws } from './store/volatile-group-laws.ts'
import { volatileLaws } from './store/volatile-laws.ts'

/** How the suite wants a store to be opened. `openEventStore` takes the same options. */
export type StoreOpenOptions = Pick<
  OpenEventStoreOptions,
  'runtime' | 'eventBytesMax' | 'indexes' | 'categorySeparator'
>

/** A fresh, empty event store, and what the suite can do with it. */
export interface StoreFixture {
  readonly store: EventStore
  /** Where the store keeps its rows. @default the directory `eventdb` */
  readonly directory?: Subspace
  /** Closes the store and opens it again with the same options. Where what it holds outlives it. */
  reopen?(): Promise<EventStore>
  /** Closes every store that was opened, and removes what is left. */
  dispose(): Promise<void>
}

/** What the suite needs: a test runner's function, and a way to make stores. */
export interface StoreConformanceOptions {
  /** Registers one test: `test` of vitest, `node:test`, jest or any other runner. */
  readonly test: (name: string, fn: (...context: unknown[]) => Promise<void>) => unknown
  /** Makes a fresh store for one test. */
  readonly open: (options: StoreOpenOptions) => Promise<StoreFixture>
}

/**
 * Holds an event store, on whatever driver or middleware, to its contract: every law of `EventStore`, each as a test on a fresh
 * store, after which `check()` must find no problem. Laws about time run on a simulated runtime.
 *
 * @example
 * import { test } from 'vitest'
 * storeConformance({
 *   test,
 *   open: async (options) => {
 *     const store = await openEventStore(':memory:', options)
 *     return { store, dispose: () => store.close() }
 *   },
 * })
 */
export function storeConformance(options: StoreConformanceOptions): void {
  const laws = lawsAsTests(options)
  expectedVersionLaws(laws)
  appendLaws(laws)
  multiAppendLaws(laws)
  timeLaws(laws)
  eventIdLaws(laws)
  idempotencyLaws(laws)
  idempotencyKeyLaws(laws)
  idempotencyExpiryLaws(laws)
  concurrencyLaws(laws)
  streamReadLaws(laws)
  allReadLaws(laws)
  pagingLaws(laws)
  indexLaws(laws)
  queryLaws(laws)
  scanLaws(laws)
  indexPagingLaws(laws)
  missingIndexLaws(laws)
  boundaryLaws(laws)
  boundaryRaceLaws(laws)
  boundaryExampleLaws(laws)
  linkLaws(laws)
  linkTargetLaws(laws)
  reindexLaws(laws)
  reindexRaceLaws(laws)
  eventLaws(laws)
  sizeLaws(laws)
  nameLaws(laws)
  jsonLaws(laws)
  metadataLaws(laws)
  lifecycleLaws(laws)
  lifecycleConflictLaws(laws)
  streamStateLaws(laws)
  retentionLaws(laws)
  scavengeLaws(laws)
  transactionLaws(laws)
  ownKeyLaws(laws)
  conflictLaws(laws)
  caughtFailureLaws(laws)
  enumerationLaws(laws)
  checkLaws(laws)
  snapshotLaws(laws)
  snapshotLifeLaws(laws)
  sideBySideLaws(laws)
  volatileLaws(laws)
  catchUpLaws(laws)
  catchUpFilterLaws(laws)
  followedStreamLaws(laws)
  slowSubscriberLaws(laws)
  handingOverLaws(laws)
  subscriptionLaws(laws)
  noLossLaws(laws)
  closeLaws(laws)
  groupLaws(laws)
  groupStartLaws(laws)
  groupSettingLaws(laws)
  groupDeliveryLaws(laws)
  groupConsumerLaws(laws)
  groupRetryLaws(laws)
  groupTimeoutLaws(laws)
  groupStrategyLaws(laws)
  groupPinnedLaws(laws)
  groupPinnedParkingLaws(laws)
  groupParkingLaws(laws)
  groupControlLaws(laws)
  groupInfoLaws(laws)
  groupHiddenLaws(laws)
  groupLeaseLaws(laws)
  groupKillerLaws(laws)
  groupLivenessLaws(laws)
  groupStandstillLaws(laws)
  volatileGroupLaws(laws)
  groupCheckLaws(laws)
  aggregateLoadLaws(laws)
  aggregateMemoryLaws(laws)
  aggregateCommandLaws(laws)
  aggregateQueueLaws(laws)
  aggregateGivingUpLaws(laws)
  aggregateEqualityLaws(laws)
  aggregateKeyLaws(laws)
  aggregateMetadataLaws(laws)
  aggregateMiddlewareLaws(laws)
  aggregateSnapshotLaws(laws)
  aggregateSnapshotProblemLaws(laws)
  aggregateTransactionLaws(laws)
  aggregateTransactionStateLaws(laws)
  aggregateSnapshotStateLaws(laws)
  aggregateSnapshotFormLaws(laws)
  aggregateHiddenLaws(laws)
  aggregateKindLaws(laws)
  aggregateInputLaws(laws)
  projectionHandlingLaws(laws)
  projectionPartitionLaws(laws)
  projectionWaitingLaws(laws)
  projectionEmittingLaws(laws)
  projectionFaultLaws(laws)
  projectionRetryLaws(laws)
  projectionKvLaws(laws)
  projectionStateFormLaws(laws)
  projectionTimerLaws(laws)
  projectionClockLaws(laws)
  projectionDeletionLaws(laws)
  projectionPositionLaws(laws)
  projectionStatusLaws(laws)
  projectionRestartLaws(laws)
  projectionVersionLaws(laws)
  projectionRaceLaws(laws)
  projectionRemovalLaws(laws)
  projectionProcessLaws(laws)
  projectionOnceLaws(laws)
  projectionDefinitionLaws(laws)
  projectionBatchLaws(laws)
  projectionOddFaultLaws(laws)
  projectionInlineAppendLaws(laws)
  projectionInlineRefusalLaws(laws)
  projectionInlineReasonLaws(laws)
  projectionInlineHistoryLaws(laws)
  projectionInlineDoorLaws(laws)
  projectionInlineEmittingLaws(laws)
  projectionInlineVersionLaws(laws)
}

/** Turns laws into tests. Each gets a seed of its own, which is its place in the list. */
function lawsAsTests({ test, open }: StoreConformanceOptions): StoreLaws {
  let seed = 0
  return {
    law: (name, verify, options = {}) => {
      seed += 1
      const random = seededRandom(seed)
      test(name, async (...context) => {
        const fixture = await open(options.open ?? {})
        await tryOn(fixture, random, options, context, verify)
      })
    },
    simulatedLaw: (name, verify, options = {}) => {
      seed += 1
      const [random, runtime] = [seededRandom(seed), simulatedRuntime({ seed })]
      test(name, async (...context) => {
        const fixture = await runtime.run(open({ ...options.open, runtime }))
        await runtime.run(
          tryOn(fixture, random, options, context, (scene) => {
            const simulated: SimulatedStoreScene = { ...scene, runtime }
            return verify(simulated)
          }),
        )
      })
    },
  }
}

async function tryOn(
  fixture: StoreFixture,
  random: () => number,
  options: StoreLawOptions,
  context: readonly unknown[],
  verify: (scene: StoreScene) => Promise<void>,
): Promise<void> {
  try {
    if (options.needs === 'reopen' && fixture.reopen === undefined) return skip(context[0])
    let { store } = fixture
    const directory = fixture.directory ?? (await store.kv.openDirectory(['eventdb']))
    const reopen = async (): Promise<EventStore> => {
      store = await fixture.reopen!()
      return store
    }
    await verify({ store, directory, reopen, random })
    await assertWhole(store, options, fixture.reopen && reopen)
  } finally {
    await fixture.dispose()
  }
}

/** Checks the store. One that the law has closed is opened again for it, where that is possible. */
async function assertWhole(
  store: EventStore,
  { damages = false }: StoreLawOptions,
  reopen: (() => Promise<EventStore>) | undefined,
): Promise<void> {
  const isOpen = await store.readTransact(() => true).catch(() => false)
  if (!isOpen && reopen === undefined) return
  const { problems } = await (isOpen ? store : await reopen!()).check()
  if (damages) assert.notDeepEqual(problems, [], 'check() finds the damage')
  else assert.deepEqual(problems, [])
}

/** Tells runners that can be told; vitest and node:test can. Elsewhere the test passes. */
function skip(context: unknown): void {
  const runner = context as { skip?: () => void } | undefined
  runner?.skip?.()
}
