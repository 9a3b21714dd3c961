import {
  defineEvents,
  defineInlineProjection,
  defineProjection,
  type EventStore,
  type InlineContext,
  type JsonValue,
  type Projection,
  type ProjectionReader,
  type RecordedEvent,
} from 'eventdb'
import { expect } from 'vitest'
import { firstDifference } from './first-difference.ts'

/** Something was counted. */
export interface Counted {
  readonly type: 'Counted'
  readonly data: { readonly by: number }
}

/** What is known of a stream: how much, and a digest that depends on the order. */
export interface Sum {
  readonly count: number
  readonly digest: number
}

/** Streams that are counted. */
export const COUNTED = ['sum-a', 'sum-b', 'sum-c', 'sum-d'] as const
/** Streams that are written to. */
export const EMITTED = ['echo-0', 'echo-1', 'thirds'] as const

type Found = RecordedEvent<Counted>

/** What is known of an event in any case. */
type Known = Pick<Found, 'data' | 'id' | 'streamId' | 'version'>

/** Sums by stream; echoes each event, links every third of a stream, and keeps the running total. */
export function sums(beforeEach: (event: Known) => Promise<void>): Projection<Counted, Sum> {
  return defineProjection(defineEvents<Counted>(), {
    name: 'sums',
    source: { kind: 'category', category: 'sum' },
    partitionBy: 'stream',
    initialState: (): Sum => ({ count: 0, digest: 0 }),
    on: { Counted: summing(beforeEach) },
  })
}

/** The same as part of each append. */
export function inlineSums(
  version: number,
  beforeEach: (event: Known) => Promise<void> = async () => {},
): Projection<Counted, Sum> {
  return defineInlineProjection(defineEvents<Counted>(), {
    name: 'sums',
    version,
    source: { kind: 'category', category: 'sum' },
    partitionBy: 'stream',
    initialState: (): Sum => ({ count: 0, digest: 0 }),
    on: { Counted: summing(beforeEach) },
  })
}

function summing(beforeEach: (event: Known) => Promise<void>) {
  return async (
    sum: Sum,
    event: Known,
    { kv, emit, linkTo }: Pick<InlineContext, 'kv' | 'emit' | 'linkTo'>,
  ): Promise<Sum> => {
    await beforeEach(event)
    const total = (((await kv.get(['total'])) as number | undefined) ?? 0) + event.data.by
    kv.set(['total'], total)
    kv.set(['of', event.streamId, event.version], total)
    const next = added(sum, event.data.by)
    emit(echoOf(event.data.by), { type: 'Echo', data: { of: event.id, total } })
    if (next.count % 3 === 0) linkTo('thirds', event)
    return next
  }
}

function added({ count, digest }: Sum, by: number): Sum {
  return { count: count + 1, digest: (Math.imul(digest, 31) + by) % 1_000_003 }
}

function echoOf(by: number): string {
  return `echo-${by % 2}`
}

/** What there should be, by a plain loop. */
interface Expected {
  readonly states: Map<string, Sum>
  readonly model: JsonValue[]
  readonly emitted: Map<string, string[]>
}

function plainLoop(events: readonly Found[]): Expected {
  const states = new Map<string, Sum>()
  const rows = new Map<string, number>()
  const emitted = new Map<string, string[]>(EMITTED.map((streamId) => [streamId, []]))
  let total = 0
  for (const { streamId, version, id, data } of events) {
    total += data.by
    rows.set(JSON.stringify(['of', streamId, version]), total)
    const next = added(states.get(streamId) ?? { count: 0, digest: 0 }, data.by)
    states.set(streamId, next)
    emitted.get(echoOf(data.by))!.push(`${id} ${total}`)
    if (next.count % 3 === 0) emitted.get('thirds')!.push(id)
  }
  if (events.length > 0) rows.set(JSON.stringify(['total']), total)
  return { states, model: [...rows].map(([key, value]) => [JSON.parse(key) as JsonValue, value]), emitted }
}

/** Finds what the projection holds to be what a plain loop makes of the events up to its checkpoint. Returns how many these are. */
export async function expectSums(
  store: EventStore,
  projection: Projection<Counted, Sum> = sums(async () => {}),
): Promise<number> {
  const handle = store.projection(projection)
  const { position, states, model } = await handle.read(held)
  const all = await store.category<Counted>('sum').read().toArray()
  const events = all.filter((event) => event.position <= (position ?? 0n))
  const expected = plainLoop(events)
  expect(states).toEqual(Object.fromEntries(expected.states))
  const texts = (rows: readonly JsonValue[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
  expect(firstDifference(texts(model), texts(expected.model))).toBeUndefined()
  for (const [streamId, wanted] of expected.emitted) {
    expect(firstDifference(await emittedTo(store, streamId), wanted), streamId).toBeUndefined()
  }
  return events.length
}

async function held(reader: ProjectionReader<Sum>): Promise<{
  readonly position: bigint | undefined
  readonly states: Record<string, Sum>
  readonly model: JsonValue[]
}> {
  const { position } = await reader.load('sum-a')
  const states: Record<string, Sum> = {}
  for await (const { partition, state } of reader.partitions()) states[partition] = state
  const model: JsonValue[] = []
  for await (const { key, value } of reader.kv.getRange([]))
    model.push([key as JsonValue, value as JsonValue])
  return { position, states, model }
}

/** What the projection has written to a stream; others write to it as well. */
async function emittedTo(store: EventStore, streamId: string): Promise<string[]> {
  const found: string[] = []
  for await (const { id, type, data, link } of store.stream(streamId).read()) {
    const { of, total } = (data ?? {}) as { readonly of: string; readonly total: number }
    if (link !== undefined) found.push(id)
    else if (type === 'Echo') found.push(`${of} ${total}`)
  }
  return found
}
