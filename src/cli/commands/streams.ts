import type { StreamEntry } from 'eventdb'
import { integerOption, positionalsUpTo, textOption } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatCount } from '../format.ts'
import { withExistingStore } from '../open-store.ts'
import type { Paint } from '../paint.ts'
import { padEnd, padStart, printable } from '../text-width.ts'

const VERSION_COLUMNS = 9
/** As wide as the longest state, `tombstoned`. */
const STATE_COLUMNS = 10
/** Lines that are written together. */
const PAGE = 256

/** `eventdb streams`: the names of streams. */
export const streams: Command = {
  name: 'streams',
  form: '[--prefix P] [options]',
  summary: 'List streams with their versions',
  details: `
In the order of their ids' UTF-8 bytes.

Examples:
  eventdb streams --prefix order- --limit 20 --store shop`,
  options: [
    { name: 'prefix', value: 'P', about: 'Only streams whose ids begin with this' },
    { name: 'after', value: 'STREAM', about: 'Begin after this one' },
    { name: 'limit', value: 'N', about: 'Most streams to list' },
    { name: 'system', about: 'System streams, too' },
    { name: 'deleted', about: 'Deleted and tombstoned streams, too, with the state of each' },
  ],
  run: (invocation) => {
    const { args } = invocation
    positionalsUpTo(args, 0)
    const [prefix, after] = [textOption(args, 'prefix'), textOption(args, 'after')]
    const limit = integerOption(args, 'limit', { min: 0 })
    const options = {
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
      system: args.flags.has('system'),
      deleted: args.flags.has('deleted'),
    }
    return withExistingStore(invocation, (store) => print(store.streams(options), invocation))
  },
}

async function print(entries: AsyncIterable<StreamEntry>, { args, out, json }: Invocation): Promise<number> {
  const table = tableOf(out.paint, args.flags.has('deleted'))
  let lines: string[] = json ? [] : [table.titles]
  for await (const entry of entries) {
    lines.push(json ? jsonOf(entry) : table.row(entry))
    if (lines.length < PAGE) continue
    await out.line(lines.join('\n'))
    lines = []
  }
  if (lines.length > 0) await out.line(lines.join('\n'))
  return 0
}

function jsonOf({ streamId, version, state }: StreamEntry): string {
  return JSON.stringify({ stream: streamId, version, state })
}

interface Table {
  readonly titles: string
  row(entry: StreamEntry): string
}

/** States are a column only where there may be several. */
function tableOf({ ink }: Paint, hasStates: boolean): Table {
  const line = (version: string, state: string, stream: string): string =>
    [version, ...(hasStates ? [padEnd(state, STATE_COLUMNS)] : []), stream].join('  ')
  const number = (text: string): string => padStart(text, VERSION_COLUMNS)
  return {
    titles: ink('dim', line(number('version'), 'state', 'stream')),
    row: ({ streamId, version, state }) =>
      line(ink('number', number(formatCount(version))), state, ink('stream', printable(streamId))),
  }
}
