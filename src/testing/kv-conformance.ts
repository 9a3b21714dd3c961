import assert from 'node:assert/strict'
import type { Capabilities, KeyValueStore } from '../kv/contract.ts'
import type { Runtime } from '../runtime.ts'
import { afterCommitLaws } from './kv/after-commit-laws.ts'
import { beforeCommitLaws } from './kv/before-commit-laws.ts'
import { closeLaws } from './kv/close-laws.ts'
import { conflictLaws } from './kv/conflict-laws.ts'
import { directoryLaws } from './kv/directory-laws.ts'
import { durabilityLaws } from './kv/durability-laws.ts'
import { exactnessLaws } from './kv/exactness-laws.ts'
import { joinConflictLaws } from './kv/join-conflict-laws.ts'
import type { Laws, Scene, SimulatedScene } from './kv/laws.ts'
import { limitLaws } from './kv/limit-laws.ts'
import { ownWriteLaws } from './kv/own-write-laws.ts'
import { rangeLaws } from './kv/range-laws.ts'
import { retryLaws } from './kv/retry-laws.ts'
import { secondOpenerLaws } from './kv/second-opener-laws.ts'
import { snapshotLaws } from './kv/snapshot-laws.ts'
import { stampLaws } from './kv/stamp-laws.ts'
import { transactionAgeLaws } from './kv/transaction-age-laws.ts'
import { watchLaws } from './kv/watch-laws.ts'
import { seededRandom, simulatedRuntime } from './simulated-runtime.ts'

/** How the suite wants a store to be opened. A driver passes both on. */
export interface KvOpenOptions {
  /** Time and chance; the real ones if it is left out. */
  readonly runtime?: Runtime
  /** Positions to leave out before each stamp; none if it is left out. */
  readonly positionGap?: () => number
}

/** A fresh, empty store, and what the suite can do with it. */
export interface KvFixture {
  readonly kv: KeyValueStore
  /** Closes the store and opens it again with the same options. Where `capabilities.durable`. */
  reopen?(): Promise<KeyValueStore>
  /** Opens the same store once more, with the same options, as another process would. Where `capabilities.multiProcess`. */
  second?(): Promise<KeyValueStore>
  /** Closes every store that was opened, and removes what is left. */
  dispose(): Promise<void>
}

/** What the suite needs: a test runner's function, and a way to make stores. */
export interface KvConformanceOptions {
  /** Registers one test: `test` of vitest, `node:test`, jest or any other runner. */
  readonly test: (name: string, fn: (...context: unknown[]) => Promise<void>) => unknown
  /** Makes a fresh store for one test. */
  readonly open: (options: KvOpenOptions) => Promise<KvFixture>
}

/** Largest number of positions that are left out in the second run. */
const GAP_MAX = 1_000

/**
 * Holds a driver, or a middleware around one, to the contract of the key-value store: every law of `KeyValueStore`, each as
 * a test on a fresh store, once with dense positions and once with random gaps. A law is skipped only where the
 * store's own `capabilities` say so. Laws about time run on a simulated runtime.
 *
 * @example
 * import { test } from 'vitest'
 * kvConformance({
 *   test,
 *   open: async (options) => {
 *     const kv = await openMemory(options)
 *     return { kv, dispose: () => kv.close() }
 *   },
 * })
 */
export function kvConformance(options: KvConformanceOptions): void {
  stateAllLaws(lawsAsTests(options, '', () => ({})))
  stateAllLaws(
    lawsAsTests(options, ' [random gaps]', (random) => ({
      positionGap: () => Math.floor(random() * GAP_MAX),
    })),
  )
}

function stateAllLaws(laws: Laws): void {
  laws.law('capabilities say what the fixture can do', async () => {})
  snapshotLaws(laws)
  ownWriteLaws(laws)
  rangeLaws(laws)
  conflictLaws(laws)
  exactnessLaws(laws)
  joinConflictLaws(laws)
  stampLaws(laws)
  limitLaws(laws)
  retryLaws(laws)
  transactionAgeLaws(laws)
  beforeCommitLaws(laws)
  afterCommitLaws(laws)
  watchLaws(laws)
  directoryLaws(laws)
  closeLaws(laws)
  durabilityLaws(laws)
  secondOpenerLaws(laws)
}

/** Turns laws into tests. Each gets a seed of its own, which is its place in the list. */
function lawsAsTests(
  { test, open }: KvConformanceOptions,
  suffix: string,
  optionsOf: (random: () => number) => KvOpenOptions,
): Laws {
  let seed = 0
  return {
    law: (name, check, needs) => {
      seed += 1
      const random = seededRandom(seed)
      test(name + suffix, async (...context) => {
        const fixture = await open(optionsOf(random))
        await tryOn(fixture, needs, context, () => check(sceneOf(fixture, random)))
      })
    },
    simulatedLaw: (name, check, needs) => {
      seed += 1
      const [random, runtime] = [seededRandom(seed), simulatedRuntime({ seed })]
      test(name + suffix, async (...context) => {
        const fixture = await open({ ...optionsOf(random), runtime })
        const scene: SimulatedScene = { ...sceneOf(fixture, random), runtime }
        await runtime.run(tryOn(fixture, needs, context, () => check(scene)))
      })
    },
  }
}

async function tryOn(
  fixture: KvFixture,
  needs: keyof Capabilities | undefined,
  context: readonly unknown[],
  check: () => Promise<void>,
): Promise<void> {
  try {
    const { capabilities } = fixture.kv
    assert.equal(fixture.reopen !== undefined, capabilities.durable, 'reopen is there where durable')
    assert.equal(
      fixture.second !== undefined,
      capabilities.multiProcess,
      'second is there where multiProcess',
    )
    if (needs === undefined || capabilities[needs]) await check()
    else skip(context[0])
  } finally {
    await fixture.dispose()
  }
}

/** Tells runners that can be told; vitest and node:test can. Elsewhere the test passes. */
function skip(context: unknown): void {
  const runner = context as { skip?: () => void } | undefined
  runner?.skip?.()
}

function sceneOf(fixture: KvFixture, random: () => number): Scene {
  return {
    kv: fixture.kv,
    reopen: () => fixture.reopen!(),
    second: () => fixture.second!(),
    random,
  }
}
