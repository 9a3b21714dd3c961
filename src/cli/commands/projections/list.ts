import type { ProjectionEntry } from 'eventdb'
import { positionalsUpTo } from '../../arguments.ts'
import { withProjection } from '../../chosen-projection.ts'
import type { Command } from '../../command.ts'
import { sourceText } from '../../event-source.ts'
import { withExistingStore } from '../../open-store.ts'
import { printProjection } from '../../print-projection.ts'
import { type Listing, printRows } from '../../print-rows.ts'
import { printable } from '../../text-width.ts'

/** `eventdb projections list`: all projections. */
export const list: Command = {
  name: 'projections list',
  form: '',
  summary: 'List the projections',
  details: `
Each with the version that answers, and how that is: running, idle if no program runs it,
paused, faulted, or inline. Where another version is being built, that one, too.`,
  options: [],
  run: (invocation) => {
    positionalsUpTo(invocation.args, 0)
    return withExistingStore(invocation, async (store) => {
      await printRows(store.projections(), ENTRIES, invocation)
      return 0
    })
  },
}

/** `eventdb projections status`: what is known of a projection. */
export const status: Command = {
  name: 'projections status',
  form: 'NAME',
  summary: 'Show where a projection is, who leads it, what it stopped at, and what is being built',
  details: `
Everything in the log up to the position was looked at. The lag counts the events of its
source behind that. It is idle if no program runs it, catching-up, live, paused, or faulted:
then it says at which event, and why.

Examples:
  eventdb projections status sales-per-day --store shop`,
  options: [],
  run: (invocation) => withProjection(invocation, (projection) => printProjection(projection, invocation)),
}

const ENTRIES: Listing<ProjectionEntry> = {
  columns: [
    { title: 'state' },
    { title: 'version', right: true },
    { title: 'building' },
    { title: 'projection' },
    { title: 'source' },
  ],
  row: ({ name, version, source, state, building }) => [
    state,
    String(version),
    building === undefined ? '' : `${building.version} (${building.state})`,
    printable(name),
    sourceText(source),
  ],
  json: ({ name, version, source, state, building }) =>
    JSON.stringify({ projection: name, version, source, state, building }),
}
