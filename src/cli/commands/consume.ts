import { resolve } from 'node:path'
import {
  type Delivery,
  type EventStore,
  type PersistentSubscription,
  type RecordedEvent,
  type SourceName,
  SubscriptionExistsError,
} from 'eventdb'
import { type Arguments, integerOption, textOption } from '../arguments.ts'
import { GROUP_FORM, GROUP_OPTIONS, type GroupChoice, groupChoice, sourceOfGroup } from '../chosen-group.ts'
import type { Command, Invocation } from '../command.ts'
import { CommandConsumer } from '../command-consumer.ts'
import { dispatch } from '../dispatch.ts'
import { CommandError, UsageError } from '../errors.ts'
import { requiredSource, sourceIn, sourceText } from '../event-source.ts'
import { interruption, STOP_SIGNALS } from '../interruption.ts'
import { CONSUME_CONCURRENCY_MAX } from '../limits.ts'
import { storeFolder, withExistingStore } from '../open-store.ts'
import { placeIn, placeOrEndOption } from '../place.ts'
import { MISSING_OK_OPTION, sightOf } from '../sight-options.ts'
import { printable } from '../text-width.ts'
import { START_FROM_OPTION } from './subscriptions/create.ts'

/** What was asked for. */
interface Request {
  readonly choice: GroupChoice
  readonly command: string
  readonly concurrency: number
  readonly limit: number
  readonly bufferSize: number | undefined
}

/** `eventdb consume`: a command for each event of a group. */
export const consume: Command = {
  name: 'consume',
  form: `${GROUP_FORM} --exec CMD [options]`,
  summary: 'Run a command for each event of a persistent subscription',
  details: `
Takes part in a group, as any other consumer, in any number of processes. Each event is
handed to a new "sh -c CMD", as one line of JSON on its standard input, as eventdb read
--json prints it. What the command prints is passed on. Its exit code says what becomes
of the event:

  0          it is done
  113        it is parked: set aside, for eventdb subscriptions parked, replay and skip
  114        it is skipped: counted as done
  115        it will come again, and the whole group is stopped until it is resumed
  126, 127   the shell cannot run CMD: the event goes back, and consume ends with 1
  any other  it will come again, until its retries are used up and it is parked

The end of what the command wrote to standard error is kept as the reason. A command that
takes longer than the message timeout of the group is ended, and its event comes again.
An event may come more than once; EVENTDB_ID is the same then.

In its environment: EVENTDB_STREAM, EVENTDB_VERSION, EVENTDB_POSITION, EVENTDB_TYPE,
EVENTDB_ID, EVENTDB_ATTEMPT (1, 2, ...), EVENTDB_GROUP, and EVENTDB_STORE.

Ctrl-C (or SIGTERM) takes no more events and waits for the commands in flight, the second
one ends them, and their events go back. The exit code is then 130 (or 143).

Examples:
  eventdb consume order-1 --group mail --exec './send-mail' --store shop
  eventdb consume --category order --group billing --create --concurrency 4 \\
    --exec 'jq -r .data.total >> totals' --store shop
  eventdb consume --group billing --limit 1 --exec cat --store shop`,
  options: [
    ...GROUP_OPTIONS,
    { name: 'exec', value: 'CMD', about: 'What is run for each event, by the shell' },
    { name: 'concurrency', value: 'N', about: 'Commands that run at a time (default 1)' },
    { name: 'limit', value: 'N', about: 'End after so many events' },
    {
      name: 'buffer-size',
      value: 'N',
      about: "Most events that this consumer has and has not finished (default: the group's)",
    },
    { name: 'create', about: 'Create the group if it is not there' },
    { ...START_FROM_OPTION, about: `With --create: ${START_FROM_OPTION.about}` },
    { ...MISSING_OK_OPTION, about: 'With --create: the STREAM need not exist yet' },
  ],
  run: (invocation) => {
    const { args } = invocation
    const request = requestOf(args)
    const create = creationOf(args)
    return withExistingStore(invocation, async (store) => {
      await create?.(store, request.choice.name)
      const source = await sourceOfGroup(store, request.choice)
      return consumeGroup(store, source, request, invocation)
    })
  },
}

