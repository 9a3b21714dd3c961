import type { PartitionState } from 'eventdb'
import { integerOption, textOption } from '../../arguments.ts'
import { type StoredProjection, withProjection } from '../../chosen-projection.ts'
import type { Command, Invocation } from '../../command.ts'
import { CommandError, UsageError } from '../../errors.ts'
import { toPlainJson } from '../../json-bytes.ts'
import { type Listing, printRows } from '../../print-rows.ts'
import { printable } from '../../text-width.ts'

/** `eventdb projections state`: what a projection holds. */
export const state: Command = {
  name: 'projections state',
  form: 'NAME [PARTITION] [--prefix P] [--limit N]',
  summary: 'Print the state of a partition, or of all',
  details: `
States are printed as they are stored: bytes are { "$base64": … }. Without a partition all are
listed, each with its name. One that is not partitioned has the partition ''.

Examples:
  eventdb projections state sales-per-day 2024-05-01 --store shop
  eventdb projections state sales-per-day --prefix 2024- --store shop`,
  options: [
    { name: 'prefix', value: 'P', about: 'Only partitions whose names begin with this' },
    { name: 'limit', value: 'N', about: 'Most partitions to list' },
  ],
  run: (invocation) => {
    const { args } = invocation
    const [, partition] = args.positionals
    const prefix = textOption(args, 'prefix')
    const limit = integerOption(args, 'limit', { min: 0 })
    if (partition !== undefined && (prefix !== undefined || limit !== undefined)) {
      throw new UsageError('Give either a PARTITION, or --prefix and --limit')
    }
    return withProjection(
      invocation,
      async (projection) => {
        if (partition !== undefined) return printOne(projection, partition, invocation)
        const all = projection.partitions(prefix === undefined ? {} : { prefix })
        await printRows(all, PARTITIONS, invocation, limit)
        return 0
      },
      2,
    )
  },
}

async function printOne(
  projection: StoredProjection,
  partition: string,
  { out, json }: Invocation,
): Promise<number> {
  const { exists, state } = await projection.load(partition)
  if (!exists) {
    throw new CommandError(
      `The projection ${JSON.stringify(projection.name)} has no partition ${JSON.stringify(partition)}`,
      {
        hint: 'nothing was handled for it; eventdb projections state without a partition lists those that there are',
      },
    )
  }
  const text = JSON.stringify(toPlainJson(state), null, json ? undefined : 2)
  await out.line(json ? text : text.split('\n').map(printable).join('\n'))
  return 0
}

const PARTITIONS: Listing<PartitionState<unknown>> = {
  columns: [{ title: 'partition' }, { title: 'state' }],
  row: ({ partition, state }) => [printable(partition), printable(JSON.stringify(toPlainJson(state)))],
  json: ({ partition, state }) => JSON.stringify({ partition, state: toPlainJson(state) }),
}
