import type { CatchUpOptions, EventStore, RecordedEvent, SubscribableSource } from 'eventdb'
import { type Figures, measured } from './measured.ts'
import { look, typeOf } from './programs/rows.ts'
import type { StoredRows } from './programs/stored-rows.ts'
import { CATEGORY, RARE_TYPE } from './subscription-events.ts'

/** What is caught up with. */
export type Course = 'all' | 'category' | 'rare by filter' | 'rare by type'

/** Everything of a large store, from the first event to the last. */
export interface CatchUp {
  readonly kind: 'catch-up'
  readonly course: Course
  readonly by: 'handler' | 'batches of 500' | 'for await' | 'batches()'
  readonly times: number
}

/** The rows of the same events, by nothing but the engine. */
export interface RawScan {
  readonly kind: 'raw-scan'
  readonly course: Course
  readonly times: number
}

/** How long the warm-up of a subscription takes, in milliseconds, and after how many rows that of a scan is over. */
const WARM_UP_MS = 500
const WARM_UP_ROWS = 50_000

/** Catches up, and makes sure that the events are in order. That they are all there is seen by their number, which is that of the rows. */
export async function catchUp(store: EventStore, work: CatchUp): Promise<Figures> {
  await caughtUp(store, work, WARM_UP_MS)
  const all = work.course === 'rare by filter' ? (await store.info()).events : undefined
  let found = 0
  const seen = await measured(async () => {
    for (let time = 0; time < work.times; time += 1) found += await caughtUp(store, work)
    // Whoever filters looks at all of them.
    return all === undefined ? found : all * work.times
  })
  return { ...seen, found: found / work.times }
}

/** Scans the rows, and looks at the type and the version of each event. */
export async function rawScan(rows: StoredRows, { course, times }: RawScan): Promise<Figures> {
  scanned(rows, course, WARM_UP_ROWS)
  let found = 0
  const seen = await measured(async () => {
    let count = 0
    for (let time = 0; time < times; time += 1) {
      const scan = scanned(rows, course, Number.POSITIVE_INFINITY)
      count += scan.looked
      found += scan.found
    }
    return count
  })
  return { ...seen, found: found / times }
}

function scanned(rows: StoredRows, course: Course, atMost: number): { looked: number; found: number } {
  let [looked, found] = [0, 0]
  for (const record of recordsOf(rows, course)) {
    looked += 1
    if (course === 'rare by filter' ? typeOf(record) === RARE_TYPE : look(record, false)) found += 1
    if (looked >= atMost) break
  }
  return { looked, found }
}

function recordsOf(rows: StoredRows, course: Course): Iterable<Uint8Array> {
  switch (course) {
    case 'category':
      return rows.index(10, CATEGORY)
    case 'rare by type':
      return rows.index(11, RARE_TYPE)
    default:
      return rows.log()
  }
}

/** Subscribes from the beginning until it has caught up, or its time is over. Returns how many events it has seen. */
async function caughtUp(store: EventStore, { course, by }: CatchUp, mostMs?: number): Promise<number> {
  const source = sourceOf(store, course)
  const stop = new AbortController()
  const timer = mostMs === undefined ? undefined : setTimeout(() => stop.abort(), mostMs)
  let count = 0
  let last = 0n
  const see = (event: RecordedEvent): void => {
    if (event.position <= last) throw new Error(`${event.position} comes behind ${last}`)
    last = event.position
    count += 1
  }
  const options: CatchUpOptions<RecordedEvent, bigint> = {
    type: 'catch-up',
    signal: stop.signal,
    onCaughtUp: () => stop.abort(),
    filter: course === 'rare by filter' ? { types: [RARE_TYPE] } : undefined,
  }
  const ended = await subscribed(source, options, by, see)
  clearTimeout(timer)
  if (!stop.signal.aborted || ended.reason !== 'aborted') throw ended.error
  return count
}

async function subscribed(
  source: SubscribableSource<RecordedEvent, bigint>,
  options: CatchUpOptions<RecordedEvent, bigint>,
  by: CatchUp['by'],
  see: (event: RecordedEvent) => void,
): Promise<{ readonly reason: string; readonly error?: unknown }> {
  if (by === 'handler') return (await source.subscribe(options, see)).ended
  if (by === 'batches of 500') {
    const all = (events: readonly RecordedEvent[]): void => events.forEach(see)
    return (await source.subscribe({ ...options, batchSize: 500 }, all)).ended
  }
  const subscription = await source.subscribe(options)
  try {
    if (by === 'for await') for await (const event of subscription) see(event)
    else for await (const events of subscription.batches()) events.forEach(see)
  } catch (error) {
    // A loop over a subscription whose signal is aborted throws the reason.
    if (!options.signal!.aborted) throw error
  }
  return subscription.ended
}

function sourceOf(store: EventStore, course: Course): SubscribableSource<RecordedEvent, bigint> {
  switch (course) {
    case 'category':
      return store.category(CATEGORY)
    case 'rare by type':
      return store.eventType(RARE_TYPE)
    default:
      return store.all
  }
}
