import type { AllReadOptions } from 'eventdb'
import { positionalsUpTo } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import { mustBeThere } from '../must-be-there.ts'
import { withExistingStore } from '../open-store.ts'
import { printEvents } from '../print-events.ts'
import { positionReadOptions, READ_OPTIONS, streamReadOptions } from '../read-arguments.ts'

/** `eventdb read`: the events of a stream, or of the whole store. */
export const read: Command = {
  name: 'read',
  form: 'STREAM|--all [options]',
  summary: 'Read the events of a stream, or of the whole store',
  details: `
Bounds are versions for a stream; for --all they are positions, or times (ISO 8601) at
which events were recorded.

Where a stream holds links, the events that they point to are shown: in a table at the
place of the link, with where they come from; as NDJSON as they are, with the place of
the link as "link". To read on behind one, use the place of the link.

Examples:
  eventdb read order-1 --store shop
  eventdb read --all --backwards --limit 10 --store shop
  eventdb read --all --from 2024-05-01 --json --store shop | jq .type`,
  options: [
    { name: 'all', about: 'Read everything, in the global order' },
    ...READ_OPTIONS,
    { name: 'system', about: 'With --all: events of system streams, too' },
  ],
  run: (invocation) => {
    const { args } = invocation
    const [streamId] = positionalsUpTo(args, 1)
    const all = args.flags.has('all')
    if (all === (streamId !== undefined)) throw new UsageError('Give either a STREAM or --all')
    if (streamId !== undefined && args.flags.has('system')) throw new UsageError('--system goes with --all')
    return streamId === undefined ? readAll(invocation) : readStream(invocation, streamId)
  },
}

async function readAll(invocation: Invocation): Promise<number> {
  const { args } = invocation
  const options: AllReadOptions = { ...positionReadOptions(args), system: args.flags.has('system') }
  return withExistingStore(invocation, async (store) => {
    await printEvents(store.all.read(options), invocation, true)
    return 0
  })
}

async function readStream(invocation: Invocation, streamId: string): Promise<number> {
  const options = streamReadOptions(invocation.args)
  return withExistingStore(invocation, async (store) => {
    const events = await printEvents(store.stream(streamId).read(options), invocation, false)
    // A stream without events in the bounds reads as nothing.
    if (events === 0) await mustBeThere(store, streamId)
    return 0
  })
}
