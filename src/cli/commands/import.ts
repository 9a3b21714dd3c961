import type { EventStore } from 'eventdb'
import { integerOption, onePositional, textOptions } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatImportProgress } from '../import-progress.ts'
import { formatImportSummary, type ImportState, importFailure } from '../import-summary.ts'
import { Importer, type ImportOptions } from '../importer.ts'
import { INTERRUPTED, interruption } from '../interruption.ts'
import { BATCH_EVENTS_DEFAULT, BATCH_EVENTS_MAX } from '../limits.ts'
import { NEW_STORE_OPTIONS, storeToWrite, withStoreToWrite } from '../open-store.ts'
import { ProgressLine } from '../progress-line.ts'
import { openSource, type Source } from '../source.ts'
import { parseTagField } from '../tag-field.ts'
import { printable } from '../text-width.ts'

/** `eventdb import`: NDJSON into the store. */
export const importCommand: Command = {
  name: 'import',
  form: 'FILE|- [--tag-field PATH]... [options]',
  summary: 'Import events from NDJSON, plain or gzipped',
  details: `
One event a line, as a JSON object: stream and type, and if wanted data, metadata,
id (a UUID), time (ISO 8601 with its zone) and tags. What export writes is accepted:
recordedAt, position and link are ignored, version helps to recognise the event, and
{ "$base64": "…" } as data or metadata stands for bytes. Blank lines are ignored,
unknown fields refused. - reads standard input.

Events keep their order. They are written in batches, all or nothing; a bad line is
reported as FILE:LINE, and nothing of its batch is written.

The store remembers how far it came: the same command goes on where an earlier import
stopped, imports only what is new in a file that has grown, and changes nothing for a
file that is imported already. Events with an id that their stream has already are
skipped. Ctrl-C stops after what was read so far.

--tag-field makes tags of what a field holds: metadata.role gives role:SUPERVISOR, for an
array a tag for each element, for nothing or null none. Give it again when you go on with
an import; events that are imported already keep the tags that they have.

Examples:
  eventdb import orders.ndjson.gz --store shop
  curl -s https://example.org/orders.ndjson | eventdb import - --store shop
  eventdb import orders.ndjson --tag-field metadata.role --tag-field data.customer --store shop`,
  options: [
    {
      name: 'batch',
      value: 'N',
      about: `Events of one transaction, up to ${BATCH_EVENTS_MAX} (default ${BATCH_EVENTS_DEFAULT})`,
    },
    {
      name: 'again',
      about: 'Import from line 1 as a new source; leave it out to go on with an interrupted one',
    },
    {
      name: 'tag-field',
      value: 'PATH',
      repeats: true,
      about: 'Tag events with what this field holds, as in metadata.role; may be repeated',
    },
    ...NEW_STORE_OPTIONS,
  ],
  run: runImport,
}

async function runImport(invocation: Invocation): Promise<number> {
  const path = onePositional(invocation.args, 'FILE (or - for standard input)')
  const batchEventsMax =
    integerOption(invocation.args, 'batch', { min: 1, max: BATCH_EVENTS_MAX }) ?? BATCH_EVENTS_DEFAULT
  const tagFields = textOptions(invocation.args, 'tag-field').map(parseTagField)
  storeToWrite(invocation)
  const source = await openSource(path, invocation.stdin)
  try {
    return await withStoreToWrite(invocation, (store) =>
      importInto(store, source, { batchEventsMax, tagFields }, invocation),
    )
  } finally {
    source.stop()
  }
}

async function importInto(
  store: EventStore,
  source: Source,
  options: Pick<ImportOptions, 'batchEventsMax' | 'tagFields'>,
  { args, out, err }: Invocation,
): Promise<number> {
  const again = args.flags.has('again')
  const interrupt = interruption({ onInterrupt: () => source.stop() })
  const { signal } = interrupt
  const line = new ProgressLine(err)
  const show = progressOf(source, line)
  const onProgress = (): void => show(importer)
  const importer = new Importer(store, source, { ...options, again, signal, onProgress })
  const started = performance.now()
  try {
    await importer.run()
  } catch (error) {
    throw importFailure(error, importer, { source: source.name, again })
  } finally {
    interrupt.end()
    line.clear()
  }
  const elapsedMs = performance.now() - started
  const end = { source: source.name, again, interrupted: signal.aborted, elapsedMs }
  if (args.flags.has('json'))
    await out.line(JSON.stringify({ ...stateOf(importer), interrupted: signal.aborted }))
  err.note(`${printable(formatImportSummary(importer, end))}\n`)
  return signal.aborted ? INTERRUPTED : 0
}

function progressOf(source: Source, line: ProgressLine): (importer: Importer) => void {
  let startedAt: number | undefined
  let bytesBefore = 0
  return (importer) => {
    if (!importer.isSkipping && startedAt === undefined) {
      startedAt = performance.now()
      bytesBefore = importer.linesBefore === 0 ? 0 : source.bytesRead()
    }
    line.update(() =>
      formatImportProgress({
        skipping: importer.isSkipping,
        events: importer.eventsAdded + importer.eventsKnown,
        elapsedMs: performance.now() - (startedAt ?? performance.now()),
        bytesTotal: source.bytesTotal,
        bytesRead: source.bytesRead(),
        bytesBefore,
      }),
    )
  }
}

function stateOf({ linesDone, linesBefore, eventsDone, eventsAdded, eventsKnown }: ImportState): ImportState {
  return { linesDone, linesBefore, eventsDone, eventsAdded, eventsKnown }
}
