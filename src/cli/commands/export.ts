import { type EventRead, type EventStore, type RecordedEvent, StreamNotFoundError } from 'eventdb'
import { positionalsUpTo, textOption } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import { formatEventLines } from '../event-line.ts'
import { formatCounted } from '../format.ts'
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
written as { "$base64": "…" }.

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
  const stream = streamId === undefined ? undefined : store.stream(streamId)
  if (stream !== undefined && !(await stream.exists())) throw new StreamNotFoundError(stream.id)
  const events = (stream ?? store.all).read()
  const path = textOption(args, 'out')
  if (path === undefined) {
    for await (const batch of events.batches()) await out.write(formatEventLines(batch))
    return
  }
  const count = await exportToFile(events, path, new ProgressLine(err))
  err.note(`${printable(path)}: ${formatCounted(count, 'event')} exported\n`)
}

async function exportToFile(
  events: EventRead<RecordedEvent>,
  path: string,
  line: ProgressLine,
): Promise<number> {
  let count = 0
  async function* pages(): AsyncGenerator<string> {
    for await (const batch of events.batches()) {
      yield formatEventLines(batch)
      count += batch.length
      line.update(() => formatCounted(count, 'event'))
    }
  }
  try {
    await writeFileWhole(path, pages())
  } finally {
    line.clear()
  }
  return count
}
