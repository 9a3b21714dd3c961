import type { JsonValue, MetadataPatch, RetentionPatch, Stream } from 'eventdb'
import { type Arguments, integerOption, type OptionSpec, textOption, textOptions } from './arguments.ts'
import { parseDuration } from './duration.ts'
import { UsageError } from './errors.ts'

/** What can be changed of a stream besides its map. */
export const METADATA_OPTIONS: readonly OptionSpec[] = [
  { name: 'remove', value: 'KEY', repeats: true, about: 'Remove a key; may be repeated' },
  { name: 'max-count', value: 'N', about: 'Keep only the newest N events readable; none lifts the bound' },
  {
    name: 'max-age',
    value: 'DURATION',
    about: 'Keep events readable for so long: 7d, 12h, 30m, 45s; none lifts the bound',
  },
  { name: 'truncate-before', value: 'V', about: 'Hide all events before this version' },
]

/** A change of what is known of a stream; `undefined` where nothing is to be changed. */
export interface MetadataChanges {
  readonly map: MetadataPatch | undefined
  readonly retention: RetentionPatch | undefined
  readonly truncateBefore: number | undefined
}

/** Reads what is to be changed from `key=value` pairs and options. @throws UsageError */
export function metadataChanges(args: Arguments, pairs: readonly string[]): MetadataChanges {
  const removed = textOptions(args, 'remove').map((key): readonly [string, JsonValue] => [key, null])
  const entries = [...pairs.map(pairOf), ...removed]
  refuseRepeats(entries.map(([key]) => key))
  const maxCount = boundOf(args, 'max-count', () => integerOption(args, 'max-count', { min: 1 }))
  const maxAgeMs = boundOf(args, 'max-age', durationOf)
  const retention = {
    ...(maxCount !== undefined && { maxCount }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
  }
  return {
    map: entries.length === 0 ? undefined : Object.fromEntries(entries),
    retention: Object.keys(retention).length === 0 ? undefined : retention,
    truncateBefore: integerOption(args, 'truncate-before', { min: 1 }),
  }
}

/** Whether there is anything to change. */
export function isChange({ map, retention, truncateBefore }: MetadataChanges): boolean {
  return map !== undefined || retention !== undefined || truncateBefore !== undefined
}

/** Makes the changes, in an order in which each finds the stream that the one before has created. */
export async function changeMetadata(
  stream: Pick<Stream, 'setMetadata' | 'setRetention' | 'truncateBefore'>,
  { map, retention, truncateBefore }: MetadataChanges,
): Promise<void> {
  if (map !== undefined) await stream.setMetadata(map)
  if (retention !== undefined) await stream.setRetention(retention)
  if (truncateBefore !== undefined) await stream.truncateBefore(truncateBefore)
}

function pairOf(pair: string): readonly [string, JsonValue] {
  const at = pair.indexOf('=')
  if (at <= 0) throw new UsageError(`${JSON.stringify(pair)} is no key=value`)
  const [key, text] = [pair.slice(0, at), pair.slice(at + 1)]
  const value = jsonOrText(text)
  if (value === null) throw new UsageError(`null would remove a key; use --remove ${key}`)
  return [key, value]
}

/** JSON, or else the text itself, so that only odd texts need quotes. */
function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function refuseRepeats(keys: readonly string[]): void {
  const repeated = keys.find((key, at) => keys.indexOf(key) !== at)
  if (repeated !== undefined) throw new UsageError(`${JSON.stringify(repeated)} is given twice`)
}

/** `null` for `none`, `undefined` if the option was not given. */
function boundOf(
  args: Arguments,
  name: string,
  parse: (text: string) => number | undefined,
): number | null | undefined {
  const text = textOption(args, name)
  if (text === undefined) return undefined
  return text === 'none' ? null : parse(text)
}

function durationOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new UsageError(`--max-age: ${(error as RangeError).message}, nor none`)
  }
}
