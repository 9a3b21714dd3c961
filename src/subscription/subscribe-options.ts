import { InvalidArgumentError } from '../errors.ts'
import {
  GROUP_BUFFER_MAX,
  GROUP_CONCURRENCY_MAX,
  GROUP_NAME_BYTES_MAX,
  HANDLER_BATCH_MAX,
  INBOX_EVENTS,
  INBOX_EVENTS_MAX,
} from '../limits.ts'
import type { AnyPlace } from '../store/broker.ts'
import type {
  BatchedCatchUpOptions,
  PersistentOptions,
  SightOptions,
  VolatileOptions,
} from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkFlag, checkSignal } from '../store/read-options.ts'
import { checkName, describe } from '../store/text.ts'
import { resolveFilter, type Wanted, wantedBy } from './filter.ts'
import type { Handling } from './outlet.ts'
import type { Sight, Source } from './source.ts'

/** What any call of `subscribe` may be given. */
export type AnySubscribeOptions =
  | VolatileOptions<RecordedEvent>
  | (Omit<BatchedCatchUpOptions<RecordedEvent, AnyPlace>, 'batchSize'> & { readonly batchSize?: number })
  | PersistentOptions

const COMMON = ['type', 'signal', 'onEnd'] as const
const SIGHT = ['resolveLinks', 'system', 'mustExist', 'filter'] as const

const checkNames: Readonly<Record<AnySubscribeOptions['type'], (given: object) => void>> = {
  volatile: onlyNames(
    'The options of a volatile subscription',
    ...COMMON,
    ...SIGHT,
    'group',
    'bufferSize',
    'onLagged',
  ),
  'catch-up': onlyNames(
    'The options of a catch-up subscription',
    ...COMMON,
    ...SIGHT,
    'after',
    'from',
    'batchSize',
    'onCaughtUp',
    'onFellBehind',
  ),
  persistent: onlyNames(
    'The options of a persistent subscription',
    ...COMMON,
    'group',
    'concurrency',
    'bufferSize',
    'onError',
  ),
}

/** Checks what a subscription is asked for, apart from where it begins. @throws InvalidArgumentError, LimitExceededError */
export function checkSubscribeOptions(options: AnySubscribeOptions, handler: unknown): void {
  if (typeof options !== 'object' || options === null || !Object.hasOwn(checkNames, options.type)) {
    throw new InvalidArgumentError(
      `A subscription is of the type 'volatile', 'catch-up' or 'persistent', not ${describe((options as { type?: unknown } | null)?.type)}`,
      { options },
    )
  }
  checkNames[options.type](options)
  checkFunction('The handler of a subscription', handler)
  checkFunction('"onEnd"', options.onEnd)
  checkSignal(options.signal)
  if (options.type === 'volatile') checkVolatile(options)
  else if (options.type === 'catch-up') checkCatchUp(options, handler)
  else checkPersistent(options)
}

function checkVolatile({ group, bufferSize, filter, onLagged }: VolatileOptions<RecordedEvent>): void {
  checkFunction('"onLagged"', onLagged)
  checkWhole('bufferSize', bufferSize, 1, INBOX_EVENTS_MAX)
  if (group === undefined) return
  checkGroupName(group)
  if (filter !== undefined) {
    throw new InvalidArgumentError('A volatile group cannot have a filter: its members share all events', {
      filter,
    })
  }
}

function checkCatchUp(options: Extract<AnySubscribeOptions, { type: 'catch-up' }>, handler: unknown): void {
  const { after, from, batchSize } = options
  checkFunction('"onCaughtUp"', options.onCaughtUp)
  checkFunction('"onFellBehind"', options.onFellBehind)
  if (after !== undefined && from !== undefined) {
    throw new InvalidArgumentError('A subscription begins "after" a place or "from" one, not both', {
      after,
      from,
    })
  }
  checkWhole('batchSize', batchSize, 1, HANDLER_BATCH_MAX)
  if (batchSize !== undefined && handler === undefined) {
    throw new InvalidArgumentError('"batchSize" is for handlers; without one, iterate batches()', {
      batchSize,
    })
  }
}

function checkPersistent({ group, concurrency, bufferSize, onError }: PersistentOptions): void {
  checkGroupName(group)
  checkWhole('concurrency', concurrency, 1, GROUP_CONCURRENCY_MAX)
  checkWhole('bufferSize', bufferSize, 1, GROUP_BUFFER_MAX)
  checkFunction('"onError"', onError)
}

/** Checks the name of a group. @throws InvalidArgumentError, LimitExceededError */
export function checkGroupName(name: unknown): asserts name is string {
  checkName(name, 'The name of a subscription', GROUP_NAME_BYTES_MAX)
}

/** Checks a whole number within bounds. @throws InvalidArgumentError */
export function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return
  throw new InvalidArgumentError(
    `"${name}" must be a whole number from ${least} to ${most}, not ${describe(value)}`,
    { [name]: value },
  )
}

function checkFunction(what: string, given: unknown): void {
  if (given === undefined || typeof given === 'function') return
  throw new InvalidArgumentError(`${what} must be a function, not ${describe(given)}`, { given })
}

/** How a source is to be seen. @throws InvalidArgumentError */
export function sightOf(
  kind: Source['name']['kind'],
  { resolveLinks = true, system = false, mustExist }: SightOptions,
): Sight {
  checkFlag('resolveLinks', resolveLinks)
  checkFlag('system', system)
  checkFlag('mustExist', mustExist as boolean)
  if (system && kind !== 'all') {
    throw new InvalidArgumentError(`"system" is only for all events, not for a source by ${kind}`, { system })
  }
  return { resolveLinks, system }
}

/** What of the source is wanted. @throws InvalidArgumentError, LimitExceededError */
export function wantedOf({ filter }: Pick<VolatileOptions<RecordedEvent>, 'filter'>): Wanted | undefined {
  return filter === undefined ? undefined : wantedBy(resolveFilter(filter), filter.where)
}

/** How events are handled; `undefined` if they are iterated. */
export function handlingOf(batchSize: number | undefined, handler: unknown): Handling | undefined {
  if (handler === undefined) return undefined
  if (batchSize === undefined) return { kind: 'each', handle: handler as (event: RecordedEvent) => unknown }
  return { kind: 'batch', size: batchSize, handle: handler as (events: readonly RecordedEvent[]) => unknown }
}

/** How many events may wait for a volatile subscription. */
export function inboxSizeOf({ bufferSize = INBOX_EVENTS }: VolatileOptions<RecordedEvent>): number {
  return bufferSize
}
