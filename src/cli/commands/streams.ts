import type { StreamEntry } from 'eventdb'
import { integerOption, positionalsUpTo, textOption } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatCount } from '../format.ts'
import { withExistingStore } from '../open-store.ts'
import { padStart, printable } from '../text-width.ts'

const VERSION_COLUMNS = 9
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
    }
    return withExistingStore(invocation, (store) => print(store.streams(options), invocation))
  },
}

async function print(entries: AsyncIterable<StreamEntry>, { out, json }: Invocation): Promise<number> {
  const { ink } = out.paint
  const lineOf = ({ streamId, version }: StreamEntry): string =>
    json
      ? JSON.stringify({ stream: streamId, version })
      : `${ink('number', padStart(formatCount(version), VERSION_COLUMNS))}  ${ink('stream', printable(streamId))}`
  let lines: string[] = json ? [] : [ink('dim', `${padStart('version', VERSION_COLUMNS)}  stream`)]
  for await (const entry of entries) {
    lines.push(lineOf(entry))
    if (lines.length < PAGE) continue
    await out.line(lines.join('\n'))
    lines = []
  }
  if (lines.length > 0) await out.line(lines.join('\n'))
  return 0
}
