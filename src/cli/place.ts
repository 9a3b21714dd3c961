import type { RecordedEvent, SourceName } from 'eventdb'
import { type Arguments, textOption } from './arguments.ts'
import { UsageError } from './errors.ts'
import { parseInstant } from './instant.ts'

/** A place as it was typed, when it is not yet known whether it is a version or a position; or a time. */
export type TypedPlace = { readonly number: bigint } | Date

/** Reads a place or a time. @throws UsageError if it is neither */
export function placeOption(args: Arguments, name: string): TypedPlace | undefined {
  const text = textOption(args, name)
  return text === undefined ? undefined : parsePlace(text, name, '')
}

/** Reads a place or a time, or `start` or `end`. @throws UsageError if it is none of them */
export function placeOrEndOption(args: Arguments, name: string): TypedPlace | 'start' | 'end' | undefined {
  const text = textOption(args, name)
  if (text === undefined || text === 'start' || text === 'end') return text
  return parsePlace(text, name, 'start, end, ')
}

/** The place, as a source with this name wants it: a version in a stream, else a position. */
export function placeIn<Place extends TypedPlace | 'start' | 'end'>(
  { kind }: SourceName,
  place: Place,
): Exclude<Place, TypedPlace> | number | bigint | Date {
  if (typeof place === 'string' || place instanceof Date) return place as Exclude<Place, TypedPlace> | Date
  const { number } = place as { readonly number: bigint }
  return kind === 'stream' ? Number(number) : number
}

/** Where an event is in a source with this name: where its link is, if it was found through one. */
export function placeOfEvent({ kind }: SourceName, event: RecordedEvent): number | bigint {
  const found = event.link ?? event
  return kind === 'stream' ? found.version : found.position
}

function parsePlace(text: string, name: string, others: string): TypedPlace {
  if (/^\d{1,19}$/.test(text)) return { number: BigInt(text) }
  try {
    return parseInstant(text)
  } catch (error) {
    throw new UsageError(
      `--${name} takes ${others}a version, a position or a time: ${(error as RangeError).message}`,
    )
  }
}
