import type { EventStore, NewEvent, RecordedEvent } from 'eventdb'
import type { Followed } from '../../src/testing/store/following.ts'

/** The stream that all processes write to. Its category has other streams, too. */
export const FOLLOWED_STREAM = 'flood'
const LAST = 'last'

/** The names of the sources that are followed while others write. */
export const FOLLOWED_SOURCES = ['all', 'stream', 'category', 'type', 'tag', 'types and tags'] as const

/** One of them. */
export type FollowedSource = (typeof FOLLOWED_SOURCES)[number]

/** A source by its name. */
export function followedSource(store: EventStore, name: FollowedSource): Followed {
  switch (name) {
    case 'all':
      return store.all
    case 'stream':
      return store.stream(FOLLOWED_STREAM)
    case 'category':
      return store.category(FOLLOWED_STREAM)
    case 'type':
      return store.eventType('Even')
    case 'tag':
      return store.query({ items: [{ tags: ['wet'] }] })
    case 'types and tags':
      return store.query({
        items: [
          { types: ['Odd'], tags: ['wet'] },
          { types: ['Even', 'Other'], tags: ['wet'] },
        ],
      })
    default:
      return name satisfies never
  }
}

/** Events that each source has some of. */
export function eventsOf(count: number): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    type: index % 2 === 0 ? 'Even' : 'Odd',
    tags: ['wet'],
  }))
}

/** The event after which nothing comes, in all of them. */
export const LAST_EVENT: NewEvent = { type: 'Even', tags: ['wet'], data: LAST }

/** Whether an event is the last. */
export function isLast({ data }: RecordedEvent): boolean {
  return data === LAST
}

/** Where an event is in its source, as text. */
export function followedPlace(name: FollowedSource, { version, position }: RecordedEvent): string {
  return String(name === 'stream' ? version : position)
}

/** What a following process says. */
export type FollowerReport =
  | { readonly event: 'ready' }
  | { readonly event: 'seen'; readonly name: FollowedSource; readonly places: readonly string[] }
  | { readonly event: 'done' }
