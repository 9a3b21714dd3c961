import type { CatchUpOptions, EventStore, RecordedEvent, SourceName } from 'eventdb'
import { type Arguments, integerOption } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import {
  type AnySource,
  requiredSource,
  SOURCE_FORM,
  SOURCE_OPTIONS,
  sourceIn,
  sourceText,
} from '../event-source.ts'
import { FILTER_OPTIONS, filterOption } from '../filter-options.ts'
import { interruption, STOP_SIGNALS } from '../interruption.ts'
import { withExistingStore } from '../open-store.ts'
import { placeIn, placeOfEvent, placeOption, placeOrEndOption } from '../place.ts'
import { EventPrinter } from '../print-events.ts'
import { MISSING_OK_OPTION, NO_LINKS_OPTION, SYSTEM_OPTION, sightOf } from '../sight-options.ts'

type FollowOptions = CatchUpOptions<RecordedEvent, number | bigint>

/** Where to begin, as far as it is known before the store is open. */
interface Beginning {
  readonly after?: FollowOptions['after']
  readonly from?: FollowOptions['from']
  /** With so many of the last events. */
  readonly last?: number
}

/** `eventdb tail`: events as they are recorded. */
export const tail: Command = {
  name: 'tail',
  form: `${SOURCE_FORM} [options]`,
  summary: 'Follow events as they are recorded, until Ctrl-C',
  details: `
Begins with what is recorded from now on, unless --after, --from or --last say otherwise:
then everything from there, and what follows. Nothing is left out, however slow the
reader is. A place is a version for a stream, else a position; a time (ISO 8601) is when
events were recorded.

Several --type, --tag and --or make a query, as for eventdb query. Filters choose among
the events of any source, without an index.

Ctrl-C ends it with exit code 130, SIGTERM with 143, and a reader that has gone, as in
"| head", with the next event.

Examples:
  eventdb tail --all --store shop
  eventdb tail order-1 --last 10 --store shop
  eventdb tail --category order --after 4711 --filter-type OrderPlaced --store shop
  eventdb tail --type OrderPaid --from 2024-05-01 --json --store shop | jq .data`,
  options: [
    ...SOURCE_OPTIONS,
    { name: 'after', value: 'P', about: 'Begin after this place or time' },
    { name: 'from', value: 'P', about: 'Begin with this place or time, or with the start' },
    { name: 'last', value: 'N', about: 'Begin with the last N events, of which the filters choose' },
    { name: 'limit', value: 'N', about: 'End after so many events' },
    ...FILTER_OPTIONS,
    SYSTEM_OPTION,
    NO_LINKS_OPTION,
    MISSING_OK_OPTION,
  ],
  run: (invocation) => {
    const { args } = invocation
    const source = requiredSource(args)
    const beginning = beginningOf(args, source)
    const filter = filterOption(args)
    const options = { ...sightOf(args, source), ...(filter !== undefined && { filter }) }
    const limit = integerOption(args, 'limit', { min: 1 }) ?? Number.POSITIVE_INFINITY
    return withExistingStore(invocation, (store) =>
      follow(store, source, { beginning, options, limit }, invocation),
    )
  },
}

async function follow(
  store: EventStore,
  name: SourceName,
  how: {
    readonly beginning: Beginning
    readonly options: Omit<FollowOptions, 'type'>
    readonly limit: number
  },
  invocation: Invocation,
): Promise<number> {
  const { err } = invocation
  const interrupt = interruption({ names: STOP_SIGNALS })
  const { signal } = interrupt
  try {
    const source = sourceIn(store, name)
    const start = await startOf(source, name, how.beginning, how.options)
    const subscription = await source.subscribe({ type: 'catch-up', ...how.options, ...start, signal })
    if (err.isTerminal) err.note(err.paint.ink('dim', `following ${sourceText(name)}; Ctrl-C ends it\n`))
    const printer = new EventPrinter(invocation, name.kind !== 'stream')
    for await (const batch of subscription.batches()) {
      await printer.print(batch.slice(0, how.limit - printer.count))
      if (printer.count >= how.limit) break
    }
    return 0
  } catch (error) {
    if (signal.aborted && error === signal.reason) return interrupt.exitCode
    throw error
  } finally {
    interrupt.end()
  }
}

function beginningOf(args: Arguments, source: SourceName): Beginning {
  const after = placeOption(args, 'after')
  const from = placeOrEndOption(args, 'from')
  const last = integerOption(args, 'last', { min: 0 })
  if ([after, from, last].filter((given) => given !== undefined).length > 1) {
    throw new UsageError('Give one of --after, --from and --last')
  }
  if (after !== undefined) return { after: placeIn(source, after) }
  if (last !== undefined && last > 0) return { last }
  return { from: placeIn(source, from ?? 'end') }
}

/** What `last` counts are the events of the source: so many back from its end. */
async function startOf(
  source: AnySource,
  name: SourceName,
  { last, ...start }: Beginning,
  options: Pick<FollowOptions, 'resolveLinks' | 'system'>,
): Promise<Pick<FollowOptions, 'after' | 'from'>> {
  if (last === undefined) return start
  const { resolveLinks = true, system } = options
  const read = { direction: 'backwards', limit: last, resolveLinks, ...(system && { system }) } as const
  const event = await source.read(read).last()
  return { from: event === undefined ? 'start' : placeOfEvent(name, event) }
}
