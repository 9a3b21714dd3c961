import type { EventStore, ReadableSource } from 'eventdb'
import { type Arguments, positionalsUpTo, textOption } from '../arguments.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../errors.ts'
import { withExistingStore } from '../open-store.ts'
import { printEvents } from '../print-events.ts'
import { QUERY_OPTIONS, queryItems } from '../query-items.ts'
import { positionReadOptions, READ_OPTIONS } from '../read-arguments.ts'

/** `eventdb query`: events by type and tags, or those of a category. */
export const query: Command = {
  name: 'query',
  form: '[--type T]... [--tag X]... [--or ...] | --category C [options]',
  summary: 'Read events by type, tags or category, through the indexes',
  details: `
Events that have any of the types and all of the tags; --or begins another alternative.
--category reads all streams whose ids begin with it, up to the first "-" (or what else
separates categories in this store). In the global order; bounds are positions, or times
(ISO 8601) at which events were recorded.

Examples:
  eventdb query --type OrderPlaced --type OrderPaid --tag customer:7 --store shop
  eventdb query --tag course:1 --or --type StudentEnrolled --tag student:2 --store shop
  eventdb query --category order --backwards --limit 10 --store shop`,
  options: [
    ...QUERY_OPTIONS,
    { name: 'category', value: 'C', about: 'The events of a category, instead' },
    ...READ_OPTIONS,
  ],
  run: (invocation) => {
    const { args } = invocation
    positionalsUpTo(args, 0)
    const sourceIn = sourceOf(args)
    const options = positionReadOptions(args)
    return withExistingStore(invocation, async (store) => {
      await printEvents(sourceIn(store).read(options), invocation, true)
      return 0
    })
  },
}

function sourceOf(args: Arguments): (store: EventStore) => ReadableSource {
  const category = textOption(args, 'category')
  const items = queryItems(args)
  if (category !== undefined && items.length > 0) {
    throw new UsageError('Give either --category, or --type and --tag')
  }
  if (category !== undefined) return (store) => store.category(category)
  if (items.length > 0) return (store) => store.query({ items })
  throw new UsageError('Which events? Give --type, --tag or --category; read --all reads everything')
}
