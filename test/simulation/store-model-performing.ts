import assert from 'node:assert/strict'
import {
  type AppendCondition,
  type AppendResult,
  EventDbError,
  type EventStore,
  type NewEvent,
  type StoreTransaction,
  type Violation,
} from 'eventdb'
import { payloadOf, positionAfter } from './store-model-appending.ts'
import type {
  AppendOperation,
  ModelNewEvent,
  ModelSeries,
  StreamOperation,
  TransactionOperation,
} from './store-model-operations.ts'
import type { ModelEvent, ModelResult, ModelViolation, Outcome, StoreOracle } from './store-oracle.ts'

/** What a call of the store came to. */
export type RealOutcome =
  | { readonly value: unknown }
  | { readonly code: string; readonly problem?: string; readonly violations?: readonly Violation[] }

/** How the store was called: whether positions are known, or only sometimes. */
export type CallMode = 'alone' | 'in a transaction' | 'together'

/** Does an operation to a store or a transaction. Errors of the store are outcomes; others come out. */
export async function perform(
  target: EventStore | StoreTransaction,
  operation: TransactionOperation,
  oracle: StoreOracle,
): Promise<RealOutcome> {
  try {
    return { value: await call(target, operation, oracle) }
  } catch (error) {
    if (!(error instanceof EventDbError)) throw error
    const { code, details } = error
    if (UNEXPECTED.includes(code)) throw error
    const { violations, problem } = details as { violations?: readonly Violation[]; problem?: string }
    return { code, ...(problem !== undefined && { problem }), ...(violations && { violations }) }
  }
}

const UNEXPECTED: readonly string[] = ['corruption', 'conflict', 'transaction-too-old', 'closed']

/** Makes sure that the store did what the oracle says. Positions that are told for the first time are noted. */
export function compareOutcomes(real: RealOutcome, expected: Outcome, mode: CallMode): void {
  if ('code' in expected || 'code' in real) {
    assert.deepEqual(errorOf(real), errorOf(expected), 'The outcome')
    if ('violations' in real && 'violations' in expected)
      compareViolations(real.violations ?? [], expected.violations ?? [], mode)
  } else if (Array.isArray(expected.value)) {
    compareResults(real.value as readonly AppendResult[], expected.value as readonly ModelResult[], mode)
  } else assert.deepEqual(real.value, expected.value, 'The value returned')
}

/** Notes the position of an event, which is the same whoever tells it. */
export function compareTold(position: bigint | undefined, event: ModelEvent | undefined, what: string): void {
  if (event === undefined) return assert.equal(position, undefined, what)
  if (event.position === undefined && position !== undefined) event.position = position
  assert.equal(position, event.position, `${what}, ${event.streamId}@${event.version}`)
}

async function call(
  target: EventStore | StoreTransaction,
  operation: TransactionOperation,
  oracle: StoreOracle,
): Promise<unknown> {
  switch (operation.do) {
    case 'append':
      return append(target, operation, oracle)
    case 'create': {
      const { do: _, streamId, ...options } = operation
      await target.createStream(streamId, options)
      return undefined
    }
    case 'set':
      return (target as StoreTransaction).kv.set([operation.key], operation.value)
    case 'clear':
      return (target as StoreTransaction).kv.clear([operation.key])
    case 'clear all':
      return (target as StoreTransaction).kv.clearRange([])
    case 'save':
    case 'forget':
      return callSnapshots(target, operation)
    default:
      return callStream(target, operation)
  }
}

async function append(
  target: EventStore | StoreTransaction,
  { many, appends, conditions, queries, key }: AppendOperation,
  oracle: StoreOracle,
): Promise<readonly AppendResult<unknown>[]> {
  const failIfEventsMatch = queries.map((condition): AppendCondition => {
    const after = positionAfter(oracle, condition)
    return { query: condition.query, ...(after !== undefined && { after }) }
  })
  const options = {
    ...(failIfEventsMatch.length > 0 && {
      failIfEventsMatch: failIfEventsMatch.length === 1 ? failIfEventsMatch[0]! : failIfEventsMatch,
    }),
    ...(key !== undefined && { idempotencyKey: key }),
  }
  const prepared = appends.map((one) => ({ ...one, events: one.events.map(newEvent) }))
  if (many) return target.append(prepared, { ...options, conditions })
  const { streamId, events, expectedVersion } = prepared[0]!
  const given = events.length === 1 ? events[0]! : events
  return [await target.stream(streamId).append(given, { ...options, expectedVersion })]
}

