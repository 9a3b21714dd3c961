import type { EventRead, EventStore, Query, RecordedEvent } from 'eventdb'
import { eventSource, randomOf } from './events.ts'
import type { BenchEvent } from './program.ts'

/** How many streams a large store has. */
const STREAMS = 20_000
const CATEGORIES = 50
const CUSTOMERS = 20_000
const REGIONS = 50
/** Of so many events one is of the rare type, and one has both of the frequent tags. */
const RARITY = 10_000
const RARE_TYPE = 'StockCounted'

/** An event with tags. */
export interface TaggedEvent extends BenchEvent {
  readonly tags: readonly string[]
}

/** Makes events with three tags: one out of 20,000, one out of 50, and one that all events have. */
export function taggedSource(seed: number): () => TaggedEvent {
  const next = eventSource(seed, false)
  const random = randomOf(seed + 1)
  return () => ({ ...next(), tags: [customer(random), `region:${pick(random, REGIONS)}`, 'tenant:acme'] })
}

/**
 * Makes the events of a large store. They have a fourth tag, one of two that take turns; few events have both, and few are of the rare
 * type. So each of the two has half of the events, and what they have in common is as hard to find as can be.
 */
export function builtSource(seed: number): () => TaggedEvent {
  const next = taggedSource(seed)
  let count = 0
  return () => {
    count += 1
    const { tags, ...event } = next()
    const channels = count % RARITY === 1 ? ['channel:web', 'channel:phone'] : [channelOf(count)]
    const isRare = count % RARITY === RARITY / 2
    return { ...event, type: isRare ? RARE_TYPE : event.type, tags: [...tags, ...channels] }
  }
}

/** The id of one of the streams of a large store. */
export function builtStream(random: () => number): string {
  return streamOf(pick(random, STREAMS))
}

/** The id of the stream with a number. */
export function streamOf(number: number | string, category: number = Number(number) % CATEGORIES): string {
  return `area${category}-${number}`
}

/** A question to a large store, and how it would be answered by looking at everything. */
export interface Question {
  /** How often it is asked. */
  readonly times: number
  readonly backwards?: boolean
  readonly limit?: number
  /** What is asked this time. */
  ask(random: () => number): Asked
}

interface Asked {
  read(store: EventStore, options: ReadOptions): EventRead<RecordedEvent>
  isMeant(event: RecordedEvent): boolean
}

interface ReadOptions {
  readonly direction: 'forwards' | 'backwards'
  readonly limit?: number
}

/** All questions, by what the tables call them. */
export const QUESTIONS = {
  'a rare tag': { times: 10_000, ask: (random) => items([{ tags: [customer(random)] }]) },
  'a rare tag and a tag of half of all events': {
    times: 2_000,
    ask: (random) => items([{ tags: [customer(random), 'channel:web'] }]),
  },
  'two tags of half of all events each, rarely together': {
    times: 3,
    ask: () => items([{ tags: ['channel:web', 'channel:phone'] }]),
  },
  'a frequent type and a rare tag': {
    times: 2_000,
    ask: (random) => items([{ types: ['OrderPlaced'], tags: [customer(random)] }]),
  },
  'ten rare tags, joined by or': {
    times: 1_000,
    ask: (random) => items(Array.from({ length: 10 }, () => ({ tags: [customer(random)] }))),
  },
  'the last event of a rare type': {
    times: 20_000,
    backwards: true,
    limit: 1,
    ask: () => ({
      read: (store, options) => store.eventType(RARE_TYPE).read(options),
      isMeant: ({ type }) => type === RARE_TYPE,
    }),
  },
  'a category, one of 50': {
    times: 20,
    ask: (random) => {
      const category = `area${pick(random, CATEGORIES)}`
      return {
        read: (store, options) => store.category(category).read(options),
        isMeant: ({ streamId }) => streamId.startsWith(`${category}-`),
      }
    },
  },
} satisfies Record<string, Question>

/** The name of a question. */
export type QuestionName = keyof typeof QUESTIONS

function items(list: NonNullable<Query['items']>): Asked {
  return {
    read: (store, options) => store.query({ items: list }).read(options),
    isMeant: ({ type, tags }) =>
      list.some(
        (item) =>
          (item.types === undefined || item.types.includes(type)) &&
          (item.tags ?? []).every((tag) => tags.includes(tag)),
      ),
  }
}

function channelOf(count: number): string {
  return count % 2 === 0 ? 'channel:web' : 'channel:phone'
}

function customer(random: () => number): string {
  return `customer:${pick(random, CUSTOMERS)}`
}

function pick(random: () => number, count: number): number {
  return Math.floor(random() * count)
}
