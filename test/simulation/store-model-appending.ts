import type { IndexName, Query } from 'eventdb'
import type { AppendOperation, ModelNewEvent, ModelQueryCondition } from './store-model-operations.ts'
import {
  isAsExpected,
  isMeant,
  KEY_MS,
  type ModelEvent,
  type ModelPlace,
  type ModelResult,
  type ModelViolation,
  OpenQuestion,
  type Outcome,
  type StoreOracle,
} from './store-oracle.ts'

/** A new event, or a link. */
type Appended = ModelNewEvent & { readonly target?: ModelPlace }

/** Judges an append as section 1 of the semantics does: key, ids, then every condition; and makes it. */
export function appendToOracle(
  oracle: StoreOracle,
  operation: AppendOperation,
  targetOfLink: 'is there' | 'is missing' = 'is there',
): Outcome {
  const { appends, conditions, queries, key } = operation
  const fingerprint = JSON.stringify(appends.map(({ streamId, events }) => [streamId, events.map(contentOf)]))
  const before = key === undefined ? undefined : keyInForce(oracle, key)
  if (before !== undefined) {
    if (before.fingerprint !== fingerprint) return { code: 'idempotency-conflict' }
    return { value: before.results.map((result) => ({ ...result, idempotent: true })) }
  }
  const recorded = appends.map(({ streamId, events }) => recordedBefore(oracle, streamId, events))
  if (recorded.includes('conflict')) return { code: 'idempotency-conflict' }
  // Parts without events have nothing that could be recorded.
  const isRepeated =
    recorded.some((part) => part !== undefined) &&
    appends.every(({ events }, at) => events.length === 0 || recorded[at] !== undefined)
  if (!isRepeated) {
    if (targetOfLink === 'is missing') return { code: 'event-not-found' }
    if (!queries.every(({ query }) => canBeAnswered(oracle, query))) return { code: 'index-missing' }
    const judged = [...appends.filter((_, at) => recorded[at] === undefined), ...conditions]
    const violations = [
      ...judged.flatMap((one) => violationOfStream(oracle, one)),
      ...queries.flatMap((one) => violationOfQuery(oracle, one)),
    ]
    if (violations.length > 0) {
      const areOfStreams = violations.every(({ kind }) => kind === 'stream')
      return { code: areOfStreams ? 'wrong-expected-version' : 'append-condition-failed', violations }
    }
  }
  const results = appends.map(({ streamId, events }, at) => {
    const there = recorded[at]
    return typeof there === 'object' ? there : writeAll(oracle, streamId, events)
  })
  if (key !== undefined) oracle.keys.set(key, { fingerprint, usedMs: oracle.now, results })
  return { value: results }
}

/** Whether the store has an index for each item of a query. */
export function canBeAnswered({ indexes }: StoreOracle, { items = [] }: Query): boolean {
  if (items.some(({ types = [], tags = [] }) => types.length === 0 && tags.length === 0)) return true
  const has = (name: IndexName, list: readonly string[] | undefined): boolean =>
    list !== undefined && list.length > 0 && indexes.has(name)
  return items.every(({ types, tags }) => has('type', types) || has('tag', tags))
}

/** Behind which position a query looks. */
export function positionAfter({ events }: StoreOracle, { after }: ModelQueryCondition): bigint | undefined {
  if (after === undefined) return undefined
  const position = events[after.event]?.position ?? 0n
  const sum = position + BigInt(after.plus)
  return sum < 0n ? 0n : sum
}

/** The payload that a description stands for. */
export function payloadOf(data: ModelNewEvent['data']): unknown {
  if (typeof data !== 'object') return data
  const name = `${data.bytes} ${data.fill}`
  const known = payloads.get(name) ?? new Uint8Array(data.bytes).map((_, at) => at * data.fill)
  payloads.set(name, known)
  return known
}

const payloads = new Map<string, Uint8Array>()

/** Tags without repeats, in the order of their bytes. */
export function tagsOf({ tags = [] }: ModelNewEvent): string[] {
  return [...new Set(tags)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function contentOf(event: Appended): unknown[] {
  const { type, id, timeMs, data, metadata, target } = event
  return [type, id, timeMs, tagsOf(event), data, metadata, target]
}

function keyInForce(oracle: StoreOracle, key: string): ReturnType<typeof oracle.keys.get> {
  const known = oracle.keys.get(key)
  if (known === undefined) return undefined
  const [isKept, wasKept] = [oracle.clock, oracle.now].map((now) => now - known.usedMs <= KEY_MS)
  if (isKept !== wasKept) throw new OpenQuestion('The clock went back, so the key may have expired or not')
  return isKept ? known : undefined
}

/** The result of the append that recorded these events already: all of them, consecutively and in that order. */
function recordedBefore(
  oracle: StoreOracle,
  streamId: string,
  events: readonly Appended[],
): ModelResult | 'conflict' | undefined {
  const stream = oracle.stream(streamId)
  const places = events.map(({ id }) => {
    if (id === undefined) return undefined
    const found = stream.findLast((event) => event.id === id && event.gone !== 'yes')
    if (found?.gone === 'maybe') throw new OpenQuestion('The event with this id may have been scavenged')
    return found?.version
  })
  if (places.every((place) => place === undefined)) return undefined
  const first = places[0] ?? 0
  if (!places.every((place, at) => place === first + at)) return 'conflict'
  const lastVersion = first + events.length - 1
  return { streamId, firstVersion: first, lastVersion, idempotent: true, last: stream[lastVersion - 1] }
}

function violationOfStream(
  oracle: StoreOracle,
  {
    streamId,
    expectedVersion: expected,
  }: Pick<AppendOperation['appends'][0], 'streamId' | 'expectedVersion'>,
): ModelViolation[] {
  const [state, actual] = [oracle.state(streamId), oracle.head(streamId)]
  if (isAsExpected(expected, state, actual)) return []
  return [{ kind: 'stream', streamId, expected, actual, state }]
}

/** Of a transaction's own events, which have no position, all count as later than any that can be named. */
function violationOfQuery(oracle: StoreOracle, condition: ModelQueryCondition): ModelViolation[] {
  const after = positionAfter(oracle, condition)
  const event = oracle
    .visible()
    .find((one) => isMeant(condition.query, one) && (after === undefined || isBehind(oracle, one, after)))
  return event === undefined ? [] : [{ kind: 'query', after, event }]
}

/** Whether an event's position is greater. One that was never seen is as good as its neighbours. */
export function isBehind(oracle: StoreOracle, event: ModelEvent, position: bigint): boolean {
  if (event.position !== undefined) return event.position > position
  if (oracle.isPending(event)) return true
  throw new OpenQuestion('The position of the event is not known')
}

function writeAll(oracle: StoreOracle, streamId: string, events: readonly Appended[]): ModelResult {
  const firstVersion = oracle.head(streamId) + 1
  let last: ModelEvent | undefined
  for (const event of events) {
    const { type, id, timeMs, data, metadata, target } = event
    const payload = target === undefined ? payloadOf(data) : target
    last = oracle.write(streamId, { type, id, timeMs, tags: tagsOf(event), data: payload, metadata, target })
  }
  const lastVersion = firstVersion + events.length - 1
  return { streamId, firstVersion, lastVersion, idempotent: false, last }
}