function newEvent({ type, data, metadata, id, timeMs, tags }: ModelNewEvent): NewEvent {
  return {
    type,
    ...(data !== undefined && { data: payloadOf(data) }),
    ...(metadata !== undefined && { metadata }),
    ...(id !== undefined && { id }),
    ...(timeMs !== undefined && { time: new Date(timeMs) }),
    ...(tags !== undefined && { tags }),
  }
}

async function callStream(
  target: EventStore | StoreTransaction,
  operation: Exclude<StreamOperation, { readonly do: 'create' | 'save' | 'forget' }>,
): Promise<unknown> {
  const stream = target.stream(operation.streamId)
  switch (operation.do) {
    case 'link': {
      const { id, expectedVersion } = operation
      const options = { expectedVersion, ...(id && { id }) }
      return [await stream.linkTo(operation.target, options)]
    }
    case 'metadata':
      return stream.setMetadata(operation.patch)
    case 'retention':
      return stream.setRetention(operation.patch)
    case 'truncate':
      return stream.truncateBefore(operation.before)
    case 'delete':
      return stream.delete({ expectedVersion: operation.expectedVersion })
    case 'tombstone':
      return stream.tombstone({ expectedVersion: operation.expectedVersion })
    case 'restore':
      return stream.restore()
  }
}

async function callSnapshots(
  target: EventStore | StoreTransaction,
  operation: Extract<StreamOperation, { readonly series: ModelSeries }>,
): Promise<void> {
  const { streamId, name, schemaVersion } = operation.series
  const keep = operation.do === 'save' ? { keep: operation.keep } : {}
  const snapshots = target.stream(streamId).snapshots<number>(name, { schemaVersion, ...keep })
  if (operation.do === 'save') await snapshots.save(operation.version, operation.state)
  else await snapshots.delete(operation.version)
}

function errorOf(outcome: Outcome | RealOutcome): object {
  if (!('code' in outcome)) return { value: 'no error' }
  const { code, problem } = outcome
  return { code, problem, violations: outcome.violations?.length ?? 0 }
}

function compareViolations(
  real: readonly Violation[],
  expected: readonly ModelViolation[],
  mode: CallMode,
): void {
  for (const [at, violation] of real.entries()) {
    const meant = expected[at]!
    assert.equal(violation.kind, meant.kind)
    if (violation.kind === 'stream') assert.deepEqual({ ...violation }, meant)
    if (violation.kind !== 'query' || meant.kind !== 'query') continue
    assert.equal(violation.after, meant.after)
    // What an append has just written with which this one shares a transaction has no position yet.
    if (mode === 'together' && violation.position === undefined) continue
    const isOwn = mode === 'in a transaction' && violation.position === undefined
    if (isOwn)
      assert.equal(meant.event!.position, undefined, 'The violation is by an event of this transaction')
    else compareTold(violation.position, meant.event, 'The position of a violation')
  }
}

function compareResults(
  real: readonly AppendResult<unknown>[],
  expected: readonly ModelResult[],
  mode: CallMode,
): void {
  const plain = (result: AppendResult<unknown> | ModelResult): unknown[] => {
    const { streamId, firstVersion, lastVersion, idempotent } = result
    return [streamId, firstVersion, lastVersion, idempotent]
  }
  assert.deepEqual(real.map(plain), expected.map(plain), 'The results')
  for (const [at, { position }] of real.entries()) {
    if (mode === 'in a transaction') assert.equal(position, undefined)
    else compareTold(position as bigint | undefined, expected[at]!.last, 'The position of a result')
  }
}
