import type { StoredFilter } from 'eventdb'
import { type Arguments, type OptionSpec, textOption, textOptions } from './arguments.ts'
import { UsageError } from './errors.ts'

/** What events of a source are chosen by. */
export const FILTER_OPTIONS: readonly OptionSpec[] = [
  { name: 'filter-type', value: 'T', repeats: true, about: 'Only events of this type; of several, any' },
  { name: 'filter-type-pattern', value: 'RE', about: 'Only types that match this regular expression' },
  {
    name: 'filter-prefix',
    value: 'P',
    repeats: true,
    about: 'Only streams whose ids begin with this; of several, any',
  },
  { name: 'filter-stream-pattern', value: 'RE', about: 'Only streams whose ids match this' },
  { name: 'filter-tag', value: 'X', repeats: true, about: 'Only events with this tag; of several, all' },
]

/** Reads the filter; `undefined` if there is none. @throws UsageError for what is no regular expression */
export function filterOption(args: Arguments): StoredFilter | undefined {
  const [types, streamPrefixes, tags] = ['filter-type', 'filter-prefix', 'filter-tag'].map((name) =>
    textOptions(args, name),
  ) as [readonly string[], readonly string[], readonly string[]]
  const typePattern = patternOption(args, 'filter-type-pattern')
  const streamPattern = patternOption(args, 'filter-stream-pattern')
  const filter: StoredFilter = {
    ...(types.length > 0 && { types }),
    ...(streamPrefixes.length > 0 && { streamPrefixes }),
    ...(tags.length > 0 && { tags }),
    ...(typePattern !== undefined && { typePattern }),
    ...(streamPattern !== undefined && { streamPattern }),
  }
  return Object.keys(filter).length === 0 ? undefined : filter
}

function patternOption(args: Arguments, name: string): string | undefined {
  const text = textOption(args, name)
  try {
    if (text !== undefined) new RegExp(text, 'u')
    return text
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as SyntaxError).message}`)
  }
}
