import type { CopyStatus, ProjectionFault, ProjectionStatus } from 'eventdb'
import { sourceText } from './event-source.ts'
import { type Field, formatFields } from './fields.ts'
import { formatCount, formatCounted, formatDuration, formatTime } from './format.ts'
import type { Paint } from './paint.ts'
import { printable } from './text-width.ts'

/** Writes what is known of a projection for programs, as one line of JSON without its end. Positions are strings. */
export function projectionJson({ name, ...known }: ProjectionStatus): string {
  return JSON.stringify({ projection: name, ...known }, positionsAsText)
}

/** Writes what was skipped for programs, as one line of JSON without its end. */
export function skippedJson(name: string, skipped: ProjectionFault): string {
  return JSON.stringify({ projection: name, skipped }, positionsAsText)
}

function positionsAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** Writes what is known of a projection for people. */
export function formatProjection(status: ProjectionStatus, paint: Paint): string {
  const { name, source, building } = status
  const fields: readonly Field[] = [
    ['projection', paint.ink('stream', printable(name))],
    ['source', sourceText(source)],
    ...copyFields(status, ''),
    ...(building === undefined ? [['building', '–'] as const] : copyFields(building, 'building ')),
  ]
  return formatFields(fields, paint)
}

function copyFields(copy: CopyStatus, prefix: string): readonly Field[] {
  const { version, state, position, streamVersion, lag, isLagExact, handled, skipped } = copy
  const { watermark, leader, fault } = copy
  const fields: readonly Field[] = [
    ['version', String(version)],
    ['state', state],
    ['position', String(position ?? '–')],
    ...(streamVersion === undefined ? [] : [['stream version', formatCount(streamVersion)] as const]),
    ['lag', `${formatCounted(lag, 'event')}${isLagExact ? '' : ' or more'}`],
    ['handled', formatCounted(handled, 'event')],
    ['skipped', formatCount(skipped)],
    ['watermark', watermark === undefined ? '–' : `${formatTime(watermark)} UTC`],
    ['leader', leader === undefined ? '–' : leaderText(leader)],
    ...(fault === undefined ? [['fault', '–'] as const] : faultFields(fault)),
  ]
  return fields.map(([name, value]) => [`${prefix}${name}`, value])
}

function leaderText({ process, silentMs }: NonNullable<CopyStatus['leader']>): string {
  return `${printable(process)}, gave a sign of life ${formatDuration(silentMs)} ago`
}

function faultFields(fault: ProjectionFault): readonly Field[] {
  const { error, attempts, since, retryAt } = fault
  return [
    ['fault', printable(`${error.name}: ${error.message}`)],
    ['fault at', faultText(fault)],
    ['tried', `${formatCounted(attempts, 'time')} since ${formatTime(since)} UTC`],
    ['tried again', `${formatTime(retryAt)} UTC`],
  ]
}

/** Says where a fault is, for people. */
export function faultText({ event, timer, partition }: ProjectionFault): string {
  const parts = [
    ...(timer === undefined ? [] : [`the timer ${timer.name}, due ${formatTime(timer.due)} UTC`]),
    ...(event === undefined
      ? []
      : [`${event.streamId} ${event.version} ${event.type}, at position ${event.position}`]),
    ...(partition === undefined || partition === '' ? [] : [`partition ${partition}`]),
  ]
  return parts.length === 0 ? 'its source, which cannot be read' : printable(parts.join('; '))
}
