const UNITS = [
  ['d', 24 * 60 * 60 * 1_000],
  ['h', 60 * 60 * 1_000],
  ['m', 60 * 1_000],
  ['s', 1_000],
  ['ms', 1],
] as const

/** Reads a duration as a number with its unit, `7d`, `12h`, `30m`, `45s` or `250ms`. Returns milliseconds. @throws RangeError */
export function parseDuration(text: string): number {
  const [, amount, name] = /^(\d{1,9})([a-z]+)$/.exec(text) ?? []
  const unit = UNITS.find((candidate) => candidate[0] === name)
  if (unit === undefined || Number(amount) === 0) {
    throw new RangeError(`${JSON.stringify(text)} is no duration such as 7d, 12h, 30m, 45s or 500ms`)
  }
  return Number(amount) * unit[1]
}

/** Writes milliseconds as {@link parseDuration} reads them, in the largest unit that fits. */
export function formatExactDuration(milliseconds: number): string {
  const [unit, size] = UNITS.find((candidate) => milliseconds % candidate[1] === 0) ?? UNITS.at(-1)!
  return `${milliseconds / size}${unit}`
}
