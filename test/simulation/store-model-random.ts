import type { ExpectedVersion, IndexName } from 'eventdb'
import { below, pick, randomQuery, SERIES, STREAMS, sample, TAGS, TYPES } from './store-model-names.ts'
import type {
  AppendOperation,
  ModelAppend,
  ModelNewEvent,
  ModelQueryCondition,
  Operation,
  StreamOperation,
  TransactionOperation,
} from './store-model-operations.ts'
import { applyToOracle } from './store-model-rules.ts'
import { OpenQuestion, type StoreOracle } from './store-oracle.ts'

type Random = () => number
/** Makes an operation that has something to do with how the store is. */
type Maker<Made> = (random: Random, oracle: StoreOracle) => Made

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Ids are few, so that they come again in other streams, too. */
const IDS = 12
const KEYS = 5
/** Attempts to make an operation of which it is clear what has to happen. */
const ATTEMPTS_MAX = 20

/** The next operation of a run. */
export function randomOperation(random: Random, oracle: StoreOracle): Operation {
  const choice = random()
  if (choice < 0.7)
    return random() < 0.45 ? decided(random, oracle, randomAppend) : decided(random, oracle, randomChange)
  if (choice < 0.75) return inARow(random)
  if (choice < 0.86) return randomTransaction(random, oracle)
  if (choice < 0.89)
    return { do: 'append together', appends: several(random, oracle, 5, randomAppendBesideOthers) }
  if (choice < 0.92) return randomScavenge(random, oracle)
  if (choice < 0.94) return randomReindex(random, oracle)
  if (choice < 0.96) return { do: 'reopen', process: random() < 0.5 }
  if (choice < 0.99)
    return { do: 'time passes', ms: pick(random, [1, 999, MINUTE, MINUTE, HOUR, HOUR + 1, DAY]) }
  return { do: 'clock goes back', ms: pick(random, [1, MINUTE, HOUR, DAY]) }
}

/** An operation whose outcome the rules do not leave open, if one can be found. */
function decided<Made extends TransactionOperation>(
  random: Random,
  oracle: StoreOracle,
  make: Maker<Made>,
): Made {
  let made = make(random, oracle)
  for (let attempt = 1; attempt < ATTEMPTS_MAX && isLeftOpen(oracle, made); attempt += 1) {
    made = make(random, oracle)
  }
  return made
}

function isLeftOpen(oracle: StoreOracle, operation: TransactionOperation): boolean {
  return operation.do !== 'restore' && isOpen(() => applyToOracle(oracle.copy(), operation))
}

function randomTransaction(random: Random, oracle: StoreOracle): Operation {
  const rehearsal = oracle.beginTransaction()
  const operations: TransactionOperation[] = []
  for (let left = 1 + below(random, 6); left > 0; left -= 1) {
    const operation = decided(random, rehearsal, randomInside)
    if (isOpen(() => applyToOracle(rehearsal.copy(), operation))) continue
    applyToOracle(rehearsal, operation)
    operations.push(operation)
  }
  return { do: 'transact', operations, thrownAway: random() < 0.2 }
}

/** One process knows a stream, the other changes it, and the first goes on with what it knows. */
function inARow(random: Random): Operation {
  const streamId = pick(random, STREAMS)
  const append = (expectedVersion: ExpectedVersion): AppendOperation => ({
    do: 'append',
    many: false,
    appends: [{ streamId, events: [randomEvent(random)], expectedVersion }],
    conditions: [],
    queries: [],
  })
  const change = { streamId, expectedVersion: 'any' } as const
  const changes: readonly (AppendOperation | StreamOperation)[] = [
    { do: 'delete', ...change },
    { do: 'delete', ...change },
    { do: random() < 0.1 ? 'tombstone' : 'delete', ...change },
    append('any'),
    { do: 'retention', streamId, patch: randomRetention(random) },
  ]
  const words: readonly ExpectedVersion[] = ['stream-exists', 'stream-exists', 'deleted', 'no-stream', 'any']
  const [known, changing] = random() < 0.5 ? [pick(random, [0, 1]), 2] : [2, pick(random, [0, 1])]
  const operations = [append('any'), pick(random, changes), append(pick(random, words))]
  return {
    do: 'in a row',
    steps: operations.map((operation, at) => ({ store: at === 1 ? changing : known, operation })),
  }
}

