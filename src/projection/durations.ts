import { InvalidArgumentError } from '../errors.ts'
import { describe } from '../store/text.ts'

/** So many seconds, in milliseconds. @throws InvalidArgumentError */
export function seconds(count: number): number {
  return milliseconds(count, 1_000)
}

/** So many minutes, in milliseconds. @throws InvalidArgumentError */
export function minutes(count: number): number {
  return milliseconds(count, 60_000)
}

/** So many hours, in milliseconds. @throws InvalidArgumentError */
export function hours(count: number): number {
  return milliseconds(count, 3_600_000)
}

/** So many days of 24 hours, in milliseconds. @throws InvalidArgumentError */
export function days(count: number): number {
  return milliseconds(count, 86_400_000)
}

/** Whole milliseconds, which times are made of: 1.1 hours are not quite 3,960,000 otherwise. */
function milliseconds(count: number, unitMs: number): number {
  const ms = typeof count === 'number' ? Math.round(count * unitMs) : Number.NaN
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new InvalidArgumentError(`A duration is a number from 0 on, not ${describe(count)}`, { count })
}
