import type { EventRead, EventStore, RecordedEvent } from 'eventdb'
import { positionalsUpTo, textOption } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import { formatEventLines } from '../event-line.ts'
import { formatCounted } from '../format.ts'
import { mustBeThere } from '../must-be-there.ts'
import { withExistingStore } from '../open-store.ts'
import { ProgressLine } from '../progress-line.ts'
import { printable } from '../text-width.ts'
import { writeFileWhole } from '../write-file-whole.ts'

/** `eventdb export`: NDJSON out of the store. */
export const exportCommand: Command = {
  name: 'export',
  form: '[--all|STREAM] [--out FILE]',
  summary: 'Export events as NDJSON',
  details: `
Everything, or one stream; one event a line, in a form that import reads. Bytes are
written as { "$base64": "…" }. Deleted streams and hidden events are not there; links are
left out, as the events that they point to may have other versions where they are imported.

Examples:
  eventdb export --store shop | gzip > shop.ndjson.gz
  eventdb export order-1 --out order-1.ndjson --store shop`,
  options: [
    { name: 'all', about: 'Export everything, in the global order (the default)' },
    {
      name: 'out',
      value: 'FILE',
      about: 'Write to this file, which appears when it is complete; gzipped if its name ends in .gz',
    },
  ],
  run: (invocation) => {
    const { args } = invocation
    const [streamId] = positionalsUpTo(args, 1)
    if (args.flags.has('all') && streamId !== undefined) throw new UsageError('Give either a STREAM or --all')
    return withExistingStore(invocation, async (store) => {
      await exportFrom(store, streamId, invocation)
      return 0
    })
  },
}

async function exportFrom(
  store: EventStore,
  streamId: string | undefined,
  { args, out, err }: Invocation,
): Promise<void> {
  if (streamId !== undefined) await mustBeThere(store, streamId)
  const events = (streamId === undefined ? store.all : store.stream(streamId)).read()
  const path = textOption(args, 'out')
  const tally: Tally = { events: 0, links: 0 }
  if (path === undefined) {
    for await (const page of pagesOf(events, tally)) await out.write(page)
    if (tally.links > 0) err.note(`${leftOut(tally)}\n`)
    return
  }
  await exportToFile(events, path, tally, new ProgressLine(err))
  const rest = tally.links === 0 ? '' : `; ${leftOut(tally)}`
  err.note(`${printable(path)}: ${formatCounted(tally.events, 'event')} exported${rest}\n`)
}

/** What was written, and what was not. */
interface Tally {
  events: number
  links: number
}

/** The lines of events. What was found through a link is at its own place, too, or not in this stream. */
async function* pagesOf(events: EventRead<RecordedEvent>, tally: Tally): AsyncGenerator<string> {
  for await (const batch of events.batches()) {
    const own = batch.filter(({ link }) => link === undefined)
    tally.events += own.length
    tally.links += batch.length - own.length
    if (own.length > 0) yield formatEventLines(own)
  }
}

function leftOut({ links }: Tally): string {
  return `${formatCounted(links, 'link')} left out`
}

async function exportToFile(
  events: EventRead<RecordedEvent>,
  path: string,
  tally: Tally,
  line: ProgressLine,
): Promise<void> {
  async function* pages(): AsyncGenerator<string> {
    for await (const page of pagesOf(events, tally)) {
      yield page
      line.update(() => formatCounted(tally.events, 'event'))
    }
  }
  try {
    await writeFileWhole(path, pages())
  } finally {
    line.clear()
  }
}
