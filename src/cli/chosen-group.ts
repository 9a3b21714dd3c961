import type { EventStore, SourceName, SubscriptionGroup } from 'eventdb'
import { type Arguments, type OptionSpec, textOption } from './arguments.ts'
import type { Invocation } from './command.ts'
import { CommandError, UsageError } from './errors.ts'
import { SOURCE_FORM, SOURCE_OPTIONS, sourceIn, sourceOption, sourceText } from './event-source.ts'
import { withExistingStore } from './open-store.ts'
import { didYouMean } from './suggest.ts'

/** The name of a group. */
export const GROUP_OPTION: OptionSpec = { name: 'group', value: 'G', about: 'Name of the subscription' }

/** What a group is chosen by. */
export const GROUP_OPTIONS: readonly OptionSpec[] = [GROUP_OPTION, ...SOURCE_OPTIONS]

/** How a group is chosen, in one line: its name is enough if only one source has a group of that name. */
export const GROUP_FORM: string = `[${SOURCE_FORM}] --group G`

/** A group as it was typed. */
export interface GroupChoice {
  readonly name: string
  /** Left out if the name should be enough. */
  readonly source: SourceName | undefined
}

/** Which group was chosen. @throws UsageError if it has no name, or several sources */
export function groupChoice(args: Arguments): GroupChoice {
  const source = sourceOption(args)
  const name = textOption(args, GROUP_OPTION.name)
  if (name === undefined) throw new UsageError('--group is missing: the name of the subscription')
  return { name, source }
}

/** Does something with the group that was chosen, in the store that is there. */
export function withGroup<T>(
  invocation: Invocation,
  use: (group: SubscriptionGroup) => Promise<T>,
): Promise<T> {
  const choice = groupChoice(invocation.args)
  return withExistingStore(invocation, async (store) => {
    const source = await sourceOfGroup(store, choice)
    return use(sourceIn(store, source).subscription(choice.name))
  })
}

/** The source of a group, which its name may tell. @throws CommandError if no group has the name, or several have */
export async function sourceOfGroup(store: EventStore, { name, source }: GroupChoice): Promise<SourceName> {
  if (source !== undefined) return source
  const names = new Set<string>()
  const sources: SourceName[] = []
  for await (const entry of store.subscriptions()) {
    names.add(entry.name)
    if (entry.name === name) sources.push(entry.source)
  }
  const [found] = sources
  if (found === undefined) {
    throw new CommandError(`There is no subscription ${JSON.stringify(name)}${didYouMean(name, names)}`, {
      hint: 'eventdb subscriptions list shows those that there are',
    })
  }
  if (sources.length === 1) return found
  const texts = sources.map(sourceText).join('; ')
  throw new CommandError(`Several sources have a subscription ${JSON.stringify(name)}: ${texts}`, {
    hint: `say which one: ${SOURCE_FORM}`,
  })
}
