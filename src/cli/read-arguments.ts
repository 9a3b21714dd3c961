import type { PositionReadOptions, ReadOptions, StreamReadOptions } from 'eventdb'
import { type Arguments, integerOption, type OptionSpec, textOption } from './arguments.ts'
import { UsageError } from './errors.ts'
import { parseInstant } from './instant.ts'

const BOUNDS = ['from', 'after', 'to', 'before'] as const

/** What every command that reads events can be told. */
export const READ_OPTIONS: readonly OptionSpec[] = [
  { name: 'from', value: 'P', about: 'Begin with this one' },
  { name: 'after', value: 'P', about: 'Begin after this one' },
  { name: 'to', value: 'P', about: 'End with this one' },
  { name: 'before', value: 'P', about: 'End before this one' },
  { name: 'limit', value: 'N', about: 'Most events to read' },
  { name: 'backwards', about: 'Begin at the end' },
  { name: 'no-resolve-links', about: 'Show links themselves, not the events that they point to' },
]

/** How to read a stream, in versions. @throws UsageError */
export function streamReadOptions(args: Arguments): StreamReadOptions {
  return { ...boundsOf(args, versionOf), ...commonOptions(args) }
}

/** How to read in the global order, in positions or times. @throws UsageError */
export function positionReadOptions(args: Arguments): PositionReadOptions {
  return { ...boundsOf(args, positionOrTime), ...commonOptions(args) }
}

function boundsOf<T>(
  args: Arguments,
  parse: (text: string, name: string) => T,
): { readonly [name in (typeof BOUNDS)[number]]?: T } {
  const given = BOUNDS.map((name) => [name, textOption(args, name)] as const)
  const known = given.flatMap(([name, text]) =>
    text === undefined ? [] : [[name, parse(text, name)] as const],
  )
  return Object.fromEntries(known) as { readonly [name in (typeof BOUNDS)[number]]?: T }
}

function commonOptions(args: Arguments): Pick<ReadOptions<never>, 'limit' | 'direction' | 'resolveLinks'> {
  const limit = integerOption(args, 'limit', { min: 0 })
  return {
    direction: args.flags.has('backwards') ? 'backwards' : 'forwards',
    resolveLinks: !args.flags.has('no-resolve-links'),
    ...(limit !== undefined && { limit }),
  }
}

function versionOf(text: string, name: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`--${name} takes a version, not ${JSON.stringify(text)}`)
}

function positionOrTime(text: string, name: string): bigint | Date {
  if (/^\d+$/.test(text)) return BigInt(text)
  try {
    return parseInstant(text)
  } catch (error) {
    throw new UsageError(`--${name} takes a position or a time: ${(error as RangeError).message}`)
  }
}