function randomInside(random: Random, oracle: StoreOracle): TransactionOperation {
  const choice = random()
  const key = pick(random, ['k', 'l', 'm'])
  if (choice < 0.42) return randomAppend(random, oracle)
  if (choice < 0.84) return randomChange(random, oracle)
  if (choice < 0.94) return { do: 'set', key, value: below(random, 9) }
  return choice < 0.98 ? { do: 'clear', key } : { do: 'clear all' }
}

function randomScavenge(random: Random, oracle: StoreOracle): Operation {
  const abortAfter = random() < 0.4 ? below(random, 6) : undefined
  const meanwhile = random() < 0.25 ? several(random, oracle, 3, randomPlainAppend) : []
  return { do: 'scavenge', ...(abortAfter !== undefined && { abortAfter }), meanwhile }
}

function randomReindex(random: Random, oracle: StoreOracle): Operation {
  const names: readonly IndexName[] = ['category', 'type', 'tag']
  const missing = names.filter((name) => !oracle.indexes.has(name))
  // Stores without indexes answer little, so what is missing comes back soon.
  const add = random() < 0.7 ? missing : sample(random, names, 1)
  const drop = random() < 0.6 ? sample(random, names, 2) : []
  const abortAfter = random() < 0.3 ? below(random, 3) : undefined
  const meanwhile = random() < 0.3 ? several(random, oracle, 3, randomPlainAppend) : []
  return { do: 'reindex', add, drop, ...(abortAfter !== undefined && { abortAfter }), meanwhile }
}

/** Appends that are made together see each other, so they are rehearsed one after the other. */
function several(
  random: Random,
  oracle: StoreOracle,
  most: number,
  make: Maker<AppendOperation>,
): AppendOperation[] {
  const rehearsal = oracle.beginTransaction()
  const made: AppendOperation[] = []
  for (let left = 1 + below(random, most); left > 0; left -= 1) {
    const append = decided(random, rehearsal, make)
    if (isOpen(() => applyToOracle(rehearsal.copy(), append))) continue
    applyToOracle(rehearsal, append)
    made.push(append)
  }
  return made
}

function randomAppend(random: Random, oracle: StoreOracle): AppendOperation {
  const append = randomAppendWithoutKey(random, oracle)
  if (random() < 0.85) return append
  return {
    ...append,
    key: `key-${below(random, KEYS)}`,
    ...(random() < 0.5 && { appends: repeatable(random) }),
  }
}

/** Appends of which there are few, so that one comes again with the same key, or one that differs in one thing. */
function repeatable(random: Random): ModelAppend[] {
  const variants: readonly Partial<ModelNewEvent>[] = [
    {},
    {},
    {},
    { data: 2 },
    { tags: ['x'] },
    { type: 'B' },
    { metadata: { by: 1 } },
    { timeMs: 0 },
  ]
  const event = { type: 'A', data: 1, ...pick(random, variants) }
  return [{ streamId: pick(random, STREAMS.slice(0, 2)), events: [event], expectedVersion: 'any' }]
}

function randomAppendWithoutKey(random: Random, oracle: StoreOracle): AppendOperation {
  const many = random() < 0.3
  const streams = many ? [...new Set(sample(random, STREAMS, 3))] : [pick(random, STREAMS)]
  return {
    do: 'append',
    many,
    appends: streams.map((streamId) => randomPart(random, oracle, streamId)),
    conditions: many ? sample(random, STREAMS, 2).map((streamId) => condition(random, oracle, streamId)) : [],
    queries: random() < 0.2 ? oneOrTwo(random, () => randomQueryCondition(random, oracle)) : [],
  }
}

