import type { ParkedEvent, ParkedSelection, SubscriptionGroup } from 'eventdb'
import { type Arguments, integerOption, type OptionSpec, textOption } from '../../arguments.ts'
import { GROUP_FORM, GROUP_OPTIONS, withGroup } from '../../chosen-group.ts'
import type { Command, Invocation } from '../../command.ts'
import { CommandError, UsageError } from '../../errors.ts'
import { formatCounted, formatTime } from '../../format.ts'
import { parkedJson } from '../../group-fields.ts'
import { INTERRUPTED } from '../../interruption.ts'
import { longWork } from '../../long-work.ts'
import { type Listing, printRows } from '../../print-rows.ts'
import { printable } from '../../text-width.ts'

type Group = SubscriptionGroup

const SELECTION_OPTIONS: readonly OptionSpec[] = [
  { name: 'place', value: 'P', about: 'The one at this place: a version in a stream, else a position' },
  { name: 'key', value: 'K', about: 'Pinned only: all of this key, as parked shows it' },
  { name: 'all-parked', about: 'All that are parked' },
]

/** `eventdb subscriptions parked`: what was set aside. */
export const parked: Command = {
  name: 'subscriptions parked',
  form: `${GROUP_FORM} [--limit N]`,
  summary: 'List the events that were set aside, and why',
  details: `
Examples:
  eventdb subscriptions parked --group billing --store shop`,
  options: [...GROUP_OPTIONS, { name: 'limit', value: 'N', about: 'Most events to list' }],
  run: (invocation) => {
    const limit = integerOption(invocation.args, 'limit', { min: 0 }) ?? Number.POSITIVE_INFINITY
    return withGroup(invocation, async (group) => {
      await printRows(group.parked(), PARKED, invocation, limit)
      return 0
    })
  },
}

/** `eventdb subscriptions replay`: parked events once more. */
export const replay: Command = {
  name: 'subscriptions replay',
  form: `${GROUP_FORM} --place P|--key K|--all-parked`,
  summary: 'Deliver parked events again',
  details: `
As if they had never been retried.

Examples:
  eventdb subscriptions replay --group billing --all-parked --store shop
  eventdb subscriptions replay order-1 --group mail --place 17 --store shop`,
  options: [...GROUP_OPTIONS, ...SELECTION_OPTIONS],
  run: (invocation) => dealWithParked(invocation, 'replay', 'replayed'),
}

/** `eventdb subscriptions skip`: parked events no more. */
export const skip: Command = {
  name: 'subscriptions skip',
  form: `${GROUP_FORM} --place P|--key K|--all-parked`,
  summary: 'Count parked events as done',
  details: `
The group forgets them; the events themselves are not touched.

Examples:
  eventdb subscriptions skip order-1 --group mail --place 17 --store shop`,
  options: [...GROUP_OPTIONS, ...SELECTION_OPTIONS],
  run: (invocation) => dealWithParked(invocation, 'skip', 'skipped'),
}

const PARKED: Listing<ParkedEvent> = {
  columns: [
    { title: 'place', right: true },
    { title: 'parked (UTC)' },
    { title: 'attempts', right: true },
    { title: 'stream' },
    { title: 'type' },
    { title: 'reason' },
  ],
  row: ({ place, event, reason, parkedAt, attempts }) => [
    String(place),
    formatTime(parkedAt),
    String(attempts),
    printable(event?.streamId ?? '–'),
    printable(event?.type ?? '–'),
    printable(reason),
  ],
  json: parkedJson,
}

function dealWithParked(
  invocation: Invocation,
  action: 'replay' | 'skip',
  done: 'replayed' | 'skipped',
): Promise<number> {
  const typed = selectionOf(invocation.args)
  return withGroup(invocation, async (group) => {
    const { out, err, json } = invocation
    let count = 0
    const { interrupted } = await longWork(err, async ({ signal, line }) => {
      const onProgress = (progress: number): void => {
        count = progress
        line.update(() => `${formatCounted(progress, 'event')} ${done}`)
      }
      count = await group[action](selectionIn(group, typed), { signal, onProgress })
    })
    if (!interrupted && count === 0 && typed.kind !== 'all') throw nothingParked(typed)
    await out.line(json ? JSON.stringify({ [done]: count }) : `${formatCounted(count, 'event')} ${done}.`)
    if (!interrupted) return 0
    err.note('interrupted: what was done stays done; the same command goes on from there\n')
    return INTERRUPTED
  })
}

type TypedSelection =
  | { readonly kind: 'all' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'place'; readonly place: string }

function selectionOf(args: Arguments): TypedSelection {
  const [place, key, all] = [textOption(args, 'place'), textOption(args, 'key'), args.flags.has('all-parked')]
  const given: readonly TypedSelection[] = [
    ...(place === undefined ? [] : [{ kind: 'place', place } as const]),
    ...(key === undefined ? [] : [{ kind: 'key', key } as const]),
    ...(all ? [{ kind: 'all' } as const] : []),
  ]
  if (place !== undefined && !/^\d{1,19}$/.test(place)) {
    throw new UsageError(`--place takes a version or a position, not ${JSON.stringify(place)}`)
  }
  if (given.length === 1) return given[0]!
  throw new UsageError('Which parked events? Give one of --place P, --key K and --all-parked')
}

function selectionIn({ source }: Group, typed: TypedSelection): ParkedSelection<number | bigint> {
  switch (typed.kind) {
    case 'all':
      return 'all'
    case 'key':
      return { key: typed.key }
    case 'place':
      return { place: source.kind === 'stream' ? Number(typed.place) : BigInt(typed.place) }
    default:
      return typed satisfies never
  }
}

function nothingParked(typed: Exclude<TypedSelection, { kind: 'all' }>): CommandError {
  const what = typed.kind === 'place' ? `at ${typed.place}` : `with the key ${JSON.stringify(typed.key)}`
  return new CommandError(`No event ${what} is parked`, {
    hint: 'eventdb subscriptions parked lists those that are, with their places and keys',
  })
}
