import { appendToOracle } from './store-model-appending.ts'
import type { AppendOperation, StreamOperation, TransactionOperation } from './store-model-operations.ts'
import {
  isAsExpected,
  type ModelChange,
  OpenQuestion,
  type Outcome,
  type OutcomeError,
  type StoreOracle,
  seriesName,
} from './store-oracle.ts'

type Of<Name extends StreamOperation['do']> = Extract<StreamOperation, { readonly do: Name }>

const DONE: Outcome = { value: undefined }

/**
 * Does to the oracle what a transaction can do to the store, by sections 1, 4 and 5 of the semantics. `told` is what the store made of it,
 * for the one question that only the store can answer: whether an aborted scavenge has got hold of a deleted stream.
 */
export function applyToOracle(oracle: StoreOracle, operation: TransactionOperation, told?: Outcome): Outcome {
  switch (operation.do) {
    case 'append':
      return appendToOracle(oracle, operation)
    case 'link':
      return link(oracle, operation)
    case 'create':
      return create(oracle, operation)
    case 'metadata':
      return changeMetadata(oracle, operation)
    case 'retention':
      return changeRetention(oracle, operation)
    case 'truncate':
      return truncate(oracle, operation)
    case 'delete':
    case 'tombstone':
      return remove(oracle, operation)
    case 'restore':
      return restore(oracle, operation, told)
    case 'save':
      return save(oracle, operation)
    case 'forget':
      return forget(oracle, operation)
    case 'set':
      oracle.own.set(operation.key, operation.value)
      return DONE
    case 'clear':
      oracle.own.delete(operation.key)
      return DONE
    case 'clear all':
      oracle.own.clear()
      return DONE
  }
}

/** A link that was made before is recognised as any event is, whatever has become of its target. */
function link(oracle: StoreOracle, { streamId, target, id, expectedVersion }: Of<'link'>): Outcome {
  if (oracle.state(target.streamId) === 'none') return { code: 'event-not-found' }
  const found = oracle.readable(target)
  const pointed = found?.target === undefined ? found : oracle.readable(found.target)
  const place = { streamId: pointed?.streamId ?? '', version: pointed?.version ?? 0 }
  const event = { type: '$link', target: place, ...(id !== undefined && { id }) }
  const append: AppendOperation = {
    do: 'append',
    many: false,
    appends: [{ streamId, events: [event], expectedVersion }],
    conditions: [],
    queries: [],
  }
  return appendToOracle(oracle, append, pointed === undefined ? 'is missing' : 'is there')
}

function create(oracle: StoreOracle, operation: Of<'create'>): Outcome {
  const { streamId, metadata = {}, maxCount, maxAgeMs } = operation
  const state = oracle.state(streamId)
  if (state === 'tombstoned') return { code: 'stream-tombstoned' }
  if (state !== 'none') return { code: 'stream-exists' }
  const changes: readonly ModelChange[] = [
    { kind: 'metadata', patch: metadata },
    {
      kind: 'retention',
      ...(maxCount !== undefined && { maxCount }),
      ...(maxAgeMs !== undefined && { maxAgeMs }),
      hiddenTo: 0,
    },
  ]
  oracle.change(streamId, '$stream-created', changes, { metadata })
  return DONE
}

function changeMetadata(oracle: StoreOracle, { streamId, patch }: Of<'metadata'>): Outcome {
  if (oracle.state(streamId) === 'tombstoned') return { code: 'stream-tombstoned' }
  oracle.change(streamId, '$metadata-changed', [{ kind: 'metadata', patch }], { metadata: patch })
  return { value: oracle.life(streamId).metadata }
}

/** What is hidden already stays hidden; but what a deletion hides can still be brought back by taking that back. */
function changeRetention(oracle: StoreOracle, { streamId, patch }: Of<'retention'>): Outcome {
  if (oracle.state(streamId) === 'tombstoned') return { code: 'stream-tombstoned' }
  const hiddenTo = oracle.hiddenTo(streamId, 'ignored')
  const change = { kind: 'retention', ...patch, hiddenTo } as const
  oracle.change(streamId, '$retention-changed', [change])
  return DONE
}