/** One of several that may share a transaction, so that it does not matter whether they do: none looks into the future. */
function randomAppendBesideOthers(random: Random, oracle: StoreOracle): AppendOperation {
  const append = randomAppendWithoutKey(random, oracle)
  const queries = append.queries.map(({ query, after }) => ({
    query,
    ...(after && { after: { ...after, plus: Math.min(0, after.plus) } }),
  }))
  return { ...append, queries }
}

/** One that succeeds unless the stream is tombstoned, and has no ids. */
function randomPlainAppend(random: Random): AppendOperation {
  const events = Array.from({ length: 1 + below(random, 3) }, () => randomEvent(random))
  return {
    do: 'append',
    many: false,
    appends: [{ streamId: pick(random, STREAMS), events, expectedVersion: 'any' }],
    conditions: [],
    queries: [],
  }
}

function oneOrTwo<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random() < 0.7 ? 1 : 2 }, make)
}

/** New events, some with ids of the caller's, or a piece of what is there already; rarely very many. */
function randomPart(random: Random, oracle: StoreOracle, streamId: string): ModelAppend {
  const { expectedVersion } = condition(random, oracle, streamId)
  if (random() < 0.001) return { streamId, events: manyEvents(random), expectedVersion: 'any' }
  const there = oracle.stream(streamId).filter(({ id, gone }) => id !== undefined && gone === 'no')
  const from = below(random, there.length)
  const piece = random() < 0.2 ? there.slice(from, from + 1 + below(random, 3)) : []
  const events: ModelNewEvent[] = piece.map(({ type, id }) => ({ type, id: id! }))
  const fresh = piece.length > 0 && random() < 0.7 ? 0 : below(random, 4)
  for (let count = 0; count < fresh; count += 1) {
    const event = randomEvent(random)
    const id = random() < 0.35 ? idOf(below(random, IDS)) : undefined
    if (id === undefined) events.push(event)
    else if (events.every((other) => other.id !== id)) events.push({ ...event, id })
  }
  return { streamId, events, expectedVersion }
}

/** More than a page of a read, and more than one transaction of a scavenge or a reindex takes. */
function manyEvents(random: Random): ModelNewEvent[] {
  return Array.from({ length: 100 + below(random, 600) }, (_, data) => ({ type: 'A', data, tags: ['x'] }))
}

function randomEvent(random: Random): ModelNewEvent {
  return {
    type: pick(random, TYPES),
    ...(random() < 0.9 && { data: randomData(random) }),
    ...(random() < 0.2 && { metadata: { by: below(random, 9) } }),
    ...(random() < 0.15 && { timeMs: pick(random, [0, -DAY, Date.UTC(2030, 0, 1)]) }),
    ...(random() < 0.5 && { tags: sample(random, TAGS, 3) }),
  }
}

function randomData(random: Random): NonNullable<ModelNewEvent['data']> {
  const choice = random()
  if (choice < 0.02) return { bytes: 70_000 + below(random, 3) * 65_000, fill: below(random, 200) }
  if (choice < 0.06) return { bytes: below(random, 5), fill: 3 }
  return choice < 0.1 ? 'text, ü' : below(random, 1_000)
}

function condition(
  random: Random,
  oracle: StoreOracle,
  streamId: string,
): { readonly streamId: string; readonly expectedVersion: ExpectedVersion } {
  return { streamId, expectedVersion: randomExpectation(random, oracle, streamId) }
}

function randomExpectation(random: Random, oracle: StoreOracle, streamId: string): ExpectedVersion {
  const [choice, head] = [random(), oracle.head(streamId)]
  if (choice < 0.55) return 'any'
  if (choice < 0.8) return head
  if (choice < 0.85) return 'no-stream'
  if (choice < 0.9) return 'stream-exists'
  if (choice < 0.94) return 'deleted'
  return Math.max(0, head + below(random, 5) - 2)
}

