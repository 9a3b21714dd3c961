import type { SubscriptionEntry } from 'eventdb'
import { positionalsUpTo } from '../../arguments.ts'
import { GROUP_FORM, GROUP_OPTIONS, withGroup } from '../../chosen-group.ts'
import type { Command } from '../../command.ts'
import { sourceText } from '../../event-source.ts'
import { withExistingStore } from '../../open-store.ts'
import { printGroup } from '../../print-group.ts'
import { type Listing, printRows } from '../../print-rows.ts'
import { printable } from '../../text-width.ts'

/** `eventdb subscriptions list`: all groups. */
export const list: Command = {
  name: 'subscriptions list',
  form: '',
  summary: 'List the groups of all sources',
  details: '',
  options: [],
  run: (invocation) => {
    positionalsUpTo(invocation.args, 0)
    return withExistingStore(invocation, async (store) => {
      await printRows(store.subscriptions(), ENTRIES, invocation)
      return 0
    })
  },
}

/** `eventdb subscriptions info`: what is known of a group. */
export const info: Command = {
  name: 'subscriptions info',
  form: GROUP_FORM,
  summary: 'Show where a group is, what waits, who consumes it, and its settings',
  details: `
The checkpoint is the place up to which everything is finished or parked. The lag counts
what is wanted and not finished. Places are versions in a stream, else positions.

Examples:
  eventdb subscriptions info order-1 --group billing --store shop`,
  options: GROUP_OPTIONS,
  run: (invocation) => withGroup(invocation, (group) => printGroup(group, invocation)),
}

const ENTRIES: Listing<SubscriptionEntry> = {
  columns: [{ title: 'state' }, { title: 'group' }, { title: 'source' }],
  row: ({ name, source, state }) => [state, printable(name), sourceText(source)],
  json: ({ name, source, state }) => JSON.stringify({ group: name, source, state }),
}
