import type { AnyPlace } from '../../store/broker.ts'
import type { CatchUpSubscription } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import type { Followed } from './following.ts'
import { nextTurn, numbers } from './laws.ts'
import { below, type Random } from './random-history.ts'

/** Most events of one life. */
const LIFE_EVENTS_MAX = 900
/** Most turns after which a life is ended from outside. */
const LIFE_TURNS_MAX = 60

/** One life of a follower: where it begins, what it does with what it gets, and how it is ended. */
interface Life {
  readonly source: Followed
  readonly after: AnyPlace | undefined
  readonly random: Random
  readonly signal: AbortSignal
  /** Keeps an event; returns whether that was all. */
  see(event: RecordedEvent): void
}

type Subscribed = CatchUpSubscription<RecordedEvent, AnyPlace>

/** How a life can go. Each keeps an event before it lets the subscription know that it is done with it. */
const WAYS: readonly ((life: Life) => Promise<Subscribed>)[] = [
  async ({ source, after, signal, see }) => source.subscribe({ type: 'catch-up', after, signal }, see),
  async ({ source, after, signal, see, random }) =>
    source.subscribe({ type: 'catch-up', after, signal }, async (event) => {
      if (random() < 0.02) await nextTurn()
      see(event)
    }),
  async ({ source, after, signal, see, random }) =>
    source.subscribe({ type: 'catch-up', after, signal, batchSize: 1 + below(random, 300) }, (events) => {
      for (const event of events) see(event)
    }),
  async ({ source, after, signal, see }) => {
    const subscription = await source.subscribe({ type: 'catch-up', after, signal })
    for await (const event of untilAborted(subscription, signal)) see(event)
    return subscription
  },
  async ({ source, after, signal, see }) => {
    const subscription = await source.subscribe({ type: 'catch-up', after, signal })
    for await (const batch of untilAborted(subscription.batches(), signal))
      for (const event of batch) see(event)
    return subscription
  },
]

/** A loop that ends when it is aborted. */
async function* untilAborted<T>(loop: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* loop
  } catch (error) {
    if (error !== signal.reason) throw error
  }
}

/**
 * Follows a source until an event is seen that is the last, in many lives: each begins at the checkpoint of the one before, and is aborted at a
 * random moment. Returns what was seen in all of them.
 */
export async function followInLives(
  source: Followed,
  random: Random,
  isLast: (event: RecordedEvent) => boolean,
): Promise<readonly RecordedEvent[]> {
  const seen: RecordedEvent[] = []
  let after: AnyPlace | undefined
  while (seen.length === 0 || !isLast(seen.at(-1)!)) {
    const aborting = new AbortController()
    const { signal } = aborting
    let left = 1 + below(random, LIFE_EVENTS_MAX)
    const see = (event: RecordedEvent): void => {
      seen.push(event)
      left -= 1
      if (left <= 0 || isLast(event)) aborting.abort()
    }
    void endLater(aborting, below(random, LIFE_TURNS_MAX))
    const way = WAYS[below(random, WAYS.length)]!
    const subscription = await way({ source, after, random, signal, see }).catch(ignoreAbort)
    if (subscription === undefined) continue
    await subscription.ended
    after = subscription.checkpoint
  }
  return seen
}

async function endLater(aborting: AbortController, turns: number): Promise<void> {
  for (const _ of numbers(1, turns)) await nextTurn()
  aborting.abort()
}

/** It may be aborted before it has begun. */
function ignoreAbort(error: Error): undefined {
  if (error.name !== 'AbortError') throw error
}
