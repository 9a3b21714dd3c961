import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import {
  APPEND_EVENTS_MAX,
  APPEND_QUERIES_MAX,
  APPEND_STREAMS_MAX,
  IDEMPOTENCY_KEY_BYTES_MAX,
} from '../limits.ts'
import type { AppendKey, QueryCondition, SessionAppend, SessionRequest } from './appended.ts'
import type { Codecs } from './codecs.ts'
import type {
  AppendConditions,
  AppendOptions,
  LinkOptions,
  MultiAppendOptions,
  StreamAppend,
} from './contract-appending.ts'
import type { NewEvent } from './event.ts'
import { checkExpectedVersion } from './expected-version.ts'
import { fingerprintOf } from './fingerprint.ts'
import { onlyNames } from './known-names.ts'
import { checkStreamId, checkWritableStreamId, prepareEvents } from './prepared-event.ts'
import { prepareQuery } from './query.ts'
import { checkName } from './text.ts'

const CONDITIONS = ['failIfEventsMatch', 'idempotencyKey'] as const

const checkOneOptions = onlyNames('The options of an append', 'expectedVersion', 'signal', ...CONDITIONS)
const checkManyOptions = onlyNames(
  'The options of an append to several streams',
  'conditions',
  'signal',
  ...CONDITIONS,
)
const checkLinkNames = onlyNames('The options of a link', 'id', 'expectedVersion', 'signal', ...CONDITIONS)
const checkStreamAppend = onlyNames('An append to several streams', 'streamId', 'events', 'expectedVersion')
const checkStreamCondition = onlyNames('A condition', 'streamId', 'expectedVersion')
const checkAppendCondition = onlyNames('A condition of failIfEventsMatch', 'query', 'after')

/** An append whose fingerprint may still have to be computed. */
export type PreparedRequest = SessionRequest | Promise<SessionRequest>

/** Checks an append to one stream. @throws InvalidArgumentError, LimitExceededError, UnserializableError */
export function prepareOne(
  streamId: string,
  events: NewEvent | readonly NewEvent[],
  options: AppendOptions,
  codecs: Codecs,
): PreparedRequest {
  checkOneOptions(options)
  const { expectedVersion = 'any' } = options
  const append = prepareAppend({ streamId, events, expectedVersion }, codecs)
  return requestOf([append], NONE, options)
}

/** Checks an append to several streams. @throws InvalidArgumentError, LimitExceededError, UnserializableError */
export function prepareMany(
  appends: readonly StreamAppend[],
  options: MultiAppendOptions,
  codecs: Codecs,
): PreparedRequest {
  checkManyOptions(options)
  const { conditions = NONE } = options
  checkList(appends, 'The appends')
  checkList(conditions, 'The conditions of an append')
  for (const condition of conditions) {
    checkStreamCondition(condition)
    checkStreamId(condition.streamId)
    checkExpectedVersion(condition.expectedVersion)
  }
  if (appends.length > APPEND_STREAMS_MAX) {
    throw new LimitExceededError('An append', APPEND_STREAMS_MAX, appends.length, 'streams')
  }
  const prepared = appends.map((append) => {
    checkStreamAppend(append)
    return prepareAppend(append, codecs)
  })
  if (prepared.length > 1) checkTogether(prepared)
  return requestOf(prepared, conditions, options)
}

/** Checks the options of a link. @throws InvalidArgumentError */
export function checkLinkOptions(options: LinkOptions): void {
  checkLinkNames(options)
  const { expectedVersion = 'any' } = options
  checkExpectedVersion(expectedVersion)
}

/** Makes the request of an append whose parts were checked. */
export function requestOf(
  appends: readonly SessionAppend[],
  conditions: SessionRequest['conditions'],
  { failIfEventsMatch, idempotencyKey }: AppendConditions,
): PreparedRequest {
  const queries = failIfEventsMatch === undefined ? NONE : queriesOf(failIfEventsMatch)
  if (idempotencyKey === undefined) return { appends, conditions, queries, key: undefined }
  return keyOf(idempotencyKey, appends).then((key) => ({ appends, conditions, queries, key }))
}

const NONE: readonly never[] = []

function keyOf(text: string, appends: readonly SessionAppend[]): Promise<AppendKey> {
  checkName(text, 'An idempotency key', IDEMPOTENCY_KEY_BYTES_MAX)
  return fingerprintOf(appends).then((fingerprint) => ({ text, fingerprint }))
}

function queriesOf(given: NonNullable<AppendConditions['failIfEventsMatch']>): QueryCondition[] {
  const list = Array.isArray(given) ? given : [given]
  if (list.length > APPEND_QUERIES_MAX) {
    throw new LimitExceededError('An append', APPEND_QUERIES_MAX, list.length, 'queries')
  }
  return list.map((condition) => {
    checkAppendCondition(condition)
    const { query, after } = condition
    if (after !== undefined && typeof after !== 'bigint') {
      throw new InvalidArgumentError(`"after" must be a position (bigint), not ${String(after)}`, { after })
    }
    return { query: prepareQuery(query), after }
  })
}

function prepareAppend(
  { streamId, events, expectedVersion = 'any' }: StreamAppend,
  codecs: Codecs,
): SessionAppend {
  checkWritableStreamId(streamId)
  checkExpectedVersion(expectedVersion)
  return { streamId, events: prepareEvents(events, codecs), expectedVersion }
}

function checkList(list: unknown, what: string): void {
  if (!Array.isArray(list)) throw new InvalidArgumentError(`${what} must be an array`, { list })
}

function checkTogether(appends: readonly SessionAppend[]): void {
  let events = 0
  const streams = new Set<string>()
  for (const append of appends) {
    events += append.events.length
    if (streams.has(append.streamId)) {
      throw new InvalidArgumentError('An append names a stream twice; put its events into one list', {
        streamId: append.streamId,
      })
    }
    streams.add(append.streamId)
  }
  if (events > APPEND_EVENTS_MAX)
    throw new LimitExceededError('An append', APPEND_EVENTS_MAX, events, 'events')
}
