import type { EventRead, EventStore, Query, RecordedEvent, SourceName, SubscribableSource } from 'eventdb'
import { type Arguments, type OptionSpec, positionalsUpTo, textOption } from './arguments.ts'
import { UsageError } from './errors.ts'
import { QUERY_OPTIONS, queryItems } from './query-items.ts'
import { printable } from './text-width.ts'

/** A source with whatever tells where an event is in it: a version in a stream, elsewhere a position. */
export interface AnySource extends SubscribableSource<RecordedEvent, number | bigint> {
  read(options?: {
    readonly direction?: 'forwards' | 'backwards'
    readonly limit?: number
    readonly resolveLinks?: boolean
  }): EventRead<RecordedEvent>
}

/** What a source is chosen by, besides the positional STREAM. */
export const SOURCE_OPTIONS: readonly OptionSpec[] = [
  { name: 'all', about: 'Everything, in the global order' },
  { name: 'category', value: 'C', about: 'The events of a category' },
  ...QUERY_OPTIONS,
  {
    name: 'query',
    value: 'JSON',
    about: 'Any query, as data: {"items":[{"types":["T"],"tags":["x"]}]}',
  },
]

/** How a source is chosen, in one line. */
export const SOURCE_FORM = 'STREAM|--all|--category C|--type T...|--query JSON'

/**
 * The source that was chosen, or `undefined` if none was. A single type is the source of that type; several, and tags, are a query.
 *
 * @throws UsageError for more than one
 */
export function sourceOption(args: Arguments): SourceName | undefined {
  const [streamId] = positionalsUpTo(args, 1)
  const category = textOption(args, 'category')
  const items = queryItems(args)
  const query = textOption(args, 'query')
  const chosen: readonly SourceName[] = [
    ...(streamId === undefined ? [] : [{ kind: 'stream', streamId } as const]),
    ...(args.flags.has('all') ? [{ kind: 'all' } as const] : []),
    ...(category === undefined ? [] : [{ kind: 'category', category } as const]),
    ...(items.length === 0 ? [] : [typeOrQuery(items)]),
    ...(query === undefined ? [] : [{ kind: 'query', query: parseQuery(query) } as const]),
  ]
  if (chosen.length > 1) throw new UsageError(`Give one of ${SOURCE_FORM}`)
  return chosen[0]
}

/** The source that was chosen. @throws UsageError for none, or more than one */
export function requiredSource(args: Arguments): SourceName {
  const source = sourceOption(args)
  if (source !== undefined) return source
  throw new UsageError(`Which events? Give one of ${SOURCE_FORM}`)
}

/** The source in a store. Its places are what the name says: to be made with `placeIn`. */
export function sourceIn(store: EventStore, name: SourceName): AnySource {
  switch (name.kind) {
    case 'all':
      return store.all
    case 'stream':
      return store.stream(name.streamId)
    case 'category':
      return store.category(name.category)
    case 'type':
      return store.eventType(name.type)
    case 'query':
      return store.query(name.query)
    default:
      return name satisfies never
  }
}

/** Names a source for people. */
export function sourceText(name: SourceName): string {
  switch (name.kind) {
    case 'all':
      return 'all'
    case 'stream':
      return `stream ${printable(name.streamId)}`
    case 'category':
      return `category ${printable(name.category)}`
    case 'type':
      return `type ${printable(name.type)}`
    case 'query':
      return `query ${printable(JSON.stringify(name.query))}`
    default:
      return name satisfies never
  }
}

function typeOrQuery(items: ReturnType<typeof queryItems>): SourceName {
  const [{ types = [], tags = [] } = {}] = items
  const isType = items.length === 1 && types.length === 1 && tags.length === 0
  return isType ? { kind: 'type', type: types[0]! } : { kind: 'query', query: { items } }
}

/** What is in it is for the library to check. */
function parseQuery(text: string): Query {
  try {
    const query = JSON.parse(text)
    if (typeof query === 'object' && query !== null && !Array.isArray(query)) return query
  } catch (error) {
    throw new UsageError(`--query: ${(error as SyntaxError).message}`)
  }
  throw new UsageError('--query takes an object such as {"items":[{"types":["OrderPlaced"]}]}')
}
