import type { CreateSubscriptionOptions, GroupSettings } from 'eventdb'
import type { Arguments, OptionSpec } from '../../arguments.ts'
import { GROUP_FORM, GROUP_OPTIONS, groupChoice, withGroup } from '../../chosen-group.ts'
import type { Command } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { requiredSource, SOURCE_FORM, sourceIn } from '../../event-source.ts'
import { groupSettings, onlyGiven, SETTINGS_OPTIONS } from '../../group-settings.ts'
import { withExistingStore } from '../../open-store.ts'
import { placeIn, placeOrEndOption } from '../../place.ts'
import { printGroup } from '../../print-group.ts'
import { MISSING_OK_OPTION, NO_LINKS_OPTION, SYSTEM_OPTION, sightOf } from '../../sight-options.ts'

/** Where a group begins. */
export const START_FROM_OPTION: OptionSpec = {
  name: 'start-from',
  value: 'P',
  about: 'start, end, behind this place, or from this time on (default start)',
}

/** `eventdb subscriptions create`: a new group. */
export const create: Command = {
  name: 'subscriptions create',
  form: `${SOURCE_FORM} --group G [options]`,
  summary: 'Create a group',
  details: `
Prints what is known of it.

Examples:
  eventdb subscriptions create order-1 --group mail --start-from end --store shop
  eventdb subscriptions create --all --group audit --filter-type-pattern '^Order' --store shop
  eventdb subscriptions create --category order --group billing --strategy pinned \\
    --message-timeout 5m --max-retry-count 3 --store shop`,
  options: [
    ...GROUP_OPTIONS,
    START_FROM_OPTION,
    ...SETTINGS_OPTIONS,
    SYSTEM_OPTION,
    NO_LINKS_OPTION,
    MISSING_OK_OPTION,
  ],
  run: (invocation) => {
    const { args } = invocation
    const { name } = groupChoice(args)
    const source = requiredSource(args)
    const startFrom = placeOrEndOption(args, START_FROM_OPTION.name)
    const options: CreateSubscriptionOptions<number | bigint> = {
      ...groupSettings(args),
      ...sightOf(args, source),
      ...(startFrom !== undefined && { startFrom: placeIn(source, startFrom) }),
    }
    return withExistingStore(invocation, async (store) =>
      printGroup(await sourceIn(store, source).createSubscription(name, options), invocation),
    )
  },
}

/** `eventdb subscriptions update`: other settings. */
export const update: Command = {
  name: 'subscriptions update',
  form: `${GROUP_FORM} [options]`,
  summary: 'Change settings of a group',
  details: `
Only what is named changes; what --filter-… say takes the place of the whole filter. Prints
what is known of the group afterwards.

Examples:
  eventdb subscriptions update --group billing --message-timeout 2m --store shop
  eventdb subscriptions update --group audit --no-filter --max-consumers none --store shop`,
  options: [
    ...GROUP_OPTIONS,
    ...SETTINGS_OPTIONS,
    { name: 'no-filter', about: 'Every event of the source is wanted' },
    { name: 'resolve-links', about: 'The events that links point to, not the links themselves' },
    NO_LINKS_OPTION,
  ],
  run: (invocation) => {
    const changes = changesOf(invocation.args)
    return withGroup(invocation, async (group) => {
      await group.update(changes)
      return printGroup(group, invocation)
    })
  },
}

function changesOf(args: Arguments): GroupSettings {
  const { flags } = args
  const settings = groupSettings(args)
  if (flags.has('no-filter') && settings.filter !== undefined) {
    throw new UsageError('Give either --no-filter or --filter-…')
  }
  if (flags.has('resolve-links') && flags.has('no-resolve-links')) {
    throw new UsageError('Give either --resolve-links or --no-resolve-links')
  }
  const changes: GroupSettings = onlyGiven({
    ...settings,
    ...(flags.has('no-filter') && { filter: {} }),
    ...(flags.has('resolve-links') && { resolveLinks: true }),
    ...(flags.has('no-resolve-links') && { resolveLinks: false }),
  })
  if (Object.keys(changes).length > 0) return changes
  throw new UsageError('What is to be changed? eventdb subscriptions info shows the settings')
}
