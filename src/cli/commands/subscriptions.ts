import type { OptionSpec } from '../arguments.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../errors.ts'
import { didYouMean } from '../suggest.ts'
import { create, update } from './subscriptions/create.ts'
import { info, list } from './subscriptions/list.ts'
import { parked, replay, skip } from './subscriptions/parked.ts'
import { deleteGroup, pause, reset, resume } from './subscriptions/state.ts'

const ACTIONS: readonly Command[] = [
  list,
  create,
  info,
  update,
  pause,
  resume,
  reset,
  deleteGroup,
  parked,
  replay,
  skip,
]

/** `eventdb subscriptions`: the administration of persistent subscriptions. */
export const subscriptions: Command = {
  name: 'subscriptions',
  form: 'ACTION [options]',
  summary: 'Administer persistent subscriptions, whose events eventdb consume takes',
  details: `
A persistent subscription, or group, belongs to a source: a stream, everything, a category,
a type or a query. The store keeps what was delivered and finished. Where only one source
has a group of that name, --group is enough to find it.

Examples:
  eventdb subscriptions create --category order --group billing --store shop
  eventdb subscriptions info --group billing --store shop
  eventdb subscriptions replay --group billing --all-parked --store shop`,
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
