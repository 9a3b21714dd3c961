import type { IndexName } from 'eventdb'
import { UsageError } from './errors.ts'
import { didYouMean } from './suggest.ts'

/** All indexes that there are. */
export const INDEX_NAMES: readonly IndexName[] = ['category', 'type', 'tag']

/** Reads names of indexes, given one by one or with commas between them. @throws UsageError for another name */
export function indexNames(option: string, texts: readonly string[]): readonly IndexName[] {
  return texts.flatMap((text) => text.split(',').map((name) => indexName(option, name)))
}

function indexName(option: string, text: string): IndexName {
  const name = INDEX_NAMES.find((candidate) => candidate === text)
  if (name !== undefined) return name
  throw new UsageError(
    `--${option} takes ${INDEX_NAMES.join(', ')}, not ${JSON.stringify(text)}${didYouMean(text, INDEX_NAMES)}`,
  )
}
