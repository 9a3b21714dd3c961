import type { QueryItem } from 'eventdb'
import type { Arguments, OptionSpec } from './arguments.ts'
import { UsageError } from './errors.ts'

/** What a query is put together from. */
export const QUERY_OPTIONS: readonly OptionSpec[] = [
  { name: 'type', value: 'T', repeats: true, about: 'Events of this type; of several, any of them' },
  { name: 'tag', value: 'X', repeats: true, about: 'Events with this tag; of several, all of them' },
  { name: 'or', about: 'Begins another alternative, with types and tags of its own' },
]

/** Puts types and tags together, in the order in which they were given; none if there is nothing of a query. @throws UsageError */
export function queryItems({ given }: Pick<Arguments, 'given'>): readonly QueryItem[] {
  const words = given.filter(({ name }) => QUERY_OPTIONS.some((option) => option.name === name))
  if (words.length === 0) return []
  const ends = [...words.flatMap(({ name }, at) => (name === 'or' ? [at] : [])), words.length]
  return ends.map((end, i) => itemOf(words.slice(i === 0 ? 0 : ends[i - 1]! + 1, end)))
}

function itemOf(words: Arguments['given']): QueryItem {
  if (words.length === 0)
    throw new UsageError('--or stands between two alternatives, each with --type or --tag')
  const valuesOf = (option: string): readonly string[] =>
    words.flatMap(({ name, value }) => (name === option && value !== undefined ? [value] : []))
  const [types, tags] = [valuesOf('type'), valuesOf('tag')]
  return { ...(types.length > 0 && { types }), ...(tags.length > 0 && { tags }) }
}
