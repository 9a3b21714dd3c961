import type { ParkedEvent, ResolvedFilter, ResolvedGroupSettings, SubscriptionInfo } from 'eventdb'
import { formatExactDuration } from './duration.ts'
import { formatEventLine } from './event-line.ts'
import { sourceText } from './event-source.ts'
import { type Field, formatFields } from './fields.ts'
import { formatCount, formatCounted, formatTime } from './format.ts'
import type { Paint } from './paint.ts'
import { printable } from './text-width.ts'

/** Writes what is known of a group for programs, as one line of JSON without its end. Positions are strings. */
export function groupJson({ name, settings, ...known }: SubscriptionInfo): string {
  return JSON.stringify({ group: name, ...known, settings }, (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}

/** Writes a parked event for programs, as one line of JSON without its end. */
export function parkedJson({ event, place, ...known }: ParkedEvent): string {
  const line = event === undefined ? null : JSON.parse(formatEventLine(event))
  return JSON.stringify({ place: typeof place === 'bigint' ? String(place) : place, ...known, event: line })
}

/** Writes what is known of a group for people. */
export function formatGroup(info: SubscriptionInfo, paint: Paint): string {
  const fields: readonly Field[] = [
    ['group', paint.ink('stream', printable(info.name))],
    ['source', sourceText(info.source)],
    ['state', stateText(info)],
    ['checkpoint', placeText(info.checkpoint)],
    ['given out up to', placeText(info.position)],
    ['head', placeText(info.head)],
    ['lag', `${formatCounted(info.lag, 'event')}${info.isLagExact ? '' : ' or more'}`],
    ['in flight', formatCount(info.inFlight)],
    ['retrying', formatCount(info.retrying)],
    ['held', formatCount(info.held)],
    ['parked', formatCount(info.parked)],
    ['finished', rateText(info.finishedPerSecond)],
    ['consumers', formatCount(info.consumers.length)],
    ...info.consumers.map(
      ({ consumer, inFlight, finishedPerSecond }): Field => [
        `consumer ${consumer}`,
        `${formatCount(inFlight)} in flight, ${rateText(finishedPerSecond)}`,
      ],
    ),
    ...settingFields(info.settings),
  ]
  return formatFields(fields, paint)
}

function stateText({ state, stopped }: SubscriptionInfo): string {
  if (stopped === undefined) return state
  const { at, place, reason } = stopped
  return `${state} ${formatTime(at)} UTC at ${place}: ${printable(reason)}`
}

function placeText(place: number | bigint | undefined): string {
  return String(place ?? '–')
}

function rateText(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond)}/s`
}

function settingFields(settings: ResolvedGroupSettings): readonly Field[] {
  const { retryBackoff, maxConsumers, strategy, parkMode, filter } = settings
  const isPinned = strategy === 'pinned' || strategy === 'pinned-by-correlation'
  return [
    ['message timeout', formatExactDuration(settings.messageTimeoutMs)],
    ['max retry count', formatCount(settings.maxRetryCount)],
    [
      'retry backoff',
      `${formatExactDuration(retryBackoff.initialMs)} to ${formatExactDuration(retryBackoff.maxMs)}`,
    ],
    ['buffer size', formatCounted(settings.bufferSize, 'event')],
    ['max consumers', maxConsumers === null ? '–' : formatCount(maxConsumers)],
    ['strategy', isPinned ? `${strategy}, park mode ${parkMode}` : strategy],
    [
      'recorded',
      `after ${formatExactDuration(settings.checkpointAfterMs)} from ${formatCounted(settings.checkpointLowerBound, 'event')} on, at once from ${formatCount(settings.checkpointUpperBound)} on`,
    ],
    ['filter', filter === null ? '–' : filterText(filter)],
    ...(settings.resolveLinks ? [] : [['links', 'as they are'] as const]),
    ...(settings.system ? [['system events', 'included'] as const] : []),
  ]
}

function filterText({ types, typePattern, streamPrefixes, streamPattern, tags }: ResolvedFilter): string {
  const list = (name: string, words: readonly string[] | undefined): readonly string[] =>
    words === undefined ? [] : [`${name} ${words.join(', ')}`]
  const pattern = (name: string, it: ResolvedFilter['typePattern']): readonly string[] =>
    it === undefined ? [] : [`${name} /${it.source}/${it.flags}`]
  const parts = [
    ...list('types', types),
    ...pattern('types', typePattern),
    ...list('streams from', streamPrefixes),
    ...pattern('streams', streamPattern),
    ...list('tags', tags),
  ]
  return parts.length === 0 ? '–' : printable(parts.join('; '))
}
