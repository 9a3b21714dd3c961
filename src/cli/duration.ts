const UNITS = [
  ['d', 24 * 60 * 60 * 1_000],
  ['h', 60 * 60 * 1_000],
  ['m', 60 * 1_000],
  ['s', 1_000],
] as const

/** Reads a duration as a number with its unit, `7d`, `12h`, `30m` or `45s`. Returns milliseconds. @throws RangeError */
export function parseDuration(text: string): number {
  const [, amount, letter] = /^(\d{1,9})([a-z])$/.exec(text) ?? []
  const unit = UNITS.find(([name]) => name === letter)
  if (unit === undefined || Number(amount) === 0) {
    throw new RangeError(`${JSON.stringify(text)} is no duration such as 7d, 12h, 30m or 45s`)
  }
  return Number(amount) * unit[1]
}

/** Writes milliseconds as {@link parseDuration} reads them, in the largest unit that fits; `1500 ms` if none does. */
export function formatExactDuration(milliseconds: number): string {
  const unit = UNITS.find(([, size]) => milliseconds % size === 0)
  return unit === undefined ? `${milliseconds} ms` : `${milliseconds / unit[1]}${unit[0]}`
}