function requestOf(args: Arguments): Request {
  const choice = groupChoice(args)
  const command = textOption(args, 'exec')
  if (command === undefined || command.trim() === '') {
    throw new UsageError('--exec is missing: the command that is run for each event')
  }
  return {
    choice,
    command,
    concurrency: integerOption(args, 'concurrency', { min: 1, max: CONSUME_CONCURRENCY_MAX }) ?? 1,
    limit: integerOption(args, 'limit', { min: 1 }) ?? Number.POSITIVE_INFINITY,
    bufferSize: integerOption(args, 'buffer-size', { min: 1 }),
  }
}

/** What creates the group if it is not there; `undefined` if that is not wanted. */
function creationOf(args: Arguments): ((store: EventStore, name: string) => Promise<void>) | undefined {
  const startFrom = placeOrEndOption(args, START_FROM_OPTION.name)
  if (!args.flags.has('create')) {
    const lost = [START_FROM_OPTION, MISSING_OK_OPTION].find(({ name }) =>
      args.given.some((it) => it.name === name),
    )
    if (lost !== undefined) throw new UsageError(`--${lost.name} goes with --create`)
    return undefined
  }
  const source = requiredSource(args)
  const options = {
    ...sightOf(args, source),
    ...(startFrom !== undefined && { startFrom: placeIn(source, startFrom) }),
  }
  return async (store, name) => {
    try {
      await sourceIn(store, source).createSubscription(name, options)
    } catch (error) {
      if (!(error instanceof SubscriptionExistsError)) throw error
    }
  }
}

async function consumeGroup(
  store: EventStore,
  source: SourceName,
  { choice, command, concurrency, limit, bufferSize }: Request,
  invocation: Invocation,
): Promise<number> {
  const { out, err } = invocation
  const group = choice.name
  const env = { ...invocation.env, EVENTDB_GROUP: group, EVENTDB_STORE: resolve(storeFolder(invocation)) }
  const onInterrupt = (): void => {
    if (err.isTerminal) err.note('waiting for the commands in flight; Ctrl-C again ends them\n')
  }
  const stop = interruption({ onInterrupt, names: STOP_SIGNALS, times: 2 })
  const consumer = new CommandConsumer({ command, out, err, env, signal: stop.again })
  let isEnough = false
  try {
    await using subscription = await sourceIn(store, source).subscribe({
      type: 'persistent',
      group,
      concurrency,
      bufferSize,
    })
    if (err.isTerminal) {
      const text = `consuming ${printable(group)} of ${sourceText(source)}; Ctrl-C ends it\n`
      err.note(err.paint.ink('dim', text))
    }
    const handle = (delivery: Delivery<RecordedEvent>): Promise<void> => consumer.handle(delivery)
    await dispatch(deliveriesOf(subscription, group), handle, {
      concurrency,
      limit,
      signal: stop.signal,
    })
    isEnough = !stop.signal.aborted
  } finally {
    stop.end()
    consumer.clear()
    if (err.isTerminal) err.note(`${consumer.summary()}\n`)
  }
  return isEnough ? 0 : stop.exitCode
}

/** What a consumer is handed, with an end in words. */
function deliveriesOf(
  subscription: PersistentSubscription<RecordedEvent>,
  group: string,
): AsyncIterator<Delivery<RecordedEvent>> {
  const deliveries = subscription[Symbol.asyncIterator]()
  return {
    next: async () => {
      try {
        return await deliveries.next()
      } catch (cause) {
        const { reason, error } = await subscription.ended
        if (reason === 'deleted')
          throw new CommandError(`Subscription ${JSON.stringify(group)} was deleted`, { cause })
        if (reason !== 'lease-lost') throw error ?? cause
        throw new CommandError('The consumer stood still for too long, and its events went to others', {
          hint: 'the same command joins the group again; a longer --message-timeout allows for more',
          cause,
        })
      }
    },
  }
}
