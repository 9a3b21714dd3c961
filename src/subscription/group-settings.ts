import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import { GROUP_BUFFER_MAX, GROUP_SETTINGS_BYTES_MAX } from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type {
  CreateSubscriptionOptions,
  GroupSettings,
  ResolvedGroupSettings,
  RetryBackoff,
} from '../store/contract-subscribing.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkFlag } from '../store/read-options.ts'
import { describe } from '../store/text.ts'
import { resolveStoredFilter } from './filter.ts'
import type { Source } from './source.ts'
import type { Start } from './starting.ts'
import { checkWhole, sightOf } from './subscribe-options.ts'

const SETTINGS = [
  'messageTimeoutMs',
  'maxRetryCount',
  'retryBackoff',
  'checkpointAfterMs',
  'checkpointLowerBound',
  'checkpointUpperBound',
  'bufferSize',
  'maxConsumers',
  'strategy',
  'parkMode',
  'filter',
  'resolveLinks',
] as const

const checkUpdateNames = onlyNames('The settings of a subscription', ...SETTINGS)
const checkCreateNames = onlyNames(
  'The options of createSubscription',
  ...SETTINGS,
  'startFrom',
  'system',
  'mustExist',
)
const checkBackoffNames = onlyNames('"retryBackoff"', 'initialMs', 'maxMs')

/** What a group is if nobody says otherwise. */
const DEFAULTS: ResolvedGroupSettings = {
  messageTimeoutMs: 30_000,
  maxRetryCount: 10,
  retryBackoff: { initialMs: 1_000, maxMs: 60_000 },
  checkpointAfterMs: 2_000,
  checkpointLowerBound: 10,
  checkpointUpperBound: 1_000,
  bufferSize: 100,
  maxConsumers: null,
  strategy: 'round-robin',
  parkMode: 'sequence',
  filter: null,
  resolveLinks: true,
  system: false,
}

/** Longest duration in settings, in milliseconds: what timers can wait for. */
const DURATION_MS_MAX = 2 ** 31 - 1

/** Checks how a group is to begin. @throws InvalidArgumentError, LimitExceededError */
export function newSettings(
  kind: Source['name']['kind'],
  options: CreateSubscriptionOptions<AnyPlace>,
): ResolvedGroupSettings {
  checkCreateNames(options)
  const { startFrom: _, mustExist: __, system, ...settings } = options
  const sight = sightOf(kind, options)
  return { ...changed(DEFAULTS, settings), system: sight.system }
}

/** Checks what is to be changed. @throws InvalidArgumentError, LimitExceededError */
export function changedSettings(
  settings: ResolvedGroupSettings,
  changes: GroupSettings,
): ResolvedGroupSettings {
  checkUpdateNames(changes)
  return changed(settings, changes)
}

function changed(settings: ResolvedGroupSettings, changes: GroupSettings): ResolvedGroupSettings {
  checkNumbers(changes)
  checkFlag('resolveLinks', changes.resolveLinks as boolean)
  checkOneOf('strategy', changes.strategy, [
    'round-robin',
    'dispatch-to-single',
    'pinned',
    'pinned-by-correlation',
  ])
  checkOneOf('parkMode', changes.parkMode, ['sequence', 'single'])
  const { filter, maxConsumers, retryBackoff, ...plain } = definedOf(changes)
  const result: ResolvedGroupSettings = {
    ...settings,
    ...plain,
    ...(retryBackoff !== undefined && { retryBackoff: backoffOf(settings.retryBackoff, retryBackoff) }),
    ...(maxConsumers !== undefined && {
      maxConsumers: maxConsumers === Number.POSITIVE_INFINITY ? null : maxConsumers,
    }),
    ...(filter !== undefined && { filter: resolveStoredFilter(filter) }),
  }
  checkBounds(result)
  const bytes = new TextEncoder().encode(JSON.stringify(result)).length
  if (bytes <= GROUP_SETTINGS_BYTES_MAX) return result
  throw new LimitExceededError('The settings of a subscription', GROUP_SETTINGS_BYTES_MAX, bytes)
}

/** What is given as `undefined` is not given. */
function definedOf(changes: GroupSettings): {
  [Name in keyof GroupSettings]: NonNullable<GroupSettings[Name]>
} {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
}

function checkNumbers(changes: GroupSettings): void {
  checkWhole('messageTimeoutMs', changes.messageTimeoutMs, 1, DURATION_MS_MAX)
  checkWhole('maxRetryCount', changes.maxRetryCount, 0, 1_000_000)
  checkWhole('checkpointAfterMs', changes.checkpointAfterMs, 0, DURATION_MS_MAX)
  checkWhole('checkpointLowerBound', changes.checkpointLowerBound, 1, 1_000_000)
  checkWhole('checkpointUpperBound', changes.checkpointUpperBound, 1, 1_000_000)
  checkWhole('bufferSize', changes.bufferSize, 1, GROUP_BUFFER_MAX)
  if (changes.maxConsumers !== Number.POSITIVE_INFINITY) {
    checkWhole('maxConsumers', changes.maxConsumers, 1, 1_000_000)
  }
}

function checkBounds({ checkpointLowerBound, checkpointUpperBound }: ResolvedGroupSettings): void {
  if (checkpointLowerBound <= checkpointUpperBound) return
  throw new InvalidArgumentError(
    `"checkpointLowerBound" (${checkpointLowerBound}) must not be above "checkpointUpperBound" (${checkpointUpperBound})`,
    { checkpointLowerBound, checkpointUpperBound },
  )
}

function backoffOf(
  backoff: ResolvedGroupSettings['retryBackoff'],
  changes: RetryBackoff,
): ResolvedGroupSettings['retryBackoff'] {
  checkBackoffNames(changes)
  checkWhole('retryBackoff.initialMs', changes.initialMs, 0, DURATION_MS_MAX)
  checkWhole('retryBackoff.maxMs', changes.maxMs, 0, DURATION_MS_MAX)
  const { initialMs = backoff.initialMs } = changes
  const { maxMs = Math.max(backoff.maxMs, initialMs) } = changes
  if (initialMs <= maxMs) return { initialMs, maxMs }
  throw new InvalidArgumentError(
    `"retryBackoff.initialMs" (${initialMs}) must not be above "retryBackoff.maxMs" (${maxMs})`,
    { initialMs, maxMs },
  )
}

function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (value === undefined || known.includes(value as string)) return
  throw new InvalidArgumentError(`"${name}" must be one of ${known.join(', ')}, not ${describe(value)}`, {
    [name]: value,
  })
}

/** Where a group is to begin: a place means behind it, a time from it on. */
export function startFromOf(startFrom: 'start' | 'end' | AnyPlace | Date | undefined): Start {
  if (startFrom === undefined || startFrom === 'start' || startFrom === 'end') return startFrom ?? 'start'
  return startFrom instanceof Date ? { from: startFrom } : { after: startFrom }
}
