import { setTimeout as pause } from 'node:timers/promises'
import type { EventStore, RecordedEvent } from 'eventdb'
import { eventSource } from './events.ts'
import type { Figures } from './measured.ts'
import { inProcess } from './processes.ts'
import type { Program } from './program.ts'
import { now, patiently, percentile, type Signalled, signalled } from './subscription-events.ts'

/** Events that are appended one by one, and how soon they are delivered. */
export interface Latency {
  readonly kind: 'latency'
  readonly type: 'catch-up' | 'persistent'
  readonly appender: 'same process' | 'other process'
  readonly pauseMs: number
  readonly events: number
}

/** Events that are appended one by one to the hand-written program: durable commits of the engine, and nothing else. */
export interface RawCommits {
  readonly kind: 'raw-commits'
  readonly pauseMs: number
  readonly events: number
}

/** What another process appends while this one listens. */
export interface AppenderJob {
  readonly engine: 'sqlite' | 'lmdb'
  readonly folder: string
  readonly events: number
  readonly pauseMs: number
}

/** When an event was acknowledged, on the clock that all processes share, and how long its append took. */
export interface Acknowledged {
  readonly at: number
  readonly tookMs: number
}

/** The part of all events that only warms up. */
const WARM_UP_PART = 5

/** Appends events with numbers, one after the other, and notes when each is acknowledged. */
export async function appendWithPauses(
  append: (streamId: string, event: { type: string; data: object }) => Promise<unknown>,
  events: number,
  pauseMs: number,
): Promise<Acknowledged[]> {
  const next = eventSource(process.pid, false)
  const acknowledged: Acknowledged[] = []
  for (let number = 0; number < events; number += 1) {
    const { type, data } = next()
    const began = now()
    await append(`latency-${number % 100}`, { type, data: { number, ...data } })
    const at = now()
    acknowledged.push({ at, tookMs: at - began })
    if (pauseMs > 0) await pause(pauseMs)
  }
  return acknowledged
}

/** From the moment at which an append is acknowledged until the handler is called. Negative where the handler was first. */
export async function latency(
  store: EventStore,
  place: { readonly engine: 'sqlite' | 'lmdb'; readonly folder: string },
  { type, appender, pauseMs, events: measuredEvents }: Latency,
): Promise<Figures> {
  const events = Math.ceil(measuredEvents * (1 + 1 / WARM_UP_PART))
  const deliveredAt: number[] = []
  const all = signalled()
  const onEvent = (event: RecordedEvent): void => {
    const at = now()
    const { number } = event.data as { number: number }
    deliveredAt[number] ??= at
    if (number === events - 1) all.resolve()
  }
  const subscription = await subscribed(store, type, onEvent)
  const job: AppenderJob = { ...place, events, pauseMs }
  const acknowledged =
    appender === 'same process'
      ? await appendWithPauses((id, event) => store.stream(id).append(event), events, pauseMs)
      : await inProcess<Acknowledged[]>('./subscription-appender.ts', job)
  await untilDelivered(all, deliveredAt, events)
  await subscription.close()
  return figuresOf(acknowledged, deliveredAt)
}

/** The same appends by hand. */
export async function rawCommits(program: Program, work: RawCommits): Promise<Figures> {
  const append = (events: number): Promise<Acknowledged[]> =>
    appendWithPauses((id, event) => program.append(id, event), events, work.pauseMs)
  await append(Math.ceil(work.events / WARM_UP_PART))
  const began = performance.now()
  const acknowledged = await append(work.events)
  const perSecond = (work.events * 1_000) / (performance.now() - began)
  const took = acknowledged.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b)
  return { perSecond, p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99) }
}

async function subscribed(
  store: EventStore,
  type: Latency['type'],
  onEvent: (event: RecordedEvent) => void,
): Promise<{ close(): Promise<void> }> {
  if (type === 'catch-up') return store.all.subscribe({ type, from: 'end' }, onEvent)
  await store.all.createSubscription('latency', { startFrom: 'end' })
  return store.all.subscribe({ type, group: 'latency' }, onEvent)
}

async function untilDelivered(all: Signalled, deliveredAt: readonly number[], events: number): Promise<void> {
  await patiently(all.promise, () => `the last of ${events} events was not delivered`)
  for (let number = 0; number < events; number += 1) {
    if (deliveredAt[number] === undefined) throw new Error(`Event ${number} was not delivered`)
  }
}

function figuresOf(acknowledged: readonly Acknowledged[], deliveredAt: readonly number[]): Figures {
  const from = Math.floor(acknowledged.length / (WARM_UP_PART + 1))
  const delays = acknowledged.map(({ at }, number) => deliveredAt[number]! - at).slice(from)
  const sorted = delays.toSorted((a, b) => a - b)
  const took = acknowledged
    .slice(from)
    .map(({ tookMs }) => tookMs)
    .toSorted((a, b) => a - b)
  return {
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    longestMs: sorted.at(-1)!,
    earlyPercent: (100 * sorted.filter((delay) => delay < 0).length) / sorted.length,
    appendP50Ms: percentile(took, 0.5),
    appendP99Ms: percentile(took, 0.99),
  }
}
