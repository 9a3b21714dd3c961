import { text as readText } from 'node:stream/consumers'
import type { AppendResult, JsonValue, NewEvent } from 'eventdb'
import { type Arguments, onePositional, textOption, textOptions } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import { isUuid } from '../event-line.ts'
import { EXPECTED_VERSION_OPTION, expectedVersionOption } from '../expected-version.ts'
import { formatCount } from '../format.ts'
import { parseInstant } from '../instant.ts'
import { fromPlainJson } from '../json-bytes.ts'
import { NEW_STORE_OPTIONS, storeToWrite, withStoreToWrite } from '../open-store.ts'
import { printable } from '../text-width.ts'

/** `eventdb append`: one event. */
export const append: Command = {
  name: 'append',
  form: 'STREAM --type T [--data JSON|-] [options]',
  summary: 'Append an event to a stream',
  details: `
Prints the version of the event in its stream, and its position in the store.

Examples:
  eventdb append order-1 --type OrderPlaced --data '{"total":42}' --store shop
  eventdb append order-1 --type OrderPaid --expected-version 1 --store shop
  curl -s https://example.org/order.json | eventdb append order-2 --type OrderPlaced --data - --store shop`,
  options: [
    { name: 'type', value: 'T', about: 'Type of the event' },
    { name: 'data', value: 'JSON', about: 'Its data; - reads them from standard input' },
    { name: 'metadata', value: 'JSON', about: 'Its metadata' },
    { name: 'id', value: 'UUID', about: 'Its id; appending it again changes nothing (default: a new one)' },
    { name: 'time', value: 'TIME', about: 'When it happened, in ISO 8601 (default: now)' },
    { name: 'tag', value: 'X', repeats: true, about: 'A tag; may be repeated' },
    EXPECTED_VERSION_OPTION,
    {
      name: 'idempotency-key',
      value: 'KEY',
      about: 'Appending the same with the same key changes nothing, for 7 days',
    },
    ...NEW_STORE_OPTIONS,
  ],
  run: runAppend,
}

async function runAppend(invocation: Invocation): Promise<number> {
  const { args, stdin, out, json } = invocation
  const streamId = onePositional(args, 'STREAM')
  const expectedVersion = expectedVersionOption(args)
  const idempotencyKey = textOption(args, 'idempotency-key')
  storeToWrite(invocation)
  const event = newEventOf(args, await dataOf(args, stdin))
  const result = await withStoreToWrite(invocation, (store) =>
    store
      .stream(streamId)
      .append(event, { expectedVersion, ...(idempotencyKey !== undefined && { idempotencyKey }) }),
  )
  await out.line(json ? jsonOf(result) : prettyOf(result, invocation))
  return 0
}

async function dataOf(args: Arguments, stdin: Invocation['stdin']): Promise<string | undefined> {
  const data = textOption(args, 'data')
  return data === '-' ? await readText(stdin) : data
}

function newEventOf(args: Arguments, dataText: string | undefined): NewEvent {
  const type = textOption(args, 'type')
  if (type === undefined) throw new UsageError('--type is missing')
  const metadata = jsonOption('metadata', textOption(args, 'metadata'))
  const data = jsonOption('data', dataText)
  const id = textOption(args, 'id')
  if (id !== undefined && !isUuid(id)) throw new UsageError(`--id must be a UUID, not ${JSON.stringify(id)}`)
  const time = timeOption(textOption(args, 'time'))
  const tags = textOptions(args, 'tag')
  return {
    type,
    ...(data === undefined ? {} : { data }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(id === undefined ? {} : { id }),
    ...(time === undefined ? {} : { time }),
    ...(tags.length === 0 ? {} : { tags }),
  }
}

function jsonOption(name: string, text: string | undefined): JsonValue | Uint8Array | undefined {
  if (text === undefined) return undefined
  try {
    return fromPlainJson(JSON.parse(text))
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`)
  }
}

function timeOption(text: string | undefined): Date | undefined {
  try {
    return text === undefined ? undefined : parseInstant(text)
  } catch (error) {
    throw new UsageError(`--time: ${(error as RangeError).message}`)
  }
}

function jsonOf({ streamId, lastVersion, position, idempotent }: AppendResult): string {
  return JSON.stringify({ stream: streamId, version: lastVersion, position: String(position), idempotent })
}

function prettyOf(
  { streamId, lastVersion, position, idempotent }: AppendResult,
  { out }: Invocation,
): string {
  const stream = out.paint.ink('stream', printable(streamId))
  const version = out.paint.ink('number', formatCount(lastVersion))
  const already = idempotent ? out.paint.ink('dim', '  (it was there already)') : ''
  return `${stream}  version ${version}  position ${out.paint.ink('number', String(position))}${already}`
}
