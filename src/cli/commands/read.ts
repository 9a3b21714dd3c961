import {
  type AllReadOptions,
  type EventRead,
  type EventStore,
  type RecordedEvent,
  StreamNotFoundError,
} from 'eventdb'
import { type Arguments, integerOption, positionalsUpTo, textOption } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import { formatEventLines } from '../event-line.ts'
import { EventTable } from '../event-table.ts'
import { parseInstant } from '../instant.ts'
import { withExistingStore } from '../open-store.ts'

const BOUNDS = ['from', 'after', 'to', 'before'] as const

/** `eventdb read`: the events of a stream, or of the whole store. */
export const read: Command = {
  name: 'read',
  form: 'STREAM|--all [options]',
  summary: 'Read the events of a stream, or of the whole store',
  details: `
Bounds are versions for a stream; for --all they are positions, or times (ISO 8601) at
which events were recorded.

Examples:
  eventdb read order-1 --store shop
  eventdb read --all --backwards --limit 10 --store shop
  eventdb read --all --from 2024-05-01 --json --store shop | jq .type`,
  options: [
    { name: 'all', about: 'Read everything, in the global order' },
    { name: 'from', value: 'P', about: 'Begin with this one' },
    { name: 'after', value: 'P', about: 'Begin after this one' },
    { name: 'to', value: 'P', about: 'End with this one' },
    { name: 'before', value: 'P', about: 'End before this one' },
    { name: 'limit', value: 'N', about: 'Most events to read' },
    { name: 'backwards', about: 'Begin at the end' },
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
  const options: AllReadOptions = {
    ...boundsOf(args, positionOrTime),
    ...commonOptions(args),
    system: args.flags.has('system'),
  }
  return withExistingStore(invocation, async (store) => {
    await print(store.all.read(options), invocation, true)
    return 0
  })
}

async function readStream(invocation: Invocation, streamId: string): Promise<number> {
  const { args } = invocation
  const options = { ...boundsOf(args, versionOf), ...commonOptions(args) }
  return withExistingStore(invocation, async (store) => {
    const stream = store.stream(streamId)
    const events = await print(stream.read(options), invocation, false)
    if (events === 0) await mustExist(store, streamId)
    return 0
  })
}

/** A stream without events in the bounds reads as nothing; one that was never there is likely to be misspelt. */
async function mustExist(store: EventStore, streamId: string): Promise<void> {
  if (!(await store.stream(streamId).exists())) throw new StreamNotFoundError(streamId)
}

async function print(
  events: EventRead<RecordedEvent>,
  { out, json }: Invocation,
  global: boolean,
): Promise<number> {
  const table = new EventTable({ columns: out.columns, paint: out.paint, global })
  let count = 0
  for await (const batch of events.batches()) {
    if (!json && count === 0) await out.line(table.header(batch))
    await out.write(json ? formatEventLines(batch) : table.rows(batch))
    count += batch.length
  }
  return count
}

function boundsOf<T>(
  args: Arguments,
  parse: (text: string, name: string) => T,
): { readonly [name in (typeof BOUNDS)[number]]?: T } {
  const given = BOUNDS.map((name) => [name, textOption(args, name)] as const)
  const known = given.flatMap(([name, text]) =>
    text === undefined ? [] : [[name, parse(text, name)] as const],
  )
  return Object.fromEntries(known) as { readonly [name in (typeof BOUNDS)[number]]?: T }
}

function commonOptions(args: Arguments): {
  readonly limit?: number
  readonly direction: 'forwards' | 'backwards'
} {
  const limit = integerOption(args, 'limit', { min: 0 })
  const direction = args.flags.has('backwards') ? 'backwards' : 'forwards'
  return limit === undefined ? { direction } : { direction, limit }
}

function versionOf(text: string, name: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`--${name} takes a version, not ${JSON.stringify(text)}`)
}

function positionOrTime(text: string, name: string): bigint | Date {
  if (/^\d+$/.test(text)) return BigInt(text)
  try {
    return parseInstant(text)
  } catch (error) {
    throw new UsageError(`--${name} takes a position or a time: ${(error as RangeError).message}`)
  }
}
