import type { SubscriptionGroup } from 'eventdb'
import { GROUP_FORM, GROUP_OPTIONS, withGroup } from '../../chosen-group.ts'
import type { Command, Invocation } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { placeIn, placeOrEndOption } from '../../place.ts'
import { printGroup } from '../../print-group.ts'
import { printable } from '../../text-width.ts'

type Group = SubscriptionGroup

/** `eventdb subscriptions pause`: no deliveries. */
export const pause: Command = {
  name: 'subscriptions pause',
  form: GROUP_FORM,
  summary: 'Stop deliveries in all processes',
  details: `
What is being handled may finish. Resume goes on; consumers may come and go meanwhile.`,
  options: GROUP_OPTIONS,
  run: (invocation) =>
    withGroup(invocation, async (group) => {
      await group.pause()
      return printState(group, (await group.info()).state, invocation)
    }),
}

/** `eventdb subscriptions resume`: deliveries again. */
export const resume: Command = {
  name: 'subscriptions resume',
  form: GROUP_FORM,
  summary: 'Go on after pause, or after a consumer has stopped the group',
  details: '',
  options: GROUP_OPTIONS,
  run: (invocation) =>
    withGroup(invocation, async (group) => {
      await group.resume()
      return printState(group, 'running', invocation)
    }),
}

/** `eventdb subscriptions reset`: another place to go on. */
export const reset: Command = {
  name: 'subscriptions reset',
  form: `${GROUP_FORM} --to P`,
  summary: 'Go on at another place',
  details: `
What was handed over before cannot be acknowledged any more. Parked events stay parked.
Prints what is known of the group afterwards.

Examples:
  eventdb subscriptions reset --group billing --to start --store shop
  eventdb subscriptions reset --group billing --to 2024-05-01 --store shop`,
  options: [
    ...GROUP_OPTIONS,
    { name: 'to', value: 'P', about: 'start, end, behind this place, or from this time on' },
  ],
  run: (invocation) => {
    const to = placeOrEndOption(invocation.args, 'to')
    if (to === undefined) throw new UsageError('--to is missing: start, end, a place or a time')
    return withGroup(invocation, async (group) => {
      await group.reset({ to: placeIn(group.source, to) })
      return printGroup(group, invocation)
    })
  },
}

/** `eventdb subscriptions delete`: the end of a group. */
export const deleteGroup: Command = {
  name: 'subscriptions delete',
  form: GROUP_FORM,
  summary: 'Remove a group with all that it knows; its consumers end',
  details: `
Events are not touched, also those that were parked.`,
  options: GROUP_OPTIONS,
  run: (invocation) =>
    withGroup(invocation, async (group) => {
      await group.delete()
      return printState(group, 'deleted', invocation)
    }),
}

async function printState(
  { name, source }: Group,
  state: string,
  { out, json }: Pick<Invocation, 'out' | 'json'>,
): Promise<number> {
  const pretty = `${out.paint.ink('stream', printable(name))}  ${state}`
  await out.line(json ? JSON.stringify({ group: name, source, state }) : pretty)
  return 0
}
