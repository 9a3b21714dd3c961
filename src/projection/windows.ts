import { InvalidArgumentError } from '../errors.ts'
import { SLIDING_WINDOWS_MAX } from '../limits.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'

/** How long a window of the calendar is. */
export type WindowUnit = 'hour' | 'day' | 'week' | 'month' | 'year'

/** Where windows of the calendar begin. */
export interface WindowOptions {
  /** How far clocks are ahead of UTC, in minutes: -1,440 to 1,440. @default 0 */
  readonly offsetMinutes?: number
}

/** Which windows slide over time. */
export interface SlidingWindows extends WindowOptions {
  /** How long each is, in milliseconds. */
  readonly size: number
  /** How long after one the next begins, in milliseconds. They are counted from the start of 1970. */
  readonly every: number
}

const DAY_MS = 86_400_000
/** How much of an ISO text is a window. A week has a text of its own. */
const LENGTHS = { hour: 13, day: 10, week: 0, month: 7, year: 4 } as const

const checkOptions = onlyNames('The options of a window', 'offsetMinutes')
const checkSliding = onlyNames('Sliding windows', 'size', 'every', 'offsetMinutes')

/**
 * The window of the calendar that a time is in, as a text whose order is that of time: `2018-01-03T05`, `2018-01-03`, `2018-W01` (weeks of
 * ISO 8601, which begin on Mondays), `2018-01`, `2018`. By UTC, or a fixed distance from it.
 *
 * ```ts
 * const perDay = { partitionBy: ({ time }) => windowOf(time, 'day') }
 * ```
 *
 * @throws InvalidArgumentError, also for years that do not have four digits
 */
export function windowOf(time: Date, unit: WindowUnit, options: WindowOptions = {}): string {
  checkOptions(options)
  if (typeof unit !== 'string' || !Object.hasOwn(LENGTHS, unit)) {
    throw new InvalidArgumentError(
      `A window is an hour, a day, a week, a month or a year, not ${describe(unit)}`,
      { unit },
    )
  }
  const local = new Date(timeIn(time) + offsetMs(options))
  return unit === 'week' ? weekOf(local) : isoOf(local).slice(0, LENGTHS[unit])
}

/**
 * When the windows begin that a time is in, in order: `size` long each, one `every` so many milliseconds. A window ends before its end, so
 * with `every` equal to `size` there is just one.
 *
 * @throws InvalidArgumentError, also for more than 10,000 windows
 */
export function windowsOf(time: Date, windows: SlidingWindows): readonly Date[] {
  checkSliding(windows)
  const { size, every } = windows
  for (const [name, ms] of Object.entries({ size, every })) {
    if (Number.isSafeInteger(ms) && ms > 0) continue
    throw new InvalidArgumentError(
      `"${name}" of sliding windows is in whole milliseconds from 1 on, not ${describe(ms)}`,
      { [name]: ms },
    )
  }
  if (Math.ceil(size / every) > SLIDING_WINDOWS_MAX) {
    throw new InvalidArgumentError(
      `A time is in at most ${SLIDING_WINDOWS_MAX} sliding windows: make "every" larger, or "size" smaller`,
      { size, every },
    )
  }
  const offset = offsetMs(windows)
  const timeMs = timeIn(time) + offset
  const starts: Date[] = []
  for (let start = Math.floor(timeMs / every) * every; start > timeMs - size; start -= every) {
    starts.push(new Date(start - offset))
  }
  return starts.reverse()
}

function timeIn(time: Date): number {
  const ms = time instanceof Date ? time.getTime() : Number.NaN
  if (Number.isNaN(ms))
    throw new InvalidArgumentError(`A time is a valid Date, not ${describe(time)}`, { time })
  return ms
}

function offsetMs({ offsetMinutes = 0 }: WindowOptions): number {
  if (Number.isInteger(offsetMinutes) && Math.abs(offsetMinutes) <= 1_440) return offsetMinutes * 60_000
  throw new InvalidArgumentError(
    `"offsetMinutes" is a whole number from -1440 to 1440, not ${describe(offsetMinutes)}`,
    { offsetMinutes },
  )
}

/** Other years would not be in order among these. */
function isoOf(local: Date): string {
  const year = local.getUTCFullYear()
  if (year >= 0 && year <= 9_999) return local.toISOString()
  throw new InvalidArgumentError('Windows are for the years 0 to 9999', { year })
}

/** A week belongs to the year of its Thursday. */
function weekOf(local: Date): string {
  const day = Math.floor(local.getTime() / DAY_MS)
  // 1970 began on a Thursday.
  const thursday = new Date(Math.floor((day + 3) / 7) * 7 * DAY_MS)
  const year = isoOf(thursday).slice(0, 4)
  const firstDay = Date.parse(`${year}-01-01T00:00:00Z`)
  const week = Math.floor((thursday.getTime() - firstDay) / (7 * DAY_MS)) + 1
  return `${year}-W${String(week).padStart(2, '0')}`
}
