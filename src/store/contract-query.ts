/** One alternative of a query: the event's type is among `types`, and it has all of `tags`. A side that is left out or empty does not filter. */
export interface QueryItem {
  readonly types?: readonly string[]
  readonly tags?: readonly string[]
}

/**
 * Which events are meant: those that match any of the items; all if there are no `items`. As dcb.events defines it. Events of system
 * streams are never meant.
 */
export interface Query {
  readonly items?: readonly QueryItem[]
}

/** Names a source of events, as data. */
export type SourceName =
  | { readonly kind: 'all' }
  | { readonly kind: 'stream'; readonly streamId: string }
  | { readonly kind: 'category'; readonly category: string }
  | { readonly kind: 'type'; readonly type: string }
  | { readonly kind: 'query'; readonly query: Query }
