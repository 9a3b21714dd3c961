import type { AnyPlace, AnySubscribable } from '../../store/broker.ts'
import type { EventStore } from '../../store/contract.ts'
import type { ReadableSource } from '../../store/contract-reading.ts'
import type {
  CatchUpOptions,
  CatchUpSubscription,
  EventFilter,
  EventHandler,
  Subscription,
  VolatileOptions,
  VolatileSubscription,
} from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { numbers } from './laws.ts'
import { placeOf } from './scan.ts'
import { marked } from './sights.ts'

/** Anything that can be read and followed. */
export type Followed = Pick<AnySubscribable, 'subscribe'> &
  ReadableSource<RecordedEvent, { readonly resolveLinks?: boolean }>

/** One source of a store that `markAll` has written to. */
export interface SourceCase {
  readonly of: (store: EventStore) => Followed
  /** The place of an event in it. */
  readonly placeOf: (event: RecordedEvent) => AnyPlace
}

const ITEMS = [
  { types: ['Of s'], tags: ['s', 'odd'] },
  { types: ['Of s', 'Of nobody'], tags: ['even', 's'] },
]

/** Every kind of source: each holds what `mark` writes, and perhaps noise. */
export const SOURCES: Readonly<Record<string, SourceCase>> = {
  stream: {
    of: (store) => store.stream('s'),
    placeOf: ({ version, link }) => link?.version ?? version,
  },
  all: { of: (store) => store.all, placeOf },
  category: { of: (store) => store.category('s'), placeOf },
  type: { of: (store) => store.eventType('Of s'), placeOf },
  'query by tag': { of: (store) => store.query({ items: [{ tags: ['s'] }] }), placeOf },
  'query by types and tags': { of: (store) => store.query({ items: ITEMS }), placeOf },
  'query of everything': { of: (store) => store.query({}), placeOf },
}

/** Writes events with the data `from` to `to` to the stream `s`, some at a time, between noise that most sources don't have. */
export async function mark(store: EventStore, from: number, to: number, together = 3): Promise<void> {
  for (let at = from; at <= to; at += together) {
    const events = marked('s', Math.min(together, to - at + 1), at)
    await store.append([
      { streamId: 's', events },
      { streamId: 'noise-1', events: { type: 'Noise', tags: ['odd'], data: 'noise' } },
    ])
  }
}

/** Somebody who subscribes, and keeps what was handed over. */
export interface Follower<S extends Subscription<RecordedEvent>> {
  readonly subscription: S
  readonly seen: readonly RecordedEvent[]
  /** The data of what was handed over, without noise. */
  readonly data: readonly unknown[]
  close(): Promise<void>
}

/** Subscribes to what comes from now on, with a handler that keeps it and then does `react`. */
export async function followLive(
  source: Pick<Followed, 'subscribe'>,
  options: Omit<VolatileOptions<RecordedEvent>, 'type'> = {},
  react: EventHandler<RecordedEvent> = () => {},
): Promise<Follower<VolatileSubscription<RecordedEvent>>> {
  const { seen, handler } = keeping(react)
  return followerOf(seen, await source.subscribe({ ...options, type: 'volatile' }, handler))
}

/** Subscribes to what is there and what comes, with a handler that keeps it and then does `react`. */
export async function followAll(
  source: Pick<Followed, 'subscribe'>,
  options: Omit<CatchUpOptions<RecordedEvent, AnyPlace>, 'type'> = {},
  react: EventHandler<RecordedEvent> = () => {},
): Promise<Follower<CatchUpSubscription<RecordedEvent, AnyPlace>>> {
  const { seen, handler } = keeping(react)
  return followerOf(seen, await source.subscribe({ ...options, type: 'catch-up' }, handler))
}

function keeping(react: EventHandler<RecordedEvent>): {
  readonly seen: RecordedEvent[]
  readonly handler: EventHandler<RecordedEvent>
} {
  const seen: RecordedEvent[] = []
  const handler: EventHandler<RecordedEvent> = (event, context) => {
    seen.push(event)
    return react(event, context)
  }
  return { seen, handler }
}

function followerOf<S extends Subscription<RecordedEvent>>(
  seen: readonly RecordedEvent[],
  subscription: S,
): Follower<S> {
  return {
    subscription,
    seen,
    get data() {
      return seen.map(({ data }) => data).filter((data) => data !== 'noise')
    },
    close: () => subscription.close(),
  }
}

/** The data of events, without noise. */
export function signalIn(events: readonly RecordedEvent[]): unknown[] {
  return events.map(({ data }) => data).filter((data) => data !== 'noise')
}

/** Takes so many events of a loop, and leaves it open. */
export async function take<T>(iterator: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  for (const _ of numbers(1, count)) {
    const { value, done } = await iterator.next()
    if (done === true) break
    taken.push(value)
  }
  return taken
}

/** A door that is shut until it is opened, at the latest when its law is over: a handler that waits there would hold up the end. */
export interface Door extends Disposable {
  readonly passed: Promise<void>
  open(): void
}

/** Makes a door that is shut. */
export function shutDoor(): Door {
  let open!: () => void
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open, [Symbol.dispose]: open }
}

/** Subscribes without a handler. */
export async function loopOf(
  source: Followed,
  kind: 'volatile' | 'catch-up',
  signal?: AbortSignal,
  filter?: EventFilter<RecordedEvent>,
): Promise<Subscription<RecordedEvent>> {
  return kind === 'volatile'
    ? source.subscribe({ type: kind, signal, filter })
    : source.subscribe({ type: kind, signal, filter })
}
