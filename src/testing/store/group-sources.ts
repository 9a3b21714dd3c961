import type { AnySubscribable } from '../../store/broker.ts'
import type { EventStore } from '../../store/contract.ts'
import type { SourceName } from '../../store/contract-query.ts'
import type { SubscriptionEntry } from '../../store/contract-subscribing.ts'

const QUERY = {
  items: [
    { types: ['A'], tags: ['x'] },
    { types: ['C'], tags: [] },
  ],
}

/** A source of each kind, what it is called, and the data of its events in `fill`. */
export const GROUP_SOURCES: readonly {
  readonly name: SourceName
  readonly of: (store: EventStore) => AnySubscribable
  readonly data: readonly number[]
}[] = [
  { name: { kind: 'all' }, of: (store) => store.all, data: [1, 2, 3, 4, 5] },
  { name: { kind: 'stream', streamId: 'a-1' }, of: (store) => store.stream('a-1'), data: [1, 2, 5] },
  { name: { kind: 'category', category: 'a' }, of: (store) => store.category('a'), data: [1, 2, 3, 5] },
  { name: { kind: 'type', type: 'A' }, of: (store) => store.eventType('A'), data: [1, 3] },
  { name: { kind: 'query', query: QUERY }, of: (store) => store.query(QUERY), data: [1, 5] },
]

/** Five events in two streams of two categories, of three types. */
export async function fillSources(store: EventStore, more = 0): Promise<void> {
  await store.stream('a-1').append({ type: 'A', data: more + 1, tags: ['x', 'y'] })
  await store.stream('a-1').append({ type: 'B', data: more + 2, tags: ['x'] })
  await store.stream('a-2').append({ type: 'A', data: more + 3 })
  await store.stream('b-1').append({ type: 'B', data: more + 4 })
  await store.stream('a-1').append({ type: 'C', data: more + 5 })
}

/** The groups of a store, as it lists them. */
export function groupsOf(store: EventStore): Promise<SubscriptionEntry[]> {
  return store.subscriptions().toArray()
}
