import type { CreateSubscriptionOptions, GroupSettings, GroupStrategy, RetryBackoff } from 'eventdb'
import {
  type Arguments,
  choiceOption,
  durationOption,
  integerOption,
  type OptionSpec,
  textOption,
} from './arguments.ts'
import { UsageError } from './errors.ts'
import { FILTER_OPTIONS, filterOption } from './filter-options.ts'

const STRATEGIES: readonly GroupStrategy[] = [
  'round-robin',
  'dispatch-to-single',
  'pinned',
  'pinned-by-correlation',
]

/** What a group can be told when it is created, and later. */
export const SETTINGS_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'message-timeout',
    value: 'DURATION',
    about: 'How long an event may take before it is retried: 30s, 5m, 500ms (default 30s)',
  },
  {
    name: 'max-retry-count',
    value: 'N',
    about: 'How often a failed event is retried before it is parked (default 10)',
  },
  { name: 'retry-backoff', value: 'DURATION', about: 'How long the first retry waits (default 1s)' },
  {
    name: 'retry-backoff-max',
    value: 'DURATION',
    about: 'How long any retry waits at most: each waits twice as long (default 60s)',
  },
  {
    name: 'buffer-size',
    value: 'N',
    about: 'Most events that a consumer has and has not finished (default 100)',
  },
  { name: 'max-consumers', value: 'N', about: 'Most consumers at a time, or none for any number (default)' },
  {
    name: 'strategy',
    value: 'S',
    about: `How events find consumers: ${STRATEGIES.join(', ')} (default ${STRATEGIES[0]})`,
  },
  {
    name: 'park-mode',
    value: 'M',
    about:
      'Pinned only, with a parked event: sequence parks what follows it, single does not (default sequence)',
  },
  {
    name: 'checkpoint-after',
    value: 'DURATION',
    about: 'How long finished events may wait to be recorded together (default 2s)',
  },
  {
    name: 'checkpoint-lower-bound',
    value: 'N',
    about: 'Finished events below which that is not worth a commit of its own (default 10)',
  },
  {
    name: 'checkpoint-upper-bound',
    value: 'N',
    about: 'Finished events that are recorded at once (default 1000)',
  },
  ...FILTER_OPTIONS,
]

/** The settings that were given. @throws UsageError */
export function groupSettings(args: Arguments): GroupSettings {
  const retryBackoff: RetryBackoff = onlyGiven({
    initialMs: durationOption(args, 'retry-backoff'),
    maxMs: durationOption(args, 'retry-backoff-max'),
  })
  return onlyGiven<GroupSettings>({
    messageTimeoutMs: durationOption(args, 'message-timeout'),
    maxRetryCount: integerOption(args, 'max-retry-count', { min: 0 }),
    retryBackoff: Object.keys(retryBackoff).length === 0 ? undefined : retryBackoff,
    bufferSize: integerOption(args, 'buffer-size', { min: 1 }),
    maxConsumers: maxConsumersOption(args),
    strategy: choiceOption(args, 'strategy', STRATEGIES),
    parkMode: choiceOption(args, 'park-mode', ['sequence', 'single']),
    checkpointAfterMs: durationOption(args, 'checkpoint-after'),
    checkpointLowerBound: integerOption(args, 'checkpoint-lower-bound', { min: 1 }),
    checkpointUpperBound: integerOption(args, 'checkpoint-upper-bound', { min: 1 }),
    filter: filterOption(args),
  })
}

/** Keeps what is not `undefined`. */
export function onlyGiven<
  T extends GroupSettings | RetryBackoff | CreateSubscriptionOptions<number | bigint>,
>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T
}

/** Infinity lifts the bound. */
function maxConsumersOption(args: Arguments): number | undefined {
  const text = textOption(args, 'max-consumers')
  if (text === 'none') return Number.POSITIVE_INFINITY
  if (text !== undefined && !/^\d+$/.test(text)) {
    throw new UsageError(
      `--max-consumers takes a whole number from 1 on, or none, not ${JSON.stringify(text)}`,
    )
  }
  return integerOption(args, 'max-consumers', { min: 1 })
}
