import type { StreamInfo } from 'eventdb'
import { formatExactDuration } from './duration.ts'
import { type Field, formatFields } from './fields.ts'
import { formatCount, formatCounted, formatTime } from './format.ts'
import type { Paint } from './paint.ts'
import { printable } from './text-width.ts'

/** Writes what is known of a stream for programs, as one line of JSON without its end. */
export function streamJson({ streamId, ...known }: StreamInfo): string {
  return JSON.stringify({ stream: streamId, ...known })
}

/** Writes what is known of a stream for people. */
export function formatStream(info: StreamInfo, paint: Paint): string {
  const { streamId, state, createdAt, modifiedAt, metadata, maxCount, maxAgeMs, truncateBefore } = info
  const map = Object.entries(metadata).map(
    ([key, value]): Field => [`metadata.${printable(key)}`, printable(JSON.stringify(value))],
  )
  const fields: readonly Field[] = [
    ['stream', paint.ink('stream', printable(streamId))],
    ['state', state],
    ['versions', versionsOf(info)],
    ['created', `${formatTime(createdAt)} UTC`],
    ['modified', `${formatTime(modifiedAt)} UTC`],
    ['max count', maxCount === undefined ? '–' : formatCounted(maxCount, 'event')],
    ['max age', maxAgeMs === undefined ? '–' : formatExactDuration(maxAgeMs)],
    ['truncate before', truncateBefore === undefined ? '–' : formatCount(truncateBefore)],
    ...(map.length === 0 ? [['metadata', '–'] as const] : map),
  ]
  return formatFields(fields, paint)
}

function versionsOf({ firstVersion, version }: StreamInfo): string {
  if (version === 0) return 'none yet'
  if (firstVersion > version) return `up to ${formatCount(version)}, none of them readable`
  return `${formatCount(firstVersion)} to ${formatCount(version)}`
}
