import type { OptionSpec } from '../arguments.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../errors.ts'
import { didYouMean } from '../suggest.ts'
import { list, status } from './projections/list.ts'
import { rebuild, reset } from './projections/restart.ts'
import { state } from './projections/state.ts'
import { deleteProjection, pause, resume, skip } from './projections/steer.ts'

const ACTIONS: readonly Command[] = [
  list,
  status,
  state,
  pause,
  resume,
  skip,
  reset,
  rebuild,
  deleteProjection,
]

/** `eventdb projections`: the administration of projections. */
export const projections: Command = {
  name: 'projections',
  form: 'ACTION [options]',
  summary: 'Look at projections, and administer them',
  details: `
A projection keeps what follows from its source: states, in partitions, and a read model. It
runs in the programs that define it, which have its handlers; from here it can be looked at,
stopped and begun anew. What is asked of it here is done by the next of these programs.

Examples:
  eventdb projections status sales-per-day --store shop
  eventdb projections state sales-per-day 2024-05-01 --store shop
  eventdb projections rebuild sales-per-day --store shop`,
  options: distinct(ACTIONS.flatMap(({ options }) => options)),
  actions: ACTIONS,
  run: async ({ args }) => {
    const names = ACTIONS.map(({ name }) => name.replace(/^.* /, ''))
    const [word] = args.positionals
    if (word === undefined) throw new UsageError(`Which action? One of ${names.join(', ')}`)
    const rest = didYouMean(word, names) || `; there are ${names.join(', ')}`
    throw new UsageError(`Unknown action ${JSON.stringify(word)}${rest}`)
  },
}

function distinct(options: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...new Map(options.map((option) => [option.name, option])).values()]
}
