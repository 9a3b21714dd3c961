const INSTANT =
  /^(?:\d{4}|[+-]\d{6})-(?:0[1-9]|1[0-2])-(\d\d)(?:T([01]\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/

/**
 * Reads an instant in ISO 8601: a date (midnight UTC), or a date and a time with its zone. Digits beyond milliseconds
 * are cut off.
 *
 * @throws RangeError saying what is wrong: a time without a zone would mean another instant on every machine
 */
export function parseInstant(text: string): Date {
  const match = INSTANT.exec(text)
  if (match === null) throw new RangeError(`${JSON.stringify(text)} is no ISO 8601 time`)
  if (match[2] !== undefined && match[3] === undefined) {
    throw new RangeError(`${JSON.stringify(text)} has no time zone; end it with Z for UTC`)
  }
  const instant = new Date(withColonInZone(text))
  if (Number.isNaN(instant.getTime()) || !isDayOfItsMonth(text)) {
    throw new RangeError(`${JSON.stringify(text)} does not exist in the calendar`)
  }
  return instant
}

function withColonInZone(text: string): string {
  return text.replace(/(T.*[+-]\d\d)(\d\d)$/, '$1:$2')
}

/** `Date` takes the 30th of February for the 2nd of March. */
function isDayOfItsMonth(text: string): boolean {
  const date = text.replace(/T.*$/, '')
  return new Date(date).toISOString().startsWith(date)
}