function randomQueryCondition(random: Random, oracle: StoreOracle): ModelQueryCondition {
  const query = randomQuery(random)
  const seen = oracle.events.findLastIndex(({ position }) => position !== undefined)
  if (seen < 0 || random() < 0.2) return { query }
  const event = random() < 0.4 ? seen : below(random, seen + 1)
  if (oracle.events[event]!.position === undefined) return { query }
  return { query, after: { event, plus: pick(random, [0, 0, 0, -1, 1, 1_000_000]) } }
}

/** Anything that is done to one stream but appending. */
function randomChange(random: Random, oracle: StoreOracle): StreamOperation {
  const choice = random()
  const streamId = pick(random, STREAMS)
  const bounds = {
    ...(random() < 0.2 && { maxCount: 1 + below(random, 4) }),
    ...(random() < 0.15 && { maxAgeMs: HOUR }),
  }
  if (choice < 0.16) return randomLink(random, oracle, streamId)
  if (choice < 0.22)
    return { do: 'create', streamId, ...(random() < 0.5 && { metadata: { of: streamId } }), ...bounds }
  if (choice < 0.3) return { do: 'metadata', streamId, patch: randomPatch(random) }
  if (choice < 0.38) return { do: 'retention', streamId, patch: randomRetention(random) }
  if (choice < 0.5) return { do: 'truncate', streamId, before: below(random, oracle.head(streamId) + 3) }
  if (choice < 0.62)
    return { do: 'delete', streamId, expectedVersion: randomExpectation(random, oracle, streamId) }
  if (choice < 0.77) return { do: 'restore', streamId: randomDeleted(random, oracle) }
  if (choice < 0.775) return { do: 'tombstone', streamId, expectedVersion: 'any' }
  return randomSnapshot(random, oracle)
}

/** One that is deleted, if there is one, and mostly. */
function randomDeleted(random: Random, oracle: StoreOracle): string {
  const deleted = STREAMS.filter((streamId) => oracle.state(streamId) === 'deleted')
  return pick(random, deleted.length > 0 && random() < 0.8 ? deleted : STREAMS)
}

function randomLink(random: Random, oracle: StoreOracle, streamId: string): StreamOperation {
  const of = `${random() < 0.05 ? '$$' : ''}${pick(random, STREAMS)}`
  const version = 1 + below(random, oracle.head(of) + 1)
  return {
    do: 'link',
    streamId,
    target: { streamId: of, version },
    ...(random() < 0.2 && { id: idOf(below(random, IDS)) }),
    expectedVersion: randomExpectation(random, oracle, streamId),
  }
}

function randomPatch(random: Random): Record<string, number | null> {
  const value = random() < 0.3 ? null : below(random, 9)
  return { [pick(random, ['m', 'n'])]: value }
}

function randomRetention(random: Random): { maxCount?: number | null; maxAgeMs?: number | null } {
  return {
    ...(random() < 0.6 && { maxCount: random() < 0.4 ? null : 1 + below(random, 5) }),
    ...(random() < 0.5 && { maxAgeMs: random() < 0.4 ? null : pick(random, [1, MINUTE, HOUR]) }),
  }
}

function randomSnapshot(random: Random, oracle: StoreOracle): StreamOperation {
  const series = pick(random, SERIES)
  const version = below(random, oracle.head(series.streamId) + 2)
  if (random() < 0.15) return { do: 'forget', series, ...(random() < 0.7 && { version }) }
  return { do: 'save', series, keep: 1 + below(random, 3), version, state: below(random, 1_000) }
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}

/** Whether an operation leaves open what has to happen. */
function isOpen(question: () => unknown): boolean {
  try {
    question()
    return false
  } catch (error) {
    if (error instanceof OpenQuestion) return true
    throw error
  }
}