function truncate(oracle: StoreOracle, { streamId, before }: Of<'truncate'>): Outcome {
  const missing = missingStream(oracle, streamId)
  if (missing !== undefined) return missing
  if (before < 1 || before > oracle.head(streamId) + 1) return { code: 'invalid-argument' }
  if (before - 1 <= hiddenForGood(oracle, streamId)) return DONE
  oracle.change(streamId, '$stream-truncated', [{ kind: 'truncated', before }])
  return DONE
}

/** What is hidden now and cannot be brought back. */
function hiddenForGood(oracle: StoreOracle, streamId: string): number {
  const ofThisLife = oracle.stream(streamId).slice(oracle.life(streamId).endOfLifeBefore)
  if (ofThisLife.some(({ gone }) => gone === 'maybe')) throw new OpenQuestion('It may have been scavenged')
  return oracle.hiddenTo(streamId, ofThisLife.some(({ lost }) => lost) ? 'counts' : 'ignored')
}

function remove(oracle: StoreOracle, operation: Of<'delete' | 'tombstone'>): Outcome {
  const { streamId, expectedVersion: expected } = operation
  const [state, head] = [oracle.state(streamId), oracle.head(streamId)]
  if (state === 'none') return { code: 'stream-not-found' }
  if (state === 'tombstoned') return operation.do === 'tombstone' ? DONE : { code: 'stream-tombstoned' }
  if (!isAsExpected(expected, state, head)) {
    const violation = { kind: 'stream', streamId, expected, actual: head, state } as const
    return { code: 'wrong-expected-version', violations: [violation] }
  }
  if (operation.do === 'tombstone') oracle.change(streamId, '$stream-tombstoned', [{ kind: 'tombstoned' }])
  else if (state === 'live') oracle.change(streamId, '$stream-deleted', [{ kind: 'deleted', head }])
  return DONE
}

function restore(oracle: StoreOracle, { streamId }: Of<'restore'>, told: Outcome | undefined): Outcome {
  const missing = missingStream(oracle, streamId)
  if (missing !== undefined) return missing
  if (oracle.state(streamId) !== 'deleted') return { code: 'stream-not-restorable', problem: 'not-deleted' }
  const ofThisLife = oracle.stream(streamId).slice(oracle.life(streamId).endOfLifeBefore)
  if (ofThisLife.some(({ lost }) => lost)) return SCAVENGED
  if (ofThisLife.some(({ gone }) => gone === 'maybe')) {
    if (told === undefined) throw new OpenQuestion('Events of the stream may have been scavenged')
    if ('code' in told) return SCAVENGED
    for (const event of oracle.stream(streamId).slice(oracle.hiddenTo(streamId, 'ignored'))) event.gone = 'no'
  }
  oracle.change(streamId, '$stream-restored', [{ kind: 'restored' }])
  return DONE
}

const SCAVENGED: OutcomeError = { code: 'stream-not-restorable', problem: 'scavenged' }

function save(oracle: StoreOracle, { series, keep, version, state }: Of<'save'>): Outcome {
  const { streamId } = series
  const missing = missingStream(oracle, streamId)
  if (missing !== undefined) return missing
  if (version > oracle.head(streamId)) return { code: 'invalid-argument' }
  const others = oracle.snapshotsOf(series).filter((snapshot) => snapshot.version !== version)
  const all = [...others, { version, state, life: oracle.beginOfLife(streamId) }]
  const newest = all.sort((a, b) => b.version - a.version).slice(0, keep)
  oracle.snapshots.set(seriesName(series), newest)
  return DONE
}

function forget(oracle: StoreOracle, { series, version }: Of<'forget'>): Outcome {
  const kept = oracle
    .snapshotsOf(series)
    .filter((snapshot) => version !== undefined && snapshot.version !== version)
  oracle.snapshots.set(seriesName(series), kept)
  return DONE
}

function missingStream(oracle: StoreOracle, streamId: string): OutcomeError | undefined {
  const state = oracle.state(streamId)
  if (state === 'none') return { code: 'stream-not-found' }
  return state === 'tombstoned' ? { code: 'stream-tombstoned' } : undefined
}
